// User data: subscriptions by their items, system status lists and lists of blocks by what they are
// asked for. What else a group carries is granted whole or not at all.
#include <string_view>

#include "dataplane/protocols/s7comm/layout.h"

namespace bulkhead::s7comm {

using protocols::Fault;
using protocols::Operation;
using protocols::OperationList;

namespace {

constexpr unsigned kListBlocks = 0x301;
constexpr unsigned kListBlocksOfType = 0x302;
constexpr unsigned kBlockInfo = 0x303;
constexpr unsigned kReadSzl = 0x401;

// A subscription: how many items, how often, and they, as in a read.
Fault decode_cyclic(const UserData& user, OperationList& operations) {
  ByteReader reader(user.payload);
  const std::size_t count = reader.u16();
  const ByteView interval = reader.take(2);
  if (!reader.ok()) return Fault::truncated;
  if (count == 0 || count > kItemsMax) return Fault::bad_quantity;
  for (std::size_t i = 0; i < count; ++i) {
    Fault fault = Fault::none;
    Operation* operation = add_operation(user.code(), user.sub_function, operations, fault);
    if (operation == nullptr) return fault;
    fault = decode_item(reader, count, *operation, operations);
    if (fault != Fault::none) return fault;
  }
  operations.leave_free(interval, "how often this session is told");
  return reader.remaining() == 0 ? Fault::none : Fault::trailing_bytes;
}

Fault set_block_type(ByteView text, Operation& operation) {
  if (text.size() != 2) return text.size() < 2 ? Fault::truncated : Fault::trailing_bytes;
  const std::uint8_t digit = text[1];
  const bool decimal = digit >= '0' && digit <= '9';
  if (text[0] != '0' || (!decimal && (digit < 'A' || digit > 'F'))) return Fault::bad_value;
  operation.set(kBlockType, decimal ? digit - '0' : digit - 'A' + 10);
  return Fault::none;
}

Fault decode_payload(const UserData& user, Operation& operation, const OperationList& operations) {
  ByteReader reader(user.payload);
  Block block;
  switch (user.group * 256U + user.sub_function) {
    case kReadSzl:
      operation.set(kSzlId, reader.u16());
      operation.set(kSzlIndex, reader.u16());
      if (!reader.ok()) return Fault::truncated;
      return reader.remaining() == 0 ? Fault::none : Fault::trailing_bytes;
    case kListBlocks:
      return Fault::trailing_bytes;
    case kListBlocksOfType:
      return set_block_type(user.payload, operation);
    case kBlockInfo:
      if (!parse_block(user.payload, block)) return Fault::bad_value;
      set_block(block, operation);
      return Fault::none;
    default:
      operations.leave_free(user.payload, "content of a function that is granted whole");
      return Fault::none;
  }
}

}  // namespace

Fault decode_user_data(const Pdu& pdu, OperationList& operations) {
  constexpr std::string_view kTold = "what an answer tells";
  UserData user;
  Fault fault = parse_user_data(pdu, user);
  if (fault != Fault::none) return fault;
  const bool asks = user.type == UserData::kAsk;
  if (user.code() == kUserDataCode && pdu.data.empty()) {
    operations.leave_free(pdu.parameters.subspan(2, 4), kTold);
  }
  operations.leave_free(pdu.parameters.subspan(7, 1), "a sequence number, which answers repeat");
  operations.leave_free(user.part, "which part of a long answer goes on");
  const bool cyclic = user.group == 2 && user.sub_function != 4;
  if (cyclic && asks) return decode_cyclic(user, operations);
  Operation* operation = add_operation(user.code(), user.sub_function, operations, fault);
  if (operation == nullptr) return fault;
  if (!asks) {
    // What a controller tells unasked is none of a client's to begin; an answer is tied to what
    // asked.
    const auto& function = catalogue().functions[operation->function];
    const bool pushed = user.type == UserData::kPush;
    if (pushed && function.initiator == protocols::Initiator::client) return Fault::wrong_direction;
    operation->tied = !pushed;
    operations.leave_free(pdu.parameters.subspan(8),
                          "why an answer refuses, and whether it goes on");
    operations.leave_free(pdu.data, kTold);
    return Fault::none;
  }
  // Requests for what follows of a long answer have no payload.
  return user.payload.empty() ? Fault::none : decode_payload(user, *operation, operations);
}

}  // namespace bulkhead::s7comm
