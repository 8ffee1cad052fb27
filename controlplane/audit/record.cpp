// nlohmann-json reads and writes the objects: string escapes are its, and what it reads is compared
// with what it would write.
#include "controlplane/audit/record.h"

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>

#include "dataplane/artefact/digest.h"
#include "dataplane/base/boot_clock.h"
#include "dataplane/base/printable.h"

namespace bulkhead::audit {

namespace {

using Json = nlohmann::ordered_json;

void put(Json& json, const char* name, const std::string& text) {
  if (!text.empty()) json[name] = text;
}

// False if a member is there and no text.
bool get(const Json& json, const char* name, std::string& text) {
  const auto member = json.find(name);
  if (member == json.end()) return true;
  if (!member->is_string()) return false;
  text = member->get_ref<const std::string&>();
  return true;
}

bool get(const Json& json, const char* name, std::uint64_t& number) {
  const auto member = json.find(name);
  if (member == json.end() || !member->is_number_unsigned()) return false;
  number = member->get<std::uint64_t>();
  return true;
}

bool get_details(const Json& json, Details& details) {
  const auto member = json.find("details");
  if (member == json.end()) return true;
  if (!member->is_object()) return false;
  for (const auto& [key, value] : member->items()) {
    if (!value.is_string()) return false;
    details.emplace_back(key, value.get_ref<const std::string&>());
  }
  return true;
}

bool get_all(const Json& json, Record& record) {
  Entry& entry = record.entry;
  return get(json, "number", record.number) && get(json, "previous", record.previous) &&
         get(json, "wall_ns", record.stamp.wall_ns) && get(json, "boot", record.stamp.boot) &&
         get(json, "boot_ns", record.stamp.boot_ns) && get(json, "kind", entry.kind) &&
         get(json, "identity", entry.caller.identity) &&
         get(json, "certificate", entry.caller.certificate) &&
         get(json, "role", entry.caller.role) && get(json, "address", entry.caller.address) &&
         get(json, "rpc", entry.rpc) && get(json, "result", entry.result) &&
         get(json, "text", entry.text) && get_details(json, entry.details);
}

}  // namespace

std::string printable_cut(std::string_view raw, std::size_t bytes_max) {
  std::string text = printable(raw);
  if (text.size() <= bytes_max) return text;
  constexpr std::size_t kNoteBytes = 32;
  std::size_t keep = bytes_max - kNoteBytes;
  while (keep > 0 && (static_cast<unsigned char>(text[keep]) & 0xc0) == 0x80) --keep;
  return text.substr(0, keep) + " [" + std::to_string(text.size() - keep) + " bytes more]";
}

Stamp read_stamp() {
  return {wall_now_ns(), boot_id().empty() ? "unknown" : boot_id(), boot_now_ns()};
}

Entry bounded(Entry entry) {
  Caller& caller = entry.caller;
  caller.identity = printable_cut(caller.identity, kNameBytesMax);
  for (std::string* word : {&entry.kind, &caller.certificate, &caller.role, &caller.address,
                            &entry.rpc, &entry.result}) {
    *word = printable_cut(*word, kWordBytesMax);
  }
  entry.text = printable_cut(entry.text, kTextBytesMax);
  if (entry.details.size() > kDetailsMax) {
    const std::size_t beyond = entry.details.size() - (kDetailsMax - 1);
    entry.details.resize(kDetailsMax - 1);
    entry.details.emplace_back("details_more", std::to_string(beyond));
  }
  for (auto& [key, value] : entry.details) {
    key = printable_cut(key, kKeyBytesMax);
    value = printable_cut(value, kWordBytesMax);
  }
  return entry;
}

std::string hash_of(std::string_view object) {
  return artefact::to_hex(artefact::sha256(std::string(object)));
}

std::string encode(const Record& record) {
  const Entry& entry = record.entry;
  Json json = {{"number", record.number},         {"previous", record.previous},
               {"wall_ns", record.stamp.wall_ns}, {"boot", record.stamp.boot},
               {"boot_ns", record.stamp.boot_ns}, {"kind", entry.kind}};
  put(json, "identity", entry.caller.identity);
  put(json, "certificate", entry.caller.certificate);
  put(json, "role", entry.caller.role);
  put(json, "address", entry.caller.address);
  put(json, "rpc", entry.rpc);
  put(json, "result", entry.result);
  put(json, "text", entry.text);
  for (const auto& [key, value] : entry.details) json["details"][key] = value;
  return json.dump();
}

std::optional<Record> decode(std::string_view object) {
  if (object.size() > kLineBytesMax) return std::nullopt;
  const Json json = Json::parse(object, nullptr, false);
  Record record;
  if (!json.is_object() || !get_all(json, record) || !is_hash(record.previous) ||
      record.number == 0 || record.entry.kind.empty() || encode(record) != object) {
    return std::nullopt;
  }
  return record;
}

std::string line_of(std::string_view object) {
  std::string line = hash_of(object);
  line += ' ';
  line += object;
  line += '\n';
  return line;
}

bool is_hash(std::string_view text) {
  return text.size() == kHashDigits && std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
         });
}

std::string text_of(const Head& head) { return std::to_string(head.number) + ":" + head.hash; }

std::optional<Head> parse_head(std::string_view text) {
  const std::size_t colon = text.find(':');
  if (colon == std::string_view::npos) return std::nullopt;
  Head head;
  head.hash = std::string(text.substr(colon + 1));
  const char* end = text.data() + colon;
  const auto [stop, error] = std::from_chars(text.data(), end, head.number);
  // One form of a number: no leading zeros.
  const bool good =
      error == std::errc() && stop == end && is_hash(head.hash) && text_of(head) == text;
  return good ? std::optional(head) : std::nullopt;
}

}  // namespace bulkhead::audit
