// Connections whose data travels in datagrams: which messages ask for them, open and close them,
// and what may travel then. What the pipeline makes of it: tests/adversarial/implicit_test.cpp.
#include "dataplane/protocols/enip/implicit.h"

#include <optional>

#include "tests/support/cip_messages.h"

namespace bulkhead::enip {
namespace {

using protocols::Carrier;
using protocols::Covers;
using protocols::Direction;
using protocols::Expectation;
using protocols::Fault;
using protocols::MessageContext;
using protocols::Party;
using protocols::RelationStep;
using namespace support::cip;
using support::join;
using support::Message;
using Kind = RelationStep::Kind;

constexpr auto kAsk = Direction::request;
constexpr auto kBack = Direction::response;

// CIP 3-4: connections that a forward open asked for.
class Implicit : public ::testing::Test {
 protected:
  static constexpr std::uint32_t kToTarget = 0x11;
  static constexpr std::uint32_t kToOriginator = 0x22;

  Implicit() { cyclic.trigger = 0x01; }

  // Whatever parse() says of the message: what it kept of it is all that counts.
  Kind follow(const Message& message, Direction direction, Carrier carrier = Carrier::tcp) {
    const MessageContext context{direction, carrier};
    bytes = message;
    put.emplace(support::module_of("enip"), bytes, context);
    step = {};
    fault = connections.follow(put->parsed, context, step);
    return step.kind;
  }
  std::span<const std::byte> asked(const RelationStep& of) const {
    return std::span(of.asked).first(of.asked_bytes);
  }
  // What the answer opens of what the request asked for.
  std::vector<Expectation> open(const Opening& opening, const Message& answer) {
    EXPECT_EQ(follow(unconnected(opening.request()), kAsk), Kind::ask);
    const RelationStep request = step;
    EXPECT_EQ(follow(answer, kBack), Kind::open);
    EXPECT_EQ(step.name, request.name);
    std::array<Expectation, protocols::kExpectationsMax> opened;
    const std::size_t count = connections.open(asked(request), put->parsed, opened);
    return {opened.begin(), opened.begin() + static_cast<std::ptrdiff_t>(count)};
  }
  std::vector<Expectation> open(const Opening& opening) {
    return open(opening, unconnected(opening.accepted(kToTarget, kToOriginator)));
  }

