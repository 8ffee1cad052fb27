// bulkhead-gate: one session at a time through a whole pipeline, for a driver that speaks with a
// real server and stands between the two. A line in, a line of JSON out:
//
//   open        a new session of the two hosts
//   c HEX       the client sends these bytes; "left" is what the server receives of them
//   s HEX       the server sends these bytes; "back" is what the client receives, "answers" what
//               they were judged to be if they passed
//
// Each message that reached the server is told with what its module decodes of the bytes that left,
// in a session block of its own that has seen nothing else: what was judged, told independently of
// the pipeline's state and of remembered verdicts.
#include <CLI/CLI.hpp>
#include <cmath>
#include <iostream>
#include <nlohmann/json.hpp>

#include "controlplane/policy/compiler.h"
#include "controlplane/policy/literals.h"
#include "dataplane/artefact/artefact.h"
#include "dataplane/wire/text.h"
#include "tests/support/examples.h"
#include "tests/support/plant.h"

namespace bulkhead {
namespace {

using Json = nlohmann::json;
using protocols::Carrier;
using protocols::Direction;
using support::Bytes;
using support::Host;

constexpr std::uint16_t kFirstClientPort = 40000;
constexpr std::uint16_t kSessionsInPlant = 512;  // then the flow table is made anew
constexpr std::size_t kSegmentBytes = 1460;
constexpr TimeNs kBetweenLines = 2 * kMillisecondNs;
constexpr std::uint32_t kFirstWindow = 65535;
constexpr unsigned kStallsMax = 10;  // of a window that stays shut

struct Options {
  std::string policy;
  std::string protocol;
  std::string client;
  std::string server;
  std::uint16_t port = 0;
  bool over_udp = false;
};

[[noreturn]] void fail(const std::string& what) {
  std::cerr << "bulkhead-gate: " << what << "\n";
  std::exit(2);
}

Bytes from_dense_hex(std::string_view text) {
  Bytes bytes;
  for (std::size_t i = 0; i + 1 < text.size(); i += 2) {
    bytes.push_back(
        static_cast<std::uint8_t>(std::stoul(std::string(text.substr(i, 2)), nullptr, 16)));
  }
  return bytes;
}

std::string to_dense_hex(ByteView bytes) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  for (const std::uint8_t byte : bytes) {
    text += kDigits[byte >> 4];
    text += kDigits[byte & 15];
  }
  return text;
}

// Each octet as the character of its number, so that a reader has all of them back.
std::string latin1_text(ByteView bytes) {
  std::string text;
  for (const std::uint8_t byte : bytes) {
    if (byte < 0x80) {
      text += static_cast<char>(byte);
    } else {
      text += static_cast<char>(0xc0 | byte >> 6);
      text += static_cast<char>(0x80 | (byte & 0x3f));
    }
  }
  return text;
}

Json operation_json(const protocols::Catalogue& catalogue, const protocols::Operation& operation) {
  const protocols::FunctionInfo& function = catalogue.functions[operation.function];
  Json fields = Json::object();
  for (std::size_t i = 0; i < catalogue.fields.size(); ++i) {
    if (!operation.has(i)) continue;
    const protocols::FieldInfo& field = catalogue.fields[i];
    const protocols::FieldValue& value = operation.fields[i];
    Json& told = fields[std::string(field.name)];
    if (field.kind == protocols::FieldKind::name) {
      told = latin1_text(value.name);
    } else if (field.kind == protocols::FieldKind::real) {
      told = float64_from_order(value.range.low);
    } else if (value.range.is_point()) {
      told = value.range.low;
    } else {
      told = {value.range.low, value.range.high};
    }
  }
  Json json = {{"function", function.name},
               {"access", protocols::describe(function.access)},
               {"fields", std::move(fields)}};
  if (operation.elements.count > 0) {
    json["first"] = operation.elements.first;
    for (std::size_t i = 0; i < operation.elements.count; ++i) {
      json["values"].push_back(operation.elements.at(i));
    }
  }
  return json;
}

// The server's view of the protocol: a session in which only what left the pipeline was said.
class Reading {
 public:
  Reading(const protocols::Protocol& module, Carrier carrier)
      : module_(module), carrier_(carrier), block_((module.state_layout().bytes_max + 7) / 8) {}

