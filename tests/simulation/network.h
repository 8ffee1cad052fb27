// The paths between the two: each way of each can be cut, lose, delay, double and reorder.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

#include "controlplane/failover/commit.h"
#include "controlplane/failover/heartbeat.h"
#include "dataplane/replication/in_band.h"

namespace bulkhead::simulation {

constexpr std::size_t kPaths = 3;  // the pair link and two zones

// SplitMix64: every run is its seed.
class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}
  std::uint64_t next() {
    state_ += 0x9e3779b97f4a7c15;
    std::uint64_t z = state_;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
  }
  std::uint64_t below(std::uint64_t bound) { return next() % bound; }
  std::uint64_t between(std::uint64_t low, std::uint64_t high) {
    return low + below(high - low + 1);
  }
  bool chance(double share) { return static_cast<double>(next() >> 11) * 0x1p-53 < share; }

 private:
  std::uint64_t state_;
};

// One way of one path.
struct Way {
  bool up = true;
  double loss = 0;
  double twice = 0;
  std::uint64_t delay_ms = 0;   // at least
  std::uint64_t jitter_ms = 1;  // and up to so much more, so that frames overtake each other
};

// A heartbeat on the pair link; in-band what a data plane says, with a heartbeat or without.
struct Word {
  replication::Beacon beacon;
  std::optional<failover::Heartbeat> heartbeat;
};

struct Arrival {
  std::uint64_t at_ms = 0;
  std::size_t path = 0;
  Word word;
};

// What travels on the pair link's stream, in order: commits and the flows.
struct StreamMessage {
  enum class Kind : std::uint8_t { commit, change, snapshot_end, acknowledge, resync };
  Kind kind{};
  failover::CommitMessage commit;
  std::uint64_t flows = 0;  // which stream of them it belongs to
  std::uint64_t sequence = 0;
  std::size_t flow = 0;
  std::uint64_t version = 0;
  std::uint64_t digest = 0;  // of all flows of the sender behind this change
};

struct StreamArrival {
  std::uint64_t at_ms = 0;
  StreamMessage message;
};

class Network {
 public:
  explicit Network(Random& random) : random_(random) {}

  // `from` is 0 or 1.
  Way& way(std::size_t path, std::size_t from) { return ways_[path][from]; }
  const Way& way(std::size_t path, std::size_t from) const { return ways_[path][from]; }

  void send(std::uint64_t now_ms, std::size_t path, std::size_t from, const Word& word) {
    const Way& way = ways_[path][from];
    const unsigned copies =
        way.up && !random_.chance(way.loss) ? (random_.chance(way.twice) ? 2 : 1) : 0;
    for (unsigned i = 0; i < copies; ++i) {
      const std::uint64_t delay = way.delay_ms + random_.below(way.jitter_ms + 1);
      under_way_[1 - from].push_back({now_ms + delay, path, word});
    }
  }

  // What somebody in the way sends in its name.
  void inject(std::uint64_t now_ms, std::size_t path, std::size_t from, const Word& word) {
    under_way_[1 - from].push_back({now_ms, path, word});
  }

  // Takes out what arrives by now.
  template <typename Take>
  void deliver(std::uint64_t now_ms, std::size_t to, Take take) {
    std::vector<Arrival>& waiting = under_way_[to];
    for (std::size_t i = 0; i < waiting.size();) {
      if (waiting[i].at_ms > now_ms) {
        ++i;
        continue;
      }
      const Arrival arrival = waiting[i];
      waiting[i] = waiting.back();
      waiting.pop_back();
      take(arrival);
    }
  }

  // The stream: nothing is lost or overtaken while it stands.
  bool stream_up() const { return stream_up_; }
  // Which stream stands; 0: none.
  std::uint64_t stream() const { return stream_up_ ? streams_ : 0; }
  void raise_stream() {
    stream_up_ = true;
    ++streams_;
  }
  void drop_stream() {
    stream_up_ = false;
    for (auto& queue : stream_) queue.clear();
  }
  void send_stream(std::uint64_t now_ms, std::size_t from, const StreamMessage& message) {
    if (!stream_up_) return;
    const Way& way = ways_[failover::kPairLink][from];
    auto& queue = stream_[1 - from];
    std::uint64_t at_ms = now_ms + way.delay_ms + random_.below(way.jitter_ms + 1);
    if (!queue.empty() && queue.back().at_ms > at_ms) at_ms = queue.back().at_ms;
    queue.push_back({at_ms, message});
  }
  std::optional<StreamMessage> next_of_stream(std::uint64_t now_ms, std::size_t to) {
    auto& queue = stream_[to];
    if (queue.empty() || queue.front().at_ms > now_ms) return std::nullopt;
    const StreamMessage message = queue.front().message;
    queue.pop_front();
    return message;
  }

 private:
  Random& random_;
  std::array<std::array<Way, 2>, kPaths> ways_{};
  std::array<std::vector<Arrival>, 2> under_way_;
  std::array<std::deque<StreamArrival>, 2> stream_;
  bool stream_up_ = false;
  std::uint64_t streams_ = 0;
};

}  // namespace bulkhead::simulation
