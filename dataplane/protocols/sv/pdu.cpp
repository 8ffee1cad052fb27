// The PDU: every member of every ASDU in its order, and as many as it says.
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

bool parse_asdu(ByteView bytes, Asdu& asdu) {
  ber::Reader reader(bytes);
  ber::Element part;
  asdu = Asdu{};
  if (!reader.next_if(ber::context(0), part) || part.constructed) return false;
  asdu.sv_id = part.content;
  if (reader.next_if(ber::context(1), part)) asdu.dataset = part.content;
  if (!reader.next_if(ber::context(2), part)) return false;
  const auto sample_count = fixed(part, 2);
  if (!reader.next_if(ber::context(3), part)) return false;
  const auto conf_rev = fixed(part, 4);
  if (reader.next_if(ber::context(4), part) && part.content.size() != 8) return false;
  if (!reader.next_if(ber::context(5), part)) return false;
  const auto synchronised = fixed(part, 1);
  if (!sample_count || !conf_rev || !synchronised) return false;
  if (reader.next_if(ber::context(6), part)) {
    const auto rate = fixed(part, 2);
    if (!rate) return false;
    asdu.sample_rate = static_cast<std::uint16_t>(*rate);
  }
  if (!reader.next_if(ber::context(7), part) || part.constructed) return false;
  if (reader.next_if(ber::context(8), part) && !fixed(part, 2)) return false;
  if (reader.next_if(ber::context(9), part) && part.content.size() != 8) return false;
  asdu.sample_count = static_cast<std::uint16_t>(*sample_count);
  asdu.conf_rev = *conf_rev;
  asdu.synchronised = static_cast<std::uint8_t>(*synchronised);
  return reader.at_end() && !asdu.sv_id.empty();
}

}  // namespace

Fault Pdu::parse(ByteView bytes) {
  published::Message message;
  if (const Fault fault = published::parse_message(bytes, message); fault != Fault::none) {
    return fault;
  }
  if (!message.apdu.is(kSavPdu)) return Fault::unknown_function;
  ber::Reader reader(message.apdu.content);
  ber::Element part;
  if (!reader.next_if(ber::context(0), part)) return Fault::bad_value;
  const auto count = published::to_uint32(part.content);
  if (!count || *count == 0) return Fault::bad_quantity;
  if (!reader.next_if(ber::context(2), part) || !part.constructed || !reader.at_end()) {
    return Fault::bad_value;
  }
  appid_ = message.appid;
  simulated_ = message.simulated;
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
  if (!element.is(ber::kSequence) || !parse_asdu(element.content, asdu)) {
    fault_ = Fault::bad_value;
    return false;
  }
  ++read_;
  return true;
}

}  // namespace bulkhead::sv
