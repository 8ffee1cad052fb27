// Messages of DNP3 over UDP in several datagrams: they are held, judged as one, and leave together.
//
//   master (supervision) :40000 ---- pipeline ---- :20000 outstation (control)
#include "tests/support/dnp3_parts.h"

namespace bulkhead::support {
namespace {

TEST_F(InParts, AnAnswerLeavesWhenItsLastPartIsThere) {
  ask(poll(5));
  plant_.clear();
  const Parts parts = answer(5, 32);
  ASSERT_EQ(parts.size(), 4U);
  for (std::size_t i = 0; i + 1 < parts.size(); ++i) {
    tell(parts[i]);
    EXPECT_TRUE(plant_.sent.empty());
    EXPECT_TRUE(plant_.verdicts.empty());
  }
  tell(parts.back());
  EXPECT_EQ(left(), as_told(parts));
  EXPECT_EQ(count(Reason::answers_request), 1U);
  EXPECT_EQ(count(Reason::session_control), parts.size());
  EXPECT_EQ(plant_.buffers_in_use(), 0U);
}

TEST_F(InParts, APartMayBeSeveralFrames) {
  ask(poll(5));
  plant_.clear();
  const Parts frames = answer(5, 62);
  const Parts parts = {joined({frames[0], frames[1]}), joined({frames[2], frames[3]})};
  EXPECT_TRUE(tells(parts));
}

// Every place at which one part is lost, comes twice, or comes too late.
TEST_F(InParts, WhatIsNotTheNextPartDropsAllThatIsHeld) {
  const Parts parts = answer(5, 32);
  for (std::size_t i = 0; i < parts.size(); ++i) {
    Parts lost = parts;
    lost.erase(lost.begin() + static_cast<std::ptrdiff_t>(i));
    Parts twice = parts;
    twice.insert(twice.begin() + static_cast<std::ptrdiff_t>(i), parts[i]);
    Parts turned = parts;
    std::swap(turned[i], turned[(i + 1) % turned.size()]);
    // A beginning that comes twice begins anew, and an end that comes twice comes alone.
    const bool harmless = i == 0 || i + 1 == parts.size();
    for (const auto& [wrong, passes] :
         {std::pair{lost, false}, {twice, harmless}, {turned, false}}) {
      Plant plant(grants());
      plant.arrive(kHmi, udp_frame(kHmi, kPlc, kMaster, kDnp3, poll(5)));
      plant.clear();
      for (const Bytes& part : wrong) {
        plant.arrive(kPlc, udp_frame(kPlc, kHmi, kDnp3, kMaster, part));
      }
      plant.pass_time(6 * kSecondNs);
      EXPECT_EQ(plant.sent.size(), passes ? parts.size() : 0U) << i << " " << wrong.size();
      const auto refused =
          std::count_if(plant.verdicts.begin(), plant.verdicts.end(),
                        [](const pipeline::Event& event) { return !is_allowed(event.reason); });
      EXPECT_EQ(static_cast<std::size_t>(refused), wrong.size() - plant.sent.size());
      EXPECT_EQ(plant.buffers_in_use(), 0U);
    }
  }
}

TEST_F(InParts, OneThatIsNeverEndedIsDroppedAndTold) {
  ask(poll(5));
  plant_.clear();
  const Parts parts = answer(5, 32);
  tell(parts[0]);
  tell(parts[1]);
  plant_.pass_time(6 * kSecondNs);
  EXPECT_EQ(count(Reason::parts_incomplete), 2U);
  EXPECT_EQ(plant_.buffers_in_use(), 0U);
  tell(parts[2]);
  EXPECT_EQ(plant_.verdicts.back().fault, protocols::Fault::bad_sequence);
  EXPECT_TRUE(plant_.sent.empty());
}

// The IPv4 header's checksum made right again.
Bytes sealed(Bytes frame) {
  frame[24] = frame[25] = 0;
  std::uint32_t sum = 0;
  for (std::size_t i = 14; i < 34; i += 2)
    sum += static_cast<std::uint32_t>(frame[i] << 8 | frame[i + 1]);
  sum = ~((sum & 0xffff) + (sum >> 16));
  frame[24] = static_cast<std::uint8_t>(sum >> 8);
  frame[25] = static_cast<std::uint8_t>(sum);
  return frame;
}

// Else the sender chooses which parts arrive.
TEST_F(InParts, AllPartsGoTheSameWay) {
  const Parts parts = answer(5, 32);
  const auto changed = [](Bytes frame, std::size_t at, std::uint8_t value) {
    frame[at] = value;
    return sealed(frame);
  };
  constexpr std::size_t kClass = 15, kFlags = 20, kHops = 22, kDestination = 5;
  for (const auto& [at, value] : {std::pair{kClass, 0x20},
                                  {kFlags, 0x00},
                                  {kFlags, 0x40},
                                  {kHops, 3},
                                  {kDestination, 0x77},
                                  {std::size_t{0}, 2}}) {
    Plant plant(grants());
    plant.arrive(kHmi, udp_frame(kHmi, kPlc, kMaster, kDnp3, poll(5)));
    plant.clear();
    bool differs = false;
    for (std::size_t i = 0; i < parts.size(); ++i) {
      const Bytes usual = udp_frame(kPlc, kHmi, kDnp3, kMaster, parts[i]);
      const Bytes other = changed(usual, at, static_cast<std::uint8_t>(value));
      differs = differs || usual != other;
      plant.arrive(kPlc, i == 2 ? other : usual);
    }
    EXPECT_EQ(plant.sent.empty(), differs) << at << " " << value;
  }
  // A datagram without a checksum among others that have one.
  Plant plant(grants());
  plant.arrive(kHmi, udp_frame(kHmi, kPlc, kMaster, kDnp3, poll(5)));
  plant.clear();
  for (std::size_t i = 0; i < parts.size(); ++i) {
    Bytes frame = udp_frame(kPlc, kHmi, kDnp3, kMaster, parts[i]);
    if (i == 2) frame[40] = frame[41] = 0;
    plant.arrive(kPlc, frame);
  }
  EXPECT_TRUE(plant.sent.empty());
}

// Somebody's part with the right number in the place of another: it is judged with the rest, and
// the one that it stands for ends the next attempt.
TEST_F(InParts, AForgedPartIsJudgedLikeAnyOther) {
  ask(poll(5));
  plant_.clear();
  const Parts parts = answer(5, 32);
  const Parts forged = answer(5, 32, 0x81);
  for (const Bytes& part : {parts[0], parts[1], forged[2], parts[2], parts[3]}) tell(part);
  EXPECT_TRUE(left().empty());
  // Where it makes another message of all, that is what is refused.
  ask(poll(6));
  const Parts more = answer(6, 32);
  Bytes longer = answer_text(6);
  longer[8] = 150;  // fewer points than there are
  const Parts bad = parts_of(longer, 0x44, 32, kUp);
  plant_.clear();
  for (const Bytes& part : {bad[0], more[1], more[2], more[3]}) tell(part);
  EXPECT_TRUE(left().empty());
  EXPECT_EQ(count(Reason::protocol_fault), 4U);
}

TEST_F(InParts, PartsOfOtherStationsAreNotJoined) {
  ask(poll(5));
  const Parts parts = answer(5, 32);
  const Parts other = parts_of(answer_text(5), 0x44, 32, {9, 3});
  const Parts confirmed = parts_of(answer_text(5), 0x73, 32, kUp);
  for (const Bytes& wrong : {other[1], confirmed[1]}) {
    plant_.clear();
    for (const Bytes& part : {parts[0], wrong, parts[1], parts[2], parts[3]}) tell(part);
    EXPECT_TRUE(left().empty());
    EXPECT_EQ(count(Reason::parts_incomplete), 1U);
  }
}

TEST_F(InParts, EachSessionHoldsItsOwn) {
  ask(poll(5));
  ask(poll(5), kMaster, kSecond);
  plant_.clear();
  const Parts parts = answer(5, 32);
  for (const Bytes& part : parts) {
    tell(part);
    tell(part, kMaster, kSecond);
  }
  EXPECT_EQ(left().size(), 2 * parts.size());
}

// What is behind a takeover or a restart has no beginning.
TEST_F(InParts, TheRestOfAMessageAloneIsRefused) {
  ask(poll(5));
  plant_.clear();
  for (const Bytes& part : {answer(5, 32)[2], answer(5, 32)[3]}) tell(part);
  EXPECT_TRUE(left().empty());
  EXPECT_EQ(count(Reason::protocol_fault), 2U);
}

TEST_F(InParts, HeldPartsAreBounded) {
  // 64 frames have different numbers; more could take each other's place.
  for (const std::size_t frames : {63U, 64U, 65U}) {
    Plant plant(grants());
    plant.arrive(kHmi, udp_frame(kHmi, kPlc, kMaster, kDnp3, poll(5)));
    plant.clear();
    Bytes text = answer_text(5);
    text[8] = static_cast<std::uint8_t>(frames - 9 - 1);
    text.resize(frames);
    const Parts parts = parts_of(text, 0x44, 0, kUp, 1);
    ASSERT_EQ(parts.size(), frames);
    for (const Bytes& part : parts) {
      plant.arrive(kPlc, udp_frame(kPlc, kHmi, kDnp3, kMaster, part));
    }
    EXPECT_EQ(plant.sent.size(), frames <= 64 ? frames : 0U);
    EXPECT_EQ(plant.buffers_in_use(), 0U);
  }
}

// Hosts that begin messages and end none have their share of the pool, and no more.
TEST_F(InParts, BeginningsDoNotStarveTheWorker) {
  for (std::uint16_t port = 1; port < 1000; ++port) {
    ask(poll(5), port);
    for (const std::size_t i : {0, 1, 2}) tell(answer(5, 32)[i], port);
  }
  flow::SegmentPool& pool = plant_.pipeline().segments();
  EXPECT_GE(pool.available(), pool.capacity() / 4);
  EXPECT_GT(count(Reason::hold_limit), 0U);
  plant_.pass_time(200 * kSecondNs);
  EXPECT_EQ(pool.available(), pool.capacity());
  EXPECT_EQ(plant_.buffers_in_use(), 0U);
}

TEST_F(InParts, ARequestNeedsAnOutstationThatGotAllBeforeIt) {
  EXPECT_FALSE(asks(long_read(1, 0)));
  EXPECT_EQ(count(Reason::parts_unsound), 3U);
  settle(2);
  EXPECT_TRUE(asks(long_read(3, 0)));
  EXPECT_FALSE(asks(long_read(4, 0))) << "nobody knows whether it got the last";
  EXPECT_EQ(count(Reason::parts_unsound), 3U);
  settle(5);
  EXPECT_TRUE(asks(long_read(6, 0)));
  tell(short_answer(6));
  EXPECT_TRUE(asks(long_read(7, 0)));
}

// Another datagram would not help: what the rules say comes first.
TEST_F(InParts, WhatNoRuleGrantsIsRefusedForThat) {
  policy::Tables confirms = grants();
  confirms.conduits[0].rules = {dnp3_rule(kHmi, kPlc, {"confirm"})};
  policy::finish(confirms);
  plant_.change_policy(std::move(confirms));
  EXPECT_FALSE(asks(long_read(1, 0)));
  EXPECT_EQ(count(Reason::parts_unsound), 0U);
  EXPECT_EQ(count(Reason::function_not_granted), 3U);
}

TEST_F(InParts, AnAnswerThatMayBeToAnEarlierRequestShowsNothing) {
  settle(2);
  ask(poll(3));
  EXPECT_FALSE(asks(long_read(4, 0)));
  tell(short_answer(3));
  EXPECT_TRUE(asks(long_read(4, 0)));
  ask(poll(4));  // the same number
  tell(short_answer(4));
  EXPECT_FALSE(asks(long_read(5, 0)));
}

TEST_F(InParts, ARequestThatNobodyAnswersIsOneDatagram) {
  settle(2);
  Bytes text = read_text(3, 0);
  text[1] = 6;  // direct operate, no response
  EXPECT_FALSE(asks(parts_of(text, 0xc4, 0, kDown)));
  EXPECT_FALSE(asks(parts_of(Bytes{0xc2, 0}, 0xc4, 0, kDown, 1))) << "a confirmation";
}

// To its outstation another session is the same master.
TEST_F(InParts, ARequestInAnotherSessionCountsToo) {
  settle(2, 40001);
  settle(2, 40002);
  EXPECT_TRUE(asks(long_read(3, 0), 40001));
  EXPECT_FALSE(asks(long_read(3, 0), 40002));
  settle(4, 40002);
  EXPECT_TRUE(asks(long_read(5, 0), 40002));
  EXPECT_FALSE(asks(long_read(4, 0), 40001));
  // Of another host.
  settle(2, kMaster, kSecond);
  EXPECT_TRUE(asks(long_read(3, 0), kMaster, kSecond));
  settle(6, 40002);
  EXPECT_TRUE(asks(long_read(7, 0), 40002));
  // Asked before another's parts, answered behind them.
  ask(poll(8), 40001);
  settle(8, 40002);
  EXPECT_TRUE(asks(long_read(9, 0), 40002));
  tell(short_answer(8), 40001);
  EXPECT_FALSE(asks(long_read(9, 0), 40001));
  // What needs no answer does not make a request younger.
  ask(poll(10), 40001);
  settle(10, 40002);
  EXPECT_TRUE(asks(long_read(11, 0), 40002));
  ask(from_master(0, {}, 10), 40001);
  ask(from_master(6, {12, 1, 0x17, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0}, 11), 40001);
  tell(short_answer(10), 40001);
  EXPECT_FALSE(asks(long_read(12, 0), 40001));
}

TEST_F(InParts, APartOfARequestIsNoLongerThanEveryPathTakes) {
  settle(2);
  const Parts frames = parts_of(read_text(3, 0, 120), 0xc4, 0, kDown, 249);
  ASSERT_EQ(frames.size(), 3U);
  EXPECT_FALSE(asks({joined({frames[0], frames[1]}), frames[2]}));
  EXPECT_TRUE(asks(frames));
}

TEST_F(InParts, ARefusedRequestIsAnsweredOnce) {
  policy::Tables tables = grants(policy::OnDeny::reject);
  plant_.change_policy(std::move(tables));
  settle(2);
  Bytes text = read_text(3, 0);
  text[1] = 3;  // select
  for (const Bytes& part : parts_of(text, 0xc4, 0, kDown)) ask(part);
  ASSERT_EQ(plant_.sent.size(), 1U);
  EXPECT_EQ(plant_.sent[0].port, kSupervision);
}

// A master that missed parts takes no answer's rest for another's that has its sequence number.
TEST_F(InParts, AnswersOfOneNumberDoNotShareTransportNumbers) {
  ask(poll(5));
  EXPECT_TRUE(tells(answer(5, 0)));
  ask(poll(5));
  EXPECT_FALSE(tells(answer(5, 0, 0x81)));
  EXPECT_TRUE(tells(answer(5, 4, 0x81)));
  ask(poll(6));
  EXPECT_TRUE(tells(answer(6, 0)));
  EXPECT_TRUE(tells(unsolicited(6, 0)));
  EXPECT_FALSE(tells(unsolicited(6, 0)));
  ask(from_master(0, {}, 0x16));
  EXPECT_TRUE(tells(unsolicited(6, 0))) << "the master has the other one";
  EXPECT_FALSE(tells(unsolicited(6, 0)));
  plant_.pass_time(31 * kSecondNs);
  EXPECT_TRUE(tells(unsolicited(6, 0)));
}

// With like ports whoever spoke first is not known to be the master.
TEST_F(InParts, AnAnswerInATurnedSessionLeavesToo) {
  const Parts first = unsolicited(1, 0);
  for (const Bytes& part : first) tell(part, kDnp3);
  EXPECT_EQ(left().size(), first.size());
  ask(poll(5), kDnp3);
  left();
  for (const Bytes& part : answer(5, 8)) tell(part, kDnp3);
  EXPECT_EQ(left().size(), 4U);
}

TEST_F(InParts, AChangeOfPolicyIsForTheWholeMessage) {
  ask(poll(5));
  const Parts parts = answer(5, 32);
  plant_.clear();
  tell(parts[0]);
  policy::Tables none = grants();
  none.conduits[0].rules = {};
  policy::finish(none);
  plant_.change_policy(std::move(none));
  for (const Bytes& part : {parts[1], parts[2], parts[3]}) tell(part);
  EXPECT_TRUE(left().empty());
  EXPECT_EQ(plant_.verdicts.size(), 4U);
  EXPECT_EQ(plant_.buffers_in_use(), 0U);
}

}  // namespace
}  // namespace bulkhead::support
