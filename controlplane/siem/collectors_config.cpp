// A mistake anywhere leaves the whole file without force, so that no message goes to a wrong place.
#include "controlplane/siem/collectors_config.h"

#include <algorithm>
#include <array>
#include <boost/asio/ip/address.hpp>
#include <charconv>
#include <optional>
#include <utility>

#include "controlplane/access/identity.h"
#include "controlplane/telemetry/event_schema.h"
#include "controlplane/yaml/yaml_reader.h"
#include "dataplane/base/printable.h"

namespace bulkhead::siem {

namespace {

using controlplane::Diagnostics;
using controlplane::did_you_mean;
using controlplane::Word;
using controlplane::Words;
using controlplane::YamlReader;

constexpr char kFirstLine[] = "siem: v1";

template <typename Value>
using Choices = std::vector<std::pair<std::string, Value>>;

const Choices<Transport> kTransports = {{"tls", Transport::tls}, {"tcp", Transport::tcp}};
const Choices<Framing> kFramings = {{"octet-counting", Framing::octet_counting},
                                    {"newline", Framing::newline}};
const Choices<Format> kFormats = {
    {"cef", Format::cef}, {"json", Format::json}, {"text", Format::text}};
const Choices<bool> kAnswers = {{"true", true}, {"false", false}};
const Choices<bool> kBegins = {{"oldest", false}, {"now", true}};
const Choices<Level> kLevels = {{"critical", Level::critical},
                                {"error", Level::error},
                                {"warning", Level::warning},
                                {"notice", Level::notice},
                                {"info", Level::informational}};

Choices<std::uint8_t> facilities() {
  Choices<std::uint8_t> out = {{"audit", kFacilityAudit}};
  for (std::uint8_t i = 0; i < 8; ++i) {
    out.emplace_back("local" + std::to_string(i), static_cast<std::uint8_t>(kFacilityLocal0 + i));
  }
  return out;
}

template <typename Value>
std::string_view word_of(const Choices<Value>& choices, Value value) {
  for (const auto& [word, of] : choices) {
    if (of == value) return word;
  }
  return {};
}

// What is written of one collector.
struct Written {
  std::optional<Word> address, transport, framing, ca, name, certificate, key, format, facility,
      severity, audit, begin, pen, length;
  Words kinds;
};

class Parser : private YamlReader {
 public:
  explicit Parser(Diagnostics& diagnostics) : YamlReader(diagnostics) {}

  void read(const YAML::Node& root, std::vector<Collector>& collectors) {
    std::optional<Word> version;
    read_map(root, "file of collectors",
             {{"siem", word("siem", version)}, {"collectors", [&](const YAML::Node& node) {
                                                  if (node.IsNull()) return;
                                                  read_collectors(node, collectors);
                                                }}});
    require_v1(version, kFirstLine);
  }

 private:
  void read_collectors(const YAML::Node& node, std::vector<Collector>& collectors) {
    read_named(node, "collectors", [&](const Word& name, const YAML::Node& value) {
      if (!is_plain_name(name.text)) {
        return diagnostics_.error(
            name.at, "a collector's name has letters, digits and -_.@, 64 at most, such as soc");
      }
      if (collectors.size() == kCollectorsMax) {
        return diagnostics_.error(
            name.at, "more than " + std::to_string(kCollectorsMax) + " collectors from here");
      }
      collectors.push_back(read_collector(name, value));
    });
  }

  Collector read_collector(const Word& name, const YAML::Node& node) {
    Written written;
    const auto one = [&](const char* key, std::optional<Word>& out) {
      return std::pair<const std::string, ReadNode>(key, word(key, out));
    };
    read_map(node, "collector " + name.text,
             {one("address", written.address),
              one("transport", written.transport),
              one("framing", written.framing),
              one("ca", written.ca),
              one("name", written.name),
              one("certificate", written.certificate),
              one("key", written.key),
              one("format", written.format),
              one("facility", written.facility),
              one("severity", written.severity),
              one("audit", written.audit),
              one("begin", written.begin),
              one("pen", written.pen),
              one("length", written.length),
              {"kinds", words("kinds", written.kinds)}});
    Collector collector;
    collector.name = name.text;
    read_address(name, written.address, collector);
    choose("transport", written.transport, kTransports, collector.transport);
    choose("framing", written.framing, kFramings, collector.framing);
    choose("format", written.format, kFormats, collector.format);
    choose("facility", written.facility, facilities(), collector.facility);
    choose("severity", written.severity, kLevels, collector.level);
    choose("audit", written.audit, kAnswers, collector.audit);
    choose("begin", written.begin, kBegins, collector.from_now);
    read_kinds(written.kinds, collector);
    read_number("pen", written.pen, 1, UINT32_MAX, collector.pen);
    read_number("length", written.length, kMessageBytesLeast, kMessageBytesMost,
                collector.message_bytes_max);
    read_tls(name, written, collector);
    return collector;
  }

