// The module's face: the encapsulation, the common packet format, and the refusal of a request.
#include <algorithm>

#include "dataplane/protocols/enip/implicit.h"
#include "dataplane/protocols/enip/layout.h"
#include "dataplane/protocols/enip/pairing.h"

namespace bulkhead::enip {

using protocols::Direction;
using protocols::Fault;
using protocols::Frame;
using protocols::MessageContext;
using protocols::OperationList;

namespace {

constexpr std::uint16_t kNullAddress = 0x0000;
constexpr std::uint16_t kConnectedAddress = 0x00a1;
constexpr std::uint16_t kConnectedData = 0x00b1;
constexpr std::uint16_t kUnconnectedData = 0x00b2;
constexpr std::uint16_t kSequencedAddress = 0x8002;
constexpr std::uint16_t kSocketToTarget = 0x8000;
constexpr std::uint16_t kSocketToOriginator = 0x8001;
constexpr std::size_t kItemsMax = 8;

// A packet of an implicit connection has no encapsulation: it begins with its number of items, of
// which the first is a sequenced address (EIP 2-6.4).
bool is_io(ByteView bytes) {
  return bytes.size() >= 4 && load_le16(bytes.data()) == 2 &&
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

Fault add_command(std::uint16_t command, OperationList& operations) {
  const std::uint16_t function = find_command(command);
  if (function == kNotInCatalogue) return Fault::unknown_function;
  return operations.add(function) != nullptr ? Fault::none : Fault::too_many_operations;
}

Fault decode_io(ByteView message, OperationList& operations) {
  CommonPacket packet;
  const Fault fault = parse_common_packet(message, packet);
  return fault != Fault::none ? fault : add_command(kIoCode, operations);
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

Fault parse_common_packet(ByteView bytes, CommonPacket& packet) {
  ByteReader reader(bytes);
  const std::size_t count = reader.u16_le();
  if (!reader.ok()) return Fault::truncated;
  if (count < 2 || count > kItemsMax) return Fault::bad_quantity;
  bool has_address = false;
  bool has_data = false;
  for (std::size_t i = 0; i < count; ++i) {
    const std::uint16_t type = reader.u16_le();
    const std::size_t length = reader.u16_le();
    ByteReader item(reader.take(length));
    if (!reader.ok()) return Fault::truncated;
    switch (type) {
      case kNullAddress:
        if (length != 0 || has_address) return Fault::bad_length;
        has_address = true;
        break;
      case kConnectedAddress:
      case kSequencedAddress:
        if (has_address || length != (type == kConnectedAddress ? 4U : 8U)) {
          return Fault::bad_length;
        }
        has_address = packet.connected = true;
        packet.connection = item.u32_le();
        break;
      case kConnectedData:
      case kUnconnectedData:
        if (has_data || packet.connected != (type == kConnectedData)) return Fault::bad_value;
        has_data = true;
        packet.data_bytes = length;
        if (type == kConnectedData) packet.sequence = item.u16_le();
        packet.cip = item.rest();
        break;
      case kSocketToTarget:
        break;
      case kSocketToOriginator:
        packet.to_originator = item.rest();
        break;
      default:
        return Fault::unknown_object;
    }
    if (!item.ok()) return Fault::truncated;
  }
  if (!has_address || !has_data) return Fault::bad_value;
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
  return packet.connected == connected ? Fault::none : Fault::bad_value;
}

namespace {

class Enip final : public protocols::Protocol {
 public:
  const protocols::Catalogue& catalogue() const override { return enip::catalogue(); }

  Frame frame(ByteView stream, const MessageContext& /*context*/) const override {
    if (stream.size() < 4) return {Fault::none, 0, 4};
    if (is_io(stream)) return frame_io(stream);
    if (!is_command(load_le16(stream.data()))) return {Fault::not_this_protocol, 0, 0};
    const std::size_t length = load_le16(stream.data() + 2);
    if (length > kDataBytesMax) return {Fault::bad_length, 0, 0};
    return {Fault::none, kHeaderBytes + length, kHeaderBytes + length};
  }

  Fault decode(ByteView message, const MessageContext& context,
               OperationList& operations) const override {
    const Direction direction = context.direction;
    operations.clear();
    if (is_io(message)) return decode_io(message, operations);
    Encapsulation encapsulation;
    if (const Fault fault = parse_encapsulation(message, encapsulation); fault != Fault::none) {
      return fault;
    }
    const bool request = direction == Direction::request;
    if (request && encapsulation.status != 0) return Fault::bad_value;
    const bool carries =
        encapsulation.command == kSendRRData || encapsulation.command == kSendUnitData;
    if (!carries) return decode_command(encapsulation, direction, operations);
    // EIP 2-3.2: what fails on this layer carries nothing back.
    if (!request && encapsulation.status != 0) {
      return encapsulation.data.empty() ? add_command(encapsulation.command, operations)
                                        : Fault::bad_length;
    }
    CommonPacket packet;
    if (const Fault fault = parse_carried(encapsulation, packet); fault != Fault::none) {
      return fault;
    }
    return request ? decode_cip_request(packet.cip, operations)
                   : decode_cip_reply(packet.cip, operations);
  }

  std::optional<std::uint16_t> claimed_code(ByteView message) const override {
    if (message.size() < 2) return std::nullopt;
    if (is_io(message)) return kIoCode;
    Encapsulation encapsulation;
    CommonPacket packet;
    if (parse_encapsulation(message, encapsulation) == Fault::none &&
        parse_carried(encapsulation, packet) == Fault::none && !packet.cip.empty()) {
      return static_cast<std::uint16_t>(packet.cip[0] & ~kReplyBit);
    }
    return load_le16(message.data());
  }

  void begin_unseen(std::span<std::byte> session) const override {
    Session(session).state().unseen = true;
  }

  std::size_t session_bytes() const override { return Session::bytes_for(kOutstandingUsual); }
  std::size_t session_bytes_max() const override {
    return Session::bytes_for(protocols::kOutstandingMax);
  }

  Fault pair(std::span<std::byte> session, ByteView message, Direction direction,
             std::uint32_t now_ms) const override {
    if (is_io(message)) return Fault::none;
    Encapsulation encapsulation;
    if (const Fault fault = parse_encapsulation(message, encapsulation); fault != Fault::none) {
      return fault;
    }
    return direction == Direction::request ? accept_request(Session(session), encapsulation, now_ms)
                                           : accept_reply(Session(session), encapsulation, now_ms);
  }

  std::size_t outstanding(std::span<std::byte> session, std::uint32_t now_ms) const override {
    return Session(session).awaited(now_ms);
  }

  const protocols::RelatedTraffic* related() const override { return &implicit_connections(); }

  // CIP, appendix B: the reply to the innermost request, with a general status. On a connection it
  // has the request's way until put_in() turns it.
  std::size_t refuse(ByteView request, protocols::Denial denial,
                     std::span<std::uint8_t> reply) const override {
    Encapsulation encapsulation;
    CommonPacket packet;
    if (is_io(request) || parse_encapsulation(request, encapsulation) != Fault::none) return 0;
    if (parse_carried(encapsulation, packet) != Fault::none || packet.cip.empty()) {
      return refuse_command(request, encapsulation, reply);
    }
    const ByteView inner = innermost_request(packet.cip);
    if (inner.empty() || (inner[0] & kReplyBit) != 0) return 0;
    const std::size_t address_bytes = packet.connected ? 8 : 4;
    const std::size_t data_bytes = packet.connected ? 6 : 4;
    const std::size_t bytes = kHeaderBytes + 8 + address_bytes + 4 + data_bytes;
    if (reply.size() < bytes) return 0;
    std::fill_n(reply.begin(), bytes, std::uint8_t{0});
    std::copy_n(request.begin(), kHeaderBytes, reply.begin());
    store_le16(reply.data() + 2, static_cast<std::uint16_t>(bytes - kHeaderBytes));
    std::uint8_t* at = reply.data() + kHeaderBytes + 6;
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
    at[0] = static_cast<std::uint8_t>(inner[0] | kReplyBit);
    at[2] = status_of(denial);
    return bytes;
  }

  // Without the way back of its connection a refusal would not be known to the client.
  bool take_out(std::span<std::byte> session, ByteView request) const override {
    Encapsulation encapsulation;
    CommonPacket packet;
    const bool connected = parse_encapsulation(request, encapsulation) == Fault::none &&
                           parse_carried(encapsulation, packet) == Fault::none && packet.connected;
    return !connected || way_back(Session(session).state(), packet.connection) != 0;
  }

  void put_in(std::span<std::byte> session, std::span<std::uint8_t> refusal) const override {
    constexpr std::size_t kConnectionAt = kHeaderBytes + 6 + 2 + 4;
    Encapsulation encapsulation;
    CommonPacket packet;
    if (parse_encapsulation(refusal, encapsulation) == Fault::none &&
        parse_carried(encapsulation, packet) == Fault::none && packet.connected) {
      store_le32(refusal.data() + kConnectionAt,
                 way_back(Session(session).state(), packet.connection));
    }
  }

 private:
  // CIP, appendix B: service not supported, path destination unknown, invalid attribute value.
  static std::uint8_t status_of(protocols::Denial denial) {
    switch (denial) {
      case protocols::Denial::function:
        return 0x08;
      case protocols::Denial::address:
        return 0x05;
      case protocols::Denial::value:
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
  static Fault decode_command(const Encapsulation& encapsulation, Direction direction,
                              OperationList& operations) {
    const bool registers = encapsulation.command == kRegisterSession;
    const bool asks = direction == Direction::request;
    if (registers && encapsulation.data.size() != 4) {
      if (asks || encapsulation.status == 0) return Fault::bad_length;
    }
    const bool empty = encapsulation.command == kListServices ||
                       encapsulation.command == kListInterfaces ||
                       encapsulation.command == kUnregisterSession;
    if (asks && empty && !encapsulation.data.empty()) return Fault::bad_length;
    return add_command(encapsulation.command, operations);
  }
};

}  // namespace

const protocols::Protocol& protocol() {
  static const Enip kProtocol;
  return kProtocol;
}

}  // namespace bulkhead::enip
