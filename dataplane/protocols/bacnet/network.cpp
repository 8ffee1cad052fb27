// Where a message goes and where it came from beyond the two hosts, BVLL functions without an NPDU,
// and messages of the network layer.
#include <algorithm>

#include "dataplane/protocols/bacnet/layout.h"

namespace bulkhead::bacnet {

using protocols::Fault;
using protocols::Operation;
using protocols::OperationList;

namespace {

std::int64_t number_of_octets(ByteView octets) {
  std::int64_t value = 0;
  for (const std::uint8_t octet : octets) value = value << 8 | octet;
  return value;
}

void set_address(Operation& operation, ByteView octets, Field address, Field length) {
  operation.set(address, number_of_octets(octets));
  if (octets.size() != 1) operation.set(length, static_cast<std::int64_t>(octets.size()));
}

std::size_t write_number(std::span<std::uint8_t> text, std::size_t at, unsigned number) {
  std::size_t digits = 1;
  for (unsigned rest = number; rest >= 10; rest /= 10) ++digits;
  for (std::size_t i = digits; i > 0; --i, number /= 10) {
    text[at + i - 1] = static_cast<std::uint8_t>('0' + number % 10);
  }
  return at + digits;
}

// A B/IP address as people write it: `10.0.0.99:47808`, with a mask's length `10.0.0.99:47808/24`.
// Empty if there is no room.
ByteView address_text(ByteView address, int prefix, OperationList& operations) {
  constexpr std::size_t kLongest = 24;  // 255.255.255.255:65535/32
  constexpr std::size_t kIpBytes = 4;
  const std::span<std::uint8_t> text = operations.compose(kLongest);
  if (text.empty()) return {};
  std::size_t at = 0;
  for (std::size_t i = 0; i < kIpBytes; ++i) {
    at = write_number(text, at, address[i]);
    text[at++] = i + 1 < kIpBytes ? '.' : ':';
  }
  at = write_number(text, at, load_be16(address.data() + kIpBytes));
  if (prefix >= 0) {
    text[at++] = '/';
    at = write_number(text, at, static_cast<unsigned>(prefix));
  }
  return ByteView(text.data(), at);
}

// Set bits before clear ones; nothing if they are mixed.
int prefix_of(std::uint32_t mask) {
  int length = 0;
  for (; length < 32 && (mask >> (31 - length) & 1) != 0; ++length) {
  }
  return length < 32 && mask << length != 0 ? -1 : length;
}

Fault set_route(const Message& message, Operation& operation, OperationList& operations) {
  constexpr std::int64_t kRemoteBroadcast = 1;
  if (message.to.network == kGlobalBroadcast) {
    operation.set(kBroadcast, kGlobalBroadcast);
  } else if (message.to.network != 0) {
    operation.set(kNetwork, message.to.network);
    if (message.to.octets.empty()) {
      operation.set(kBroadcast, kRemoteBroadcast);
    } else {
      set_address(operation, message.to.octets, kAddress, kAddressLength);
    }
  }
  if (message.from.network != 0) {
    operation.set(kSourceNetwork, message.from.network);
    set_address(operation, message.from.octets, kSourceAddress, kSourceAddressLength);
  }
  if (message.bvlc == kDistributeBroadcast) operation.set(kDistribution, 1);
  if (message.bvlc == kOriginalBroadcast) operation.set(kToAll, 1);
  if (message.bvlc == kForwardedNpdu) {
    const ByteView origin = address_text(message.origin, -1, operations);
    if (origin.empty()) return Fault::too_many_operations;
    operation.set_name(kOrigin, origin);
  }
  return Fault::none;
}

// All of the local network execute it, and not the group alone that the packet's address
// names. 5.4: what waits for an answer goes to one device, so that it needs its name at any rate.
// What a Forwarded-NPDU or a Distribute-Broadcast-To-Network says otherwise has its own.
bool goes_to_all(const Message& message) {
  using protocols::Reach;
  const bool waits = !message.is_network_message && message.pdu_type == kConfirmedRequest;
  if (waits) return is_broadcast(message.bvlc) || message.reach == Reach::many;
  return message.bvlc == kOriginalBroadcast && message.reach == Reach::one;
}

}  // namespace

Operation* add_operation(const Message& message, std::uint16_t function, OperationList& operations,
                         Fault& fault) {
  fault = Fault::unknown_function;
  if (function == kNotInCatalogue) return nullptr;
  Operation* operation = operations.add(function);
  fault = Fault::too_many_operations;
  if (operation == nullptr) return nullptr;
  fault = message.has_npdu ? set_route(message, *operation, operations) : Fault::none;
  const bool to_all = message.has_npdu && !operation->has(kBroadcast) && goes_to_all(message);
  if (to_all) operation->set(kBroadcast, 0);
  operation->tied = message.answers;
  return fault == Fault::none ? operation : nullptr;
}

void leave_headers_free(const Message& message, const OperationList& operations) {
  constexpr std::uint8_t kWaitsAndPriority = 0x07;
  if (!message.has_npdu) return;
  operations.leave_free(message.npdu.subspan(1, 1),
                        "6.2.2: urgency, and whether an MS/TP router waits for the answer",
                        kWaitsAndPriority);
  operations.leave_free(message.hop_count, "6.2.2: how many routers it may pass");
  const ByteView head = message.apdu_head;
  if (message.is_network_message || head.empty()) return;
  constexpr std::string_view kCorrelates = "20.1.2.6: invoke identifier, which accept() compares";
  switch (message.pdu_type) {
    case kUnconfirmedRequest:
      return;
    case kConfirmedRequest:
      operations.leave_free(head.first(1), "20.1.2.3: whether the answer may be segmented", 0x02);
      operations.leave_free(head.subspan(1, 1), "20.1.2.4: how large the answer may be");
      operations.leave_free(head.subspan(2, 1), kCorrelates);
      break;
    case kAbort:
      operations.leave_free(head.first(1), "20.1.9.1: which side ends it, which accept() compares",
                            0x01);
      [[fallthrough]];
    default:
      operations.leave_free(head.subspan(1, 1), kCorrelates);
  }
  if (message.pdu_type == kSegmentAck) {
    operations.leave_free(head.first(1), "20.1.6: flow control of a transfer", 0x03);
    operations.leave_free(head.subspan(2), "20.1.6: flow control of a transfer");
  } else if (message.segmented) {
    const std::size_t sequence = head.size() - 3;
    operations.leave_free(head.first(1), "20.1.2: whether a segment follows", 0x04);
    operations.leave_free(head.subspan(sequence, 2), "20.1.2: number and window of a segment");
    operations.leave_free(message.data, "a segment, granted for what its service may do at most");
  }
}

namespace {

// Entries of a broadcast distribution table (J.2.2): an address and a mask.
Fault decode_broadcast_table(const Message& message, std::uint16_t function,
                             OperationList& operations) {
  constexpr std::size_t kEntryBytes = kIpAddressBytes + 4;
  Fault fault = Fault::none;
  if (message.data.size() % kEntryBytes != 0) return Fault::bad_length;
  if (message.data.empty()) {
    add_operation(message, function, operations, fault);
    return fault;
  }
  for (std::size_t at = 0; at < message.data.size(); at += kEntryBytes) {
    Operation* operation = add_operation(message, function, operations, fault);
    if (operation == nullptr) return fault;
    const int prefix = prefix_of(load_be32(message.data.data() + at + kIpAddressBytes));
    if (prefix < 0) return Fault::bad_value;
    const ByteView peer = address_text(message.data.subspan(at), prefix, operations);
    if (peer.empty()) return Fault::too_many_operations;
    operation->set_name(kPeer, peer);
  }
  return Fault::none;
}

// J.2.7 and J.2.8: an address, of the table with how long it is registered and still stays.
Fault decode_foreign_devices(const Message& message, std::uint16_t function,
                             OperationList& operations) {
  const bool table = message.bvlc == kReadForeignTableAck;
  const std::size_t entry_bytes = kIpAddressBytes + (table ? 4 : 0);
  const ByteView data = message.data;
  if (data.size() % entry_bytes != 0 || (!table && data.size() != entry_bytes)) {
    return Fault::bad_length;
  }
  Fault fault = Fault::none;
  if (data.empty()) add_operation(message, function, operations, fault);
  for (std::size_t at = 0; at < data.size(); at += entry_bytes) {
    Operation* operation = add_operation(message, function, operations, fault);
    if (operation == nullptr) return fault;
    const ByteView peer = address_text(data.subspan(at), -1, operations);
    if (peer.empty()) return Fault::too_many_operations;
    operation->set_name(kPeer, peer);
    operations.leave_free(data.subspan(at + kIpAddressBytes, entry_bytes - kIpAddressBytes),
                          "J.2.8: times of an entry");
  }
  return fault;
}

}  // namespace

Fault decode_virtual_link(const Message& message, OperationList& operations) {
  const std::uint16_t function = find_function(message.bvlc, kOfBvlc);
  const ByteView data = message.data;
  Fault fault = Fault::none;
  switch (message.bvlc) {
    case kWriteBroadcastTable:
    case kReadBroadcastTableAck:
      return decode_broadcast_table(message, function, operations);
    case kReadForeignTableAck:
    case kDeleteForeignEntry:
      return decode_foreign_devices(message, function, operations);
    case kBvlcResult:
    case kRegisterForeignDevice: {
      constexpr std::uint16_t kNak = 0x10;  // J.2.1: times the function that failed
      Operation* operation = add_operation(message, function, operations, fault);
      if (operation == nullptr) return fault;
      if (data.size() != 2) return data.size() < 2 ? Fault::truncated : Fault::trailing_bytes;
      const std::uint16_t number = load_be16(data.data());
      const bool result = message.bvlc == kBvlcResult;
      operation->set(result ? kErrorCode : kDuration, number);
      return result && (number % kNak != 0 || number / kNak > kDistributeBroadcast)
                 ? Fault::bad_value
                 : Fault::none;
    }
    default:
      if (add_operation(message, function, operations, fault) == nullptr) return fault;
      return data.empty() ? Fault::none : Fault::trailing_bytes;
  }
}

namespace {

class NetworkLayer {
 public:
  NetworkLayer(const Message& message, OperationList& operations)
      : message_(message),
        operations_(operations),
        function_(find_function(std::min<std::uint8_t>(message.network_message, kProprietary),
                                kOfNetwork)),
        reader_(message.data) {}

