// Modbus by hand: the cases must not lean on the module under test.
#include "tests/adversarial/model/conversation.h"

#include <utility>

namespace bulkhead::adversary {

namespace {

constexpr std::uint16_t kReadHoldingFunction = 2;  // catalogue indices
constexpr std::uint16_t kWriteMultipleFunction = 25;
constexpr std::uint32_t kGrantedRegisters = 200;

std::uint8_t high(std::uint32_t value) { return static_cast<std::uint8_t>(value >> 8); }
std::uint8_t low(std::uint32_t value) { return static_cast<std::uint8_t>(value); }

Bytes read_request(std::uint32_t first, std::uint32_t count) {
  return {3, high(first), low(first), high(count), low(count)};
}

Bytes write_request(Random& random, std::uint32_t first, std::uint32_t count) {
  Bytes pdu = {16, high(first), low(first), high(count), low(count), low(2 * count)};
  for (std::uint32_t i = 0; i < 2 * count; ++i) pdu.push_back(low(below(random, 256)));
  return pdu;
}

}  // namespace

policy::Tables case_policy(policy::OnDeny on_deny) {
  policy::Rule rule = support::modbus_rule({kReadHoldingFunction, kWriteMultipleFunction},
                                           {{0, kGrantedRegisters - 1}});
  policy::Tables tables = support::with_rules(support::two_zones(on_deny), {&rule});
  tables.conduits[0].reassemble = true;
  return tables;
}

Request random_request(Random& random, std::uint16_t transaction, bool granted) {
  Request request;
  request.transaction = transaction;
  request.granted = granted;
  const std::uint32_t count = 1 + below(random, 100);
  const std::uint32_t first = granted ? below(random, kGrantedRegisters - count + 1)
                                      : kGrantedRegisters - count + 1 + below(random, 500);
  Bytes pdu;
  switch (granted ? below(random, 2) : below(random, 5)) {
    case 0:
      pdu = read_request(first, count);
      break;
    case 1:
      pdu = write_request(random, first, count);
      break;
    case 2:  // a function that nothing grants
      pdu = {6, 0, low(below(random, 200)), 0, low(below(random, 256))};
      break;
    case 3:  // a function that does not exist
      pdu = {static_cast<std::uint8_t>(60 + below(random, 4)), 1, 2, 3};
      break;
    default:  // a quantity that the standard does not allow
      pdu = {3, 0, 0, 0, 0};
      break;
  }
  request.code = pdu[0];
  request.bytes = support::modbus_adu(pdu, transaction);
  return request;
}

bool is_granted(const Bytes& message) {
  if (message.size() < 12 || message[2] != 0 || message[3] != 0) return false;
  const std::uint32_t first = load_be16(message.data() + 8);
  const std::uint32_t count = load_be16(message.data() + 10);
  if (count == 0 || count > 125 || first + count > kGrantedRegisters) return false;
  if (message[7] == 3) return message.size() == 12;
  if (message[7] != 16 || message.size() < 13) return false;
  return count <= 123 && message[12] == 2 * count && message.size() == 13 + 2 * count;
}

Bytes answer_to(const Bytes& request) {
  const std::uint16_t transaction = load_be16(request.data());
  if (request[7] == 16) {
    return support::modbus_adu(Bytes(request.begin() + 7, request.begin() + 12), transaction);
  }
  const std::uint32_t count = load_be16(request.data() + 10);
  Bytes pdu = {3, low(2 * count)};
  for (std::uint32_t i = 0; i < 2 * count; ++i) pdu.push_back(low(transaction + i));
  return support::modbus_adu(pdu, transaction);
}

Bytes stray_beside(Random& random, const Bytes& request, bool behind) {
  Bytes stray = answer_to(request);
  switch (below(random, behind ? 3 : 2)) {
    case 0:
      store_be16(stray.data(), static_cast<std::uint16_t>(kStrayTransaction + below(random, 4096)));
      break;
    case 1:
      stray[6] = static_cast<std::uint8_t>(2 + below(random, 254));
      break;
    default:
      break;
  }
  return stray;
}

namespace {

// The length of the whole message at `offset`; 0 if it is not whole, nothing if it is no message.
std::optional<std::size_t> message_at(const Bytes& stream, std::size_t offset) {
  if (stream.size() < offset + 6) return 0;
  const std::size_t length = load_be16(stream.data() + offset + 4);
  if (load_be16(stream.data() + offset + 2) != 0 || length < 2 || length > 254) {
    return std::nullopt;
  }
  return stream.size() < offset + 6 + length ? 0 : 6 + length;
}

}  // namespace

std::optional<Bytes> next_message(const Bytes& stream, std::size_t& offset) {
  const auto length = message_at(stream, offset);
  if (!length || *length == 0) return std::nullopt;
  const auto begin = stream.begin() + static_cast<std::ptrdiff_t>(offset);
  offset += *length;
  return Bytes(begin, begin + static_cast<std::ptrdiff_t>(*length));
}

Split split(const Bytes& stream) {
  Split out;
  std::size_t at = 0;
  while (auto message = next_message(stream, at)) out.messages.push_back(std::move(*message));
  out.malformed = !message_at(stream, at);
  out.rest.assign(stream.begin() + static_cast<std::ptrdiff_t>(at), stream.end());
  return out;
}

}  // namespace bulkhead::adversary
