// What is cut beside the policy must not be overlooked.
#include "controlplane/cli/containment_text.h"

#include <algorithm>
#include <cctype>

#include "controlplane/cli/session.h"
#include "dataplane/base/duration.h"

namespace bulkhead::controlplane {

namespace {

// CONTAINMENT_LEVEL_READ_ONLY as read-only: the levels stand in the .proto alone.
constexpr std::string_view kPrefix = "CONTAINMENT_LEVEL_";

std::string left_text(const v1::Containment& each) {
  if (each.left_ns() != 0) return duration_text(each.left_ns() / kMillisecondNs) + " left";
  return each.from_file() ? "while the file has it" : "until it is released";
}

std::string by_text(const v1::Containment& each) {
  return each.set_by() + (each.appliance().empty() ? "" : " on " + each.appliance());
}

}  // namespace

std::string target_text(const v1::ContainmentTarget& target) {
  if (target.has_zone()) return "zone " + target.zone();
  return target.has_conduit() ? "conduit " + target.conduit() : "all conduits";
}

std::string level_text(v1::ContainmentLevel level) {
  std::string text = v1::ContainmentLevel_Name(level);
  if (text.starts_with(kPrefix)) text.erase(0, kPrefix.size());
  std::ranges::transform(text, text.begin(), [](char c) {
    return c == '_' ? '-' : static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  });
  return text;
}

v1::ContainmentLevel level_or_fail(const std::string& text) {
  for (int i = v1::ContainmentLevel_MIN; i <= v1::ContainmentLevel_MAX; ++i) {
    const auto level = static_cast<v1::ContainmentLevel>(i);
    if (v1::ContainmentLevel_IsValid(i) && level_text(level) == text) return level;
  }
  throw CommandFailed{kUsage, "--level is normal, read-only, essential or isolate, not " + text};
}

Json containment_json(const v1::Containment& each) {
  Json json = {{"level", level_text(each.level())}};
  if (each.target().has_zone()) json["zone"] = each.target().zone();
  if (each.target().has_conduit()) json["conduit"] = each.target().conduit();
  if (each.target().has_all()) json["all"] = true;
  json["left_ms"] = each.left_ns() == 0 ? Json() : Json(each.left_ns() / kMillisecondNs);
  json["reason"] = each.reason();
  json["set_by"] = each.set_by();
  json["appliance"] = each.appliance();
  json["from_file"] = each.from_file();
  json["set"] = iso_time(each.set_wall_time_ns());
  json["unknown"] = each.unknown();
  return json;
}

Json containment_json(const v1::ListContainmentResponse& stands) {
  Json json = {{"contained", Json::array()}, {"problems", Json::array()}};
  for (const v1::Containment& each : stands.containments()) {
    json["contained"].push_back(containment_json(each));
  }
  for (const std::string& each : stands.problems()) json["problems"].push_back(each);
  return json;
}

void print_contained(const v1::ListContainmentResponse& stands) {
  for (const v1::Containment& each : stands.containments()) {
    const std::string line = "CONTAINED: " + target_text(each.target()) + ", " +
                             level_text(each.level()) + ", " + left_text(each) + ", by " +
                             by_text(each) + ": " + each.reason() +
                             (each.unknown() ? " (the policy in force has no such name)" : "");
    say("%s\n", paint(line, Colour::bad));
  }
  for (const std::string& each : stands.problems()) {
    say("%s\n", paint("containment: " + each, Colour::bad));
  }
}

void print_containment_table(const v1::ListContainmentResponse& stands) {
  Table table({"TARGET", "LEVEL", "TIME", "SINCE", "BY", "REASON"});
  for (const v1::Containment& each : stands.containments()) {
    const std::string unknown = each.unknown() ? " (not in the policy)" : "";
    table.add({target_text(each.target()) + unknown, level_text(each.level()), left_text(each),
               local_time(each.set_wall_time_ns()), by_text(each), each.reason()},
              each.level() == v1::CONTAINMENT_LEVEL_ISOLATE ? Colour::bad : Colour::plain);
  }
  table.print("nothing is contained");
  for (const std::string& each : stands.problems()) {
    say("%s\n", paint("problem: " + each, Colour::bad));
  }
}

}  // namespace bulkhead::controlplane
