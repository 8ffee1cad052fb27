// Values are shortened together, in steps, until the whole fits.
#include "controlplane/siem/syslog_message.h"

#include <algorithm>
#include <cstdio>
#include <ctime>

#include "controlplane/siem/cef.h"

namespace bulkhead::siem {

namespace {

using controlplane::Json;

// Limits of RFC 5424, 6.
constexpr std::size_t kHostnameBytesMax = 255;
constexpr std::size_t kMessageIdBytesMax = 32;
constexpr char kByteOrderMark[] = "\xef\xbb\xbf";

// A name of the header: what is not PRINTUSASCII is left out.
std::string header_name(std::string_view text, std::size_t bytes_max) {
  std::string name;
  for (const char c : text) {
    if (c > 0x20 && c < 0x7f && name.size() < bytes_max) name += c;
  }
  return name.empty() ? "-" : name;
}

std::string timestamp(TimeNs wall_ns) {
  const auto seconds = static_cast<time_t>(wall_ns / kSecondNs);
  tm parts{};
  gmtime_r(&seconds, &parts);
  char date[32];
  std::strftime(date, sizeof date, "%FT%T", &parts);
  char fraction[12];
  std::snprintf(fraction, sizeof fraction, ".%06uZ",
                static_cast<unsigned>(wall_ns % kSecondNs / kMicrosecondNs));
  return std::string(date) + fraction;
}

std::string header(const Entry& entry, const Collector& collector, std::string_view hostname) {
  const unsigned facility = entry.stream == Stream::audit ? kFacilityAudit : collector.facility;
  const unsigned priority = facility * 8 + static_cast<unsigned>(entry.level);
  const std::string id = entry.reason.empty() ? entry.kind : entry.kind + "/" + entry.reason;
  return "<" + std::to_string(priority) + ">1 " + timestamp(entry.wall_ns) + " " +
         header_name(entry.appliance.empty() ? hostname : entry.appliance, kHostnameBytesMax) +
         " bulkhead - " + header_name(id, kMessageIdBytesMax);
}

// RFC 5424, 6.3.3.
std::string parameter(const char* name, const std::string& value) {
  std::string text = std::string(" ") + name + "=\"";
  for (const char c : value) {
    if (c == '"' || c == '\\' || c == ']') text += '\\';
    text += c;
  }
  return text + "\"";
}

std::string value_text(const Json& value) {
  return value.is_string() ? value.get<std::string>() : controlplane::json_line(value);
}

// What a collector sorts and correlates by; the body has the rest.
std::string structured_data(const Entry& entry, const Json& json, const Collector& collector,
                            std::uint64_t previous, std::size_t value_bytes_max) {
  std::string text = "[bulkhead@" + std::to_string(collector.pen) +
                     parameter("stream", name_of(entry.stream)) +
                     parameter("number", std::to_string(entry.number)) +
                     parameter("previous", std::to_string(previous));
  for (const char* key :
       {"kind",   "first",   "last",     "before",   "role",     "reason", "fault",
        "action", "conduit", "rule",     "protocol", "function", "source", "destination",
        "count",  "alarm",   "severity", "identity", "rpc",      "result"}) {
    const auto member = json.find(key);
    if (member == json.end()) continue;
    text += parameter(key, audit::printable_cut(value_text(*member), value_bytes_max));
  }
  return text + "]";
}

void shorten(Json& value, std::size_t bytes_max) {
  if (value.is_string()) {
    const auto& text = value.get_ref<const std::string&>();
    if (text.size() > bytes_max) value = audit::printable_cut(text, bytes_max);
  } else if (value.is_structured()) {
    for (Json& each : value) shorten(each, bytes_max);
  }
}

bool is_ascii(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return (c & 0x80) == 0; });
}

// What happened, then its members; a number that spans values as [low,high].
std::string text_body(const Entry& entry, const Json& json, std::size_t value_bytes_max) {
  std::string text = entry.kind + ": " + audit::printable_cut(entry.text, value_bytes_max);
  for (const auto& [key, value] : json.items()) {
    const bool stands_already = key == "time" || key == "number" || key == "kind" || key == "text";
    if (stands_already) continue;
    text += " " + key + "=" + audit::printable_cut(value_text(value), value_bytes_max);
  }
  return text;
}

std::string body(const Entry& entry, const Json& json, Format format, std::size_t value_bytes_max) {
  if (format == Format::json) return controlplane::json_line(json);
  std::string text = format == Format::cef ? cef(entry, json, value_bytes_max)
                                           : text_body(entry, json, value_bytes_max);
  // RFC 5424, 6.4: MSG-UTF8. What is ASCII alone is MSG-ANY, too.
  return is_ascii(text) ? text : kByteOrderMark + text;
}

// The members that a collector needs to find the entry in the appliance's own log.
Json essence(const Json& json) {
  Json out;
  for (const char* key : {"time", "number", "kind", "reason", "first", "last", "before"}) {
    if (const auto member = json.find(key); member != json.end()) out[key] = *member;
  }
  out["cut"] = true;
  return out;
}

}  // namespace

std::string syslog_message(const Entry& entry, const Collector& collector,
                           std::string_view hostname, std::uint64_t previous) {
  const std::string head = header(entry, collector, hostname) + " ";
  constexpr std::size_t kLeast = 48;
  Json json = entry.json;
  const auto compose = [&](std::size_t value_bytes_max) {
    return head + structured_data(entry, json, collector, previous, value_bytes_max) + " " +
           body(entry, json, collector.format, value_bytes_max);
  };
  std::string message = compose(collector.message_bytes_max);
  for (std::size_t bytes = 1024; bytes >= kLeast; bytes /= 2) {
    if (message.size() <= collector.message_bytes_max) return message;
    shorten(json, bytes);
    message = compose(bytes);
  }
  if (message.size() <= collector.message_bytes_max) return message;
  json = essence(json);
  return compose(kLeast);
}

std::string framed(const std::string& message, Framing framing) {
  if (framing == Framing::newline) return message + "\n";
  return std::to_string(message.size()) + " " + message;
}

}  // namespace bulkhead::siem