  Fault decode() {
    switch (message_.network_message) {
      case kWhoIsRouter:
        if (!message_.data.empty()) return networks(1, 1);
        [[fallthrough]];
      case kWhatIsNetworkNumber:
        return finish(add());
      case kIAmRouter:
        return networks(1, kNetworksMax);
      case kRouterBusy:
      case kRouterAvailable:
        return message_.data.empty() ? finish(add()) : networks(1, kNetworksMax);
      case kDisconnectConnection:
        return networks(1, 1);
      case kICouldBeRouter:
        return network_and_octet("6.4.3: performance index");
      case kEstablishConnection:
        return network_and_octet("6.4.9: termination time");
      case kRejectMessage:
        return reject();
      case kInitializeTable:
      case kInitializeTableAck:
        return routing_table();
      case kNetworkNumberIs:
        return network_number();
      default:
        return message_.network_message >= kProprietary ? proprietary() : Fault::unknown_function;
    }
  }

 private:
  static constexpr std::size_t kNetworksMax = kMessageBytesMax / 2;

  Operation* add() { return add_operation(message_, function_, operations_, fault_); }

  Fault finish(const Operation* operation) const {
    if (operation == nullptr) return fault_;
    if (!reader_.ok()) return Fault::truncated;
    return reader_.remaining() == 0 ? Fault::none : Fault::trailing_bytes;
  }

