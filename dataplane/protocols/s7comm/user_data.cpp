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
  operations.leave_free(interval, "interval of reports to this session");
  return add_items(user.payload.subspan(reader.offset()), user.code(), user.sub_function, count,
                   operations);
}

Fault set_block_type(ByteView text, Operation& operation) {
  if (text.size() != 2) return text.size() < 2 ? Fault::truncated : Fault::trailing_bytes;
  const int type = parse_block_type(text);
  if (type < 0) return Fault::bad_value;
  operation.set(kBlockType, type);
  return Fault::none;
}

// What the answer was about that is gone on with; nothing where that is not known.
void set_subject(const UserData& user, const Unfinished* unfinished, Operation& operation) {
  if (unfinished == nullptr || !unfinished->goes_on_with(user)) return;
  const std::uint32_t subject = unfinished->subject;
  switch (user.group * 256U + user.sub_function) {
    case kReadSzl:
      operation.set(kSzlId, subject >> 16);
      operation.set(kSzlIndex, subject & 0xffff);
      break;
    case kListBlocksOfType:
      operation.set(kBlockType, subject);
      break;
    default:
      break;
  }
}

// Functions that ask without saying more.
bool asks_by_itself(const UserData& user) {
  constexpr unsigned kOfControls = 15;  // uploads of a numerical control
  constexpr unsigned kClearPassword = 0x502;
  constexpr unsigned kReadClock = 0x701;
  constexpr unsigned kReadClockFollowing = 0x703;
  const unsigned code = user.group * 256U + user.sub_function;
  return user.group == kOfControls || code == kClearPassword || code == kReadClock ||
         code == kReadClockFollowing;
}

// Receivers know by the number whether a request begins something or goes on, or by its length
// (Snap7's server does). Besides, only programs and numerical controls are asked in the long form,
// whose other octets only answers use.
Fault check_form(const UserData& user) {
  const bool of_program = user.group == 1 || user.group == 15;
  const bool has_more = of_program || user.group == 3 || user.group == 4;
  const bool is_long = !user.part.empty();
  if (is_long && load_be16(user.part.data()) != 0) return Fault::bad_value;
  if (user.goes_on) return has_more && user.sequence != 0 ? Fault::none : Fault::bad_value;
  return !is_long || (of_program && user.sequence == 0) ? Fault::none : Fault::bad_value;
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
      return user.payload.empty() ? Fault::none : Fault::trailing_bytes;
    case kListBlocksOfType:
      return set_block_type(user.payload, operation);
    case kBlockInfo:
      if (!parse_block(user.payload, block)) return Fault::bad_value;
      set_block(block, operation);
      return Fault::none;
    default:
      if (user.payload.empty() && !asks_by_itself(user)) return Fault::truncated;
      operations.leave_free(user.payload, "content of a function that is granted whole");
      return Fault::none;
  }
}

}  // namespace

std::uint32_t subject_of(const UserData& user) {
  ByteReader reader(user.payload);
  switch (user.group * 256U + user.sub_function) {
    case kReadSzl:
      return reader.u32();
    case kListBlocksOfType: {
      const int type = parse_block_type(user.payload);
      return type < 0 ? 0 : static_cast<std::uint32_t>(type);
    }
    default:
      return 0;
  }
}

Fault decode_user_data(const Pdu& pdu, const UserData& user, const Unfinished* unfinished,
                       OperationList& operations) {
  constexpr std::string_view kTold = "what an answer tells";
  Fault fault = Fault::none;
  const bool asks = user.type == UserData::kAsk;
  if (user.code() == kUserDataCode && pdu.data.empty()) {
    operations.leave_free(pdu.parameters.subspan(2, 4), kTold);
  }
  if (asks) {
    fault = check_form(user);
    if (fault != Fault::none) return fault;
  }
  const bool known =
      asks && user.goes_on && unfinished != nullptr && unfinished->goes_on_with(user);
  if (!known && (!asks || user.goes_on || user.part.empty())) {
    operations.leave_free(pdu.parameters.subspan(7, 1), "a sequence number, which answers repeat");
  }
  if (!asks) operations.leave_free(user.part, "which part of a long answer goes on");
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
  if (!user.goes_on) return decode_payload(user, *operation, operations);
  set_subject(user, unfinished, *operation);
  return Fault::none;
}

}  // namespace bulkhead::s7comm
