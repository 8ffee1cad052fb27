// A data unit that is longer than what is put together is read by its head: an answer down to the
// service that it answers, a request down to the string of octets that it writes. All its headers
// reach to its end; what is behind them is content.
#include <algorithm>
#include <array>

#include "dataplane/protocols/mms/layout.h"
#include "dataplane/protocols/mms/pairing.h"

namespace bulkhead::mms {

using protocols::Fault;

namespace {

// Identifiers of one octet with lengths in the fewest octets, each the last of what it stands in.
class Headers {
 public:
  explicit Headers(ByteView bytes) : reader_(bytes) {}

  bool ok() const { return ok_ && reader_.ok(); }
  std::size_t offset() const { return reader_.offset(); }
  std::size_t end() const { return end_; }
  std::uint8_t identifier() { return reader_.u8(); }
  std::uint8_t u8() { return reader_.u8(); }
  void skip(std::size_t octets) { reader_.skip(octets); }
  // Reads a length that goes to the end; the first one says where that is.
  void to_end() {
    const std::uint64_t length = read_length();
    const std::uint64_t end = reader_.offset() + length;
    if (length > kLongBytesMax || (end_ != 0 && end != end_)) ok_ = false;
    end_ = static_cast<std::size_t>(end);
  }
  void expect(std::uint8_t identifier) {
    if (reader_.u8() != identifier) ok_ = false;
    to_end();
  }
  // The content of a short primitive element.
  ByteView number(std::uint8_t identifier) {
    if (reader_.u8() != identifier) ok_ = false;
    const std::uint8_t length = reader_.u8();
    if (length == 0 || length > 5) ok_ = false;
    return reader_.take(ok_ ? length : 0);
  }

 private:
  std::uint64_t read_length() {
    const std::uint8_t first = reader_.u8();
    if (first < 0x80) return first;
    const std::size_t octets = first & 0x7fU;
    if (octets == 0 || octets > 4) ok_ = false;
    std::uint64_t length = 0;
    for (std::size_t i = 0; i < octets && ok_; ++i) {
      length = length << 8 | reader_.u8();
      if (i == 0 && length == 0) ok_ = false;
    }
    if (length < 0x80) ok_ = false;
    return length;
  }

