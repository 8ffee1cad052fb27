// Long answers: a data unit that is longer than what is put together is read by its head, down to
// the service that it answers. All its headers reach to its end; what is behind them is content.
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

}  // namespace

// A confirmed response in the presentation's one value (ISO 8823-1, 8.4.2), or bare.
Fault parse_long(ByteView user, LongAnswer& answer) {
  constexpr std::uint8_t kResponse = 0xa0 | kConfirmedResponse;
  constexpr std::uint8_t kHighNumber = 0x1f;
  ByteView bytes = user;
  answer.bare = !bytes.empty() && begins_pdu(bytes[0]);
  if (!answer.bare) {
    if (!begins_data(user)) return Fault::bad_value;
    bytes = user.subspan(kDataHeadBytes);
  }
  Headers headers(bytes);
  if (!answer.bare) {
    headers.expect(0x61);
    headers.expect(0x30);
    answer.context = to_number(headers.number(0x02)).value_or(0);
    headers.expect(0xa0);
  }
  if (headers.identifier() != kResponse) return Fault::bad_length;
  headers.to_end();
  answer.pdu_bytes = headers.end() - headers.offset();
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

}  // namespace bulkhead::mms
