// A crash leaves a part of what was written with the last flush: its bytes end early, or have zeros
// among them. A whole line that is no record was damaged by something else.
#include "controlplane/audit/folder.h"

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <filesystem>

#include "controlplane/audit/segment.h"
#include "controlplane/revisions/files.h"

namespace bulkhead::audit {

namespace fs = std::filesystem;

namespace {

constexpr char kSuffix[] = ".audit";
constexpr std::size_t kNameDigits = 20;

std::uint64_t number_in(const std::string& name) {
  if (name.size() != kNameDigits + sizeof(kSuffix) - 1 || !name.ends_with(kSuffix)) return 0;
  std::uint64_t number = 0;
  const char* end = name.data() + kNameDigits;
  const auto [stop, error] = std::from_chars(name.data(), end, number);
  return error == std::errc() && stop == end ? number : 0;
}

std::uint64_t number_of(const Details& details, std::string_view name) {
  for (const auto& [key, value] : details) {
    std::uint64_t number = 0;
    if (key != name) continue;
    const auto [stop, error] = std::from_chars(value.data(), value.data() + value.size(), number);
    return error == std::errc() ? number : 0;
  }
  return 0;
}

// What a record says about the log and the agent.
void follow(const Record& record, Ending& ending) {
  const Entry& entry = record.entry;
  ending.exported = std::max(ending.exported, number_of(entry.details, "exported"));
  if (entry.kind == "damage" && ending.reported.size() < Ending::kDamageMax) {
    ending.reported.push_back(entry.text);
  }
  if (entry.kind == "removal") {
    for (const auto& [key, value] : entry.details) {
      const auto head = key == "head" ? parse_head(value) : std::nullopt;
      if (head && head->number > ending.removed.number) ending.removed = *head;
    }
  }
  if (entry.kind == "start") {
    ending.runs = true;
    ending.unfinished.clear();
  }
  if (entry.kind == "stop") ending.runs = false;
  if (entry.kind != "act") return;
  if (entry.result == "begun") {
    if (ending.unfinished.size() < Ending::kUnfinishedMax) {
      ending.unfinished.push_back(record.number);
    }
  } else {
    std::erase(ending.unfinished, number_of(entry.details, "begun"));
  }
}

void add_damage(Ending& ending, std::string text) {
  ending.is_damaged = true;
  if (ending.damage.size() < Ending::kDamageMax) ending.damage.push_back(std::move(text));
}

std::string name_of(const Segment& segment) { return fs::path(segment.path).filename().string(); }

}  // namespace

std::string segment_path(const std::string& folder, std::uint64_t first) {
  char name[kNameDigits + sizeof(kSuffix)];
  std::snprintf(name, sizeof(name), "%020llu%s", static_cast<unsigned long long>(first), kSuffix);
  return folder + "/" + name;
}

std::optional<std::vector<Segment>> list_segments(const std::string& folder) {
  std::vector<Segment> segments;
  std::error_code error;
  fs::directory_iterator each(folder, error);
  for (const fs::directory_iterator end; !error && each != end; each.increment(error)) {
    const std::uint64_t first = number_in(each->path().filename().string());
    if (first != 0) segments.push_back({.path = each->path().string(), .first = first});
  }
  if (error) return std::nullopt;
  std::sort(segments.begin(), segments.end(),
            [](const Segment& a, const Segment& b) { return a.first < b.first; });
  return segments;
}

Ending read_ending(const Segment& segment, std::string_view text, const Head& before) {
  Ending ending;
  ending.head = before;
  std::uint64_t expected = segment.first;
  SegmentReader reader(text);
  if (!reader.header()) {
    add_damage(ending, name_of(segment) + " does not begin as a segment of the log does");
  }
  if (before.number != 0 && before.number + 1 != segment.first) {
    add_damage(ending,
               name_of(segment) + " does not continue record " + std::to_string(before.number));
  }
  ending.end = segment_header().size();
  // Whether `head` is the record before: of the first segment that is kept it may be gone.
  bool is_linked = before.number != 0 || segment.first == 1;
  while (const auto line = reader.next()) {
    const bool follows = line->record && line->record->number == expected &&
                         (!is_linked || line->record->previous == ending.head.hash);
    if (!follows && !line->is_whole() && !ending.is_damaged &&
        reader.end() - line->offset <= kBatchBytesMax) {
      ending.torn = reader.end() - line->offset;
      ending.torn_hash = hash_of(text.substr(line->offset, ending.torn));
      break;
    }
    if (!follows) {
      add_damage(ending, "record " + std::to_string(expected) + " in " + name_of(segment) +
                             (line->record ? " does not follow the one before it" : " is damaged"));
    }
    if (line->record && line->record->number >= expected) {
      expected = line->record->number;
      ending.head = {line->record->number, line->hash};
      ending.stamp = line->record->stamp;
      follow(*line->record, ending);
    }
    is_linked = line->record.has_value();
    ++expected;
    ending.end = line->offset + line->text.size();
  }
  ending.next = expected;
  return ending;
}

std::vector<std::string> read_ends(std::vector<Segment>& segments) {
  std::vector<std::string> damage;
  const Segment* before = nullptr;
  for (Segment& segment : segments) {
    const auto bytes = controlplane::read_file(segment.path);
    const std::string_view text = bytes ? std::string_view(*bytes) : std::string_view();
    SegmentReader first(text);
    segment.bytes = first.end();
    const auto line = first.next();
    if (line && line->record && line->record->number == segment.first) {
      segment.previous = line->record->previous;
    }
    const std::size_t begin = text.substr(0, segment.bytes - (segment.bytes > 0)).rfind('\n');
    if (begin != std::string_view::npos) {
      const std::string last =
          segment_header() + std::string(text.substr(begin + 1, segment.bytes - begin - 1));
      const auto end = SegmentReader(last).next();
      if (end && end->record) segment.last = {end->record->number, end->hash};
    }
    const bool fits =
        before == nullptr || segment.previous.empty() ||
        (before->last.number + 1 == segment.first && before->last.hash == segment.previous);
    if (!fits && damage.size() < Ending::kDamageMax) {
      damage.push_back(name_of(segment) + " does not continue " + name_of(*before) +
                       ": records between them are missing or damaged");
    }
    before = &segment;
  }
  return damage;
}

}  // namespace bulkhead::audit