  ByteReader reader_;
  std::size_t end_ = 0;
  bool ok_ = true;
};

std::optional<std::uint32_t> to_number(ByteView content) {
  const auto value = ber::to_unsigned(content);
  if (!value || *value > UINT32_MAX) return std::nullopt;
  return static_cast<std::uint32_t>(*value);
}

// A PDU in the presentation's one value (ISO 8823-1, 8.4.2), or bare: up to its invoke identifier.
template <typename Unit>
Fault begin_pdu(Headers& headers, std::uint8_t identifier, Unit& unit) {
  if (!unit.bare) {
    headers.expect(0x61);
    headers.expect(0x30);
    unit.context = to_number(headers.number(0x02)).value_or(0);
    headers.expect(0xa0);
  }
  if (headers.identifier() != identifier) return Fault::bad_length;
  headers.to_end();
  unit.pdu_bytes = headers.end() - headers.offset();
  return Fault::none;
}

// What stands behind the session's SPDUs, if there are any.
Fault begin_user(ByteView user, bool& bare, ByteView& bytes) {
  bare = !user.empty() && begins_pdu(user[0]);
  bytes = user;
  if (bare) return Fault::none;
  if (!begins_data(user)) return Fault::bad_value;
  bytes = user.subspan(kDataHeadBytes);
  return Fault::none;
}

}  // namespace

Fault parse_long(ByteView user, LongAnswer& answer) {
  constexpr std::uint8_t kResponse = 0xa0 | kConfirmedResponse;
  constexpr std::uint8_t kHighNumber = 0x1f;
  ByteView bytes;
  if (const Fault fault = begin_user(user, answer.bare, bytes); fault != Fault::none) return fault;
  Headers headers(bytes);
  if (const Fault fault = begin_pdu(headers, kResponse, answer); fault != Fault::none) return fault;
  const auto invoke_id = to_number(headers.number(0x02));
  std::uint32_t service = headers.identifier();
  const bool constructed = (service & 0xe0) == 0xa0;
  service &= kHighNumber;
  if (service == kHighNumber) service = headers.u8();  // up to 127
  const bool known = service < 0x80 && service != kAdditionalService;
  if (!headers.ok() || !invoke_id || !constructed || !known) return Fault::bad_value;
  headers.to_end();
  if (!headers.ok()) return Fault::bad_length;
  if (headers.end() <= bytes.size()) return Fault::trailing_bytes;
  answer.content = bytes.subspan(headers.offset());
  answer.invoke_id = *invoke_id;
  answer.service = static_cast<std::uint8_t>(service);
  return Fault::none;
}

namespace {

constexpr std::uint8_t kWriteService = 0xa0 | kWrite;
constexpr std::uint8_t kListOfData = 0xa0;
constexpr std::uint8_t kOctets = 0x89;
constexpr std::size_t kAccessBytesMax = 1024;  // more than any name needs

}  // namespace

// Write-Request (ISO 9506-2, 14.7.1): listOfVariable with one member, listOfData with one. Other
// values than octets are read to their end, and lists have several.
Fault parse_long(ByteView user, LongRequest& request) {
  constexpr std::uint8_t kRequest = 0xa0 | kConfirmedRequest;
  ByteView bytes;
  if (begin_user(user, request.bare, bytes) != Fault::none) return Fault::too_long;
  Headers headers(bytes);
  if (begin_pdu(headers, kRequest, request) != Fault::none) return Fault::too_long;
  const auto invoke_id = to_number(headers.number(0x02));
  headers.expect(kWriteService);
  if (!headers.ok() || !invoke_id) return Fault::too_long;
  ber::Reader reader(bytes.subspan(headers.offset()));
  ber::Element access;
  ber::Element variable;
  if (!reader.next_if(ber::context(0), access) || access.whole.size() > kAccessBytesMax ||
      !ber::only(access.content, variable)) {
    return Fault::too_long;
  }
  headers.skip(access.whole.size());
  headers.expect(kListOfData);
  headers.expect(kOctets);
  if (!headers.ok() || headers.end() <= bytes.size()) return Fault::too_long;
  request.invoke_id = *invoke_id;
  request.access = access.whole;
  request.user_bytes = headers.end() + (user.size() - bytes.size());
  request.content = bytes.subspan(headers.offset());
  return Fault::none;
}

ByteView shorten(const LongRequest& request) {
  thread_local std::array<std::uint8_t, kAccessBytesMax + 128> shorter;
  std::size_t at = shorter.size();
  const auto put = [&](std::uint8_t octet) { shorter[--at] = octet; };
  const auto put_number = [&](std::uint8_t identifier, std::uint32_t number) {
    const std::size_t end = at;
    do {
      put(static_cast<std::uint8_t>(number));
      number >>= 8;
    } while (number != 0);
    if (shorter[at] >= 0x80) put(0);
    put(static_cast<std::uint8_t>(end - at));
    put(identifier);
  };
  const auto put_header = [&](std::uint8_t identifier) {
    const std::size_t length = shorter.size() - at;
    put(static_cast<std::uint8_t>(length));
    if (length > 0xff) put(static_cast<std::uint8_t>(length >> 8));
    if (length >= 0x80) put(length > 0xff ? 0x82 : 0x81);
    put(identifier);
  };
  put(0);
  put(kOctets);
  put_header(kListOfData);
  at -= request.access.size();
  std::copy(request.access.begin(), request.access.end(),
            shorter.begin() + static_cast<std::ptrdiff_t>(at));
  put_header(kWriteService);
  put_number(0x02, request.invoke_id);
  put_header(0xa0 | kConfirmedRequest);
  if (!request.bare) {
    put_header(0xa0);  // a single ASN.1 type
    put_number(0x02, request.context);
    put_header(0x30);
    put_header(0x61);
    for (const std::uint8_t octet : std::array<std::uint8_t, 4>{0, 1, 0, 1}) put(octet);
  }
  return ByteView(shorter).subspan(at);
}

}  // namespace bulkhead::mms
