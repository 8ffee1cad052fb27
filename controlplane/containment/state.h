// The containments that stand on this appliance, and how those of its peer and of its data plane
// join them. Pure: time is a parameter, of CLOCK_BOOTTIME, so that no change of the date moves a
// deadline.
//
// Two that know different containments both have all of them afterwards: the stricter counts. What
// was released is known by its number, so that a half that was away learns that it is over; one
// that was set meanwhile has another number and stands.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "bulkhead/v1/containment.pb.h"
#include "dataplane/base/clock.h"
#include "dataplane/base/result.h"

namespace bulkhead::controlplane {

class ContainmentState {
 public:
  static constexpr std::size_t kMax = 128;
  static constexpr std::size_t kReleasedMax = 512;  // numbers; the oldest are forgotten

  struct Change {
    std::vector<v1::Containment> began;
    std::vector<v1::Containment> ended;
    std::size_t left_out = 0;  // of the other half, for which there was no room
    bool any() const { return !began.empty() || !ended.empty(); }
  };

  // One more. Another of the same target and level that ends no later is replaced by it. Returns
  // why not, and changes nothing then. Precondition: `containment` has a number of its own.
  std::optional<std::string> set(const v1::Containment& containment, TimeNs now_ns);
  // Ends those of the target and level, of NORMAL each level.
  Change release(const v1::ContainmentTarget& target, v1::ContainmentLevel level, TimeNs now_ns);
  // Ends one. Not for the same number again.
  Change release(std::uint64_t id, TimeNs now_ns);
  // Joins what the other half has and has released.
  Change join(const v1::PairContainment& other, TimeNs now_ns);
  // Ends what is over.
  Change pass_time(TimeNs now_ns);

  // Whether the other half lacks something that is known here.
  bool knows_more(const v1::PairContainment& other, TimeNs now_ns) const;

  // All that stand, with what is left of their time.
  std::vector<v1::Containment> list(TimeNs now_ns) const;
  v1::PairContainment for_peer(TimeNs now_ns) const;
  // When the next one ends; 0: none does.
  TimeNs next_end_ns() const;
  bool empty() const { return standing_.empty(); }

  // For the disk, and back. After a restart of the machine what was left when it was written begins
  // again: nobody knows how long the machine was off.
  v1::StoredContainment store(std::uint64_t boot, TimeNs now_ns) const;
  static ContainmentState load(const v1::StoredContainment& stored, std::uint64_t boot,
                               TimeNs now_ns);

 private:
  struct Standing {
    v1::Containment containment;
    TimeNs ends_ns = 0;  // 0: never
  };

  bool is_released(std::uint64_t id) const;
  void note_released(std::uint64_t id);
  v1::Containment described(const Standing& standing, TimeNs now_ns) const;
  template <typename Ends>
  Change end_if(TimeNs now_ns, bool noted, Ends ends);

  std::vector<Standing> standing_;
  std::vector<std::uint64_t> released_;  // the newest last
};

// Whether the data plane would take it: all that comes from elsewhere is examined.
bool is_sound(const v1::Containment& containment);
bool is_same_target(const v1::ContainmentTarget& a, const v1::ContainmentTarget& b);
// `zone control`, `conduit scada`, `all zones`.
std::string text_of(const v1::ContainmentTarget& target);
// `read-only`, as operators write it.
std::string_view name_of(v1::ContainmentLevel level);
std::optional<v1::ContainmentLevel> find_level(std::string_view name);

}  // namespace bulkhead::controlplane
