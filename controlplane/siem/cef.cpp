// Keys are those of "Implementing ArcSight Common Event Format (CEF)", version 25; custom strings
// (cs), numbers (cn) have a label each.
#include "controlplane/siem/cef.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "dataplane/base/printable.h"

namespace bulkhead::siem {

namespace {

using controlplane::Json;

struct Key {
  const char* member;  // of the JSON
  const char* cef;
  const char* label;  // of a custom key; nullptr: none
};

constexpr Key kOfEvents[] = {
    {"kind", "cat", nullptr},
    {"transport", "proto", nullptr},
    {"source_mac", "smac", nullptr},
    {"destination_mac", "dmac", nullptr},
    {"action", "act", nullptr},
    {"protocol", "app", nullptr},
    {"reason", "reason", nullptr},
    {"count", "cnt", nullptr},
    {"conduit", "cs1", "conduit"},
    {"fault", "cs2", "fault"},
    {"function", "cs3", "function"},
    {"fields", "cs4", "fields"},
    {"policy_sha256", "cs5", "policy"},
    {"rule", "cn1", "rule"},
    {"port", "cn2", "port"},
    {"vlan", "cn3", "vlan"},
    {"role", "flexString1", "role"},
    {"alarm", "flexString2", "alarm"},
};

constexpr Key kOfAudit[] = {
    {"kind", "cat", nullptr},
    {"identity", "suser", nullptr},
    {"address", "src", nullptr},
    {"result", "outcome", nullptr},
    {"role", "spriv", nullptr},
    {"rpc", "cs1", "rpc"},
    {"certificate", "cs2", "certificate"},
    {"hash", "cs3", "hash"},
    {"details", "cs4", "details"},
};

// Of the six fields between bars.
std::string header_value(std::string_view text) {
  std::string out;
  for (const char c : printable(text)) {
    if (c == '|' || c == '\\') out += '\\';
    out += c;
  }
  return out;
}

// Of one line; the format has signs of its own for the ends of lines.
std::string escaped(std::string_view line) {
  std::string out;
  for (const char c : printable(line)) {
    if (c == '=' || c == '\\') out += '\\';
    out += c;
  }
  return out;
}

// Cuts between characters.
std::string_view shortened(std::string_view text, std::size_t bytes_max) {
  if (text.size() <= bytes_max) return text;
  while (bytes_max > 0 && (text[bytes_max] & 0xc0) == 0x80) --bytes_max;
  return text.substr(0, bytes_max);
}

std::string extension_value(std::string_view text, std::size_t bytes_max) {
  std::string_view rest = shortened(text, bytes_max);
  const std::size_t missing = text.size() - rest.size();
  std::string out;
  for (;;) {
    const std::size_t end = rest.find_first_of("\n\r");
    out += escaped(rest.substr(0, end));
    if (end == std::string_view::npos) break;
    out += rest[end] == '\n' ? "\\n" : "\\r";
    rest.remove_prefix(end + 1);
  }
  return missing == 0 ? out : out + " [" + std::to_string(missing) + " bytes more]";
}

class Extension {
 public:
  explicit Extension(std::size_t value_bytes_max) : value_bytes_max_(value_bytes_max) {}

  void add(std::string_view key, std::string_view value) {
    if (value.empty()) return;
    if (!text_.empty()) text_ += ' ';
    text_ += key;
    text_ += '=';
    text_ += extension_value(value, value_bytes_max_);
  }
  void add(const Key& key, const Json& value) {
    add(key.cef,
        value.is_string() ? value.get_ref<const std::string&>() : controlplane::json_line(value));
    if (key.label != nullptr) add(std::string(key.cef) + "Label", key.label);
  }
  // "10.0.0.1:502", "[2001:db8::1]:502", or an address alone.
  void add_endpoint(const Json& json, const char* member, const char* address, const char* port) {
    const auto found = json.find(member);
    if (found == json.end()) return;
    std::string_view text = found->get_ref<const std::string&>();
    const bool in_brackets = text.starts_with('[');
    const std::size_t colon = text.rfind(':');
    const bool has_port = in_brackets ? colon != text.npos && colon > text.find(']')
                                      : std::count(text.begin(), text.end(), ':') == 1;
    const std::string_view number = has_port ? text.substr(colon + 1) : std::string_view();
    if (has_port) text = text.substr(0, colon);
    if (in_brackets) text = text.substr(1, text.size() - 2);
    add(address, text);
    add(port, number);
  }
  std::string& text() { return text_; }

 private:
  std::size_t value_bytes_max_;
  std::string text_;
};

// RFC 5424's severities on CEF's scale: 0 to 3 low, to 6 medium, to 8 high, to 10 very high.
char const* severity(Level level) {
  constexpr std::array kSeverities = {"10", "10", "9", "7", "6", "4", "3", "0"};
  return kSeverities[static_cast<std::size_t>(level)];
}

// A refusal's is that of its reason; others have texts that differ from one to the next.
std::string_view name_of(const Entry& entry) {
  return entry.reason.empty() ? entry.kind : entry.text;
}

std::string zones_of(const Json& json) {
  const auto of = [&json](const char* member) {
    const auto found = json.find(member);
    return found == json.end() ? std::string("?") : found->get<std::string>();
  };
  if (!json.contains("source_zone") && !json.contains("destination_zone")) return {};
  return of("source_zone") + " > " + of("destination_zone");
}

}  // namespace

std::string cef(const Entry& entry, const Json& json, std::size_t value_bytes_max) {
  const std::string id = entry.reason.empty() ? entry.kind : entry.kind + "/" + entry.reason;
  const bool is_event = entry.stream == Stream::events;
  Extension out(value_bytes_max);
  out.add("externalId", std::to_string(entry.number));
  out.add("rt", std::to_string(entry.wall_ns / kMillisecondNs));
  if (entry.last_wall_ns != 0) out.add("end", std::to_string(entry.last_wall_ns / kMillisecondNs));
  out.add("dvchost", entry.appliance);
  out.add_endpoint(json, "source", "src", "spt");
  out.add_endpoint(json, "destination", "dst", "dpt");
  const auto add_all = [&](const auto& keys) {
    for (const Key& key : keys) {
      if (const auto member = json.find(key.member); member != json.end()) out.add(key, *member);
    }
  };
  if (is_event) {
    add_all(kOfEvents);
  } else {
    add_all(kOfAudit);
  }
  const std::string zones = zones_of(json);
  out.add("cs6", zones);
  if (!zones.empty()) out.add("cs6Label", "zones");
  if (json.contains("cut")) {
    out.add("msg", "cut");
  } else {
    out.add("msg", entry.text);
  }
  std::string text = "CEF:0|Bulkhead|Bulkhead|" BULKHEAD_VERSION "|";
  for (const std::string& part :
       {header_value(id), header_value(name_of(entry)), std::string(severity(entry.level))}) {
    text += part;
    text += '|';
  }
  return text + out.text();
}

}  // namespace bulkhead::siem
