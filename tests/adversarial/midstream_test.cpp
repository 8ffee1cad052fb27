// Sessions of each protocol that were open before the firewall was (`midstream: resume`): what is
// under way when it comes passes, and they go on.
#include <gtest/gtest.h>

#include <array>

#include "tests/support/talks.h"

namespace bulkhead {
namespace {

using support::Bytes;
using support::kControl;
using support::kHmi;
using support::kPlc;
using support::kSupervision;
using support::Plant;
using support::TcpSpec;
using talks::Talk;

std::uint32_t size(const Bytes& bytes) { return static_cast<std::uint32_t>(bytes.size()); }

class Midstream : public testing::TestWithParam<Talk> {
 protected:
  Midstream() : plant_(resuming_policy()) {}

  static policy::Tables resuming_policy() {
    const Talk& talk = GetParam();
    policy::Tables tables = talks::tables_for(talk, policy::OnDeny::reset);
    tables.conduits[0].resume = true;
    if (talk.protocol != "enip") return tables;
    // Where connections lead that were not seen to open a rule has to name.
    policy::Rule unseen = tables.conduits[0].rules[0];
    const auto& fields = protocols::registry()[unseen.protocol]->catalogue().fields;
    std::uint8_t path = 0;
    while (fields[path].name != "path") ++path;
    unseen.constraints.push_back({path, {}, {"unknown"}});
    tables.conduits[0].rules.push_back(std::move(unseen));
    return support::with_rules(std::move(tables), {});
  }
  void from_hmi(const Bytes& payload, std::uint32_t back = 0) {
    TcpSpec spec;
    spec.destination_port = GetParam().port;
    spec.sequence = hmi_ - back;
    spec.acknowledgement = plc_;
    spec.payload = payload;
    plant_.clear();
    plant_.arrive(kHmi, support::tcp_frame(kHmi, kPlc, spec));
  }
  void from_plc(const Bytes& payload, std::uint32_t back = 0) {
    TcpSpec spec;
    spec.source_port = GetParam().port;
    spec.destination_port = 40000;
    spec.sequence = plc_ - back;
    spec.acknowledgement = hmi_;
    spec.payload = payload;
    plant_.clear();
    plant_.arrive(kPlc, support::tcp_frame(kPlc, kHmi, spec));
  }
  // The payload of what left last towards a port.
  Bytes arrived(std::uint16_t port) const {
    Bytes bytes;
    for (const support::Sent& each : plant_.sent) {
      const auto tcp = support::parse_sent(each.frame);
      if (tcp && each.port == port) bytes = tcp->payload;
    }
    return bytes;
  }
  void expect_exchange(std::uint8_t number) {
    const Bytes ask = GetParam().ask(number);
    const Bytes answer = GetParam().answer(number, number - 1U);
    from_hmi(ask);
    ASSERT_EQ(arrived(kControl), ask) << describe(plant_.last()).name;
    hmi_ += size(ask);
    from_plc(answer);
    ASSERT_EQ(arrived(kSupervision), answer) << describe(plant_.last()).name;
    plc_ += size(answer);
    from_hmi({});
  }