  const protocols::Expectations& connections = implicit_connections();
  Message bytes;
  std::optional<support::Put> put;
  RelationStep step;
  Fault fault{};
  Opening cyclic{{0x20, 4, 0x24, 0x97, 0x2c, 0x96, 0x2c, 0x64}};
};

TEST_F(Implicit, HaveAWayInEachDirection) {
  const auto ways = open(cyclic);
  ASSERT_EQ(ways.size(), 2U);
  for (const Expectation& way : ways) {
    EXPECT_EQ(way.covers, Covers::messages);
    EXPECT_EQ(way.carrier, Carrier::udp);
    EXPECT_EQ(way.port, 2222);
    EXPECT_EQ(way.bytes_max, 100U);
  }
  EXPECT_EQ(ways[0].identifier, kToTarget);
  EXPECT_EQ(ways[0].direction, kAsk);
  EXPECT_EQ(ways[0].from.party, Party::client);
  EXPECT_EQ(ways[0].to.party, Party::server);
  EXPECT_EQ(ways[1].identifier, kToOriginator);
  EXPECT_EQ(ways[1].direction, kBack);
  EXPECT_EQ(ways[1].from.party, Party::server);
  EXPECT_EQ(ways[1].to.party, Party::client);
}

TEST_F(Implicit, AreNamedBySerialNumberVendorAndOriginator) {
  follow(unconnected(cyclic.request()), kAsk);
  const protocols::RelationName name = step.name;
  EXPECT_EQ(step.wait_ms, 30'000U);
  EXPECT_EQ(follow(unconnected(reply(kForwardClose, 0, cyclic.name())), kBack), Kind::close);
  EXPECT_EQ(step.name, name);
  EXPECT_EQ(follow(unconnected(reply(kForwardClose, 1, cyclic.name())), kBack), Kind::none)
      << "the close failed";
  const Message not_found = join({{kForwardClose | 0x80, 0, 1, 1, 0x07, 0x01}, cyclic.name()});
  EXPECT_EQ(follow(unconnected(not_found), kBack), Kind::close) << "CIP 3-5.6: there is none";
  EXPECT_EQ(follow(unconnected(reply(kForwardOpen, 1, join({cyclic.name(), {0, 0}}))), kBack),
            Kind::refuse);
  EXPECT_EQ(step.name, name);
  cyclic.serial = 2;
  follow(unconnected(cyclic.request()), kAsk);
  EXPECT_FALSE(step.name == name);
}

TEST_F(Implicit, AreOpenedByUnconnectedForwardOpensOnTcp) {
  EXPECT_EQ(follow(unconnected(cyclic.request()), kAsk, Carrier::udp), Kind::none);
  EXPECT_EQ(follow(connected(cyclic.request(), 5), kAsk), Kind::none);
  EXPECT_EQ(follow(unconnected_send(cyclic.request(), {2, 7}), kAsk), Kind::none) << "no message";
  EXPECT_EQ(follow(unconnected(unconnected_send(cyclic.request(), {2, 7})), kAsk), Kind::ask);
  EXPECT_EQ(follow(unconnected(service(kGetAttributesAll, kIdentity)), kAsk), Kind::none);
  EXPECT_EQ(follow({}, kAsk), Kind::none);
  Opening explicit_one = cyclic;
  explicit_one.path = kRouter;
  explicit_one.trigger = 0xa3;
  EXPECT_EQ(follow(unconnected(explicit_one.request()), kAsk), Kind::none)
      << "its messages travel on TCP";
  for (std::size_t length = 0; length < unconnected(cyclic.request()).size(); ++length) {
    Message cut = unconnected(cyclic.request());
    cut.resize(length);
    EXPECT_EQ(follow(cut, kAsk), Kind::none) << length;
    EXPECT_EQ(fault, Fault::none);
  }
}

TEST_F(Implicit, PacketsComeAtTheIntervalThatWasAsked) {
  EXPECT_EQ(open(cyclic)[0].interval_us, 10'000U);
  EXPECT_EQ(open(cyclic)[1].interval_us, 20'000U);
  cyclic.trigger = 0x11;
  EXPECT_EQ(open(cyclic)[0].interval_us, 2'500U) << "on change: a quarter (CIP 3-5.4.1)";
}

// CIP 3-5.5.2: the actual interval may be shorter, but not by much.
TEST_F(Implicit, ATargetMayBeFasterThanAsked) {
  Opening faster = cyclic;
  faster.to_target_us = 8'000;
  faster.to_originator_us = 1;
  const auto ways = open(cyclic, unconnected(faster.accepted(kToTarget, kToOriginator)));
  EXPECT_EQ(ways[0].interval_us, 8'000U);
  EXPECT_EQ(ways[1].interval_us, 10'000U) << "half of 20 ms";
}

// CIP 3-4.6.
TEST_F(Implicit, EndWhenASideIsSilent) {
  EXPECT_EQ(open(cyclic)[0].silence_ms, 10'000U) << "at least, before the first packet";
  cyclic.to_target_us = cyclic.to_originator_us = 2'000'000;
  cyclic.multiplier = 2;  // 16 packets
  EXPECT_EQ(open(cyclic)[0].silence_ms, 32'000U);
  EXPECT_EQ(open(cyclic)[1].silence_ms, 32'000U);
}

TEST_F(Implicit, TheWayBackMayBeToMany) {
  const Message named = {239, 192, 1, 32};
  cyclic.type_back = 1;
  const Message accepted = cyclic.accepted(kToTarget, kToOriginator);
  const auto ways = open(cyclic, unconnected_to_group(accepted, named));
  ASSERT_EQ(ways.size(), 2U);
  EXPECT_EQ(ways[1].to.party, Party::other);
  EXPECT_EQ(ways[1].to.address, protocols::EndpointAddress::of_ipv4(0xefc00120));
  EXPECT_EQ(ways[1].from.party, Party::server);
  // The reply names no group that can be: only the other way stands.
  for (const Message& answer :
       {unconnected_to_group(accepted, {10, 10, 0, 20}),
        unconnected_to_group(accepted, named, 2223), unconnected(accepted)}) {
    const auto one = open(cyclic, answer);
    ASSERT_EQ(one.size(), 1U);
    EXPECT_EQ(one[0].identifier, kToTarget);
  }
  cyclic.type_back = 2;  // nobody asked for a group
  const auto to_one = open(cyclic, unconnected_to_group(accepted, named));
  ASSERT_EQ(to_one.size(), 2U);
  EXPECT_EQ(to_one[1].to.party, Party::client);
  cyclic.type = cyclic.type_back = 1;
  EXPECT_TRUE(open(cyclic).empty()) << "the way to the target is never to many";
}

TEST_F(Implicit, PacketsTellTheirConnectionAndSize) {
  const auto seen = connections.observe(io_packet(kToTarget, 20), Carrier::udp);
  ASSERT_TRUE(seen);
  EXPECT_EQ(seen->identifier, kToTarget);
  EXPECT_EQ(seen->bytes, 20U);
  EXPECT_FALSE(connections.observe(io_packet(kToTarget, 20), Carrier::tcp));
  Message cut = io_packet(kToTarget, 20);
  cut.pop_back();
  EXPECT_FALSE(connections.observe(cut, Carrier::udp));
}

TEST_F(Implicit, AreJudgedAnewByWhatWasAsked) {
  const auto operations = std::make_unique<protocols::OperationList>();
  cyclic.size = 13;
  follow(unconnected(cyclic.request()), kAsk);
  connections.describe(asked(step), *operations);
  ASSERT_EQ(operations->size(), 2U);
  EXPECT_EQ(support::operation_text(catalogue(), (*operations)[1]),
            "forward_open_implicit service=84 class=4 instance=151 connection_point=100 "
            "connection_size=13 rpi=20000 transport=1 connection_type=2 priority=0 variable=1");
  Opening of_tag = cyclic;
  of_tag.size = 33;
  of_tag.path = symbol("Line.Speed");
  follow(unconnected(of_tag.request()), kAsk);
  connections.describe(asked(step), *operations);
  ASSERT_GT(operations->size(), 0U);
  EXPECT_EQ(support::operation_text(catalogue(), (*operations)[0]),
            "forward_open_implicit service=84 tag=Line.Speed connection_size=33 rpi=10000 "
            "transport=1 connection_type=2 priority=0 variable=1");
  of_tag.path = symbol(std::string(65, 'a'));
  EXPECT_EQ(follow(unconnected(of_tag.request()), kAsk), Kind::none);
  EXPECT_EQ(fault, Fault::bad_length);
}

// A change of policy judges the opening with all that it asked for: its route and configuration.
TEST_F(Implicit, AreJudgedAnewWithRouteAndConfiguration) {
  const auto operations = std::make_unique<protocols::OperationList>();
  cyclic.path = join({kSlot0, cyclic.path, {0x80, 1, 0xaa, 0xaa}});
  cyclic.to_originator_us = cyclic.to_target_us;
  follow(unconnected(cyclic.request()), kAsk);
  connections.describe(asked(step), *operations);
  ASSERT_EQ(operations->size(), 3U);
  EXPECT_EQ(support::operation_text(catalogue(), (*operations)[2]),
            "forward_open_configuration service=84 class=4 instance=151 port=1 link=0 "
            "size=2");
  follow(unconnected(unconnected_send(cyclic.request(), {2, 7})), kAsk);
  connections.describe(asked(step), *operations);
  EXPECT_EQ(support::operation_text(catalogue(), (*operations)[2]),
            "forward_open_configuration service=84 class=4 instance=151 path=2/7/1/0 "
            "size=2");
  connections.describe({}, *operations);
  EXPECT_EQ(operations->size(), 0U);
}

}  // namespace
}  // namespace bulkhead::enip
