// An end is a time, or hours of a day.
#include "controlplane/policy/observe.h"

#include "controlplane/policy/utc.h"
#include "dataplane/base/duration.h"
#include "dataplane/policy/observed.h"

namespace bulkhead::controlplane {

namespace {

constexpr std::uint32_t kDayS = 24 * 3600;
constexpr std::uint32_t kHoursLeastS = 15 * 60;

struct Hours {
  std::uint32_t begin_s = 0;  // after midnight
  std::uint32_t long_s = 0;
};

// "06:00-08:00"; those that end before they begin end on the next day.
std::optional<Hours> read_hours(const std::string& text) {
  const std::size_t dash = text.find('-');
  if (dash == std::string::npos) return std::nullopt;
  const auto begin = parse_clock(text.substr(0, dash));
  const auto end = parse_clock(text.substr(dash + 1));
  if (!begin || !end) return std::nullopt;
  return Hours{*begin, (*end + kDayS - *begin) % kDayS};
}

bool is_day(const std::string& text) { return text.find('T') == std::string::npos; }

void resolve_hours(const ConduitNode& node, ModelObservation& observation,
                   Diagnostics& diagnostics) {
  const Word& word = *node.ends_between;
  const auto hours = read_hours(word.text);
  if (!hours || hours->long_s < kHoursLeastS) {
    diagnostics.error(word.at,
                      "ends_between must be hours of a day in UTC, a quarter of an hour at least, "
                      "such as 06:00-08:00, not `" +
                          word.text + "`");
    return;
  }
  if (!is_day(node.until->text)) {
    diagnostics.error(word.at,
                      "ends_between are hours of the day that `until` names: write a day "
                      "there, such as 2026-12-18");
    return;
  }
  observation.enforce_from_s = observation.until_s + hours->begin_s;
  observation.until_s = observation.enforce_from_s + hours->long_s;
}

void resolve_confirm(const ConduitNode& node, ModelObservation& observation,
                     Diagnostics& diagnostics) {
  const Word& word = *node.confirm;
  if (!node.ends_between) {
    diagnostics.error(word.at, "confirm needs hours in which the end is committed: ends_between");
    return;
  }
  const auto time_ns = parse_duration(word.text);
  const std::uint64_t long_s = observation.until_s - observation.enforce_from_s;
  if (!time_ns || *time_ns < 10 * kSecondNs || *time_ns / kSecondNs >= long_s) {
    diagnostics.error(word.at,
                      "confirm must be a time from 10s on that is shorter than the hours of "
                      "ends_between, such as 30m, not `" +
                          word.text + "`");
    return;
  }
  observation.confirm_s = static_cast<std::uint32_t>(*time_ns / kSecondNs);
}

}  // namespace

ModelObservation resolve_observation(const ConduitNode& node, Diagnostics& diagnostics) {
  ModelObservation observation;
  if (node.mode && node.mode->text != "enforce" && node.mode->text != "observe") {
    diagnostics.error(node.mode->at, "mode must be enforce or observe, not `" + node.mode->text +
                                         "`" +
                                         did_you_mean(node.mode->text, {"enforce", "observe"}));
    return observation;
  }
  if (!node.mode || node.mode->text == "enforce") {
    for (const std::optional<Word>* word : {&node.until, &node.ends_between, &node.confirm}) {
      if (!*word) continue;
      diagnostics.error((*word)->at,
                        "until, ends_between and confirm say when `mode: observe` "
                        "ends; this conduit enforces");
    }
    return observation;
  }
  if (!node.until) {
    diagnostics.error(node.mode->at,
                      "mode: observe needs its end: until, a day or time in UTC at most 90 days "
                      "ahead, such as 2026-12-18 or 2026-12-18T06:00Z");
    return observation;
  }
  const auto until = parse_utc(node.until->text);
  if (!until) {
    diagnostics.error(node.until->at,
                      "until must be a day or time in UTC, such as 2026-12-18 or "
                      "2026-12-18T06:00Z, not `" +
                          node.until->text + "`");
    return observation;
  }
  observation.at = node.until->at;
  observation.until_s = *until;
  if (node.ends_between) resolve_hours(node, observation, diagnostics);
  if (node.confirm) resolve_confirm(node, observation, diagnostics);
  return observation;
}

void check_observation(const Model& model, const ModelConduit& conduit, std::uint64_t now_s,
                       Diagnostics& diagnostics) {
  const ModelObservation& observation = conduit.observation;
  if (!observation.any()) return;
  const std::string name = "conduit " + conduit.name.text;
  if (now_s != kAnyTime && observation.until_s <= now_s) {
    diagnostics.error(observation.at,
                      name + " observes until " + utc_text(observation.until_s) + ", and it is " +
                          utc_text(now_s) +
                          " now: it would enforce at once. Write `mode: enforce` if it is to");
  } else if (now_s != kAnyTime && observation.until_s > now_s + kObserveMaxS) {
    diagnostics.error(observation.at, name + " observes until " + utc_text(observation.until_s) +
                                          ": that is more than 90 days from now; the latest is " +
                                          utc_text(now_s + kObserveMaxS));
  }
  const std::string zones =
      model.zones[conduit.from].name.text + " and " + model.zones[conduit.to].name.text;
  diagnostics.warning(conduit.name.at, name + " OBSERVES until " + utc_text(observation.until_s) +
                                           ": everything passes between zones " + zones +
                                           ", in both directions, whatever its rules say");
  const bool resumes = conduit.resume || conduit.rules.empty();
  if (resumes) return;
  diagnostics.warning(conduit.name.at,
                      name +
                          " enforces after that, and refuses TCP sessions that are open then; "
                          "`midstream: resume` takes them up");
}

void check_observed_neighbours(const Model& model, const policy::Tables& tables,
                               Diagnostics& diagnostics) {
  const auto conflict = policy::find_conflict(tables);
  if (!conflict) return;
  const ModelConduit& conduit = model.conduits[conflict->conduit];
  const std::string name = "conduit " + conduit.name.text;
  if (!conflict->is_zone) {
    const ModelConduit& back = model.conduits[conflict->other];
    diagnostics.error(conduit.observation.at,
                      name + " observes, and conduit " + back.name.text +
                          ", which leads back, does not until the same time: of a frame between "
                          "their zones nobody can say which it belongs to. Let both observe");
    return;
  }
  const std::string zone = model.zones[conflict->other].name.text;
  diagnostics.error(conduit.observation.at,
                    name + " observes, and zone " + zone +
                        " is on the port and VLAN of one of its zones: frames that leave as they "
                        "came would reach it. Give zone " +
                        zone +
                        " a port or VLAN of its own, or let conduits observe until the same time "
                        "between all zones "
                        "there");
}

std::string observation_text(const ModelConduit& conduit, const std::string& indent) {
  const ModelObservation& observation = conduit.observation;
  if (!observation.any()) return {};
  std::string text = indent + "OBSERVES until " + utc_text(observation.until_s) +
                     ": every frame between the two zones passes as it came, in both\n" + indent +
                     "directions, whatever the rules below say. What they would refuse is "
                     "reported.\n";
  if (observation.enforce_from_s != 0) {
    text += indent + "The appliance commits the same policy with this conduit enforcing from " +
            utc_text(observation.enforce_from_s) + " on";
    if (observation.confirm_s != 0) {
      text += ", which\n" + indent + "somebody has to confirm within " +
              duration_text(std::uint64_t{observation.confirm_s} * 1000);
    }
    text += ".\n";
  }
  return text;
}

}  // namespace bulkhead::controlplane
