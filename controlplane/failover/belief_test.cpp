// Which heartbeats the machine believes: not what is replayed, late, or from another.
#include <gtest/gtest.h>

#include <vector>

#include "tests/support/one_of_a_pair.h"

namespace bulkhead::failover {
namespace {

TEST_F(One, IgnoresWhatIsReplayedOrFromOthers) {
  be_standby();
  for (int i = 0; i < 8; ++i) {
    wait(10);
    hear_again();
    hear_again(kZone);  // the first time it is another path's, later the same
  }
  Heartbeat other = peer;
  other.sequence += 100;
  other.from = 9;
  give(Heard{kPairLink, other});
  other.from = 2;
  other.incarnation = 0;
  give(Heard{kPairLink, other});
  EXPECT_TRUE(wait(20).took_over) << "none of it proved that the peer lives";
}

// What was recorded before this one started says nothing of a peer that lives.
TEST_F(One, BelievesNobodyThatDoesNotAnswer) {
  wait(10);
  peer.role = Role::active;
  peer.term = peer.active_term = 7;
  const auto replay = [&](std::uint64_t echo_incarnation, std::uint64_t echo_sequence) {
    peer.echo_incarnation = echo_incarnation;
    peer.echo_sequence = echo_sequence;
    ++peer.sequence;
    hear_again(kZone);
    return machine.hears_peer();
  };
  EXPECT_FALSE(replay(0, 0));
  EXPECT_FALSE(replay(9, 1)) << "of an incarnation before";
  EXPECT_FALSE(replay(1, 99)) << "nothing was sent under that number";
  const std::uint64_t answered = sent.sequence;
  wait(90);
  EXPECT_FALSE(replay(1, answered)) << "a takeover ago";
  bool took_over = false;
  for (int i = 0; i < 3000; ++i) {
    took_over = wait(10).took_over || took_over;
    replay(9, 1);
  }
  EXPECT_TRUE(took_over);
  EXPECT_EQ(machine.term(), 1U) << "it learned nothing of what was replayed";
  EXPECT_TRUE(replay(1, sent.sequence));
}

TEST_F(One, AnswersWhomItDoesNotBelieveYet) {
  wait(10);
  ++peer.sequence;
  hear_again(kZone);
  wait(10);
  EXPECT_EQ(sent.echo_incarnation, 0U);
  EXPECT_EQ(sent.answer_incarnation, peer.incarnation);
  EXPECT_EQ(sent.answer_sequence, peer.sequence);
  wait(50);
  EXPECT_EQ(sent.answer_incarnation, 0U) << "it has fallen silent";
}

// Replayed heartbeats of incarnations that are gone keep neither a living peer nor its lease from
// their echo.
TEST_F(One, AReplayTakesNoEchoAway) {
  be_standby();
  Heartbeat old = peer;
  old.incarnation = 5;
  old.answer_incarnation = old.echo_incarnation = 0;
  for (int i = 0; i < 20; ++i) {
    ++old.sequence;
    give(Heard{kZone, old});
    wait(10);
    hear_echo();
    EXPECT_EQ(sent.echo_incarnation, peer.incarnation);
    wait(10);
    EXPECT_EQ(sent.answer_incarnation, 5U);
  }
  Heartbeat anew = peer;
  anew.incarnation = 6;
  anew.sequence = 1;
  anew.echo_incarnation = anew.answer_incarnation = 0;
  bool answered = false;
  for (int i = 0; i < 3; ++i) {
    ++anew.sequence;
    ++old.sequence;
    give(Heard{kPairLink, anew});
    give(Heard{kZone, old});
    wait(10);
    answered = answered || sent.answer_incarnation == 6;
  }
  EXPECT_TRUE(answered) << "paths are answered in turn";
}

TEST_F(One, BelievesAPeerThatHasLostItsStateOnceItAnswers) {
  peer.incarnation = 40;
  be_active();
  Heartbeat anew = peer;
  anew.incarnation = 3;
  anew.sequence = 1;
  anew.echo_incarnation = anew.answer_incarnation = 0;
  EXPECT_FALSE(give(Heard{kPairLink, anew}).peer_anew);
  EXPECT_EQ(machine.peer().incarnation, 40U);
  wait(10);
  EXPECT_EQ(sent.answer_incarnation, 3U);
  ++anew.sequence;
  anew.answer_incarnation = sent.incarnation;
  anew.answer_sequence = sent.sequence;
  EXPECT_TRUE(give(Heard{kPairLink, anew}).peer_anew);
  EXPECT_EQ(machine.peer().incarnation, 3U);
  hear_echo();
  EXPECT_EQ(machine.peer().incarnation, 3U) << "the one before does not come back";
}

// Every way from the peer is cut, and its power fails: what it said last was recorded in a zone.
class Recorded : public One {
 protected:
  // The peer says something each ten milliseconds of its own clock, `share` of ours.
  Heartbeat say() {
    ++peer.sequence;
    peer.sent_ns = 5000 * kSecondNs + (now - begun) / 1000 * rate;
    return peer;
  }
  void hear_for(unsigned ms) {
    for (unsigned i = 0; i < ms; i += 10) {
      wait(10);
      say();
      hear_echo();
    }
  }
  // Nothing of it comes.
  std::vector<Heartbeat> record(unsigned ms) {
    std::vector<Heartbeat> words;
    for (unsigned i = 0; i < ms; i += 10) {
      wait(10);
      peer.echo_sequence = sent.sequence;
      words.push_back(say());
    }
    return words;
  }

