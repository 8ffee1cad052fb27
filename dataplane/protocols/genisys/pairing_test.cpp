// Which answer answers which request, what is executed, and what is acknowledged.
#include "dataplane/protocols/genisys/pairing.h"

#include "tests/support/genisys_messages.h"

namespace bulkhead::genisys {
namespace {

using protocols::Direction;
using protocols::Fault;
using support::genisys;
using support::Message;

const protocols::Protocol& module() { return support::module_of("genisys"); }

class Pairing : public ::testing::Test {
 protected:
  Fault ask(const Message& message) { return session_.ask(message); }
  Fault answer(const Message& message) { return session_.answer(message); }
  // What a request would ask for now.
  std::string asked(const Message& message) {
    return support::decoded_text(module(), message,
                                 {Direction::request, protocols::Carrier::tcp, session_.block()});
  }

  support::PairedSession session_{module()};
};

Message poll(std::uint8_t station) { return {0xfb, station, 0xf6}; }
Message acknowledge(std::uint8_t station) { return {0xf1, station, 0xf6}; }

TEST_F(Pairing, AnAnswerNeedsItsRequest) {
  EXPECT_EQ(answer(acknowledge(1)), Fault::unrequested_response);
  EXPECT_EQ(ask(poll(1)), Fault::none);
  EXPECT_EQ(session_.outstanding(), 1U);
  EXPECT_EQ(answer(acknowledge(2)), Fault::unrequested_response);
  EXPECT_EQ(answer(genisys({0xf3, 1, 0, 1})), Fault::mismatched_response);
  EXPECT_EQ(answer(acknowledge(1)), Fault::none);
  EXPECT_EQ(session_.outstanding(), 0U);
  EXPECT_EQ(answer(acknowledge(1)), Fault::unrequested_response) << "once";
}

// 5.1.2.2 to 5.1.2.6: valid responses.
TEST_F(Pairing, EachRequestHasItsAnswers) {
  const Message control = genisys({0xfc, 1, 0, 1});
  const Message data = genisys({0xf2, 1, 0, 1});
  const Message checkback = genisys({0xf3, 1, 0, 1});
  EXPECT_EQ(ask(genisys({0xfd, 1})), Fault::none);
  EXPECT_EQ(answer(acknowledge(1)), Fault::mismatched_response);
  EXPECT_EQ(answer(data), Fault::none);
  EXPECT_EQ(ask(genisys({0xfa, 1})), Fault::none);
  EXPECT_EQ(answer(checkback), Fault::mismatched_response);
  EXPECT_EQ(answer(data), Fault::none);
  for (const Message& fitting : {data, checkback, acknowledge(1)}) {
    EXPECT_EQ(ask(control), Fault::none);
    EXPECT_EQ(answer(fitting), Fault::none);
  }
  EXPECT_EQ(ask(genisys({0xfe, 1})), Fault::none);
  EXPECT_EQ(answer(checkback), Fault::mismatched_response);
  EXPECT_EQ(answer(data), Fault::none);
}

TEST_F(Pairing, NobodyAnswersWhatIsSaidToAll) {
  EXPECT_EQ(ask(genisys({0xf9, 0, 1, 1})), Fault::none);
  EXPECT_EQ(session_.outstanding(), 0U);
}

// 5.1.3.3: the master executes because of what the checkback says.
TEST_F(Pairing, ACheckbackRepeatsTheControl) {
  EXPECT_EQ(ask(genisys({0xfc, 1, 4, 1, 5, 2})), Fault::none);
  for (const Message& other : {genisys({0xf3, 1, 4, 1}), genisys({0xf3, 1, 4, 1, 5, 3}),
                               genisys({0xf3, 1, 5, 2, 4, 1}), genisys({0xf3, 1, 4, 1, 6, 2})}) {
    EXPECT_EQ(answer(other), Fault::mismatched_response);
  }
  EXPECT_EQ(answer(genisys({0xf3, 1, 4, 1, 5, 2})), Fault::none);
}

// 5.1.2.6: it must follow the control data immediately.
TEST_F(Pairing, WhatIsExecutedIsWhatWasDeliveredLast) {
  const Message execute = genisys({0xfe, 1});
  const auto deliver = [&](std::uint8_t value) {
    return ask(genisys({0xfc, 1, 4, value})) == Fault::none;
  };
  EXPECT_EQ(asked(execute), "fault not_selected");
  EXPECT_TRUE(deliver(1) && deliver(2));
  EXPECT_EQ(asked(execute), "control_execute station=1 address=4 value=2");
  EXPECT_EQ(ask(execute), Fault::none);
  EXPECT_EQ(asked(execute), "control_execute station=1 address=4 value=2") << "no answer: again";
  for (const Message& between : {poll(1), poll(2), genisys({0xfa, 1}), genisys({0xfd, 1}),
                                 genisys({0xfc, 2, 4, 1}), genisys({0xf9, 0, 4, 1})}) {
    EXPECT_TRUE(deliver(3));
    EXPECT_EQ(asked(execute), "control_execute station=1 address=4 value=3");
    EXPECT_EQ(ask(between), Fault::none);
    EXPECT_EQ(asked(execute), "fault not_selected");
  }
  EXPECT_EQ(ask(execute), Fault::not_selected);
}

// 5.1.2.2: acknowledged indications are not sent again, to whomever.
TEST_F(Pairing, OnlyWhatWasToldIsAcknowledged) {
  const Message acknowledges = genisys({0xfa, 9});
  const std::string seen = "acknowledge_and_poll station=9";
  const std::string unseen = "acknowledge_unseen_and_poll station=9";
  EXPECT_EQ(asked(acknowledges), unseen);
  EXPECT_EQ(ask(poll(9)), Fault::none);
  EXPECT_EQ(asked(acknowledges), unseen);
  EXPECT_EQ(answer(genisys({0xf2, 9, 0, 1})), Fault::none);
  EXPECT_EQ(asked(acknowledges), seen);
  EXPECT_EQ(asked(genisys({0xfa, 1})), "acknowledge_unseen_and_poll station=1");
  EXPECT_EQ(ask(acknowledges), Fault::none);
  EXPECT_EQ(asked(acknowledges), seen) << "no answer: again";
  EXPECT_EQ(answer(acknowledge(9)), Fault::none);
  EXPECT_EQ(asked(acknowledges), unseen);
  for (const unsigned station : {1U, 7U, 8U, 255U}) {
    const auto byte = static_cast<std::uint8_t>(station);
    EXPECT_EQ(ask(genisys({0xfd, byte})), Fault::none);
    EXPECT_EQ(answer(genisys({0xf2, byte})), Fault::none);
    EXPECT_EQ(asked(genisys({0xfa, byte})),
              "acknowledge_and_poll station=" + std::to_string(station));
  }
}

// Stations that do not answer never stop a master, which asks the next one.
TEST_F(Pairing, TheOldestRequestIsGivenUp) {
  for (unsigned station = 1; station <= kRequestsMax + 1; ++station) {
    EXPECT_EQ(ask(poll(static_cast<std::uint8_t>(station))), Fault::none);
  }
  EXPECT_EQ(session_.outstanding(), kRequestsMax);
  EXPECT_EQ(answer(acknowledge(1)), Fault::unrequested_response);
  EXPECT_EQ(answer(acknowledge(2)), Fault::none);
  EXPECT_EQ(answer(acknowledge(kRequestsMax + 1)), Fault::none);
  EXPECT_EQ(answer(acknowledge(3)), Fault::none) << "late";
}

// Twelve pairs are in the usual block; more ask for a larger one, and change nothing until then.
TEST_F(Pairing, ALongControlAsksForALargerBlock) {
  constexpr std::size_t kUsualPairs = (kStateLayout.bytes - kTableBytes) / sizeof(Pair);
  static_assert(kUsualPairs == 12);
  const auto control = [](std::size_t pairs) {
    Message opened = {0xfc, 1};
    for (std::size_t i = 0; i < pairs; ++i) {
      opened.push_back(static_cast<std::uint8_t>(i));
      opened.push_back(1);
    }
    return genisys(opened);
  };
  const std::span<std::byte> all = session_.block();
  const std::span<std::byte> small = all.first(kStateLayout.bytes);
  const auto put = [&](std::span<std::byte> block, const Message& message) {
    return support::accept(module(), block, message, Direction::request, 0);
  };
  EXPECT_EQ(put(small, control(kUsualPairs)), Fault::none);
  const std::vector<std::byte> before(small.begin(), small.end());
  EXPECT_EQ(put(small, control(kUsualPairs + 1)), Fault::too_many_outstanding);
  EXPECT_TRUE(std::equal(before.begin(), before.end(), small.begin()));
  EXPECT_EQ(pending_for(small, 1).size(), kUsualPairs);
  EXPECT_EQ(put(all, control(kUsualPairs + 1)), Fault::none);
  EXPECT_EQ(pending_for(all, 1).size(), kUsualPairs + 1);
  EXPECT_TRUE(pending_for(small, 1).empty()) << "a block that does not hold what it says";
  EXPECT_EQ(put(all, control(kModeAddress)), Fault::none);
  EXPECT_EQ(pending_for(all, 1).size(), kModeAddress);
}

TEST_F(Pairing, ReportsTheStationThatDiffers) {
  const auto differs = [&](const Message& message) {
    return support::difference(module(), session_.block(), message);
  };
  EXPECT_EQ(differs(acknowledge(2)).what, "");
  EXPECT_EQ(ask(poll(1)), Fault::none);
  EXPECT_EQ(differs(acknowledge(2)).what, "station");
  EXPECT_EQ(differs(acknowledge(2)).asked, 1U);
  EXPECT_EQ(differs(acknowledge(2)).answered, 2U);
  EXPECT_EQ(differs(genisys({0xf3, 1, 0, 1})).what, "");
}

}  // namespace
}  // namespace bulkhead::genisys
