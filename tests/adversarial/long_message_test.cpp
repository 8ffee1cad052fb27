// Messages as long as the hold limit and longer, between two TCPs of which the receiver's window is
// small and the sender starts with ten segments (RFC 6928): none may stall.
#include <gtest/gtest.h>

#include <map>

#include "tests/adversarial/model/tcp_model.h"

namespace bulkhead {
namespace {

using adversary::TcpConfig;
using adversary::TcpModel;
using protocols::Direction;
using protocols::Fault;
using protocols::MessageContext;
using support::Bytes;

constexpr std::size_t kHeadBytes = 6;
constexpr std::uint16_t kPort = 7000;
constexpr std::size_t kMss = 1460;

constexpr std::array kFunctions = {
    protocols::FunctionInfo{"store", 0, protocols::kNoSubCode, protocols::AccessClass::write, 0},
    protocols::FunctionInfo{"erase", 1, protocols::kNoSubCode, protocols::AccessClass::write, 0},
    protocols::FunctionInfo{"digest", 2, protocols::kNoSubCode, protocols::AccessClass::write, 0}};

// A protocol of long messages: one byte of function, a filler, the whole length in four bytes, and
// content. The first two functions are told by the head alone, the third only by all of it.
class Records final : public protocols::Protocol {
 public:
  const protocols::Catalogue& catalogue() const override {
    static constexpr protocols::Catalogue kCatalogue = {"records",  "Records", "this test",
                                                        kFunctions, {},        {}};
    return kCatalogue;
  }
  protocols::Frame frame(ByteView stream, const MessageContext& /*context*/) const override {
    if (stream.size() < kHeadBytes) return {Fault::none, 0, kHeadBytes};
    const std::size_t length = load_be32(stream.data() + 2);
    if (length < kHeadBytes || length > (1U << 24)) return {Fault::bad_length, 0, 0};
    return {Fault::none, length, length, stream[0] < 2 ? kHeadBytes : 0};
  }
  Fault parse(protocols::Parsed& parsed, const MessageContext& context,
              protocols::OperationList& operations) const override {
    return parse_head(parsed, parsed.message().size(), context, operations);
  }
  Fault parse_head(protocols::Parsed& parsed, std::size_t /*length*/,
                   const MessageContext& /*context*/,
                   protocols::OperationList& operations) const override {
    const ByteView head = parsed.message();
    operations.clear();
    if (head[0] >= kFunctions.size()) return Fault::unknown_function;
    operations.add(head[0]);
    return Fault::none;
  }
  std::optional<std::uint16_t> claimed_code(ByteView message) const override {
    if (message.empty()) return std::nullopt;
    return message[0];
  }
};

std::uint8_t records() {
  static const Records kRecords;
  static const bool kAdded = [] {
    protocols::add_protocol_for_tests(kRecords);
    return true;
  }();
  (void)kAdded;
  return *protocols::find_protocol("records");
}

Bytes record(std::uint8_t function, std::uint32_t length) {
  Bytes bytes(length);
  for (std::size_t i = 0; i < length; ++i) bytes[i] = static_cast<std::uint8_t>(i * 7);
  bytes[0] = function;
  bytes[1] = 0;
  store_be32(bytes.data() + 2, length);
  return bytes;
}

policy::Tables records_policy() {
  policy::Rule rule;
  rule.clients = {{support::kHmi.address, 128}};
  rule.servers = {{support::kPlc.address, 128}};
  rule.ports = {{kPort, kPort}};
  rule.protocol = records();
  rule.functions.set(0);
  rule.functions.set(2);
  return support::with_rules(support::two_zones(policy::OnDeny::reset), {&rule});
}

// Two hosts and the firewall between them, 100 us apart, without loss.
class Wire {
 public:
  explicit Wire(std::uint32_t server_window)
      : plant_(records_policy()),
        client_(config(support::kHmi, support::kPlc, 40000, kPort, 65535), random_),
        server_(config(support::kPlc, support::kHmi, kPort, 40000, server_window), random_) {}