  // An operation for each network that is named.
  Fault networks(std::size_t least, std::size_t most) {
    std::size_t count = 0;
    Operation* operation = nullptr;
    for (; count < least || (reader_.remaining() > 0 && count < most); ++count) {
      operation = add();
      if (operation == nullptr) return fault_;
      if (!set_network(*operation)) return Fault::truncated;
    }
    return finish(operation);
  }

  bool set_network(Operation& operation) {
    operation.set(kRouterNetwork, reader_.u16());
    return reader_.ok();
  }

  Fault network_and_octet(std::string_view octet) {
    Operation* operation = add();
    if (operation == nullptr) return fault_;
    if (!set_network(*operation)) return Fault::truncated;
    operations_.leave_free(reader_.take(1), octet);
    return finish(operation);
  }

  // 6.4.4: why, and which network.
  Fault reject() {
    Operation* operation = add();
    if (operation == nullptr) return fault_;
    operation->set(kErrorCode, reader_.u8());
    operation->set(kRouterNetwork, reader_.u16());
    return finish(operation);
  }

  // 6.4.7: a table's ports, each with its network; none asks for the table.
  Fault routing_table() {
    const std::size_t ports = reader_.u8();
    Operation* operation = nullptr;
    if (ports == 0) operation = add();
    for (std::size_t i = 0; i < ports; ++i) {
      operation = add();
      if (operation == nullptr) return fault_;
      if (!set_network(*operation)) return Fault::truncated;
      const std::size_t begin = reader_.offset();
      reader_.skip(1);
      reader_.skip(reader_.u8());
      if (!reader_.ok()) return Fault::truncated;
      operations_.leave_free(message_.data.subspan(begin, reader_.offset() - begin),
                             "6.4.7: a router's port, and what it needs");
    }
    return finish(operation);
  }

  // 6.4.20: the number, and whether it was configured or learned.
  Fault network_number() {
    Operation* operation = add();
    if (operation == nullptr) return fault_;
    if (!set_network(*operation)) return Fault::truncated;
    const std::uint8_t configured = reader_.u8();
    operation->set_real(kValue, configured);
    return configured > 1 ? Fault::bad_value : finish(operation);
  }

  // 6.2.4: from 0x80 on a vendor's identifier follows, and what only the vendor knows.
  Fault proprietary() {
    Operation* operation = add();
    if (operation == nullptr) return fault_;
    operation->set(kServiceNumber, message_.network_message);
    operation->set(kVendor, reader_.u16());
    operations_.leave_free(reader_.rest(), "a vendor's own format");
    return finish(operation);
  }

  const Message& message_;
  OperationList& operations_;
  std::uint16_t function_;
  ByteReader reader_;
  Fault fault_ = Fault::none;
};

}  // namespace

Fault decode_network_message(const Message& message, OperationList& operations) {
  return NetworkLayer(message, operations).decode();
}

}  // namespace bulkhead::bacnet
