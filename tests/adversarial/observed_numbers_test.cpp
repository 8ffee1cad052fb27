// Protocols whose messages are numbered, in an observed conduit: what is refused, or was not seen,
// costs the judgement of itself alone.
#include <gtest/gtest.h>

#include "tests/support/plant.h"
#include "tests/support/talks.h"

namespace bulkhead {
namespace {

using protocols::Fault;
using support::Bytes;
using support::Plant;
using support::TcpSession;

// Of each end: the numbers that its next message has.
class Station {
 public:
  explicit Station(Plant& plant) : session_(plant, 40000, 1000, 900000, 2404) {
    session_.from_client(support::control(0x07));
    session_.from_server(support::control(0x0b));
  }
  // A single command (104, 45) and its confirmation.
  void command() {
    client_says(45, true);
    server_says(45, 7, true);
  }
  // `arrives`: else it is lost before it is seen.
  void client_says(std::uint8_t type, bool arrives) {
    const Bytes apdu = support::one(type, 6, {1}, {client_, server_});
    ++client_;
    arrives ? session_.from_client(apdu) : lose(session_.client_next, apdu.size());
  }
  void server_says(std::uint8_t type, std::uint8_t cause, bool arrives) {
    const Bytes apdu = support::one(type, cause, {1}, {server_, client_});
    ++server_;
    arrives ? session_.from_server(apdu) : lose(session_.server_next, apdu.size());
  }
  // With a length that no APDU has (104, 5: four octets at least).
  void client_says_no_message() {
    Bytes apdu = support::one(45, 6, {1}, {client_++, server_});
    apdu[1] = 3;
    session_.from_client(apdu);
  }
  // The client has all that the server sent.
  void client_acknowledges() { session_.from_client(support::supervisory(server_)); }

 private:
  void lose(std::uint32_t& next, std::size_t bytes) {
    next += static_cast<std::uint32_t>(bytes);
    session_.client_acked = session_.server_next;
    session_.server_acked = session_.client_next;
  }

  TcpSession session_;
  std::uint16_t client_ = 0;
  std::uint16_t server_ = 0;
};

class ObservedNumbers : public ::testing::Test {
 protected:
  static policy::Tables tables(const talks::Talk& talk) {
    policy::Tables tables = talks::tables_for(talk, policy::OnDeny::reject);
    tables.conduits[0].observe_until_s = UINT32_MAX;
    return tables;
  }
  std::vector<Fault> faults() const {
    std::vector<Fault> list;
    for (const support::Refusal& each : support::refusals(plant_)) list.push_back(each.fault);
    return list;
  }
  // Commands and confirmations that are judged as if nothing had been before.
  static void goes_on(Plant& plant, Station& station) {
    plant.clear();
    for (int i = 0; i < 3; ++i) station.command();
    EXPECT_TRUE(support::refusals(plant).empty());
    EXPECT_EQ(support::count(plant, Reason::granted), 3U);
    EXPECT_EQ(support::count(plant, Reason::answers_request), 3U);
  }

  Plant plant_{tables(talks::iec104_station())};
};

TEST_F(ObservedNumbers, AMessageThatCannotBeReadHasANumber) {
  constexpr std::uint8_t kPrivate = 200;
  Station station(plant_);
  station.command();
  for (const bool asks : {false, true}) {
    plant_.clear();
    asks ? station.client_says(kPrivate, true) : station.server_says(kPrivate, 3, true);
    EXPECT_EQ(faults(), std::vector{Fault::unknown_function}) << asks;
    goes_on(plant_, station);
  }
}

TEST_F(ObservedNumbers, SoMayHaveWhatIsNoMessage) {
  Station station(plant_);
  station.command();
  plant_.clear();
  station.client_says_no_message();
  EXPECT_EQ(faults(), std::vector{Fault::bad_length});
  goes_on(plant_, station);
}

TEST_F(ObservedNumbers, SoHasAConfirmationThatNobodyAskedFor) {
  Station station(plant_);
  station.command();
  plant_.clear();
  for (int i = 0; i < 2; ++i) station.server_says(45, 10, true);
  EXPECT_EQ(faults(), std::vector{Fault::unrequested_response}) << "it ends once";
  goes_on(plant_, station);
}

TEST_F(ObservedNumbers, AMessageThatATapPortDidNotHearHadOneToo) {
  pipeline::PipelineOptions options;
  options.taps = true;
  Plant plant(tables(talks::iec104_station()), options);
  Station station(plant);
  station.command();
  station.server_says(1, 3, false);
  station.client_acknowledges();
  station.client_says(45, false);
  station.server_says(45, 7, true);
  EXPECT_EQ(support::count(plant, Reason::not_judged), 2U) << "what was not heard alone";
  goes_on(plant, station);
}

// OPC UA 6, 6.7.2.4.
TEST_F(ObservedNumbers, ARequestOfAChannelThatCannotBeRead) {
  const talks::Talk talk = talks::opcua_reads();
  Plant plant(tables(talk));
  TcpSession session(plant, 40000, 1000, 900000, talk.port);
  for (std::size_t i = 0; i < talk.opening.size(); ++i) {
    i % 2 == 0 ? session.from_client(talk.opening[i]) : session.from_server(talk.opening[i]);
  }
  plant.clear();
  session.from_client(opcua::request(631, {}, {2, 2}));
  ASSERT_EQ(support::refusals(plant).size(), 1U);
  for (std::uint8_t n = 2; n < 6; ++n) {
    session.from_client(talk.ask(n));
    session.from_server(talk.answer(n, n - 2U));
  }
  EXPECT_EQ(support::refusals(plant).size(), 1U);
  EXPECT_EQ(support::count(plant, Reason::granted), 4U);
}

}  // namespace
}  // namespace bulkhead
