// Keys that are neither a case's own nor a protocol's name are fields of the protocol.
#include "controlplane/cli/policy_cases.h"

#include <algorithm>
#include <sstream>

#include "controlplane/policy/literals.h"
#include "controlplane/yaml/yaml_reader.h"
#include "dataplane/base/reason.h"
#include "dataplane/protocols/registry.h"

namespace bulkhead::controlplane {

namespace {

constexpr std::size_t kCasesBytesMax = 32 * 1024 * 1024;
constexpr std::size_t kMessageBytesMax = 60'000;  // fits one packet

class CaseReader : private YamlReader {
 public:
  explicit CaseReader(Diagnostics& diagnostics) : YamlReader(diagnostics) {}

  void read(const YAML::Node& root, std::vector<PolicyCase>& cases) {
    read_map(root, "cases file", {{"cases", [&](const YAML::Node& list) {
                                     if (!list.IsSequence()) {
                                       diagnostics_.error(position(list), "cases must be a list");
                                       return;
                                     }
                                     for (const YAML::Node& each : list) read_case(each, cases);
                                   }}});
  }

 private:
  // The keys of one case, as words.
  struct Keys {
    std::optional<Word> what, from, to, client, server, protocol, service, expect, verdict, rule,
        reason, message, server_port, transport, vlan, as, word_order;
    Words before;
    std::optional<Word> protocol_key;
    std::optional<Word> function;
    std::vector<CaseField> fields;
    // Where each was first; fields stand beside the case's own keys or under `fields`.
    std::map<std::string, Position> seen;
    std::map<std::string, Position> fields_seen;
  };

  // The last of two values would decide unseen.
  bool stands_once(std::map<std::string, Position>& seen, const Word& name) {
    const auto [first, fresh] = seen.emplace(name.text, name.at);
    if (!fresh) {
      diagnostics_.error(
          name.at, name.text + " stands twice in the case: first in " + place_text(first->second));
    }
    return fresh;
  }

  static std::string place_text(const Position& at) {
    return "line " + std::to_string(at.line) + ", column " + std::to_string(at.column);
  }

  void read_case(const YAML::Node& node, std::vector<PolicyCase>& cases) {
    PolicyCase each;
    each.at = position(node);
    if (!node.IsMap()) {
      diagnostics_.error(each.at,
                         "a case must be a map, such as {from: hmi, to: plc1, modbus: "
                         "read_coils, address: 0, expect: allow}");
      return;
    }
    Keys keys;
    for (const auto& entry : node) read_key(entry.first, entry.second, keys);
    read_hosts(keys, each);
    read_expectation(keys, each);
    read_message(keys, each);
    each.what = keys.what ? keys.what->text : summary(each);
    cases.push_back(std::move(each));
  }

  void read_key(const YAML::Node& key, const YAML::Node& value, Keys& keys) {
    const Word name{key.IsScalar() ? key.Scalar() : "", position(key)};
    const std::map<std::string, std::optional<Word>*> own = {{"what", &keys.what},
                                                             {"from", &keys.from},
                                                             {"to", &keys.to},
                                                             {"client", &keys.client},
                                                             {"server", &keys.server},
                                                             {"protocol", &keys.protocol},
                                                             {"expect", &keys.expect},
                                                             {"verdict", &keys.verdict},
                                                             {"rule", &keys.rule},
                                                             {"reason", &keys.reason},
                                                             {"message", &keys.message},
                                                             {"server_port", &keys.server_port},
                                                             {"over", &keys.transport},
                                                             {"vlan", &keys.vlan},
                                                             {"as", &keys.as},
                                                             {"word_order", &keys.word_order},
                                                             {"plain_service", &keys.service}};
    const auto found = own.find(name.text);
    const bool is_protocol = protocols::find_protocol(name.text).has_value();
    if (found == own.end() && !is_protocol && name.text != "before" && name.text != "fields") {
      return read_field(name, value, keys);
    }
    if (!stands_once(keys.seen, name)) return;
    if (found != own.end()) return word(name.text, *found->second)(value);
    if (name.text == "before") return words("before", keys.before)(value);
    if (name.text == "fields") return read_fields(value, keys);
    if (keys.protocol_key) {
      diagnostics_.error(name.at, "the case names two protocols: " + keys.protocol_key->text +
                                      " in " + place_text(keys.protocol_key->at));
    }
    keys.protocol_key = name;
    word(name.text, keys.function)(value);
  }

