// Protocols that number their messages, through the whole pipeline: after commands were refused
// among granted ones, both stations still see numbers without a gap, and each command is answered
// once.
#include <gtest/gtest.h>

#include "dataplane/flow/flow.h"
#include "tests/support/plant.h"

namespace bulkhead {
namespace {

using support::Bytes;
using support::kControl;
using support::kHmi;
using support::kPlc;
using support::kSupervision;
using support::Plant;
using support::TcpSession;

constexpr std::uint16_t kPort = 2404;
constexpr std::uint8_t kSingleCommand = 45;

policy::Tables station_policy() {
  policy::Rule rule = support::modbus_rule({});
  policy::Rule commands = support::modbus_rule({});
  rule.ports = commands.ports = {{kPort, kPort}};
  rule.protocol = commands.protocol = *protocols::find_protocol("iec104");
  const auto& catalogue = protocols::registry()[rule.protocol]->catalogue();
  std::uint8_t field = 0;
  while (catalogue.fields[field].name != "object_address") ++field;
  for (std::size_t i = 0; i < catalogue.functions.size(); ++i) {
    const bool command = catalogue.functions[i].code == kSingleCommand;
    rule.functions.set(i, !command);
    commands.functions.set(i, command);
  }
  commands.constraints.push_back({field, {{0, 99}}});
  return support::with_rules(support::two_zones(policy::OnDeny::reject), {&rule, &commands});
}

Bytes information(std::uint16_t send, std::uint16_t receive, const Bytes& asdu) {
  Bytes frame = {0x68,
                 static_cast<std::uint8_t>(4 + asdu.size()),
                 static_cast<std::uint8_t>(send << 1),
                 static_cast<std::uint8_t>(send >> 7),
                 static_cast<std::uint8_t>(receive << 1),
                 static_cast<std::uint8_t>(receive >> 7)};
  frame.insert(frame.end(), asdu.begin(), asdu.end());
  return frame;
}

Bytes command(std::uint8_t cause, std::uint8_t address) {
  return {kSingleCommand, 1, cause, 0, 1, 0, address, 0, 0, 1};
}

// A station that counts as the standard says and checks what it gets (104, 5.1).
struct Station {
  std::uint16_t sent = 0;
  std::uint16_t received = 0;
  std::uint16_t acknowledged = 0;
  std::vector<Bytes> asdus;

  Bytes next(const Bytes& asdu) { return information(sent++, received, asdu); }

  void take(const Bytes& stream) {
    for (std::size_t at = 0; at + 6 <= stream.size();) {
      const std::size_t length = 2U + stream[at + 1];
      ASSERT_LE(at + length, stream.size());
      const Bytes frame(stream.begin() + static_cast<std::ptrdiff_t>(at),
                        stream.begin() + static_cast<std::ptrdiff_t>(at + length));
      at += length;
      if ((frame[2] & 3) == 3) continue;
      const std::uint16_t receive = load_le16(frame.data() + 4) >> 1;
      EXPECT_LE(receive, sent);
      EXPECT_GE(receive, acknowledged);
      acknowledged = receive;
      if ((frame[2] & 1) != 0) continue;
      EXPECT_EQ(load_le16(frame.data() + 2) >> 1, received++);
      asdus.emplace_back(frame.begin() + 6, frame.end());
    }
  }
};

class Numbered : public ::testing::Test {
 protected:
  Numbered() : plant(station_policy()), session(plant, 40000, 1000, 900000, kPort) {
    plant.clear();
    session.from_client({0x68, 4, 0x07, 0, 0, 0});
    session.from_server({0x68, 4, 0x0b, 0, 0, 0});
    plant.clear();
  }

  // What left towards a port; its receiver acknowledges all of it.
  Bytes deliver(std::uint16_t port) {
    Bytes stream;
    std::uint32_t end = 0;
    for (const support::Sent& each : plant.sent) {
      if (each.port != port) continue;
      const auto tcp = support::parse_sent(each.frame);
      if (!tcp || tcp->payload.empty()) continue;
      stream.insert(stream.end(), tcp->payload.begin(), tcp->payload.end());
      end = tcp->header.sequence + static_cast<std::uint32_t>(tcp->payload.size());
    }
    if (!stream.empty()) (port == kControl ? session.server_acked : session.client_acked) = end;
    return stream;
  }

