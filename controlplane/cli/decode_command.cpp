// decode FILE: every operation in a capture.
#include <array>
#include <bit>
#include <map>
#include <tuple>

#include "controlplane/cli/capture.h"
#include "controlplane/cli/known_names.h"
#include "controlplane/cli/opened.h"
#include "controlplane/cli/operation_json.h"
#include "controlplane/cli/reassembly.h"
#include "controlplane/cli/remote.h"
#include "controlplane/yaml/diagnostics.h"
#include "dataplane/protocols/recognition.h"
#include "dataplane/protocols/registry.h"
#include "dataplane/wire/text.h"

namespace bulkhead::controlplane {

namespace {

using protocols::Carrier;
using protocols::Direction;
using protocols::Fault;
using protocols::ProtocolSet;

struct Endpoint {
  wire::IpAddress address;
  std::uint16_t port = 0;
  auto operator<=>(const Endpoint&) const = default;
};

// What is known of a conversation between a client and a server.
struct Conversation {
  ProtocolSet candidates = 0;                      // by its port
  std::uint8_t protocol = protocols::kNoProtocol;  // once its content told
  Carrier carrier{};
  wire::IpAddress client;
  wire::IpAddress server;
  std::string name;
  Reassembly streams[2];              // from the client, from the server
  std::vector<std::uint8_t> rest[2];  // of datagrams, a message that goes on in the next
  std::vector<std::byte> session;
  KnownNames names;
  struct Unread {
    std::uint32_t frame = 0;
    Direction direction{};
  };
  std::vector<Unread> unread;  // bytes of no candidate, before the content told which it is
  bool begun = false;          // its beginning is in the capture
  bool turned = false;         // its opener is the server

  Direction direction(bool from_client) const {
    return from_client != turned ? Direction::request : Direction::response;
  }
};

class Decoder {
 public:
  Decoder(const Session& session, std::map<std::uint16_t, std::uint8_t> ports)
      : format_(session.format()), ports_(std::move(ports)) {}

  void take(const CapturedPacket& packet) {
    const Endpoint source{packet.source, packet.source_port};
    const Endpoint destination{packet.destination, packet.destination_port};
    const ProtocolSet to = protocols_of(packet.carrier, destination.port);
    const ProtocolSet from = protocols_of(packet.carrier, source.port);
    if (to == 0 && from == 0) return;
    const auto known_forward = conversations_.find({packet.carrier, source, destination});
    const auto known_backward = conversations_.find({packet.carrier, destination, source});
    bool from_client = to != 0;
    if (known_forward != conversations_.end()) from_client = true;
    if (known_backward != conversations_.end()) from_client = false;
    if (const auto direction = opened_direction(packet, to)) {
      from_client = *direction == Direction::request;
    }
    Conversation& conversation = from_client ? open(packet.carrier, source, destination, to)
                                             : open(packet.carrier, destination, source, from);
    if (packet.carrier == Carrier::tcp) {
      accept_segment(conversation, packet, from_client);
    } else {
      accept_datagram(conversation, packet, from_client);
    }
  }

  void finish() {
    for (auto& [key, conversation] : conversations_) {
      if (conversation.protocol == protocols::kNoProtocol) {
        settle_on(conversation, first_of(conversation.candidates));
      }
      for (const bool from_client : {true, false}) {
        conversation.streams[from_client ? 0 : 1].finish();
        decode_stream(conversation, from_client);
      }
    }
    if (format_ == Format::table) table_.print("no message of a known protocol");
  }

 private:
  using Key = std::tuple<Carrier, Endpoint, Endpoint>;

  static std::uint8_t first_of(ProtocolSet set) {
    return static_cast<std::uint8_t>(std::countr_zero(set));
  }

  static protocols::MessageContext context_of(const Conversation& conversation,
                                              Direction direction) {
    protocols::MessageContext context{direction, conversation.carrier, conversation.session};
    context.names = conversation.names.view();
    return context;
  }

  // Where sessions opened datagrams whose two ports are alike.
  std::optional<Direction> opened_direction(const CapturedPacket& packet, ProtocolSet protocols) {
    if (packet.carrier != Carrier::udp || protocols == 0) return std::nullopt;
    return opened_.direction_of(*protocols::registry()[first_of(protocols)], packet);
  }

  ProtocolSet protocols_of(Carrier carrier, std::uint16_t port) const {
    const auto chosen = ports_.find(port);
    if (chosen != ports_.end() && carrier != Carrier::ethernet) {
      return ProtocolSet{1} << chosen->second;
    }
    return protocols::find_protocols(carrier, port);
  }

  Conversation& open(Carrier carrier, const Endpoint& client, const Endpoint& server,
                     ProtocolSet candidates) {
    Conversation& conversation = conversations_[{carrier, client, server}];
    if (conversation.candidates != 0) return conversation;
    conversation.candidates = candidates;
    conversation.carrier = carrier;
    conversation.client = client.address;
    conversation.server = server.address;
    static constexpr std::array kCarriers = {"tcp ", "udp ", "ethernet "};
    conversation.name = kCarriers[static_cast<std::size_t>(carrier)] +
                        wire::to_text(client.address, client.port) + " > " +
                        wire::to_text(server.address, server.port);
    if (std::has_single_bit(candidates) || carrier != Carrier::tcp) {
      settle_on(conversation, first_of(candidates));
    }
    return conversation;
  }

