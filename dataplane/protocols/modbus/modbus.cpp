// The module's face: framing by the MBAP header, and the way into parsing and accepting.
#include <algorithm>

#include "dataplane/protocols/modbus/layout.h"
#include "dataplane/protocols/modbus/pairing.h"
#include "dataplane/protocols/modbus/umas.h"

namespace bulkhead::modbus {

using protocols::Direction;
using protocols::Fault;
using protocols::Frame;
using protocols::MessageContext;
using protocols::Operation;
using protocols::OperationList;
using protocols::Parsed;

std::size_t length_max(std::uint8_t code) {
  return (code & ~kExceptionFlag) == kUmas ? kUmasLengthMax : kLengthMax;
}

Fault parse_adu(ByteView message, Adu& adu) {
  ByteReader reader(message);
  adu.transaction = reader.u16();
  const std::uint16_t protocol = reader.u16();
  const std::size_t length = reader.u16();
  adu.unit = reader.u8();
  adu.code = reader.u8();
  adu.data = reader.rest();
  if (!reader.ok()) return Fault::truncated;
  if (protocol != 0) return Fault::not_this_protocol;
  if (length > length_max(adu.code)) return Fault::bad_length;
  if (length + kLengthFieldEnd > message.size()) return Fault::truncated;
  return length + kLengthFieldEnd == message.size() ? Fault::none : Fault::trailing_bytes;
}

Operation* add_operation(const Adu& adu, std::int32_t sub_code, OperationList& operations,
                         Fault& fault) {
  const std::uint16_t function = find_function(adu.code, sub_code);
  if (function == kNotInCatalogue) {
    fault = Fault::unknown_function;
    return nullptr;
  }
  Operation* operation = operations.add(function);
  if (operation == nullptr) {
    fault = Fault::too_many_operations;
    return nullptr;
  }
  operation->set(kUnit, adu.unit);
  return operation;
}

Operation* add_sub_operation(const Adu& adu, ByteReader& reader, OperationList& operations,
                             Fault& fault) {
  const bool diagnostics = adu.code == kDiagnostics;
  const std::uint16_t sub_code = diagnostics ? reader.u16() : reader.u8();
  if (!reader.ok()) {
    fault = Fault::truncated;
    return nullptr;
  }
  Operation* operation = add_operation(adu, sub_code, operations, fault);
  if (operation != nullptr) operation->set(diagnostics ? kSubFunction : kMei, sub_code);
  return operation;
}

namespace {

class Modbus final : public protocols::Protocol, public protocols::RememberedVerdicts {
 public:
  const protocols::Catalogue& catalogue() const override { return modbus::catalogue(); }

  // The protocol identifier and the length are refused as soon as they are seen, so that what is
  // not Modbus is never held in the hope of more.
  Frame frame(ByteView stream, const MessageContext& /*context*/) const override {
    constexpr std::size_t kProtocolEnd = 4;
    if (stream.size() < kProtocolEnd) return {Fault::none, 0, kProtocolEnd};
    if (load_be16(stream.data() + 2) != 0) return {Fault::not_this_protocol, 0, 0};
    if (stream.size() < kLengthFieldEnd) return {Fault::none, 0, kLengthFieldEnd};
    const std::size_t length = load_be16(stream.data() + 4);
    if (length < kLengthMin || length > kUmasLengthMax) return {Fault::bad_length, 0, 0};
    if (length > kLengthMax) {  // which only one function may have
      if (stream.size() <= kMbapBytes) return {Fault::none, 0, kMbapBytes + 1};
      if (length > length_max(stream[kMbapBytes])) return {Fault::bad_length, 0, 0};
    }
    return {Fault::none, kLengthFieldEnd + length, kLengthFieldEnd + length};
  }

  Fault parse(Parsed& parsed, const MessageContext& context,
              OperationList& operations) const override {
    operations.clear();
    Adu& adu = parsed.keep<Adu>();
    if (const Fault fault = parse_adu(parsed.message(), adu); fault != Fault::none) return fault;
    operations.leave_free(parsed.message().first(2),
                          "transaction identifier, which accept() compares");
    if (adu.code == kUmas) find_reservation(context.session, adu);
    return context.direction == Direction::response ? decode_response(adu, operations)
                                                    : decode_request(adu, operations);
  }