  // Until the server has that many bytes, or the time is over; how long it took.
  TimeNs send(const Bytes& bytes, std::size_t wanted, TimeNs limit_ns) {
    constexpr TimeNs kStepNs = 100 * kMicrosecondNs;
    const TimeNs begin_ns = plant_.now_ns();
    client_.connect(begin_ns);
    client_.write(bytes, begin_ns);
    while (server_.received.size() < wanted && plant_.now_ns() - begin_ns < limit_ns) {
      const TimeNs now_ns = plant_.now_ns() + kStepNs;
      plant_.be_at(now_ns);
      std::vector<support::Sent> sent;
      std::swap(sent, plant_.sent);
      for (const support::Sent& each : sent) {
        TcpModel& end = each.port == support::kSupervision ? client_ : server_;
        const auto tcp = support::parse_sent(each.frame);
        if (!tcp) continue;
        if (each.port == support::kControl && !tcp->payload.empty()) {
          segments_[tcp->header.sequence] = tcp->payload.size();
        }
        end.take(*tcp, now_ns);
      }
      for (TcpModel* end : {&client_, &server_}) {
        end->run_timers(now_ns);
        for (const Bytes& frame : end->output) plant_.arrive(end->config().self, frame);
        end->output.clear();
      }
    }
    return plant_.now_ns() - begin_ns;
  }
  // How long the segments were that left towards the server, in order.
  std::vector<std::size_t> segments() const {
    std::map<std::uint32_t, std::size_t> by_offset;
    for (const auto& [sequence, length] : segments_) {
      by_offset[sequence - client_.config().isn - 1] = length;
    }
    std::vector<std::size_t> lengths;
    for (const auto& [offset, length] : by_offset) lengths.push_back(length);
    return lengths;
  }
  TcpModel& client() { return client_; }
  TcpModel& server() { return server_; }
  support::Plant& plant() { return plant_; }

 private:
  static TcpConfig config(const support::Host& self, const support::Host& peer, std::uint16_t port,
                          std::uint16_t peer_port, std::uint32_t window) {
    TcpConfig config;
    config.self = self;
    config.peer = peer;
    config.self_port = port;
    config.peer_port = peer_port;
    config.isn = 0xfffffff0;
    config.window = window;
    return config;
  }

  support::Plant plant_;
  adversary::Random random_{1};
  std::map<std::uint32_t, std::size_t> segments_;  // by sequence number
  TcpModel client_;
  TcpModel server_;
};

TEST(LongMessages, AsLongAsTheHoldLimit) {
  for (const std::uint32_t window : {1000U, 4096U, 65535U}) {
    for (const std::uint32_t length : {65535U, 65536U}) {
      SCOPED_TRACE(std::to_string(window) + " " + std::to_string(length));
      Wire wire(window);
      const Bytes two = [&] {
        Bytes bytes = record(2, length);
        const Bytes more = record(2, 3000);
        bytes.insert(bytes.end(), more.begin(), more.end());
        return bytes;
      }();
      const TimeNs taken_ns = wire.send(two, two.size(), 20 * kSecondNs);
      EXPECT_EQ(wire.server().received, two);
      EXPECT_LT(taken_ns, 2 * kSecondNs);
    }
  }
}

TEST(LongMessages, LongerOnesAreJudgedByTheirHead) {
  Wire wire(8192);
  const Bytes long_one = record(0, 300000);
  const Bytes next = record(2, 700);
  Bytes both = long_one;
  both.insert(both.end(), next.begin(), next.end());
  wire.send(both, both.size(), 20 * kSecondNs);
  EXPECT_EQ(wire.server().received, both);
  // Cut at multiples of the MSS, and the next message is not in its last segment.
  const std::vector<std::size_t> segments = wire.segments();
  ASSERT_EQ(segments.size(), 300000 / kMss + 2);
  for (std::size_t i = 0; i < 300000 / kMss; ++i) EXPECT_EQ(segments[i], kMss) << i;
  EXPECT_EQ(segments[segments.size() - 2], 300000 % kMss);
  EXPECT_EQ(segments.back(), next.size());
}

TEST(LongMessages, AForbiddenHeadLetsNothingThrough) {
  Wire wire(8192);
  wire.send(record(1, 300000), 1, kSecondNs);
  EXPECT_TRUE(wire.server().received.empty());
  EXPECT_TRUE(wire.client().was_reset());
}

TEST(LongMessages, WhatNeedsMoreThanTheHoldLimitIsRefused) {
  Wire wire(8192);
  wire.send(record(2, 65537), 1, kSecondNs);
  EXPECT_TRUE(wire.server().received.empty());
  const auto& told = wire.plant().verdicts;
  EXPECT_TRUE(std::any_of(told.begin(), told.end(), [](const pipeline::Event& event) {
    return event.reason == Reason::message_too_long;
  }));
}

}  // namespace
}  // namespace bulkhead
