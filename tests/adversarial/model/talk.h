// Two ends talk over links that lose, repeat, reorder and fragment, through an appliance that
// enforces or observes. What the ends say is drawn from the seed alone, not from what happens on
// the way, so that two talks of one seed say the same.
#pragma once

#include <array>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "tests/adversarial/model/clockwork.h"

namespace bulkhead::adversary {

class Talk {
 public:
  struct Config {
    std::uint64_t seed = 0;
    bool observes = false;  // each frame must leave as it came, at once, and nothing else
    bool trace = false;     // prints every frame and refusal
  };
  // Hears of each frame that arrives and of each look at the timers, after the plant.
  class Witness {
   public:
    virtual ~Witness() = default;
    virtual void on_frame(std::size_t from_end, const Bytes& frame) = 0;
    virtual void on_time(TimeNs now_ns) = 0;
    // The talk may end.
    virtual bool has_enough() const = 0;
  };

  Talk(support::Plant& plant, const Plan& plan, const Config& config, Witness* witness = nullptr);
  std::optional<std::string> run();
  // Nothing is lost, repeated, late or in fragments.
  bool is_way_perfect() const;

  // What was refused, or foretold: messages by the end that sent them, in their order; frames that
  // are malformed, by the request beside which they came; and all else.
  std::vector<pipeline::Event> messages[2];
  std::map<std::size_t, std::vector<Reason>> malformed;
  std::vector<Reason> packets;
  std::uint64_t frames = 0, fragments = 0, repeated = 0;
  // Of messages, how many of each end's were told of before bytes passed that observing had no room
  // for, or lacked; nothing: all bytes were judged.
  std::optional<std::array<std::size_t, 2>> judged;

 private:
  void violate(const std::string& what) {
    if (!violation_) violation_ = what;
  }
  void trace(const char* where, const Bytes& frame) const;
  void put_on_wire(std::size_t end, const Bytes& frame);
  void send(std::size_t end, const Bytes& frame);
  void arrive(std::size_t end, const Bytes& frame);
  void pass_on(std::vector<support::Sent> sent);
  void deliver(std::size_t end, const Bytes& frame);
  void note_refusals(std::vector<Reason>& others);
  void put_malformed(std::size_t request);
  void step_client();
  void step_server();
  void answer(const Bytes& request, const Request* asked);
  void attack();
  void advance_to(TimeNs at_ns);
  void handle_due();
  void check_complete();
  bool is_over() const;

  support::Plant& plant_;
  const Plan& plan_;
  Config config_;
  Witness* witness_;
  Random link_random_, attack_random_, end_random_;
  TimeNs now_ns_;
  TcpModel ends_[2];
  Links links_;
  std::uint64_t handled_ = 0;
  std::optional<std::string> violation_;
  Writes writes_[2];
  std::map<std::uint32_t, std::map<std::size_t, Bytes>> fragments_;  // by end and identification
  std::uint32_t fragmented_ = 0;                                     // of a thousand segments
  std::uint16_t identification_ = 1;
  std::size_t asked_ = 0, consumed_ = 0;
  bool closing_[2] = {};
  std::uint32_t attacks_ = 0;
};

// A frame that no policy lets pass, and that no end takes, from one end or the other.
struct MalformedFrame {
  std::size_t end = 0;
  Bytes frame;
};
MalformedFrame malformed_frame(Random& random, const TcpModel ends[2], TimeNs now_ns);

}  // namespace bulkhead::adversary