  void settle_on(Conversation& conversation, std::uint8_t protocol) {
    conversation.protocol = protocol;
    const protocols::Protocol& module = *protocols::registry()[protocol];
    conversation.session.resize(module.state_layout().bytes_max);
    if (!conversation.begun) module.begin_unseen(conversation.session);
    for (const auto& [frame, direction] : conversation.unread) {
      report_fault(conversation, frame, direction, Fault::not_this_protocol);
    }
    conversation.unread.clear();
  }

  // Several protocols share the port: as the data plane, by what either side said first.
  void recognise(Conversation& conversation) {
    for (const Direction direction : {Direction::request, Direction::response}) {
      Reassembly& stream = conversation.streams[direction == Direction::request ? 0 : 1];
      if (stream.bytes().empty()) continue;
      const auto recognised = protocols::recognise(conversation.candidates, stream.bytes(),
                                                   {direction, conversation.carrier});
      if (recognised.protocol != protocols::kNoProtocol) {
        return settle_on(conversation, recognised.protocol);
      }
      if (recognised.possible == 0) {  // what is of none of them shows nothing
        conversation.unread.push_back({stream.completed_in(1), direction});
        stream.discard();
      }
    }
  }

  void accept_segment(Conversation& conversation, const CapturedPacket& packet, bool from_client) {
    Reassembly& own = conversation.streams[from_client ? 0 : 1];
    Reassembly& other = conversation.streams[from_client ? 1 : 0];
    if ((packet.tcp.flags & wire::kTcpSyn) != 0) {
      const bool opens = (packet.tcp.flags & wire::kTcpAck) == 0;
      if (own.begin(packet.tcp.sequence) && opens) {
        conversation.begun = true;
        std::fill(conversation.session.begin(), conversation.session.end(), std::byte{0});
        conversation.names.forget_all();
      }
    }
    if ((packet.tcp.flags & wire::kTcpAck) != 0) {
      other.acknowledged(packet.tcp.acknowledgement);
      decode_stream(conversation, !from_client);
    }
    own.add(packet.tcp.sequence, packet.payload, packet.frame);
    decode_stream(conversation, from_client);
  }

  // A message may go on in the next datagram.
  void accept_datagram(Conversation& conversation, const CapturedPacket& packet, bool from_client) {
    const protocols::Protocol& protocol = *protocols::registry()[conversation.protocol];
    const Direction direction = from_client ? Direction::request : Direction::response;
    std::vector<std::uint8_t>& begun = conversation.rest[from_client ? 0 : 1];
    ByteView payload = packet.payload;
    if (packet.carrier == Carrier::ethernet) {
      payload = protocols::without_padding(protocol, payload, context_of(conversation, direction));
    }
    begun.insert(begun.end(), payload.begin(), payload.end());
    ByteView rest = begun;
    while (!rest.empty()) {
      const protocols::Frame frame =
          protocols::frame_in_datagram(protocol, rest, context_of(conversation, direction));
      if (frame.fault == Fault::truncated && protocol.many_in_datagram()) break;
      if (frame.fault != Fault::none) {
        report_fault(conversation, packet.frame, direction, frame.fault);
        rest = {};
        break;
      }
      decode(conversation, packet.frame, from_client, rest.first(frame.length));
      rest = rest.subspan(frame.length);
    }
    begun.erase(begun.begin(), begun.end() - static_cast<std::ptrdiff_t>(rest.size()));
  }

  // After bytes that are not a message the next segment is taken to begin one.
  void decode_stream(Conversation& conversation, bool from_client) {
    Reassembly& stream = conversation.streams[from_client ? 0 : 1];
    if (conversation.protocol == protocols::kNoProtocol) {
      recognise(conversation);
      if (conversation.protocol == protocols::kNoProtocol) return;
      decode_stream(conversation, !from_client);
    }
    const protocols::Protocol& protocol = *protocols::registry()[conversation.protocol];
    while (!stream.bytes().empty()) {
      const Direction direction = conversation.direction(from_client);
      const protocols::Frame frame =
          protocol.frame(stream.bytes(), context_of(conversation, direction));
      if (frame.fault != Fault::none) {
        report_fault(conversation, stream.completed_in(1), direction, frame.fault);
        stream.discard();
        return;
      }
      if (frame.length == 0 || frame.length > stream.bytes().size()) return;
      decode(conversation, stream.completed_in(frame.length), from_client,
             stream.bytes().first(frame.length));
      stream.consume(frame.length);
      if (frame.turns && direction == Direction::request) conversation.turned = true;
    }
  }

