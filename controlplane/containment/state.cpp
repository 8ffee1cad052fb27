// A list and the numbers that it has lost.
#include "controlplane/containment/state.h"

#include <algorithm>
#include <array>
#include <limits>

namespace bulkhead::controlplane {

namespace {

// What the other half is about to end itself is not begun here again; and two clocks read one
// deadline with some milliseconds between.
constexpr TimeNs kSameNs = kSecondNs;

constexpr std::array<std::string_view, 4> kLevels = {"normal", "read-only", "essential", "isolate"};

TimeNs end_of(const v1::Containment& containment, TimeNs now_ns) {
  if (containment.left_ns() == 0) return 0;
  return now_ns +
         std::min<TimeNs>(containment.left_ns(), std::numeric_limits<TimeNs>::max() - now_ns);
}

bool ends_later(TimeNs a_ns, TimeNs b_ns) {
  if (b_ns == 0) return false;
  return a_ns == 0 || a_ns > b_ns;
}

}  // namespace

bool is_sound(const v1::Containment& each) {
  constexpr std::size_t kNameBytesMax = 64;
  constexpr std::size_t kTextBytesMax = 256;
  const v1::ContainmentTarget& target = each.target();
  return each.id() != 0 && v1::ContainmentLevel_IsValid(each.level()) &&
         each.level() != v1::CONTAINMENT_LEVEL_NORMAL &&
         target.target_case() != v1::ContainmentTarget::TARGET_NOT_SET &&
         target.zone().size() <= kNameBytesMax && target.conduit().size() <= kNameBytesMax &&
         each.reason().size() <= kTextBytesMax && each.set_by().size() <= kTextBytesMax &&
         each.appliance().size() <= kTextBytesMax;
}

bool is_same_target(const v1::ContainmentTarget& a, const v1::ContainmentTarget& b) {
  return a.target_case() == b.target_case() && a.zone() == b.zone() && a.conduit() == b.conduit();
}

std::string text_of(const v1::ContainmentTarget& target) {
  if (target.has_zone()) return "zone " + target.zone();
  return target.has_conduit() ? "conduit " + target.conduit() : "all conduits";
}

std::string_view name_of(v1::ContainmentLevel level) {
  return kLevels[std::min(static_cast<std::size_t>(level), kLevels.size() - 1)];
}

std::optional<v1::ContainmentLevel> find_level(std::string_view name) {
  for (std::size_t i = 0; i < kLevels.size(); ++i) {
    if (kLevels[i] == name) return static_cast<v1::ContainmentLevel>(i);
  }
  return std::nullopt;
}

std::optional<std::string> ContainmentState::set(const v1::Containment& containment,
                                                 TimeNs now_ns) {
  const Standing added{containment, end_of(containment, now_ns)};
  const auto is_replaced = [&](const Standing& other) {
    const v1::Containment& known = other.containment;
    return !known.from_file() && !containment.from_file() && known.level() == containment.level() &&
           is_same_target(known.target(), containment.target()) &&
           !ends_later(other.ends_ns, added.ends_ns);
  };
  const auto replaced = static_cast<std::size_t>(std::ranges::count_if(standing_, is_replaced));
  if (standing_.size() - replaced >= kMax) {
    return std::to_string(kMax) + " containments stand already; a zone or --all covers more";
  }
  for (const Standing& each : standing_) {
    if (is_replaced(each)) note_released(each.containment.id());
  }
  std::erase_if(standing_, is_replaced);
  standing_.push_back(added);
  return std::nullopt;
}

template <typename Ends>
ContainmentState::Change ContainmentState::end_if(TimeNs now_ns, bool noted, Ends ends) {
  Change change;
  for (const Standing& each : standing_) {
    if (!ends(each)) continue;
    change.ended.push_back(described(each, now_ns));
    if (noted) note_released(each.containment.id());
  }
  std::erase_if(standing_, ends);
  return change;
}

ContainmentState::Change ContainmentState::release(const v1::ContainmentTarget& target,
                                                   v1::ContainmentLevel level, TimeNs now_ns) {
  return end_if(now_ns, true, [&](const Standing& each) {
    return !each.containment.from_file() && is_same_target(each.containment.target(), target) &&
           (level == v1::CONTAINMENT_LEVEL_NORMAL || each.containment.level() == level);
  });
}

ContainmentState::Change ContainmentState::release(std::uint64_t id, TimeNs now_ns) {
  return end_if(now_ns, true, [id](const Standing& each) { return each.containment.id() == id; });
}

ContainmentState::Change ContainmentState::pass_time(TimeNs now_ns) {
  return end_if(now_ns, false, [now_ns](const Standing& each) {
    return each.ends_ns != 0 && each.ends_ns <= now_ns;
  });
}

ContainmentState::Change ContainmentState::join(const v1::PairContainment& other, TimeNs now_ns) {
  Change change = end_if(now_ns, true, [&](const Standing& each) {
    return std::ranges::find(other.released(), each.containment.id()) != other.released().end();
  });
  for (const std::uint64_t id : other.released()) note_released(id);
  for (const v1::Containment& each : other.containments()) {
    if (!is_sound(each) || is_released(each.id())) continue;
    const TimeNs ends_ns = end_of(each, now_ns);
    const auto known = std::ranges::find_if(
        standing_, [&](const Standing& one) { return one.containment.id() == each.id(); });
    if (known != standing_.end()) {
      // Only a machine that was restarted reads another deadline.
      const bool later = ends_ns == 0 || ends_ns > known->ends_ns + kSameNs;
      if (later && known->ends_ns != 0) known->ends_ns = ends_ns;
      continue;
    }
    if (each.left_ns() != 0 && each.left_ns() < kSameNs) continue;
    if (standing_.size() >= kMax) {
      ++change.left_out;
      continue;
    }
    standing_.push_back({each, ends_ns});
    change.began.push_back(each);
  }
  return change;
}

bool ContainmentState::knows_more(const v1::PairContainment& other, TimeNs now_ns) const {
  const auto has = [&](std::uint64_t id) {
    return std::ranges::any_of(other.containments(),
                               [id](const v1::Containment& each) { return each.id() == id; });
  };
  const auto lacks = [&](const Standing& each) {
    const bool ends_soon = each.ends_ns != 0 && each.ends_ns < now_ns + kSameNs;
    return !ends_soon && !has(each.containment.id());
  };
  return std::ranges::any_of(standing_, lacks) || std::ranges::any_of(released_, has);
}

v1::Containment ContainmentState::described(const Standing& standing, TimeNs now_ns) const {
  v1::Containment described = standing.containment;
  described.set_left_ns(standing.ends_ns == 0 ? 0
                                              : std::max(standing.ends_ns, now_ns + 1) - now_ns);
  return described;
}

std::vector<v1::Containment> ContainmentState::list(TimeNs now_ns) const {
  std::vector<v1::Containment> all;
  for (const Standing& each : standing_) {
    if (each.ends_ns == 0 || each.ends_ns > now_ns) all.push_back(described(each, now_ns));
  }
  return all;
}

v1::PairContainment ContainmentState::for_peer(TimeNs now_ns) const {
  v1::PairContainment message;
  for (v1::Containment& each : list(now_ns)) *message.add_containments() = std::move(each);
  for (const std::uint64_t id : released_) message.add_released(id);
  return message;
}

TimeNs ContainmentState::next_end_ns() const {
  TimeNs next_ns = 0;
  for (const Standing& each : standing_) {
    if (each.ends_ns != 0 && (next_ns == 0 || each.ends_ns < next_ns)) next_ns = each.ends_ns;
  }
  return next_ns;
}

bool ContainmentState::is_released(std::uint64_t id) const {
  return std::ranges::find(released_, id) != released_.end();
}

void ContainmentState::note_released(std::uint64_t id) {
  if (is_released(id)) return;
  if (released_.size() >= kReleasedMax) released_.erase(released_.begin());
  released_.push_back(id);
}

v1::StoredContainment ContainmentState::store(std::uint64_t boot, TimeNs now_ns) const {
  v1::StoredContainment stored;
  stored.set_boot(boot);
  stored.set_written_ns(now_ns);
  for (v1::Containment& each : list(now_ns)) *stored.add_containments() = std::move(each);
  for (const std::uint64_t id : released_) stored.add_released(id);
  return stored;
}

ContainmentState ContainmentState::load(const v1::StoredContainment& stored, std::uint64_t boot,
                                        TimeNs now_ns) {
  ContainmentState state;
  const bool same_boot = stored.boot() == boot && stored.written_ns() <= now_ns;
  const TimeNs from_ns = same_boot ? stored.written_ns() : now_ns;
  for (const v1::Containment& each : stored.containments()) {
    if (!is_sound(each) || state.standing_.size() >= kMax) continue;
    state.standing_.push_back({each, end_of(each, from_ns)});
  }
  for (const std::uint64_t id : stored.released()) state.note_released(id);
  return state;
}

}  // namespace bulkhead::controlplane
