// What the compiler reads back as the same values.
#include "controlplane/learn/words.h"

#include <algorithm>
#include <cstdio>
#include <ctime>

#include "dataplane/policy/tables.h"
#include "dataplane/wire/text.h"

namespace bulkhead::learn {

namespace {

using policy::Transport;
using protocols::Catalogue;
using protocols::FieldInfo;
using protocols::FieldKind;

std::string number_text(std::int64_t value, const FieldInfo& field) {
  if (field.kind != FieldKind::real) return std::to_string(value);
  char text[48];
  std::snprintf(text, sizeof(text), "%.17g", float64_from_order(value));
  std::string word = text;
  std::erase(word, '+');  // of an exponent: policies have none
  return word;
}

std::string where_text(const ProposedRule& rule, const Catalogue& catalogue) {
  std::string text;
  for (const auto& [field, values] : rule.where) {
    const FieldInfo& info = catalogue.fields[field];
    text += (text.empty() ? "" : ", ") + std::string(info.name) + ": " + values_text(values, info);
  }
  return "where: {" + text + "}";
}

// The transport and the port, where the rule would name others without them.
void add_service(const ProposedRule& rule, const Catalogue& catalogue,
                 std::vector<std::string>& keys) {
  const auto carried = [&rule](const protocols::DefaultPort& port) {
    return policy::transport_over(port.carrier) == rule.transport;
  };
  if (catalogue.ports.empty() || !carried(catalogue.ports[0])) {
    keys.push_back("transport: " + transport_word(rule.transport));
  }
  const auto usual = std::find_if(catalogue.ports.begin(), catalogue.ports.end(), carried);
  const bool alone = std::count_if(catalogue.ports.begin(), catalogue.ports.end(), carried) == 1 &&
                     usual->port == rule.port;
  if (!alone) keys.push_back("port: " + std::to_string(rule.port));
}

// In the type that the rule gives the values of elements.
std::string typed_text(std::int64_t value, policy::ValueType type) {
  if (type != policy::ValueType::float32) return std::to_string(value);
  return std::to_string(float32_from_order(value));
}

}  // namespace

std::string transport_word(Transport transport) {
  constexpr const char* kWords[] = {"tcp", "udp", "icmp", "ethernet"};
  return kWords[static_cast<std::size_t>(transport)];
}

std::string service_word(Transport transport, std::uint16_t port) {
  if (transport == Transport::icmp) return "ping";
  return transport_word(transport) + "/" + std::to_string(port);
}

std::string list_text(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : ", ") + word;
  return words.size() == 1 ? text : "[" + text + "]";
}

std::string quoted(const std::string& text) {
  std::string out = "\"";
  for (const char byte : text) {
    if (byte == '"' || byte == '\\') out += '\\';
    out += byte;
  }
  return out + "\"";
}

std::string pattern_of(const std::string& name) {
  std::string pattern;
  for (const char each : name) {
    const auto byte = static_cast<unsigned char>(each);
    if (byte >= 0x20 && byte < 0x7f) {
      pattern += each;
    } else if (pattern.empty() || pattern.back() != '*') {
      pattern += '*';
    }
  }
  if (pattern.size() <= policy::kPatternBytesMax) return pattern;
  return pattern.substr(0, policy::kPatternBytesMax - 1) + "*";
}

std::string range_text(const Range& range, const FieldInfo& field) {
  const std::string low = number_text(range.low, field);
  if (range.is_point()) return low;
  const bool dots = field.kind == FieldKind::real;
  return low + (dots ? ".." : "-") + number_text(range.high, field);
}

std::string values_text(const Values& values, const FieldInfo& field) {
  if (values.any) return field.kind == FieldKind::name ? "\"*\"" : "any";
  std::vector<std::string> words;
  for (const Range& range : values.ranges) words.push_back(range_text(range, field));
  for (const std::string& name : values.names) {
    // No pattern is empty.
    words.push_back(quoted(name.empty() ? "*" : pattern_of(name)));
  }
  return list_text(words);
}

std::string words_for_people(const std::vector<std::string>& words, std::size_t most) {
  std::string text;
  const std::size_t shown = std::min(words.size(), most);
  for (std::size_t i = 0; i < shown; ++i) text += (i == 0 ? "" : ", ") + words[i];
  if (words.size() == shown) return text;
  return text + " and " + std::to_string(words.size() - shown) + " more";
}

std::string moment_text(TimeNs at_ns) {
  const auto seconds = static_cast<std::time_t>(at_ns / kSecondNs);
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  char text[32];
  std::strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S", &parts);
  return text;
}

