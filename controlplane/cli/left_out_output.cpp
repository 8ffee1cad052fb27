// Lines with a `kind` stand among those of messages in JSON.
#include "controlplane/cli/left_out_output.h"

#include <algorithm>

#include "controlplane/cli/output.h"

namespace bulkhead::controlplane {

void print_left_out(const Session& session, const LeftOutFrames& frames) {
  for (const auto& [what, count] : frames) {
    if (session.format() != Format::json) {
      say("%s\n", left_out_text(what, count));
      continue;
    }
    const std::string grant = left_out_grant(what);
    print_json({{"kind", "not_decoded"},
                {"what", left_out_words(what)},
                {"frames", count},
                {"granted_by", grant.empty() ? Json() : Json(grant)}});
  }
}

void print_foreign_tags(const Session& session, std::uint64_t frames) {
  if (frames == 0) return;
  if (session.format() == Format::json) {
    print_json({{"kind", "foreign_tags"}, {"frames", frames}});
  } else {
    say("%s\n", foreign_tags_text(frames));
  }
}

std::string not_compared_words(const LeftOutFrames& frames) {
  const std::uint64_t count = count_left_out(frames);
  if (count == 0) return {};
  return "; " + std::to_string(count) +
         (count == 1 ? " frame was not compared" : " frames were not compared");
}

bool has_fragments(const LeftOutFrames& frames) {
  return frames.contains({LeftOut::Kind::fragment, 0});
}

bool has_traffic_of_hosts(const LeftOutFrames& frames) {
  constexpr std::uint16_t kIgmp = 2;
  constexpr std::uint16_t kOspf = 89;
  constexpr std::uint16_t kVrrp = 112;
  return std::any_of(frames.begin(), frames.end(), [](const auto& each) {
    const LeftOut& what = each.first;
    if (what.kind == LeftOut::Kind::fragment || what.kind == LeftOut::Kind::snapped) return true;
    return what.kind == LeftOut::Kind::ip_protocol && what.number != kIgmp &&
           what.number != kOspf && what.number != kVrrp;
  });
}

std::vector<std::string> print_other_tags(const Session& session, const std::string& policy,
                                          const policy::Tables& tables,
                                          const learn::HostTags& tags) {
  std::vector<std::string> zones;
  for (const learn::OtherTags& each : learn::other_tags(tables, tags)) {
    zones.push_back(each.zone);
    const std::string expected = learn::tags_words({each.expected});
    const std::string seen = learn::tags_words(each.seen);
    if (session.format() == Format::json) {
      print_json({{"kind", "other_vlan"},
                  {"policy", policy},
                  {"zone", each.zone},
                  {"expected", expected},
                  {"seen", seen}});
    } else {
      say("%s: frames of zone %s have %s, the capture's have %s: an appliance refuses those\n",
          policy, each.zone, expected, seen);
    }
  }
  return zones;
}

void warn_cut(const std::string& what) {
  print_error("bulkheadctl: " + what + "; what comes before that was read");
}

void print_cut(const Session& session, const std::string& what) {
  warn_cut(what);
  if (session.format() == Format::json) print_json({{"kind", "cut"}, {"what", what}});
}

}  // namespace bulkhead::controlplane