  const TimeNs begun = now;
  TimeNs rate = 1000;  // of a thousand
};

TEST_F(Recorded, HoldsNoActive) {
  be_active();
  hear_for(500);
  for (const Heartbeat& word : record(2000)) {
    wait(10);
    give(Heard{kZone, word});
    EXPECT_TRUE(forwards());
  }
  EXPECT_TRUE(lease.alone);
  say();
  hear_echo();
  EXPECT_FALSE(lease.alone) << "it is back";
}

// Nine heartbeats, one each time that it would take over.
TEST_F(Recorded, HoldsNoStandby) {
  be_standby();
  hear_for(500);
  bool took_over = false;
  const std::vector<Heartbeat> words = record(80);
  const TimeNs silent_from = now;
  for (const Heartbeat& word : words) {
    give(Heard{kZone, word});
    took_over = wait(80).took_over;
    if (took_over) break;
  }
  EXPECT_TRUE(took_over);
  EXPECT_LE(now, silent_from + 2 * 90 * kMs + 20 * kMs);
}

// Two that forward are worse than none: who hears nothing may forward, and its clock may be slow.
TEST_F(Recorded, APeerThatHearsNothingIsBelievedThoughItsClockIsCorrected) {
  be_standby();
  hear_for(500);
  peer.echo_sequence = peer.answer_sequence = sent.sequence;
  for (const TimeNs share : {1000, 917, 1083}) {
    const TimeNs said = peer.sent_ns;
    rate = share;
    const TimeNs from = now;
    for (int i = 0; i < 500; ++i) {
      EXPECT_FALSE(wait(10).took_over);
      ++peer.sequence;
      peer.sent_ns = said + (now - from) / 1000 * share;
      hear_again();
    }
  }
  EXPECT_TRUE(machine.hears_peer());
}

TEST_F(Recorded, APeerWhoseClockStoodIsBelievedOnceItEchoes) {
  be_active();
  hear_for(500);
  const TimeNs stood = 3 * kSecondNs;
  const auto say_late = [&] {
    say();
    peer.sent_ns -= stood;
  };
  wait(3000);
  say_late();
  hear_again();
  EXPECT_FALSE(machine.hears_peer()) << "that could be recorded";
  say_late();
  hear_echo();
  EXPECT_TRUE(machine.hears_peer());
  wait(10);
  say_late();
  peer.echo_sequence = peer.answer_sequence = 0;
  hear_again();
  EXPECT_TRUE(machine.hears_peer());
}

// Releases before do not say when a heartbeat was sent.
TEST_F(Recorded, APeerWithoutATimeIsBelieved) {
  be_active();
  for (int i = 0; i < 100; ++i) {
    wait(10);
    hear_echo();
    EXPECT_TRUE(machine.hears_peer());
  }
}

}  // namespace
}  // namespace bulkhead::failover