  void read_address(const Word& name, const std::optional<Word>& written, Collector& collector) {
    const std::string example =
        ", such as 192.0.2.50:6514 or [2001:db8::50]:6514; the appliance asks no name server";
    if (!written) {
      return diagnostics_.error(
          name.at,
          "collector " + name.text + ": address is missing: a numeric address and port" + example);
    }
    const std::string& text = written->text;
    const std::size_t colon = text.rfind(':');
    std::string host = text.substr(0, colon);
    const bool in_brackets = host.starts_with('[') && host.ends_with(']');
    if (in_brackets) host = host.substr(1, host.size() - 2);
    boost::system::error_code error;
    const auto address = boost::asio::ip::make_address(host, error);
    unsigned port = 0;
    const char* begin = text.data() + (colon == std::string::npos ? text.size() : colon + 1);
    const char* end = text.data() + text.size();
    const auto [at, wrong] = std::from_chars(begin, end, port);
    const bool is_port = wrong == std::errc() && at == end && port >= 1 && port <= 65535;
    if (error || !is_port || address.is_v6() != in_brackets) {
      return diagnostics_.error(written->at, text + " is no numeric address and port" + example);
    }
    collector.address = address.to_string();
    collector.port = static_cast<std::uint16_t>(port);
  }

  template <typename Value>
  void choose(const std::string& what, const std::optional<Word>& written,
              const Choices<Value>& choices, Value& out) {
    if (!written) return;
    std::vector<std::string> known;
    for (const auto& [name, value] : choices) {
      if (name == written->text) {
        out = value;
        return;
      }
      known.push_back(name);
    }
    std::string all;
    for (const std::string& each : known) all += (all.empty() ? "" : ", ") + each;
    const std::string near = did_you_mean(written->text, known);
    diagnostics_.error(written->at, "unknown " + what + " " + written->text +
                                        (near.empty() ? ": known are " + all : near));
  }

  void read_kinds(const Words& words, Collector& collector) {
    Choices<std::string> known;
    for (const controlplane::EventKind& kind : controlplane::event_kinds()) {
      known.emplace_back(kind.name, kind.name);
    }
    for (const Word& each : words) {
      std::string kind;
      choose("kind", each, known, kind);
      if (kind.empty() || collector.kinds.insert(kind).second) continue;
      diagnostics_.error(each.at, "the kind " + kind + " stands twice");
    }
  }

  template <typename Number>
  void read_number(const std::string& what, const std::optional<Word>& written, std::uint64_t least,
                   std::uint64_t most, Number& out) {
    if (!written) return;
    std::uint64_t number = 0;
    const char* end = written->text.data() + written->text.size();
    const auto [at, wrong] = std::from_chars(written->text.data(), end, number);
    if (wrong == std::errc() && at == end && number >= least && number <= most) {
      out = static_cast<Number>(number);
      return;
    }
    diagnostics_.error(written->at, what + " must be a number from " + std::to_string(least) +
                                        " to " + std::to_string(most));
  }

  void read_tls(const Word& name, const Written& written, Collector& collector) {
    const auto path = [this](const std::string& what, const std::optional<Word>& word,
                             std::string& out) {
      if (!word) return;
      out = word->text;
      if (!out.starts_with('/')) {
        diagnostics_.error(word->at, what + " must be the whole path of a file, from / on");
      }
    };
    path("ca", written.ca, collector.ca);
    path("certificate", written.certificate, collector.certificate);
    path("key", written.key, collector.key);
    if (written.name) {
      collector.server_name = written.name->text;
      if (!controlplane::is_dns_name(collector.server_name)) {
        diagnostics_.error(written.name->at,
                           "name must be the DNS name in the collector's certificate, such as "
                           "siem.example.org; leave it out if that has the address");
      }
    }
    if (written.certificate.has_value() != written.key.has_value()) {
      const Word& lone = written.certificate ? *written.certificate : *written.key;
      diagnostics_.error(lone.at, "certificate and key stand together or not at all");
    }
    if (collector.transport == Transport::tls) {
      if (!written.ca) {
        diagnostics_.error(name.at, "collector " + name.text +
                                        ": ca is missing: the file with the certificate of the "
                                        "authority that issued the collector's");
      }
      if (written.framing && collector.framing == Framing::newline) {
        diagnostics_.error(written.framing->at,
                           "over TLS messages are counted (RFC 5425): leave framing out");
      }
      return;
    }
    for (const auto& [what, word] :
         {std::pair("ca", &written.ca), std::pair("name", &written.name),
          std::pair("certificate", &written.certificate), std::pair("key", &written.key)}) {
      if (*word) {
        diagnostics_.error((*word)->at,
                           std::string(what) + " is of transport tls, and this collector has tcp");
      }
    }
  }
};

}  // namespace

std::string_view name_of(Transport transport) { return word_of(kTransports, transport); }
std::string_view name_of(Format format) { return word_of(kFormats, format); }

std::vector<Collector> parse_collectors(const std::string& text, Diagnostics& diagnostics) {
  std::vector<Collector> collectors;
  const auto root = controlplane::load_yaml(text, kCollectorsBytesMax, "file of collectors",
                                            "siem, collectors", diagnostics);
  if (root) Parser(diagnostics).read(*root, collectors);
  diagnostics.sort_by_position();
  return collectors;
}

}  // namespace bulkhead::siem
