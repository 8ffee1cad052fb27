// The frames of a talk through a plant that observes, at one that enforces.
#pragma once

#include <optional>
#include <string>

#include "dataplane/replay/acknowledgements.h"
#include "tests/adversarial/model/foretold.h"
#include "tests/adversarial/model/talk.h"

namespace bulkhead::adversary {

// An action that was replaced by a reset, since the message could not be removed alone, is not
// foretold.
bool are_alike(const pipeline::Event& foretold, const pipeline::Event& refused);
std::string differ(const std::string& where, const pipeline::Event* foretold,
                   const pipeline::Event* refused);

// Each frame arrives as if the plant's receivers were live: what is acknowledged is what has left
// there, and what lacks of it stands in the window. Refusals are compared frame by frame, up to the
// first message that is refused or not judged, since from then on the streams are not the same.
class Beside final : public Talk::Witness {
 public:
  // All outlive it.
  Beside(const Plants& plants, const Plan& plan, bool trace, Foretold& tally);

  void on_frame(std::size_t from_end, const Bytes& frame) override;
  void on_time(TimeNs now_ns) override;
  bool has_enough() const override { return enough_; }
  const std::optional<std::string>& difference() const { return difference_; }

 private:
  // The highest numbers that an end was told of.
  struct Offer {
    bool known = false;
    std::uint32_t acknowledged = 0;
    std::uint32_t edge = 0;  // of the window
  };

  // What both said since the last time, of a frame or of their timers.
  void compare(bool of_receiver);
  bool repeats_what_left_late(std::size_t end, const Bytes& frame) const;
  void note_left();
  void note_offer(Offer& offer, std::size_t end, const Bytes& frame) const;
  bool is_placed_differently(std::size_t end, const Bytes& frame) const;
  Bytes restated(std::size_t end, const Bytes& frame);
  std::uint8_t scale_of(std::size_t end, std::uint8_t flags) const;

  const Plants& plants_;
  const Plan& plan_;
  bool trace_;
  Foretold& tally_;
  TimeNs now_ns_;
  replay::Acknowledgements acknowledgements_;
  // By end: what its receiver has told it, the same restated, and what it heard from the plant that
  // enforces.
  Offer offered_[2], told_[2], let_through_[2];
  bool enough_ = false;
  std::optional<std::string> difference_;
};

}  // namespace bulkhead::adversary