  // Tells the message and ties it to those before it.
  Json take(ByteView message, Direction direction) {
    direction = module_.encoded_direction(message).value_or(direction);
    Json json = {{"hex", to_dense_hex(message)}, {"direction", protocols::describe(direction)}};
    protocols::Parsed parsed(message, direction);
    const protocols::Fault fault = module_.parse(parsed, context(direction), operations_);
    if (fault != protocols::Fault::none) {
      json["fault"] = protocols::describe(fault).name;
      return json;
    }
    json["operations"] = Json::array();
    for (const protocols::Operation& operation : operations_) {
      json["operations"].push_back(operation_json(module_.catalogue(), operation));
    }
    const protocols::Fault acceptance = module_.accept(block(), parsed, 0);
    if (acceptance != protocols::Fault::none) {
      json["pairing"] = protocols::describe(acceptance).name;
    }
    return json;
  }

  // The messages at the start of `bytes`, which are taken out of it.
  Json take_all(Bytes& bytes, Direction direction) {
    Json messages = Json::array();
    ByteView rest = bytes;
    while (!rest.empty()) {
      const protocols::Frame frame = module_.frame(rest, context(direction));
      const bool whole =
          frame.fault == protocols::Fault::none && frame.length > 0 && frame.length <= rest.size();
      if (!whole) break;
      messages.push_back(take(rest.first(frame.length), direction));
      rest = rest.subspan(frame.length);
    }
    bytes.erase(bytes.begin(), bytes.end() - static_cast<std::ptrdiff_t>(rest.size()));
    return messages;
  }

 private:
  std::span<std::byte> block() { return std::as_writable_bytes(std::span(block_)); }
  protocols::MessageContext context(Direction direction) { return {direction, carrier_, block()}; }

  const protocols::Protocol& module_;
  Carrier carrier_;
  std::vector<std::uint64_t> block_;
  protocols::OperationList operations_;
};

struct End {
  Host host;
  std::uint16_t port = 0;
  std::uint32_t next = 0;      // number of the next byte it sends
  std::uint32_t expected = 0;  // and of the next that it takes
  std::uint32_t edge = 0;      // of the window that it was given
  Bytes received;
};

class Gate {
 public:
  Gate(v1::PolicyArtefact policy, const protocols::Protocol& module, const End& client,
       const End& server, Carrier carrier)
      : policy_(std::move(policy)),
        module_(module),
        client_(client),
        server_(server),
        carrier_(carrier) {}

  Json open() {
    if (sessions_++ % kSessionsInPlant == 0) {
      plant_ = std::make_unique<support::Plant>(std::move(artefact::decode(policy_)).value());
    }
    plant_->clear();
    closed_ = false;
    client_.port = static_cast<std::uint16_t>(kFirstClientPort + sessions_ % 20000);
    client_.next = 1000;
    server_.next = 900000;
    client_.received.clear();
    server_.received.clear();
    reading_ = std::make_unique<Reading>(module_, carrier_);
    if (carrier_ == Carrier::tcp) shake_hands();
    return {{"open", !closed_}};
  }

  Json say(bool from_client, const Bytes& bytes) {
    plant_->clear();
    if (carrier_ == Carrier::udp) {
      const End& from = from_client ? client_ : server_;
      const End& to = from_client ? server_ : client_;
      plant_->arrive(from.host, support::udp_frame(from.host, to.host, from.port, to.port, bytes));
    } else {
      unsent_ = say_in_segments(from_client, bytes);
    }
    deliver();
    plant_->be_at(plant_->now_ns() + kBetweenLines);
    deliver();
    return tell(from_client, bytes);
  }

