// A set is checked in full before anything changes.
#include "dataplane/service/containments.h"

#include <algorithm>
#include <limits>
#include <utility>

namespace bulkhead::service {

namespace {

std::string problem_of(const v1::Containment& each) {
  const v1::ContainmentTarget& target = each.target();
  if (each.id() == 0) return "it has no number";
  if (!v1::ContainmentLevel_IsValid(each.level()) || each.level() == v1::CONTAINMENT_LEVEL_NORMAL) {
    return "it has no level";
  }
  if (target.target_case() == v1::ContainmentTarget::TARGET_NOT_SET) return "it has no target";
  if (target.zone().size() > policy::kNameBytesMax ||
      target.conduit().size() > policy::kNameBytesMax) {
    return "its target's name is too long";
  }
  const std::size_t texts =
      std::max({each.reason().size(), each.set_by().size(), each.appliance().size()});
  return texts > Containments::kTextBytesMax ? "a text is too long" : "";
}

policy::Contained named(const v1::Containment& each) {
  using Kind = policy::Contained::Kind;
  const v1::ContainmentTarget& target = each.target();
  policy::Contained contained;
  contained.level = static_cast<policy::ContainmentLevel>(each.level());
  if (target.has_zone()) {
    contained.kind = Kind::zone;
    contained.name = target.zone();
  } else if (target.has_conduit()) {
    contained.kind = Kind::conduit;
    contained.name = target.conduit();
  }
  return contained;
}

TimeNs end_of(const v1::Containment& each, TimeNs now_ns) {
  if (each.left_ns() == 0) return 0;
  const TimeNs most = std::numeric_limits<TimeNs>::max() - now_ns;
  return now_ns + std::min<TimeNs>(each.left_ns(), most);
}

}  // namespace

std::string Containments::set(const v1::ContainmentSet& set, pipeline::Image& image,
                              TimeNs now_ns) {
  if (static_cast<std::size_t>(set.containments_size()) > kMax) {
    return "more than " + std::to_string(kMax) + " containments";
  }
  std::vector<Standing> next;
  if (set.join()) next = standing_;
  for (const v1::Containment& each : set.containments()) {
    if (std::string wrong = problem_of(each); !wrong.empty()) {
      return "containment " + std::to_string(next.size() + 1) + ": " + wrong;
    }
    const TimeNs ends_ns = end_of(each, now_ns);
    const auto known = std::ranges::find_if(
        next, [&](const Standing& other) { return other.containment.id() == each.id(); });
    if (known == next.end()) {
      next.push_back({each, ends_ns});
    } else if (known->ends_ns != 0) {
      known->ends_ns = ends_ns == 0 ? 0 : std::max(known->ends_ns, ends_ns);
    }
  }
  if (next.size() > kMax) return "more than " + std::to_string(kMax) + " containments";
  standing_ = std::move(next);
  publish(image);
  return {};
}

std::unique_ptr<policy::Containment> Containments::follow(pipeline::Image& image) {
  auto next = derive(image.tables);
  image.containment.store(next.get(), std::memory_order_release);
  return std::exchange(table_, std::move(next));
}

bool Containments::end_due(pipeline::Image& image, TimeNs now_ns) {
  const auto is_over = [now_ns](const Standing& each) {
    return each.ends_ns != 0 && each.ends_ns <= now_ns;
  };
  if (std::erase_if(standing_, is_over) == 0) return false;
  publish(image);
  return true;
}

bool Containments::is_taken_up() {
  std::erase_if(retired_, [this](const Retired& each) { return grace_.is_over(each.token); });
  return retired_.empty();
}

std::vector<v1::Containment> Containments::list(const pipeline::Image& image, TimeNs now_ns) const {
  std::vector<v1::Containment> all;
  for (const Standing& each : standing_) {
    if (each.ends_ns != 0 && each.ends_ns <= now_ns) continue;
    all.push_back(each.containment);
    all.back().set_left_ns(each.ends_ns == 0 ? 0 : each.ends_ns - now_ns);
    all.back().set_unknown(image.generation != pipeline::kNoPolicy &&
                           !policy::has_target(image.tables, named(each.containment)));
  }
  return all;
}

std::unique_ptr<policy::Containment> Containments::derive(const policy::Tables& tables) const {
  if (standing_.empty()) return nullptr;
  std::vector<policy::Contained> all;
  for (const Standing& each : standing_) all.push_back(named(each.containment));
  return std::make_unique<policy::Containment>(tables, all);
}

void Containments::publish(pipeline::Image& image) {
  retire(follow(image));
  is_taken_up();  // so that what nobody reads goes
}

// The grace period begins after the publication: also for the first table, which replaces none.
void Containments::retire(std::unique_ptr<policy::Containment> table) {
  retired_.push_back({grace_.begin(), std::move(table)});
}

}  // namespace bulkhead::service
