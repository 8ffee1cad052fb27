// A notice is due when the clock passes its time.
#include "dataplane/service/observed_ends.h"

#include <algorithm>
#include <array>
#include <ctime>

namespace bulkhead::service {

namespace {

constexpr std::uint64_t kDayS = 24 * 3600;

struct Stage {
  std::uint64_t before_s;
  const char* severity;
  const char* text;
};

// In the order in which they come.
constexpr std::array kStages = {
    Stage{7 * kDayS, "warning", "observes for one week more, until "},
    Stage{kDayS, "warning", "observes for one day more, until "},
    Stage{0, "critical", "enforces from now on: it observed until "},
};

std::string utc_text(std::uint64_t seconds) {
  const auto time = static_cast<std::time_t>(seconds);
  std::tm parts{};
  gmtime_r(&time, &parts);
  char text[32];
  std::strftime(text, sizeof(text), "%Y-%m-%dT%H:%MZ", &parts);
  return text;
}

}  // namespace

std::vector<ObservedEnds::Notice> ObservedEnds::begin(const policy::Tables& tables,
                                                      std::uint64_t now_s) {
  std::vector<Notice> notices;
  told_s_ = now_s;
  for (const std::uint16_t place : tables.observed) {
    const policy::Conduit& conduit = tables.conduits[place];
    const std::string until = utc_text(conduit.observe_until_s);
    const bool ended = conduit.observe_until_s <= now_s;
    notices.push_back({conduit.name, ended ? "critical" : "warning",
                       "conduit " + conduit.name +
                           (ended ? " enforces: it observed until " + until
                                  : " observes until " + until + ": it refuses nothing")});
  }
  return notices;
}

std::vector<ObservedEnds::Notice> ObservedEnds::step(const policy::Tables& tables,
                                                     std::uint64_t now_s) {
  std::vector<Notice> notices;
  if (now_s <= told_s_) return notices;
  for (const std::uint16_t place : tables.observed) {
    const policy::Conduit& conduit = tables.conduits[place];
    for (const Stage& stage : kStages) {
      const std::uint64_t due_s = conduit.observe_until_s - stage.before_s;
      if (conduit.observe_until_s < stage.before_s || due_s <= told_s_ || due_s > now_s) continue;
      notices.push_back(
          {conduit.name, stage.severity,
           "conduit " + conduit.name + " " + stage.text + utc_text(conduit.observe_until_s)});
    }
  }
  told_s_ = now_s;
  return notices;
}

}  // namespace bulkhead::service