  void close() {
    if (plant_ == nullptr || carrier_ != Carrier::tcp) return;
    send(true, wire::kTcpRst | wire::kTcpAck, {});
    plant_->clear();
  }

 private:
  // Sends what the window lets it. Returns how much no window came for.
  std::size_t say_in_segments(bool from_client, ByteView bytes) {
    const End& from = from_client ? client_ : server_;
    unsigned stalls = 0;
    while (!bytes.empty() && !closed_ && stalls < kStallsMax) {
      const std::size_t length =
          std::min({kSegmentBytes, bytes.size(), std::size_t{from.edge - from.next}});
      if (length == 0) {
        ++stalls;
        plant_->be_at(plant_->now_ns() + kBetweenLines);
      } else {
        stalls = 0;
        send(from_client, wire::kTcpAck | wire::kTcpPsh, bytes.first(length));
        bytes = bytes.subspan(length);
      }
      deliver();
    }
    return bytes.size();
  }

  // What was held or spliced comes out of the same stream as everything else.
  Json tell(bool from_client, const Bytes& said) {
    Json json = {{"closed", closed_},
                 {"left", to_dense_hex(server_.received)},
                 {"back", to_dense_hex(client_.received)}};
    client_.received.clear();
    json["verdicts"] = Json::array();
    bool answer_passed = false;
    for (const pipeline::Event& event : plant_->verdicts) {
      if (!event.is_message) continue;
      const bool allowed = is_allowed(event.reason);
      json["verdicts"].push_back(allowed ? "allow" : describe(event.reason).name);
      if (event.fault != protocols::Fault::none) {
        json["verdicts"].back() = protocols::describe(event.fault).name;
      }
      answer_passed = answer_passed || allowed;
    }
    if (!from_client && answer_passed) {
      Bytes answers = said;
      json["answers"] = reading_->take_all(answers, Direction::response);
    }
    json["messages"] = reading_->take_all(server_.received, Direction::request);
    json["unsent"] = unsent_;
    json["unread"] = server_.received.size();  // left, and no whole message
    server_.received.clear();
    return json;
  }

  void shake_hands() {
    send(true, wire::kTcpSyn, {});
    ++client_.next;
    server_.expected = client_.next;
    client_.expected = server_.next;
    send(false, wire::kTcpSyn | wire::kTcpAck, {});
    ++server_.next;
    client_.expected = server_.next;
    send(true, wire::kTcpAck, {});
    plant_->clear();
    client_.edge = client_.next + kFirstWindow;
    server_.edge = server_.next + kFirstWindow;
  }

  void send(bool from_client, std::uint8_t flags, ByteView payload) {
    End& from = from_client ? client_ : server_;
    const End& to = from_client ? server_ : client_;
    support::TcpSpec spec;
    spec.source_port = from.port;
    spec.destination_port = to.port;
    spec.sequence = from.next;
    spec.acknowledgement = (flags & wire::kTcpAck) != 0 ? from.expected : 0;
    spec.flags = flags;
    if ((flags & wire::kTcpSyn) != 0) spec.options = {2, 4, 0x05, 0xb4};
    spec.payload.assign(payload.begin(), payload.end());
    plant_->arrive(from.host, support::tcp_frame(from.host, to.host, spec));
    from.next += static_cast<std::uint32_t>(payload.size());
  }

  // Both ends take what reached them and acknowledge it, until nothing is under way.
  void deliver() {
    while (!plant_->sent.empty()) {
      const std::vector<support::Sent> sent = std::exchange(plant_->sent, {});
      for (const support::Sent& each : sent) {
        const bool to_server = each.port == server_.host.port;
        End& to = to_server ? server_ : client_;
        if (carrier_ == Carrier::udp) {
          constexpr std::size_t kHeaders = 14 + 20 + 8;
          if (each.frame.size() <= kHeaders || each.frame[23] != wire::kProtocolUdp) continue;
          to.received.insert(to.received.end(), each.frame.begin() + kHeaders, each.frame.end());
          continue;
        }
        const auto tcp = support::parse_sent(each.frame);
        if (!tcp) continue;
        if ((tcp->header.flags & (wire::kTcpRst | wire::kTcpFin)) != 0) closed_ = true;
        take(to, *tcp);
        const std::uint32_t edge = tcp->header.acknowledgement + tcp->header.window;
        if (static_cast<std::int32_t>(edge - to.edge) > 0) to.edge = edge;
        if (!tcp->payload.empty()) send(!to_server, wire::kTcpAck, {});
      }
    }
  }