  Plant plant_;
  std::uint32_t hmi_ = 5000;  // next number of each
  std::uint32_t plc_ = 7000;
};

INSTANTIATE_TEST_SUITE_P(All, Midstream,
                         testing::Values(talks::modbus(), talks::enip_services(),
                                         talks::enip_connected(), talks::dnp3_master(), talks::s7(),
                                         talks::mms_reads(), talks::opcua_reads(),
                                         talks::iec104_station()),
                         [](const auto& each) {
                           return each.param.protocol + std::string("_") + each.param.number;
                         });

TEST_P(Midstream, AnAnswerThatIsUnderWayPasses) {
  const Bytes answer = GetParam().answer(1, 0);
  from_plc(answer);
  EXPECT_TRUE(arrived(kSupervision).empty()) << "the client is asked where it stands";
  from_hmi({});
  from_plc(answer);
  EXPECT_EQ(arrived(kSupervision), answer) << describe(plant_.last()).name;
  plc_ += size(answer);
  from_hmi({});
  for (std::uint8_t number = 2; number < 6; ++number) expect_exchange(number);
}

// RFC 1122, 4.2.3.6: with a byte of garbage or none.
TEST_P(Midstream, AKeepAliveThatComesFirstDoesNoHarm) {
  for (const bool from_client : {true, false}) {
    for (const Bytes& garbage : {Bytes{0}, Bytes{}}) {
      for (int i = 0; i < 2; ++i) {
        from_client ? from_hmi(garbage, 1) : from_plc(garbage, 1);
        for (const pipeline::Event& event : plant_.verdicts) EXPECT_FALSE(event.is_message);
        EXPECT_TRUE(arrived(from_client ? kControl : kSupervision).empty());
        from_client ? from_plc({}) : from_hmi({});
      }
    }
  }
  from_hmi(GetParam().ask(1));  // the first asks where the server stands
  from_plc({});
  for (std::uint8_t number = 1; number < 6; ++number) expect_exchange(number);
}

TEST_P(Midstream, AKeepAliveInTheMidstIsNoMessage) {
  from_hmi(GetParam().ask(1));
  from_plc({});
  expect_exchange(1);
  expect_exchange(2);
  from_hmi({0}, 1);
  for (const pipeline::Event& event : plant_.verdicts) EXPECT_FALSE(event.is_message);
  from_plc({0}, 1);
  for (const pipeline::Event& event : plant_.verdicts) EXPECT_FALSE(event.is_message);
  expect_exchange(3);
}

// A capture that begins in the midst of a session, with a keep-alive of either end.
TEST(Captured, AKeepAliveThatComesFirstDoesNoHarm) {
  const Talk talk = talks::modbus();
  for (const Bytes& garbage : {Bytes{0}, Bytes{}}) {
    for (const bool from_client : {true, false}) {
      pipeline::PipelineOptions options;
      options.accept_midstream = true;
      Plant plant(talks::tables_for(talk, policy::OnDeny::reset), options);
      const Bytes ask = talk.ask(1);
      const Bytes answer = talk.answer(1, 0);
      const auto of_hmi = [](std::uint32_t sequence, const Bytes& payload) {
        TcpSpec spec;
        spec.sequence = sequence;
        spec.acknowledgement = 7000;
        spec.payload = payload;
        return support::tcp_frame(kHmi, kPlc, spec);
      };
      const auto of_plc = [&](std::uint32_t sequence, const Bytes& payload) {
        TcpSpec spec;
        spec.source_port = talk.port;
        spec.destination_port = 40000;
        spec.sequence = sequence;
        spec.acknowledgement = 5000;
        spec.payload = payload;
        return support::tcp_frame(kPlc, kHmi, spec);
      };
      from_client ? plant.arrive(kHmi, of_hmi(4999, garbage))
                  : plant.arrive(kPlc, of_plc(6999, garbage));
      EXPECT_EQ(plant.last(), Reason::session_control);
      const auto leaves = [&](const support::Host& from, const Bytes& frame) {
        plant.clear();
        plant.arrive(from, frame);
        const auto sent =
            plant.sent.empty() ? std::nullopt : support::parse_sent(plant.sent.back().frame);
        return sent ? sent->payload : Bytes{};
      };
      EXPECT_EQ(leaves(kHmi, of_hmi(5000, ask)), ask);
      EXPECT_EQ(leaves(kPlc, of_plc(7000, answer)), answer);
    }
  }
}

// IEC 60870-5-104, 5.1: what a station acknowledges may be older than what was seen.
class MidstreamNumbers : public Midstream {};
INSTANTIATE_TEST_SUITE_P(Iec104, MidstreamNumbers, testing::Values(talks::iec104_station()));

TEST_P(MidstreamNumbers, AnAcknowledgementOfWhatWasSentBeforePasses) {
  const auto value = [](std::uint16_t number) {
    return support::information({1, 1, 3, 0, 3, 0, 9, 0, 0, 1}, {number, 4});
  };
  from_plc(value(21));
  from_hmi({});
  from_plc(value(21));
  EXPECT_EQ(arrived(kSupervision), value(21)) << describe(plant_.last()).name;
  plc_ += size(value(21));
  for (const std::uint16_t number : std::array<std::uint16_t, 3>{16, 19, 22}) {
    from_hmi(support::supervisory(number));
    EXPECT_EQ(arrived(kControl), support::supervisory(number));
    hmi_ += 6;
    from_plc({});
  }
  from_plc(value(22));
  EXPECT_EQ(arrived(kSupervision), value(22));
  plc_ += size(value(22));
  from_hmi(support::supervisory(24));
  EXPECT_EQ(plant_.last(), Reason::protocol_fault) << "of what was never sent";
}

}  // namespace
}  // namespace bulkhead