  // Both ends hear what left, until nothing more leaves.
  void exchange() {
    const Bytes down = deliver(kControl);
    const Bytes up = deliver(kSupervision);
    plant.clear();
    server.take(down);
    client.take(up);
    if (!down.empty()) session.from_server({});
    if (!up.empty()) session.from_client({});
    const Bytes more_up = deliver(kSupervision);
    const Bytes more_down = deliver(kControl);
    plant.clear();
    client.take(more_up);
    server.take(more_down);
  }

  Plant plant;
  TcpSession session;
  Station client;
  Station server;
};

TEST_F(Numbered, RefusedAmongGranted) {
  std::size_t granted = 0;
  std::size_t refused = 0;
  for (int round = 0; round < 60; ++round) {
    const bool bad = round % 3 == 1;
    const auto address = static_cast<std::uint8_t>(bad ? 100 + round : round);
    session.from_client(client.next(command(6, address)));
    exchange();
    if (bad) {
      ++refused;
      ASSERT_EQ(server.asdus.size(), granted) << "the station never sees it";
      ASSERT_FALSE(client.asdus.empty());
      EXPECT_EQ(client.asdus.back(), command(0x47, address));
      continue;
    }
    ++granted;
    ASSERT_EQ(server.asdus.size(), granted);
    EXPECT_EQ(server.asdus.back(), command(6, address));
    session.from_server(server.next(command(7, address)));
    exchange();
    ASSERT_FALSE(client.asdus.empty());
    EXPECT_EQ(client.asdus.back(), command(7, address));
  }
  EXPECT_EQ(client.asdus.size(), granted + refused);
  EXPECT_EQ(client.acknowledged, client.sent) << "all that it sent, refused ones too";
  EXPECT_EQ(plant.pipeline().stats().rejected, refused);
}

// A confirmation of what nobody commanded: the client never counts it, the station hears that it
// was received, and refusals in between change neither.
TEST_F(Numbered, AnswersToNothingAmongOthers) {
  std::size_t heard = 0;
  for (int round = 0; round < 60; ++round) {
    const auto address = static_cast<std::uint8_t>(round);
    session.from_client(client.next(command(6, address)));
    exchange();
    for (int strays = round % 4; strays > 0; --strays) {
      session.from_server(server.next(command(7, 99)));
      EXPECT_EQ(plant.verdicts.back().action, pipeline::Action::drop);
      EXPECT_EQ(plant.verdicts.back().difference.what, "object");
      EXPECT_EQ(plant.verdicts.back().difference.answered, 99U);
      exchange();
    }
    // Behind an answer that its client has not acknowledged yet.
    Bytes both = server.next(command(7, address));
    const Bytes stray = server.next(command(7, 98));
    both.insert(both.end(), stray.begin(), stray.end());
    session.from_server(both);
    exchange();
    ++heard;
    ASSERT_EQ(client.asdus.size(), heard);
    EXPECT_EQ(client.asdus.back(), command(7, address));
    if (round % 3 == 1) {
      session.from_client(client.next(command(6, 120)));
      exchange();
      ++heard;
      EXPECT_EQ(client.asdus.back(), command(0x47, 120));
    }
    session.from_client({0x68, 4, 1, 0, static_cast<std::uint8_t>(client.received << 1),
                         static_cast<std::uint8_t>(client.received >> 7)});
    exchange();
    ASSERT_EQ(server.acknowledged, server.sent) << "all that it sent, strays too";
    if (testing::Test::HasFailure()) return;
  }
  EXPECT_EQ(server.asdus.size(), 60U);
}

// 101, 6.8: some stations confirm what they made of a command.
TEST_F(Numbered, AConfirmationWithAnotherValuePasses) {
  session.from_client(client.next(command(6, 5)));
  exchange();
  Bytes confirmation = command(7, 5);
  confirmation.back() = 0;
  session.from_server(server.next(confirmation));
  EXPECT_EQ(plant.last(), Reason::answers_request);
  exchange();
  ASSERT_EQ(client.asdus.size(), 1U);
  EXPECT_EQ(client.asdus[0], confirmation);
}

// Several in one segment, before the station acknowledges any; its data goes on meanwhile.
TEST_F(Numbered, RefusedAmongGrantedInOneSegment) {
  Bytes segment;
  for (const std::uint8_t address : Bytes{1, 120, 2, 121, 122, 3}) {
    const Bytes frame = client.next(command(6, address));
    segment.insert(segment.end(), frame.begin(), frame.end());
  }
  session.from_client(segment);
  exchange();
  EXPECT_EQ(server.asdus.size(), 3U);
  session.from_server(server.next({1, 1, 3, 0, 1, 0, 9, 0, 0, 1}));
  for (const std::uint8_t address : Bytes{1, 2, 3}) {
    session.from_server(server.next(command(7, address)));
  }
  exchange();
  ASSERT_EQ(client.asdus.size(), 7U);
  session.from_client(client.next(command(6, 4)));
  exchange();
  EXPECT_EQ(server.asdus.size(), 4U);
  EXPECT_EQ(server.acknowledged, server.sent) << "translated to its own numbers";
}

constexpr std::uint16_t kIsoPort = 102;

policy::Tables controller_policy() {
  policy::Rule rule = support::modbus_rule({});
  rule.ports = {{kIsoPort, kIsoPort}};
  rule.protocol = *protocols::find_protocol("s7comm");
  const std::size_t functions = protocols::registry()[rule.protocol]->catalogue().functions.size();
  for (std::size_t i = 0; i < functions; ++i) rule.functions.set(i);
  return support::with_rules(support::two_zones(policy::OnDeny::reset), {&rule});
}

// Class 0 of the transport has no numbers (RFC 905, 13.7.2), but there are clients that number
// their TPDUs. Receivers differ about one, so it leaves without.
class NumberedTpdus : public ::testing::Test {
 protected:
  NumberedTpdus() : plant(controller_policy()), session(plant, 40000, 1000, 900000, kIsoPort) {
    plant.clear();
    session.from_client({3, 0, 0, 11, 6, 0xe0, 0, 0, 0, 1, 0});
    session.from_server({3, 0, 0, 11, 6, 0xd0, 0, 1, 0, 2, 0});
    session.from_client({});
    plant.clear();
  }