  void read_field(const Word& name, const YAML::Node& value, Keys& keys) {
    if (!stands_once(keys.fields_seen, name)) return;
    CaseField field{name, {}};
    words(name.text, field.values)(value);
    keys.fields.push_back(std::move(field));
  }

  void read_fields(const YAML::Node& node, Keys& keys) {
    if (!node.IsMap()) {
      diagnostics_.error(position(node), "fields must be a map of the protocol's fields");
      return;
    }
    for (const auto& entry : node) {
      const Word name{entry.first.IsScalar() ? entry.first.Scalar() : "", position(entry.first)};
      read_field(name, entry.second, keys);
    }
  }

  // `from` and `to` are the sender and the receiver; beside `client` and `server`, `from` says
  // which of them sends.
  void read_hosts(const Keys& keys, PolicyCase& out) {
    if (keys.client && keys.server && !keys.to) {
      out.client = *keys.client;
      out.server = *keys.server;
      const std::string from = keys.from ? keys.from->text : "client";
      out.from_client = from == "client";
      if (from != "client" && from != "server") {
        diagnostics_.error(keys.from->at, "beside client and server, from is client or server");
      }
    } else if (keys.from && keys.to && !keys.client && !keys.server) {
      out.client = *keys.from;
      out.server = *keys.to;
    } else {
      diagnostics_.error(out.at,
                         "name the hosts: `from` and `to`, sender and receiver, or `client` and "
                         "`server`, who opens the session and to whom");
    }
  }

  void read_expectation(const Keys& keys, PolicyCase& out) {
    const std::optional<Word>& expected = keys.expect ? keys.expect : keys.verdict;
    if (keys.expect && keys.verdict) {
      diagnostics_.error(keys.verdict->at, "expect and verdict are the same key: write one");
    }
    if (!expected || (expected->text != "allow" && expected->text != "deny")) {
      diagnostics_.error(expected ? expected->at : out.at, "expect must be allow or deny");
    } else {
      out.expect_allow = expected->text == "allow";
    }
    if (keys.rule) {
      const auto rule = read_integer(keys.rule->text);
      if (!rule || *rule < 1 || *rule > static_cast<std::int64_t>(policy::kRulesMax)) {
        diagnostics_.error(keys.rule->at, "rule must be a rule's number, counted from 1");
      } else {
        out.rule = static_cast<std::uint32_t>(*rule);
      }
    }
    if (!keys.reason) return;
    out.reason = keys.reason;
    std::vector<std::string> known;
    for (const ReasonInfo& reason : kReasons) known.emplace_back(reason.name);
    if (std::find(known.begin(), known.end(), keys.reason->text) == known.end()) {
      diagnostics_.error(keys.reason->at, "unknown reason " + keys.reason->text +
                                              did_you_mean(keys.reason->text, known));
    }
  }

  void read_message(const Keys& keys, PolicyCase& out) {
    out.server_port = keys.server_port;
    out.transport = keys.transport;
    out.value_type = keys.as;
    out.word_order = keys.word_order;
    if (keys.vlan) {
      const auto vlan = read_integer(keys.vlan->text);
      if (!vlan || *vlan < 0 || *vlan > 4094) {
        diagnostics_.error(keys.vlan->at,
                           "vlan must be a number from 1 to 4094, or 0 for a priority tag");
      } else {
        out.vlan = static_cast<std::uint16_t>(*vlan);
      }
    }
    if (keys.message) return read_bytes(keys, out);
    refuse_unused(keys);
    out.fields = keys.fields;
    if (keys.protocol_key && keys.function) {
      out.protocol = protocols::find_protocol(keys.protocol_key->text);
      out.function = *keys.function;
    } else if (keys.service) {
      out.service = *keys.service;
      for (const CaseField& field : keys.fields) {
        diagnostics_.error(field.field.at, "unknown key " + field.field.text +
                                               " of a plain_service, which has server_port and "
                                               "vlan beside its hosts");
      }
    } else if (!keys.protocol_key) {
      refuse_nameless(keys, out);
    }
  }

  // Keys that a message in words has no use for.
  void refuse_unused(const Keys& keys) {
    for (const Word& turn : keys.before) {
      diagnostics_.error(turn.at,
                         "before is for a message in bytes: words are judged in an open session");
    }
    if (keys.protocol && keys.protocol_key && keys.protocol->text != keys.protocol_key->text) {
      diagnostics_.error(keys.protocol->at, "protocol: " + keys.protocol->text +
                                                " contradicts the key " + keys.protocol_key->text);
    }
    if (!keys.service) return;
    const std::string service = " is not of a plain_service, whose messages are not inspected";
    if (keys.protocol_key) {
      diagnostics_.error(keys.protocol_key->at, keys.protocol_key->text + service);
    }
    if (keys.protocol) diagnostics_.error(keys.protocol->at, "protocol" + service);
    if (keys.as) diagnostics_.error(keys.as->at, "as" + service);
    if (keys.word_order) diagnostics_.error(keys.word_order->at, "word_order" + service);
  }

