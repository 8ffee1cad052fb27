// What a receiver joins from the datagrams that a network behind the firewall lets through,
// whatever their sender does: nothing but what was judged.
#include <algorithm>
#include <random>
#include <set>

#include "tests/support/dnp3_parts.h"

namespace bulkhead::support {
namespace {

// The transport function of IEEE 1815, 8.2.1, as forgiving as implementations are: a first frame
// begins anew, the next number is joined, all else changes nothing, and nothing is ever forgotten.
class Receiver {
 public:
  explicit Receiver(std::set<Bytes>& fragments) : fragments_(fragments) {}

  void take(const Bytes& frame) {
    Bytes data;
    const std::size_t count = frame[2] - 5U;
    for (std::size_t i = 0; i < count; ++i) data.push_back(frame[10 + i + 2 * (i / 16)]);
    const std::uint8_t number = data[0] & 0x3f;
    if ((data[0] & 0x40) != 0) {
      text_.clear();
      waits_ = true;
    } else if (!waits_ || number != next_) {
      return;
    }
    next_ = (number + 1) & 0x3f;
    text_.insert(text_.end(), data.begin() + 1, data.end());
    if ((data[0] & 0x80) == 0) return;
    waits_ = false;
    fragments_.insert(text_);
  }

 private:
  std::set<Bytes>& fragments_;
  Bytes text_;
  std::uint8_t next_ = 0;
  bool waits_ = false;
};

// A master that may do as it likes, in three sessions, and a network behind the firewall that loses
// and repeats: the outstation, which keeps one fragment for all of them, has only what was judged.
TEST_F(InParts, AnOutstationJoinsNothingElseWhateverIsLost) {
  std::mt19937 chance(1);
  const auto of = [&](unsigned n) { return chance() % n; };
  std::set<Bytes> judged;
  std::set<Bytes> executed;
  Receiver outstation(executed);
  std::size_t spans = 0;
  for (int round = 0; round < 20000; ++round) {
    const auto port = static_cast<std::uint16_t>(kMaster + of(3));
    const auto sequence = static_cast<std::uint8_t>(of(16));
    const bool is_long = of(2) == 0;
    const Bytes text = is_long ? read_text(sequence, static_cast<std::uint8_t>(of(200)))
                               : Bytes{static_cast<std::uint8_t>(0xc0 | sequence), 1, 60, 1, 6};
    const Parts parts = parts_of(text, 0xc4, static_cast<std::uint8_t>(of(4)), kDown);
    plant_.be_at(plant_.now_ns() + 4 * kSecondNs);
    plant_.clear();
    for (const Bytes& part : parts) ask(part, port);
    if (plant_.sent.empty()) continue;
    ASSERT_EQ(plant_.sent.size(), parts.size());
    judged.insert(text);
    spans += is_long ? 1 : 0;
    executed.erase(text);
    for (const Sent& sent : plant_.sent) {
      const std::size_t times = of(4) == 0 ? 0 : 1 + of(2);
      const Bytes frame(sent.frame.begin() + 42, sent.frame.end());
      for (std::size_t i = 0; i < times; ++i) outstation.take(frame);
    }
    if (executed.contains(text) && of(3) != 0) tell(short_answer(sequence), port);
  }
  EXPECT_GT(spans, 500U);
  EXPECT_TRUE(std::includes(judged.begin(), judged.end(), executed.begin(), executed.end()));
}

// An outstation does as it likes: of what a master takes for the answer to what it asked, by its
// sequence number, all was judged.
TEST_F(InParts, AMasterJoinsNothingElseThatAnswersItsRequest) {
  std::mt19937 chance(2);
  const auto of = [&](unsigned n) { return chance() % n; };
  std::set<Bytes> judged;
  std::set<Bytes> taken;
  std::set<Bytes> joined_now;
  Receiver master(joined_now);
  std::size_t spans = 0;
  for (int round = 0; round < 20000; ++round) {
    const std::uint8_t sequence = static_cast<std::uint8_t>((round / 4) & 15);
    ask(poll(sequence));
    plant_.clear();
    const Bytes text = answer_text(sequence, 129, of(2) == 0 ? 1 : 0x81);
    const Parts parts = parts_of(text, 0x44, static_cast<std::uint8_t>(of(64)), kUp);
    for (const Bytes& part : parts) tell(part);
    if (plant_.sent.empty()) continue;
    judged.insert(text);
    ++spans;
    joined_now.clear();
    for (const Sent& sent : plant_.sent) {
      if (of(3) != 0) master.take(Bytes(sent.frame.begin() + 42, sent.frame.end()));
    }
    for (const Bytes& fragment : joined_now) {
      if ((fragment[0] & 0x0f) == sequence) taken.insert(fragment);
    }
  }
  EXPECT_GT(spans, 500U);
  EXPECT_TRUE(std::includes(judged.begin(), judged.end(), taken.begin(), taken.end()));
}

}  // namespace
}  // namespace bulkhead::support