std::string address_words(const wire::IpAddress& address) {
  return address.is_mac() ? wire::to_text(address.mac()) : wire::to_text(address);
}

std::string hosts_words(const std::vector<wire::Prefix>& hosts, std::size_t most) {
  std::vector<std::string> words;
  for (const wire::Prefix& host : hosts) {
    words.push_back(host.length == wire::kPrefixLengthMax ? address_words(host.address)
                                                          : wire::to_text(host));
  }
  return words_for_people(words, most);
}

std::string service_words(policy::Transport transport,
                          const std::vector<policy::PortRange>& ports) {
  constexpr const char* kNames[] = {"TCP", "UDP", "ICMP echo", "Ethernet"};
  std::vector<std::string> words;
  for (const policy::PortRange& port : ports) {
    words.push_back(std::to_string(port.low));
    if (port.high != port.low) words.back() += "-" + std::to_string(port.high);
  }
  const std::string name = kNames[static_cast<std::size_t>(transport)];
  return words.empty() ? name : name + " " + words_for_people(words);
}

std::string granted_words(const policy::Rule& rule, const policy::Constraint& constraint,
                          const Catalogue& catalogue, std::size_t most) {
  const FieldInfo& field = catalogue.fields[constraint.field];
  const bool typed = constraint.field == catalogue.element_value_field &&
                     rule.value_type != policy::ValueType::plain;
  std::vector<std::string> words;
  for (const std::string& pattern : constraint.patterns) words.push_back(quoted(pattern));
  for (const Range& range : constraint.ranges) {
    if (!typed) {
      words.push_back(range_text(range, field));
      continue;
    }
    words.push_back(typed_text(range.low, rule.value_type));
    if (!range.is_point()) words.back() += " to " + typed_text(range.high, rule.value_type);
  }
  return words_for_people(words, most);
}

std::vector<std::string> rule_keys(const ProposedRule& rule) {
  std::vector<std::string> keys;
  const bool plain = rule.protocol == protocols::kNoProtocol;
  const Catalogue* catalogue = plain ? nullptr : &protocols::registry()[rule.protocol]->catalogue();
  const std::string last = rule.last_port == 0 ? "" : "-" + std::to_string(rule.last_port);
  keys.push_back(plain ? "service: " + service_word(rule.transport, rule.port) + last
                       : "protocol: " + std::string(catalogue->name));
  keys.push_back("client: " + list_text(rule.clients));
  keys.push_back("server: " + list_text(rule.servers));
  if (plain) return keys;
  std::string functions;
  for (const std::uint16_t function : rule.functions) {
    functions += (functions.empty() ? "" : ", ") + std::string(catalogue->functions[function].name);
  }
  keys.push_back(rule.access.empty() ? "functions: [" + functions + "]"
                                     : "access: [" + rule.access + "]");
  if (!rule.where.empty()) keys.push_back(where_text(rule, *catalogue));
  add_service(rule, *catalogue, keys);
  return keys;
}

std::string grant_words(const policy::Rule& rule) {
  const std::string hosts = hosts_words(rule.clients, SIZE_MAX) + " may ";
  const std::string service = service_words(rule.transport, rule.ports);
  if (rule.protocol == protocols::kNoProtocol) {
    return hosts + "open sessions to " + hosts_words(rule.servers, SIZE_MAX) + " (" + service +
           "); their content is not inspected";
  }
  const Catalogue& catalogue = protocols::registry()[rule.protocol]->catalogue();
  std::vector<std::string> functions;
  std::uint32_t open = 0;
  for (std::size_t i = 0; i < catalogue.functions.size(); ++i) {
    if (!rule.functions.test(i)) continue;
    functions.emplace_back(catalogue.functions[i].name);
    open |= catalogue.functions[i].fields;
  }
  std::string limits;
  for (const policy::Constraint& constraint : rule.constraints) {
    limits += limits.empty() ? " with " : " and ";
    limits += std::string(catalogue.fields[constraint.field].name) + " " +
              granted_words(rule, constraint, catalogue, SIZE_MAX);
    open &= ~(1U << constraint.field);
  }
  std::vector<std::string> others;
  for (std::size_t i = 0; i < catalogue.fields.size(); ++i) {
    if ((open >> i & 1U) != 0 && !catalogue.fields[i].by_name) {
      others.emplace_back(catalogue.fields[i].name);
    }
  }
  return hosts + "ask " + hosts_words(rule.servers, SIZE_MAX) + " (" + service + ") for " +
         std::string(catalogue.name) + " " + words_for_people(functions, SIZE_MAX) + limits +
         (others.empty() ? "" : "; with any " + words_for_people(others, SIZE_MAX));
}

}  // namespace bulkhead::learn
