// How much was new when, and since when nothing is: shows whether traffic was heard for long
// enough. Bounded however long that is.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "controlplane/learn/observations.h"

namespace bulkhead::learn {

class Novelty {
 public:
  static constexpr std::size_t kStepsMax = 24;
  static constexpr std::size_t kEntriesMax = 100'000;  // hosts, and services: more are not new

  struct Counts {
    std::uint64_t hosts = 0;
    std::uint64_t services = 0;    // a client, a server and a port of it
    std::uint64_t operations = 0;  // a function between two hosts, or a value that it had not had

    std::uint64_t all() const { return hosts + services + operations; }
    void add(const Counts& other);
    bool operator==(const Counts&) const = default;
  };

  // Steps of the curve begin at full multiples of their width; this is in the first of them.
  explicit Novelty(TimeNs start_ns) : start_ns_(start_ns), last_ns_(start_ns) {}

  // `new_operation`: it was not observed before, nor were its values.
  void note(const Session& session, bool new_operation, TimeNs at_ns);

  const Counts& total() const { return total_; }
  TimeNs quiet_ns(TimeNs now_ns) const { return now_ns > last_ns_ ? now_ns - last_ns_ : 0; }

  struct Curve {
    TimeNs start_ns = 0;
    TimeNs width_ns = 0;
    std::vector<Counts> steps;  // what was new in each; none is missing, the last may be cut short
  };
  Curve curve(TimeNs end_ns) const;

 private:
  std::size_t step_of(TimeNs at_ns) const;
  void widen_to(TimeNs at_ns);

  TimeNs start_ns_;
  TimeNs last_ns_;
  std::size_t width_ = 0;  // index
  std::vector<Counts> steps_;
  Counts total_;
  std::set<wire::IpAddress> hosts_;
  std::set<Session> services_;
};

// Lines for people, in UTC: steps in which nothing was new are one line.
std::string curve_text(const Novelty& novelty, TimeNs end_ns);

// "12 s", "3 min", "8 h 30 min", "2 d 4 h".
std::string span_text(TimeNs span_ns);

}  // namespace bulkhead::learn
