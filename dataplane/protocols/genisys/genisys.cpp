// The module's face: framing, what a message asks for, and who may send it.
#include <algorithm>

#include "dataplane/protocols/genisys/pairing.h"

namespace bulkhead::genisys {

using protocols::Direction;
using protocols::Fault;
using protocols::Frame;
using protocols::MessageContext;
using protocols::Operation;
using protocols::OperationList;
using protocols::Parsed;

namespace {

bool is_known(std::uint8_t code) {
  return protocols::find_function(catalogue().functions, code) != kNotInCatalogue;
}

Operation* add_operation(const Message& message, std::int32_t sub_code, OperationList& operations) {
  Operation* operation =
      operations.add(protocols::find_function(catalogue().functions, message.code, sub_code));
  if (operation == nullptr) return nullptr;
  operation->set(message.code == kCommonControl ? kBroadcast : kStation, message.station);
  return operation;
}

// An operation a pair. What sets the station's mode is a function of its own; what tells it is not.
Fault add_pairs(const Message& message, std::span<const Pair> pairs, OperationList& operations) {
  for (const Pair& pair : pairs) {
    const bool is_mode = pair.address == kModeAddress;
    const bool sets_mode = is_mode && !is_answer(message.code);
    Operation* const operation =
        add_operation(message, sets_mode ? kOfMode : protocols::kNoSubCode, operations);
    if (operation == nullptr) return Fault::too_many_operations;
    operation->set(is_mode ? kMode : kValue, pair.value);
    if (!is_mode) operation->set(kAddress, pair.address);
  }
  return Fault::none;
}

Fault add_operations(const Message& message, std::span<const std::byte> session,
                     OperationList& operations) {
  std::span<const Pair> pairs = message.pairs();
  std::int32_t sub_code = protocols::kNoSubCode;
  if (message.code == kControlExecute) {
    pairs = pending_for(session, message.station);
    if (pairs.empty()) return Fault::not_selected;
  } else if (message.code == kAcknowledgeAndPoll && !has_unacknowledged(session, message.station)) {
    sub_code = kUnseen;
  }
  if (!pairs.empty()) return add_pairs(message, pairs, operations);
  Operation* const operation = add_operation(message, sub_code, operations);
  if (operation == nullptr) return Fault::too_many_operations;
  if (message.code == kPoll) operation->set(kSecure, message.secure ? 1 : 0);
  return Fault::none;
}

class Module final : public protocols::Protocol {
 public:
  const protocols::Catalogue& catalogue() const override { return genisys::catalogue(); }

  // 5.1.1.1: from a header to the next terminator.
  Frame frame(ByteView stream, const MessageContext& /*context*/) const override {
    if (stream.empty()) return {Fault::none, 0, kMessageMin};
    const std::uint8_t header = stream[0];
    if (header <= kEscape || header == kTerminator || header == kUnused) {
      return {Fault::not_this_protocol, 0, 0};
    }
    const ByteView rest = stream.subspan(1, std::min(stream.size(), kMessageMax) - 1);
    std::size_t end = kMessageMax;  // where the terminator has to stand at the latest
    bool escaped = false;
    for (std::size_t i = 0; i < rest.size(); ++i) {
      const std::uint8_t octet = rest[i];
      if (octet == kTerminator) return {Fault::none, i + 2, i + 2};
      if (i >= end) return {Fault::bad_value, 0, 0};
      // Only a checksum may hold what is a control character elsewhere.
      if (escaped && octet > kEscapedMax) end = std::min(end, i + kChecksumBytes - 1);
      if (octet > kEscape) end = std::min(end, i + kChecksumBytes);
      escaped = !escaped && octet == kEscape;
    }
    if (stream.size() >= kMessageMax) return {Fault::bad_length, 0, 0};
    return {Fault::none, 0, std::max(kMessageMin, stream.size() + 1)};
  }

  std::optional<Direction> encoded_direction(ByteView message) const override {
    if (message.empty() || !is_known(message[0])) return std::nullopt;
    return is_answer(message[0]) ? Direction::response : Direction::request;
  }

  Fault parse(Parsed& parsed, const MessageContext& context,
              OperationList& operations) const override {
    operations.clear();
    const ByteView bytes = parsed.message();
    if (bytes.empty()) return Fault::truncated;
    if (!is_known(bytes[0])) return Fault::unknown_function;
    if (is_answer(bytes[0]) == parsed.is_request()) return Fault::wrong_direction;
    Message& message = parsed.keep<Message>();
    const Fault fault = parse_message(bytes, message);
    if (fault != Fault::none) return fault;
    return add_operations(message, context.session, operations);
  }

  std::optional<std::uint16_t> claimed_code(ByteView message) const override {
    if (message.empty()) return std::nullopt;
    return message[0];
  }

  protocols::StateLayout state_layout() const override { return kStateLayout; }

  Fault accept(std::span<std::byte> session, const Parsed& parsed,
               std::uint32_t now_ms) const override {
    const Message& message = *parsed.kept<Message>();
    return parsed.is_request() ? accept_request(session, message, now_ms)
                               : accept_answer(session, message, now_ms);
  }

  protocols::Difference difference(std::span<std::byte> session,
                                   const Parsed& answer) const override {
    const Message* const message = answer.kept<Message>();
    return message == nullptr ? protocols::Difference{} : genisys::difference(session, *message);
  }

  std::size_t outstanding(std::span<std::byte> session, std::uint32_t now_ms) const override {
    return awaited(session, now_ms);
  }
};

}  // namespace

const protocols::Protocol& protocol() {
  static const Module kProtocol;
  return kProtocol;
}

}  // namespace bulkhead::genisys