  static Bytes setup(std::uint8_t number) {
    return {3,    0, 0, 25,   2, 0xf0, static_cast<std::uint8_t>(0x80 | number),
            0x32, 1, 0, 0,    0, 1,    0,
            8,    0, 0, 0xf0, 0, 0,    1,
            0,    1, 1, 0xe0};
  }
  static Bytes answer(std::uint8_t number) {
    return {3,    0, 0, 27, 2, 0xf0, static_cast<std::uint8_t>(0x80 | number),
            0x32, 3, 0, 0,  0, 1,    0,
            8,    0, 0, 0,  0, 0xf0, 0,
            0,    1, 0, 1,  1, 0xe0};
  }
  // What left towards a port, as one stream without what was sent twice.
  Bytes left(std::uint16_t port) {
    Bytes stream;
    std::uint32_t next = 0;
    for (const support::Sent& each : plant.sent) {
      const auto tcp = each.port == port ? support::parse_sent(each.frame) : std::nullopt;
      if (!tcp || tcp->payload.empty()) continue;
      if (stream.empty()) next = tcp->header.sequence;
      if (tcp->header.sequence != next) continue;
      stream.insert(stream.end(), tcp->payload.begin(), tcp->payload.end());
      next += static_cast<std::uint32_t>(tcp->payload.size());
    }
    plant.clear();
    return stream;
  }

  Plant plant;
  TcpSession session;
};

TEST_F(NumberedTpdus, LeaveWithoutTheirNumbers) {
  session.from_client(setup(1));
  EXPECT_EQ(left(kControl), setup(0));
  session.server_acked = session.client_next;
  session.from_server(answer(5));
  EXPECT_EQ(left(kSupervision), answer(0));
  session.client_acked = session.server_next;
  session.from_client(setup(0));
  EXPECT_EQ(left(kControl), setup(0));
  session.server_acked = session.client_next;
  session.from_server(answer(0));
  EXPECT_EQ(left(kSupervision), answer(0));
}

// Repeated by its sender, it goes again as it left before.
TEST_F(NumberedTpdus, RepeatedAsTheyLeft) {
  const std::uint32_t first = session.client_next;
  session.from_client(setup(1));
  EXPECT_EQ(left(kControl), setup(0));
  session.client_at(first, setup(1));
  const Bytes again = left(kControl);
  EXPECT_TRUE(again.empty() || again == setup(0));
  session.server_acked = session.client_next;
  session.from_server(answer(0));
  EXPECT_EQ(left(kSupervision), answer(0));
  session.client_at(first, setup(1));
  EXPECT_TRUE(left(kControl).empty()) << "it was acknowledged";
  session.from_client(setup(2));
  EXPECT_EQ(left(kControl), setup(0));
}

}  // namespace
}  // namespace bulkhead