  void refuse_nameless(const Keys& keys, const PolicyCase& out) {
    std::vector<std::string> known;
    for (const auto* each : protocols::registry()) known.emplace_back(each->catalogue().name);
    std::string hint;
    for (const CaseField& field : keys.fields) {
      const std::string near = did_you_mean(field.field.text, known);
      if (!near.empty()) hint = ": " + field.field.text + near;
      if (field.field.text == "service") hint = ": service: did you mean plain_service?";
    }
    diagnostics_.error(out.at,
                       "the case has no message: write PROTOCOL: FUNCTION and its fields, "
                       "message: with its bytes in hexadecimal, or plain_service: NAME" +
                           hint);
  }

  void read_bytes(const Keys& keys, PolicyCase& out) {
    if (!keys.protocol) {
      diagnostics_.error(out.at, "a message in bytes needs `protocol: NAME`");
      return;
    }
    out.protocol = protocols::find_protocol(keys.protocol->text);
    if (!out.protocol) {
      diagnostics_.error(keys.protocol->at, "unknown protocol " + keys.protocol->text);
    }
    for (const CaseField& field : keys.fields) {
      diagnostics_.error(field.field.at,
                         "unknown key " + field.field.text + " of a message in bytes");
    }
    for (const auto* key : {&keys.protocol_key, &keys.service, &keys.as, &keys.word_order}) {
      if (*key) diagnostics_.error((*key)->at, "a message in bytes says this itself: leave it out");
    }
    out.message = hex_bytes(*keys.message, keys.message->text);
    if (!out.from_client) out.from_client = true;
    for (const Word& turn : keys.before) {
      if (turn.text.empty() || (turn.text[0] != '>' && turn.text[0] != '<')) {
        diagnostics_.error(turn.at,
                           "before: begin with > for what the client sent, < for the "
                           "server's");
        continue;
      }
      out.before.push_back({turn.text[0] == '>', hex_bytes(turn, turn.text.substr(1)), turn.text});
    }
  }

  // Octets in hexadecimal, with or without blanks between them.
  std::vector<std::uint8_t> hex_bytes(const Word& word, const std::string& text) {
    std::string digits;
    for (const char each : text) {
      if (each != ' ' && each != ':' && each != '\n') digits += each;
    }
    std::vector<std::uint8_t> bytes;
    const bool clean = digits.find_first_not_of("0123456789abcdefABCDEF") == std::string::npos;
    if (!clean || digits.size() % 2 != 0 || digits.empty()) {
      diagnostics_.error(word.at, "bytes are written in hexadecimal, two digits each");
      return bytes;
    }
    for (std::size_t i = 0; i < digits.size(); i += 2) {
      bytes.push_back(static_cast<std::uint8_t>(std::stoul(digits.substr(i, 2), nullptr, 16)));
    }
    if (bytes.size() > kMessageBytesMax) {
      diagnostics_.error(word.at,
                         "a message has at most " + std::to_string(kMessageBytesMax) + " bytes");
    }
    return bytes;
  }

  // A name for a case that has none.
  static std::string summary(const PolicyCase& each) {
    std::string text = each.client.text + " to " + each.server.text + ": ";
    if (each.is_in_bytes()) return text + std::to_string(each.message.size()) + " bytes";
    if (!each.protocol) return text + each.service.text;
    text += each.function.text;
    for (const CaseField& field : each.fields) {
      text += " " + field.field.text + "=";
      for (std::size_t i = 0; i < field.values.size(); ++i) {
        text += (i > 0 ? "," : "") + field.values[i].text;
      }
    }
    return text;
  }
};

}  // namespace

std::vector<PolicyCase> read_policy_cases(const std::string& text, Diagnostics& diagnostics) {
  std::vector<PolicyCase> cases;
  const auto root = load_yaml(text, kCasesBytesMax, "cases file", "cases", diagnostics);
  if (root) CaseReader(diagnostics).read(*root, cases);
  diagnostics.sort_by_position();
  return cases;
}

}  // namespace bulkhead::controlplane
