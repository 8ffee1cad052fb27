// The module's face: the encapsulation, the common packet format, and the refusal of a request.
#include <algorithm>

#include "dataplane/protocols/enip/implicit.h"
#include "dataplane/protocols/enip/pairing.h"
#include "dataplane/protocols/planted.h"

namespace bulkhead::enip {

using protocols::Carrier;
using protocols::Direction;
using protocols::Fault;
using protocols::Frame;
using protocols::MessageContext;
using protocols::Mistake;
using protocols::OperationList;
using protocols::Parsed;

namespace {

constexpr std::uint16_t kNullAddress = 0x0000;
constexpr std::uint16_t kConnectedAddress = 0x00a1;
constexpr std::uint16_t kConnectedData = 0x00b1;
constexpr std::uint16_t kUnconnectedData = 0x00b2;
constexpr std::uint16_t kSequencedAddress = 0x8002;
constexpr std::uint16_t kSocketToTarget = 0x8000;
constexpr std::uint16_t kSocketToOriginator = 0x8001;
constexpr std::size_t kItemsMax = 4;
constexpr std::size_t kSocketBytes = 16;
constexpr std::size_t kItemsAt = kHeaderBytes + 6;  // behind interface and time-out

// A packet of an implicit connection has no encapsulation: it begins with its number of items, of
// which the first is a sequenced address (EIP 2-6.4). It travels in datagrams alone.
bool is_io(ByteView bytes, Carrier carrier) {
  const bool carried = carrier == Carrier::udp || planted(Mistake::io_on_any_carrier);
  return carried && bytes.size() >= 4 && load_le16(bytes.data()) == 2 &&
         load_le16(bytes.data() + 2) == kSequencedAddress;
}

Frame frame_io(ByteView stream) {
  constexpr std::size_t kItemHeader = 4;
  std::size_t at = 2;
  for (int item = 0; item < 2; ++item) {
    if (stream.size() < at + kItemHeader) return {Fault::none, 0, at + kItemHeader};
    at += kItemHeader + load_le16(stream.data() + at + 2);
  }
  return {Fault::none, at, at};
}

bool is_command(std::uint16_t command) { return find_command(command) != kNotInCatalogue; }

bool carries_cip(std::uint16_t command) {
  return command == kSendRRData || command == kSendUnitData;
}

// EIP 2-3.2: the rest belongs to sessions, which are connections of TCP.
bool travels_in_datagrams(std::uint16_t command) {
  return command == kListServices || command == kListIdentity || command == kListInterfaces;
}

Fault add_command(std::uint16_t command, OperationList& operations) {
  const std::uint16_t function = find_command(command);
  if (function == kNotInCatalogue) return Fault::unknown_function;
  protocols::Operation* operation = operations.add(function);
  if (operation == nullptr) return Fault::too_many_operations;
  if (catalogue().functions[function].code == kReservedCommand) operation->set(kCommand, command);
  return Fault::none;
}

Fault decode_io(ByteView message, OperationList& operations) {
  CommonPacket packet;
  if (const Fault fault = parse_common_packet(message, packet); fault != Fault::none) return fault;
  if (!packet.sequenced || packet.others != 0) return Fault::bad_value;
  operations.leave_free(message.subspan(6, 8), "which connection, and its count");
  operations.leave_free(message.last(packet.data_bytes), "process data");
  return add_command(kIoCode, operations);
}

// EIP 2-6.3.3: family, port, address, and zeros. In a request it says where the originator listens:
// on its own address, at the one port.
Fault check_socket(ByteView socket, bool request) {
  if (socket.empty()) return Fault::none;
  constexpr std::uint16_t kInternet = 2;
  ByteReader reader(socket);
  const std::uint16_t family = reader.u16();
  const std::uint16_t port = reader.u16();
  const std::uint32_t address = reader.u32();
  const std::uint64_t zeros = reader.u64();
  if (!reader.ok() || reader.remaining() != 0) return Fault::bad_length;
  if (family != kInternet || zeros != 0) return Fault::bad_value;
  return !request || (port == kIoPort && address == 0) ? Fault::none : Fault::bad_value;
}

// What of a message ties it to others, or to nothing.
void leave_header_free(ByteView message, OperationList& operations) {
  operations.leave_free(message.subspan(4, 4), "the session's handle, which accept() compares");
  operations.leave_free(message.subspan(12, 8), "the sender's context");
}

}  // namespace

Fault parse_encapsulation(ByteView message, Encapsulation& encapsulation) {
  ByteReader reader(message);
  encapsulation.command = reader.u16_le();
  const std::size_t length = reader.u16_le();
  encapsulation.session = reader.u32_le();
  encapsulation.status = reader.u32_le();
  encapsulation.context = reader.u64();
  const std::uint32_t options = reader.u32_le();
  encapsulation.data = reader.take(length);
  if (!reader.ok()) return Fault::truncated;
  if (reader.remaining() != 0) return Fault::trailing_bytes;
  return options == 0 ? Fault::none : Fault::bad_value;  // EIP 2-3.8: others are to be discarded
}

// EIP 2-6.1: an address, then data, then what else there is: receivers look for them in this order.
Fault parse_common_packet(ByteView bytes, CommonPacket& packet) {
  ByteReader reader(bytes);
  const std::size_t count = reader.u16_le();
  if (!reader.ok()) return Fault::truncated;
  if (count < 2 || count > kItemsMax) return Fault::bad_quantity;
  for (std::size_t i = 0; i < count; ++i) {
    const std::uint16_t type = reader.u16_le();
    const ByteView item = reader.take(reader.u16_le());
    if (!reader.ok()) return Fault::truncated;
    ByteReader content(item);
    if (i == 0) {
      packet.connected = type != kNullAddress;
      packet.sequenced = type == kSequencedAddress;
      const bool known = type == kNullAddress || type == kConnectedAddress || packet.sequenced;
      if (!known) return Fault::unknown_object;
      const std::size_t length = packet.sequenced ? 8 : packet.connected ? 4 : 0;
      if (item.size() != length) return Fault::bad_length;
      if (packet.connected) packet.connection = content.u32_le();
    } else if (i == 1) {
      if (type != (packet.connected ? kConnectedData : kUnconnectedData)) return Fault::bad_value;
      packet.data_bytes = item.size();
      if (packet.connected && !packet.sequenced) packet.sequence = content.u16_le();
      packet.cip = content.rest();
      if (!content.ok()) return Fault::truncated;
    } else {
      ByteView& socket = type == kSocketToTarget ? packet.to_target : packet.to_originator;
      if (type != kSocketToTarget && type != kSocketToOriginator) return Fault::unknown_object;
      if (item.size() != kSocketBytes || !socket.empty()) return Fault::bad_length;
      socket = item;
      ++packet.others;
    }
  }
  return reader.remaining() == 0 ? Fault::none : Fault::trailing_bytes;
}

Fault parse_carried(const Encapsulation& encapsulation, CommonPacket& packet) {
  constexpr std::size_t kInterfaceAndTimeout = 6;
  ByteReader reader(encapsulation.data);
  const std::uint32_t interface = reader.u32_le();
  reader.skip(kInterfaceAndTimeout - 4);
  const ByteView items = reader.rest();
  if (!reader.ok()) return Fault::truncated;
  if (interface != 0) return Fault::bad_value;
  const Fault fault = parse_common_packet(items, packet);
  if (fault != Fault::none) return fault;
  const bool connected = encapsulation.command == kSendUnitData;
  const bool fits =
      packet.connected == connected && !packet.sequenced && (packet.others == 0 || !connected);
  return fits ? Fault::none : Fault::bad_value;
}

namespace {

class Enip final : public protocols::Protocol,
                   public protocols::Splicing,
                   public protocols::QuestionsToMany {
 public:
  const protocols::Catalogue& catalogue() const override { return enip::catalogue(); }

  Frame frame(ByteView stream, const MessageContext& context) const override {
    if (stream.size() < 4) return {Fault::none, 0, 4};
    if (is_io(stream, context.carrier)) return frame_io(stream);
    if (!is_command(load_le16(stream.data()))) return {Fault::not_this_protocol, 0, 0};
    const std::size_t length = load_le16(stream.data() + 2);
    if (length > kDataBytesMax) return {Fault::bad_length, 0, 0};
    return {Fault::none, kHeaderBytes + length, kHeaderBytes + length};
  }

  Fault parse(Parsed& parsed, const MessageContext& context,
              OperationList& operations) const override {
    const ByteView message = parsed.message();
    const Direction direction = context.direction;
    operations.clear();
    if (is_io(message, context.carrier)) return decode_io(message, operations);
    Encapsulation encapsulation;
    if (const Fault fault = parse_encapsulation(message, encapsulation); fault != Fault::none) {
      return fault;
    }
    parsed.keep(encapsulation);
    if (context.carrier != Carrier::tcp && !travels_in_datagrams(encapsulation.command)) {
      return is_command(encapsulation.command) ? Fault::bad_value : Fault::not_this_protocol;
    }
    const bool request = direction == Direction::request;
    if (request && encapsulation.status != 0) return Fault::bad_value;
    leave_header_free(message, operations);
    if (!carries_cip(encapsulation.command)) {
      return decode_command(message, encapsulation, direction, operations);
    }
    // EIP 2-3.2: what fails on this layer carries nothing back.
    if (!request && encapsulation.status != 0) {
      operations.leave_free(message.subspan(8, 4), "why it failed");
      return encapsulation.data.empty() ? add_command(encapsulation.command, operations)
                                        : Fault::bad_length;
    }
    return decode_carried(encapsulation, context, operations, parsed);
  }

  std::optional<std::uint16_t> claimed_code(ByteView message) const override {
    if (message.size() < 2) return std::nullopt;
    if (is_io(message, Carrier::udp)) return kIoCode;
    Encapsulation encapsulation;
    CommonPacket packet;
    if (parse_encapsulation(message, encapsulation) == Fault::none &&
        parse_carried(encapsulation, packet) == Fault::none && !packet.cip.empty()) {
      return static_cast<std::uint16_t>(packet.cip[0] & ~kReplyBit);
    }
    return load_le16(message.data());
  }

  void begin_unseen(std::span<std::byte> session) const override {
    session_in(session).state().unseen = true;
  }

  protocols::StateLayout state_layout() const override { return kStateLayout; }

  // What is on an implicit connection is no encapsulated message.
  Fault accept(std::span<std::byte> session, const Parsed& message,
               std::uint32_t now_ms) const override {
    if (message.kept<Encapsulation>() == nullptr) return Fault::none;
    return message.is_request() ? accept_request(session, message, now_ms)
                                : accept_reply(session, message, now_ms);
  }

  // EIP 2-4.1 to 2-4.3: to a group all devices answer, each with the sender's context.
  const protocols::QuestionsToMany* questions_to_many() const override { return this; }
  bool asks_many(ByteView question) const override {
    Encapsulation encapsulation;
    return parse_encapsulation(question, encapsulation) == Fault::none &&
           travels_in_datagrams(encapsulation.command) && encapsulation.data.empty();
  }
  bool answers_many(ByteView question, const Parsed& answer) const override {
    Encapsulation asked;
    const Encapsulation* told = answer.kept<Encapsulation>();
    return told != nullptr && parse_encapsulation(question, asked) == Fault::none &&
           asked.command == told->command && asked.context == told->context && told->status == 0 &&
           !told->data.empty();
  }

  protocols::Difference difference(std::span<std::byte> session,
                                   const Parsed& answer) const override {
    if (answer.kept<Encapsulation>() == nullptr) return {};
    return enip::difference(session, answer);
  }

  std::size_t outstanding(std::span<std::byte> session, std::uint32_t now_ms) const override {
    return session_in(session).awaited(now_ms);
  }

  const protocols::Expectations* expectations() const override { return &implicit_connections(); }

  // CIP, appendix B: the reply to the innermost request, with a general status. On a connection it
  // has the request's way until put_in() turns it.
  std::size_t refuse(const Parsed& parsed, protocols::DeniedPart denied_part,
                     std::span<std::uint8_t> reply) const override {
    const ByteView request = parsed.message();
    const Encapsulation* encapsulation = parsed.kept<Encapsulation>();
    const CommonPacket* carried = parsed.kept<CommonPacket>();
    if (encapsulation == nullptr) return 0;
    if (carried == nullptr || carried->cip.empty()) {
      return refuse_command(request, *encapsulation, reply);
    }
    const CommonPacket& packet = *carried;
    // What a request asks for in the end: its reply has the same number. One that cannot be read is
    // refused as what it begins with.
    const Asked* asked = parsed.kept<Asked>();
    const std::uint8_t service = asked != nullptr ? asked->service : packet.cip[0];
    if ((service & kReplyBit) != 0) return 0;
    const std::size_t address_bytes = packet.connected ? 8 : 4;
    const std::size_t data_bytes = packet.connected ? 6 : 4;
    const std::size_t bytes = kHeaderBytes + 8 + address_bytes + 4 + data_bytes;
    if (reply.size() < bytes) return 0;
    std::fill_n(reply.begin(), bytes, std::uint8_t{0});
    std::copy_n(request.begin(), kHeaderBytes, reply.begin());
    store_le16(reply.data() + 2, static_cast<std::uint16_t>(bytes - kHeaderBytes));
    std::uint8_t* at = reply.data() + kItemsAt;
    store_le16(at, 2);
    at += 2;
    if (packet.connected) {
      store_le16(at, kConnectedAddress);
      store_le16(at + 2, 4);
      store_le32(at + 4, packet.connection);
    }
    at += address_bytes;
    store_le16(at, packet.connected ? kConnectedData : kUnconnectedData);
    store_le16(at + 2, static_cast<std::uint16_t>(data_bytes));
    at += 4;
    if (packet.connected) {
      store_le16(at, packet.sequence);
      at += 2;
    }
    at[0] = static_cast<std::uint8_t>(service | kReplyBit);
    at[2] = status_of(denied_part);
    return bytes;
  }

  // Without the way back of its connection a refusal would not be known to the client.
  const protocols::Splicing* splicing() const override { return this; }
  bool take_out(std::span<std::byte> session, const Parsed& message) const override {
    const CommonPacket* packet = message.kept<CommonPacket>();
    const bool connected = message.is_request() && packet != nullptr && packet->connected;
    return !connected || way_back(session, packet->connection) != 0;
  }

  void put_in(std::span<std::byte> session, std::span<std::uint8_t> refusal) const override {
    constexpr std::size_t kConnectionAt = kItemsAt + 2 + 4;
    Encapsulation encapsulation;
    CommonPacket packet;
    if (parse_encapsulation(refusal, encapsulation) == Fault::none &&
        parse_carried(encapsulation, packet) == Fault::none && packet.connected) {
      store_le32(refusal.data() + kConnectionAt, way_back(session, packet.connection));
    }
  }

 private:
  // CIP, appendix B: service not supported, path destination unknown, invalid attribute value.
  static std::uint8_t status_of(protocols::DeniedPart denied_part) {
    switch (denied_part) {
      case protocols::DeniedPart::function:
        return 0x08;
      case protocols::DeniedPart::address:
        return 0x05;
      case protocols::DeniedPart::value:
        return 0x09;
    }
    return 0x08;
  }

  // EIP 2-3.6: status 1, invalid or unsupported command.
  static std::size_t refuse_command(ByteView request, const Encapsulation& encapsulation,
                                    std::span<std::uint8_t> reply) {
    const bool answered = encapsulation.command != kNop &&
                          encapsulation.command != kUnregisterSession &&
                          encapsulation.command != kCancel;
    if (!answered || reply.size() < kHeaderBytes) return 0;
    std::copy_n(request.begin(), kHeaderBytes, reply.begin());
    store_le16(reply.data() + 2, 0);
    store_le32(reply.data() + 8, 1);
    return kHeaderBytes;
  }

  // EIP 2-4: commands without CIP.
  static Fault decode_command(ByteView message, const Encapsulation& encapsulation,
                              Direction direction, OperationList& operations) {
    const ByteView data = encapsulation.data;
    if (direction != Direction::request) {
      const bool registers = encapsulation.command == kRegisterSession;
      if (registers && data.size() != 4 && encapsulation.status == 0) return Fault::bad_length;
      operations.leave_free(message.subspan(8, 4), "why it failed");
      operations.leave_free(data, "what was asked for");
      return add_command(encapsulation.command, operations);
    }
    switch (encapsulation.command) {
      case kNop:
        operations.leave_free(data, "discarded by its receiver");
        break;
      case kRegisterSession: {  // EIP 2-4.4: version 1 without options
        constexpr std::array<std::uint8_t, 4> kVersion = {1, 0, 0, 0};
        if (data.size() != kVersion.size()) return Fault::bad_length;
        if (!std::equal(data.begin(), data.end(), kVersion.begin())) return Fault::bad_value;
        break;
      }
      default:
        if (find_command(encapsulation.command) == find_command(kReservedCommand)) {
          operations.leave_free(data, "content of a command that is granted by its number");
        } else if (!data.empty()) {
          return Fault::bad_length;
        }
        break;
    }
    return add_command(encapsulation.command, operations);
  }

  static Fault decode_carried(const Encapsulation& encapsulation, const MessageContext& context,
                              OperationList& operations, Parsed& parsed) {
    const ByteView message = parsed.message();
    CommonPacket packet;
    if (const Fault fault = parse_carried(encapsulation, packet); fault != Fault::none) {
      return fault;
    }
    parsed.keep(packet);
    const bool request = context.direction == Direction::request;
    if (request && !packet.to_target.empty()) return Fault::bad_value;  // the target says where
    for (const ByteView socket : {packet.to_target, packet.to_originator}) {
      if (const Fault fault = check_socket(socket, request); fault != Fault::none) return fault;
      if (!request) operations.leave_free(socket, "where data goes, which the datagrams show");
    }
    operations.leave_free(message.subspan(kHeaderBytes + 4, 2), "time");
    const ByteView connection = message.subspan(kItemsAt + 2 + 4, packet.connected ? 4 : 0);
    if (packet.connected) {
      operations.leave_free(message.subspan(kItemsAt + 2 + 4 + 4 + 4, 2), "the message's number");
    }
    if (!request) {
      operations.leave_free(connection, "the connection, which accept() compares");
      return decode_cip_reply(packet.cip, asked_function(context.session, encapsulation, packet),
                              operations);
    }
    const Fault fault = decode_cip_request(
        packet.cip, {context.session, packet.connected, packet.connection, connection}, operations,
        parsed);
    if (fault != Fault::none || packet.others == 0) return fault;
    const bool opens = std::any_of(operations.begin(), operations.end(), [](const auto& each) {
      const protocols::FunctionInfo& info = enip::catalogue().functions[each.function];
      return is_opening(static_cast<std::uint8_t>(info.code)) && info.sub_code > kOfTags;
    });
    return opens ? Fault::none : Fault::bad_value;
  }
};

}  // namespace

const protocols::Protocol& protocol() {
  static const Enip kProtocol;
  return kProtocol;
}

}  // namespace bulkhead::enip
