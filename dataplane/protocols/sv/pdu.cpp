// The PDU: every member of every ASDU in its order, and as many as it says.
#include "dataplane/protocols/ber_schema.h"
#include "dataplane/protocols/sv/layout.h"

namespace bulkhead::sv {

using protocols::Fault;

namespace {

constexpr ber::Tag kSavPdu = ber::application(0);

// Members have fixed sizes (IEC 61850-9-2, 8.5.2).
std::optional<std::uint32_t> fixed(const ber::Element& part, std::size_t octets) {
  if (part.constructed || part.content.size() != octets) return std::nullopt;
  std::uint32_t value = 0;
  for (const std::uint8_t octet : part.content) value = value << 8 | octet;
  return value;
}

// A primitive member of any content.
bool take(ber::Reader& reader, ber::Tag number, ber::Element& part) {
  return reader.next_if(ber::context(number), part) && !part.constructed;
}

// Reads a member that may be absent; false if it is there and not right.
bool parse_optional(ber::Reader& reader, ber::Tag number, std::size_t octets,
                    std::optional<ByteView>& content, ByteView& whole) {
  ber::Element part;
  content.reset();
  if (!reader.next_if(ber::context(number), part)) return reader.ok();
  content = part.content;
  whole = part.whole;
  return !part.constructed && (octets == 0 || part.content.size() == octets);
}

std::uint16_t two_octets(ByteView content) { return load_be16(content.data()); }

// The members in their order (IEC 61850-9-2, 8.5.2).
bool parse_asdu(ByteView bytes, Asdu& asdu) {
  ber::Reader reader(bytes);
  ber::Element part;
  asdu = Asdu{};
  if (!take(reader, 0, part)) return false;
  asdu.sv_id = part.content;
  ByteView whole;
  if (!parse_optional(reader, 1, 0, asdu.dataset, whole)) return false;
  if (!take(reader, 2, part)) return false;
  const auto sample_count = fixed(part, 2);
  asdu.sample_count_bytes = part.content;
  std::optional<ByteView> time;
  if (!take(reader, 3, part)) return false;
  const auto conf_rev = fixed(part, 4);
  if (!parse_optional(reader, 4, 8, time, asdu.refresh_time) || !take(reader, 5, part))
    return false;
  const auto synchronised = fixed(part, 1);
  if (!sample_count || !conf_rev || !synchronised) return false;
  std::optional<ByteView> rate;
  std::optional<ByteView> clock;
  std::optional<ByteView> mode;
  if (!parse_optional(reader, 6, 2, rate, whole) || !take(reader, 7, part)) return false;
  asdu.samples = part.whole;
  if (!parse_optional(reader, 8, 2, mode, whole) ||
      !parse_optional(reader, 9, 8, clock, asdu.clock))
    return false;
  if (rate) asdu.sample_rate = two_octets(*rate);
  if (mode) asdu.sample_mode = two_octets(*mode);
  asdu.sample_count = static_cast<std::uint16_t>(*sample_count);
  asdu.conf_rev = *conf_rev;
  asdu.synchronised = static_cast<std::uint8_t>(*synchronised);
  return reader.at_end() && published::good_reference(asdu.sv_id) &&
         (!asdu.dataset || published::good_reference(*asdu.dataset));
}

}  // namespace

Fault Pdu::parse(ByteView bytes) {
  published::Message message;
  if (const Fault fault = published::parse_message(bytes, message); fault != Fault::none) {
    return fault;
  }
  if (!message.apdu.is(kSavPdu)) return Fault::unknown_function;
  if (!message.apdu.constructed) return Fault::bad_value;
  ber::Reader reader(message.apdu.content);
  ber::Element part;
  if (!take(reader, 0, part)) return Fault::bad_value;
  const bool shortest = ber::good_content(part.content, ber::Kind::number);
  const auto count = shortest ? published::to_uint32(part.content) : std::nullopt;
  if (!count || *count == 0) return Fault::bad_quantity;
  if (!reader.next_if(ber::context(2), part) || !part.constructed || !reader.at_end()) {
    return Fault::bad_value;
  }
  appid_ = message.appid;
  simulated_ = message.simulated;
  extension_ = message.extension;
  count_ = *count;
  asdus_ = ber::Reader(part.content);
  return Fault::none;
}

bool Pdu::next(Asdu& asdu) {
  ber::Element element;
  if (!asdus_.next(element)) {
    fault_ = !asdus_.at_end()  ? Fault::bad_length
             : read_ == count_ ? Fault::none
                               : Fault::bad_quantity;
    return false;
  }
  if (!element.is(ber::kSequence) || !element.constructed || !parse_asdu(element.content, asdu)) {
    fault_ = Fault::bad_value;
    return false;
  }
  ++read_;
  return true;
}

}  // namespace bulkhead::sv
