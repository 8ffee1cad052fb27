// Each value is read whole, or refused with what would be right.
#include "controlplane/policy/health.h"

#include <algorithm>
#include <optional>
#include <sstream>
#include <utility>

#include "controlplane/policy/literals.h"
#include "controlplane/yaml/words.h"

namespace bulkhead::controlplane {

namespace {

std::optional<std::uint32_t> read_count(const std::string& text, const std::string& unit,
                                        std::uint32_t max) {
  if (!text.ends_with(unit)) return std::nullopt;
  const std::string digits = text.substr(0, text.size() - unit.size());
  const bool plain = std::all_of(digits.begin(), digits.end(),
                                 [](unsigned char c) { return c >= '0' && c <= '9'; });
  const auto number = plain ? read_integer(digits) : std::nullopt;
  if (!number || *number < 1 || *number > max) return std::nullopt;
  return static_cast<std::uint32_t>(*number);
}

}  // namespace

std::string read_health_bound(const std::string& name, const std::string& value,
                              policy::HealthBounds& bounds) {
  using policy::HealthBounds;
  if (name == "sessions_lost") {
    const auto percent = read_count(value, "%", HealthBounds::kPercentMax);
    if (!percent) {
      return "sessions_lost must be a share of the sessions that live, 1% to 99%, such as 20%, "
             "not `" +
             value + "`";
    }
    bounds.sessions_lost_percent = *percent;
    return {};
  }
  if (name == "refusals") {
    const auto rate = read_count(value, "/s", HealthBounds::kRefusalsMax);
    if (!rate) {
      return "refusals must be COUNT/s, from 1/s to " + std::to_string(HealthBounds::kRefusalsMax) +
             "/s, such as 100/s, not `" + value + "`";
    }
    bounds.refusals_per_s = *rate;
    return {};
  }
  return "health has the bounds sessions_lost and refusals, not `" + name + "`" +
         did_you_mean(name, kHealthBounds);
}

std::string read_health_bounds(const std::string& text, policy::HealthBounds& bounds) {
  std::istringstream items(text);
  std::string item;
  std::vector<std::string> seen;
  while (std::getline(items, item, ',')) {
    const std::size_t equals = item.find('=');
    if (equals == std::string::npos) {
      return "`" + item + "` is no bound: write sessions_lost=20%,refusals=100/s, or one of them";
    }
    const std::string name = item.substr(0, equals);
    if (std::find(seen.begin(), seen.end(), name) != seen.end()) return name + " stands twice";
    seen.push_back(name);
    std::string wrong = read_health_bound(name, item.substr(equals + 1), bounds);
    if (!wrong.empty()) return wrong;
  }
  if (bounds.any()) return {};
  return "no bound: write sessions_lost=20%,refusals=100/s, or one of them";
}

}  // namespace bulkhead::controlplane