  static void take(End& to, const support::SentTcp& tcp) {
    const std::uint32_t known = to.expected - tcp.header.sequence;
    if (known >= tcp.payload.size()) return;
    to.received.insert(to.received.end(), tcp.payload.begin() + known, tcp.payload.end());
    to.expected += static_cast<std::uint32_t>(tcp.payload.size()) - known;
  }

  v1::PolicyArtefact policy_;
  const protocols::Protocol& module_;
  End client_;
  End server_;
  Carrier carrier_;
  std::unique_ptr<support::Plant> plant_;
  std::unique_ptr<Reading> reading_;
  std::uint32_t sessions_ = 0;
  std::size_t unsent_ = 0;  // of the last line
  bool closed_ = false;
};

v1::PolicyArtefact compile(const std::string& path) {
  const auto result = controlplane::compile_policy(support::read_file(path), path);
  if (!result.tables) {
    for (const auto& diagnostic : result.diagnostics.list()) {
      std::cerr << diagnostic.message << "\n";
    }
    fail("the policy does not compile");
  }
  return artefact::encode(*result.tables);
}

// ADDRESS@ZONE_PORT
End end_of(const std::string& text, std::uint8_t station, std::uint16_t port) {
  const std::size_t at = text.find('@');
  const auto address = controlplane::read_address(text.substr(0, at));
  if (!address || at == std::string::npos) fail("a host is ADDRESS@ZONE_PORT, not " + text);
  End end;
  end.host = {*address, support::mac(station),
              static_cast<std::uint16_t>(std::stoul(text.substr(at + 1)))};
  end.port = port;
  return end;
}

int run(const Options& options) {
  const auto number = protocols::find_protocol(options.protocol);
  if (!number) fail("no protocol " + options.protocol);
  const protocols::Protocol& module = *protocols::registry()[*number];
  const Carrier carrier = options.over_udp ? Carrier::udp : Carrier::tcp;
  std::uint16_t port = options.port;
  for (const protocols::DefaultPort& usual : module.catalogue().ports) {
    if (port == 0 && usual.carrier == carrier) port = usual.port;
  }
  Gate gate(compile(options.policy), module, end_of(options.client, 0x51, 0),
            end_of(options.server, 0x52, port), carrier);
  for (std::string line; std::getline(std::cin, line);) {
    Json told;
    if (line == "open") {
      told = gate.open();
    } else if (line == "close") {
      gate.close();
    } else if (line.starts_with("c ") || line.starts_with("s ")) {
      told = gate.say(line[0] == 'c', from_dense_hex(std::string_view(line).substr(2)));
    } else {
      fail("no such line: " + line);
    }
    std::cout << told.dump() << std::endl;
  }
  return 0;
}

}  // namespace
}  // namespace bulkhead

int main(int argc, char** argv) {
  bulkhead::Options options;
  CLI::App app{"One session at a time through a whole pipeline"};
  app.add_option("--policy", options.policy)->required();
  app.add_option("--protocol", options.protocol)->required();
  app.add_option("--client", options.client, "ADDRESS@ZONE_PORT")->required();
  app.add_option("--server", options.server, "ADDRESS@ZONE_PORT")->required();
  app.add_option("--port", options.port, "Where the protocol has another than its usual one");
  app.add_flag("--udp", options.over_udp);
  CLI11_PARSE(app, argc, argv);
  return bulkhead::run(options);
}