  std::optional<std::uint16_t> claimed_code(ByteView message) const override {
    if (message.size() <= kMbapBytes) return std::nullopt;
    return static_cast<std::uint16_t>(message[kMbapBytes] & ~kExceptionFlag);
  }

  protocols::StateLayout state_layout() const override { return kStateLayout; }

  const protocols::RememberedVerdicts* remembered_verdicts() const override { return this; }
  // Without the transaction identifier. Who holds the controller's reservation is the session's.
  ByteView key(ByteView message) const override {
    constexpr std::size_t kTransactionBytes = 2;
    constexpr std::size_t kUmasKey = kMbapBytes + 1;
    constexpr std::size_t kUmasCode = kMbapBytes + 2;
    if (message.size() < kMbapBytes) return {};
    const bool of_session = message.size() > kUmasCode && message[kMbapBytes] == kUmas &&
                            is_about_reservation(message[kUmasCode], message[kUmasKey]);
    return of_session ? ByteView{} : message.subspan(kTransactionBytes);
  }
  Fault accept_known(std::span<std::byte> session, ByteView request,
                     std::uint32_t now_ms) const override {
    Adu adu;
    const Fault fault = parse_adu(request, adu);
    return fault != Fault::none ? fault : accept_request(Session(session), adu, now_ms);
  }

  Fault accept(std::span<std::byte> session, const Parsed& message,
               std::uint32_t now_ms) const override {
    const Adu& adu = *message.kept<Adu>();
    return message.is_request() ? accept_request(Session(session), adu, now_ms)
                                : accept_response(Session(session), adu, now_ms);
  }

  protocols::Difference difference(std::span<std::byte> session,
                                   const Parsed& answer) const override {
    return modbus::difference(Session(session), *answer.kept<Adu>());
  }

  std::size_t outstanding(std::span<std::byte> session, std::uint32_t now_ms) const override {
    return awaited(Session(session), now_ms);
  }

  // AP 7: the function code with its highest bit set, and an exception code. UMAS has an error of
  // its own.
  std::size_t refuse(const Parsed& parsed, protocols::DeniedPart denied_part,
                     std::span<std::uint8_t> reply) const override {
    constexpr std::size_t kReplyBytes = kMbapBytes + 2;
    const ByteView request = parsed.message();
    if (request.size() <= kMbapBytes || reply.size() < kReplyBytes + 3) return 0;
    if (request[kMbapBytes] == kUmas && request.size() > kMbapBytes + 2) {
      return refuse_umas(request, reply);
    }
    std::copy_n(request.begin(), kMbapBytes, reply.begin());
    store_be16(reply.data() + 4, kReplyBytes - kLengthFieldEnd);
    reply[kMbapBytes] = static_cast<std::uint8_t>(request[kMbapBytes] | kExceptionFlag);
    switch (denied_part) {
      case protocols::DeniedPart::function:
        reply[kMbapBytes + 1] = kIllegalFunction;
        break;
      case protocols::DeniedPart::address:
        reply[kMbapBytes + 1] = kIllegalDataAddress;
        break;
      case protocols::DeniedPart::value:
        reply[kMbapBytes + 1] = kIllegalDataValue;
        break;
    }
    return kReplyBytes;
  }

 private:
  // The request's key, the code of an error, and what is wrong: the function is not available.
  static std::size_t refuse_umas(ByteView request, std::span<std::uint8_t> reply) {
    constexpr std::size_t kBytes = kMbapBytes + 5;
    constexpr std::uint8_t kNotAvailable = 0x80;
    std::copy_n(request.begin(), kMbapBytes + 2, reply.begin());
    store_be16(reply.data() + 4, kBytes - kLengthFieldEnd);
    reply[kMbapBytes + 2] = kUmasError;
    reply[kMbapBytes + 3] = kNotAvailable;
    reply[kMbapBytes + 4] = 0;
    return kBytes;
  }
};

}  // namespace

const protocols::Protocol& protocol() {
  static const Modbus kProtocol;
  return kProtocol;
}

}  // namespace bulkhead::modbus