  void decode(Conversation& conversation, std::uint32_t frame, bool from_client, ByteView message) {
    const protocols::Protocol& protocol = *protocols::registry()[conversation.protocol];
    const Direction direction =
        protocol.encoded_direction(message).value_or(conversation.direction(from_client));
    protocols::Parsed parsed(message, direction);
    const Fault fault = protocol.parse(parsed, context_of(conversation, direction), operations_);
    if (fault != Fault::none) {
      return report_fault(conversation, frame, direction, fault, protocol.claimed_code(message));
    }
    const protocols::RelationStep step =
        Opened::step_of(protocol, parsed, context_of(conversation, direction));
    conversation.names.begin();
    if (const protocols::LearnsNames* names = protocol.learns_names()) {
      names->learn(parsed, conversation.session, conversation.names);
    }
    const Fault acceptance = protocol.accept(conversation.session, parsed, 0);
    if (acceptance != Fault::none) {
      conversation.names.undo();
    } else {
      opened_.note(protocol, conversation.client, conversation.server, parsed, step);
    }
    for (const protocols::Operation& operation : operations_) {
      tell(conversation, frame, direction, operation, acceptance);
    }
  }

  Json head(const Conversation& conversation, std::uint32_t frame, Direction direction) const {
    return {{"frame", frame},
            {"stream", conversation.name},
            {"direction", protocols::describe(direction)},
            {"protocol", protocols::registry()[conversation.protocol]->catalogue().name}};
  }

  void tell(const Conversation& conversation, std::uint32_t frame, Direction direction,
            const protocols::Operation& operation, Fault pairing) {
    Json json = head(conversation, frame, direction);
    add_operation(protocols::registry()[conversation.protocol]->catalogue(), operation, json);
    // The operation stands, but enforcement would refuse the message for this.
    if (pairing != Fault::none) json["pairing"] = protocols::describe(pairing).name;
    if (format_ == Format::json) return print_json(json);
    std::string fields;
    for (const auto& [name, value] : json["fields"].items()) {
      if (name == "values") continue;
      fields += (fields.empty() ? "" : " ") + name + "=";
      if (!value.is_array()) {
        fields += value.dump(-1, ' ', true, Json::error_handler_t::replace);
      } else {
        fields += value[0].dump() + (value[0] == value[1] ? "" : "-" + value[1].dump());
      }
    }
    table_.add({std::to_string(frame), conversation.name,
                std::string(protocols::describe(direction)), json["function"], fields});
  }

  // `code` is what the message claims to be, where that can be read.
  void report_fault(const Conversation& conversation, std::uint32_t frame, Direction direction,
                    Fault fault, std::optional<std::uint16_t> code = std::nullopt) {
    Json json = head(conversation, frame, direction);
    json["fault"] = protocols::describe(fault).name;
    if (code) json["code"] = *code;
    if (format_ == Format::json) return print_json(json);
    const std::string claimed = code ? "code " + std::to_string(*code) : "-";
    table_.add(
        {std::to_string(frame), conversation.name, std::string(protocols::describe(direction)),
         claimed, "fault " + std::string(protocols::describe(fault).name)},
        Colour::bad);
  }

  Format format_;
  std::map<std::uint16_t, std::uint8_t> ports_;
  std::map<Key, Conversation> conversations_;
  Opened opened_;
  protocols::OperationList operations_;
  Table table_{{"FRAME", "STREAM", "DIRECTION", "FUNCTION", "FIELDS"}};
};

// PROTOCOL=PORT, repeated.
std::map<std::uint16_t, std::uint8_t> read_ports(const std::vector<std::string>& words) {
  std::map<std::uint16_t, std::uint8_t> ports;
  for (const std::string& word : words) {
    const std::size_t equals = word.find('=');
    const std::string name = word.substr(0, equals);
    const auto protocol = protocols::find_protocol(name);
    if (!protocol) {
      std::vector<std::string> known;
      for (const auto* each : protocols::registry()) known.emplace_back(each->catalogue().name);
      throw CommandFailed{kUsage, "unknown protocol " + name + did_you_mean(name, known)};
    }
    const unsigned long port =
        equals == std::string::npos ? 0 : std::strtoul(word.c_str() + equals + 1, nullptr, 10);
    if (port == 0 || port > 65535) {
      throw CommandFailed{kUsage, "--as takes PROTOCOL=PORT, such as modbus=1502, not " + word};
    }
    ports[static_cast<std::uint16_t>(port)] = *protocol;
  }
  return ports;
}

}  // namespace

void add_decode_command(CLI::App& app, Session& session) {
  struct Arguments {
    std::string path;
    std::vector<std::string> as;
  };
  const auto arguments = std::make_shared<Arguments>();
  CLI::App* command = app.add_subcommand(
      "decode",
      "Every operation in a capture (pcap or pcapng); wrong checksums and missing beginnings "
      "are accepted");
  command->add_option("FILE", arguments->path, "The capture")->required();
  command->add_option("--as", arguments->as, "PROTOCOL=PORT for ports that are not the usual ones");
  command->callback([&session, arguments] {
    auto decoder = std::make_unique<Decoder>(session, read_ports(arguments->as));
    read_capture(arguments->path, [&](const CapturedPacket& packet) { decoder->take(packet); });
    decoder->finish();
  });
}

}  // namespace bulkhead::controlplane
