// The PDU: every member in its order, as many data as it says, and each of them well-formed.
#include "dataplane/protocols/goose/layout.h"
#include "dataplane/protocols/mms_data.h"

namespace bulkhead::goose {

using protocols::Fault;

namespace {

constexpr ber::Tag kGoosePdu = ber::application(1);

// Reads members in their order; the first that is missing or wrong fails it for good.
class Members {
 public:
  explicit Members(ByteView bytes) : reader_(bytes) {}

  ByteView name(ber::Tag tag) {
    if (!take(tag) || !published::good_reference(part_.content)) ok_ = false;
    return ok_ ? part_.content : ByteView{};
  }
  std::optional<ByteView> optional_name(ber::Tag tag) {
    if (!take(tag)) return std::nullopt;
    if (!published::good_reference(part_.content)) ok_ = false;
    return part_.content;
  }
  ByteView time(ber::Tag tag) {
    if (!take(tag) || !ber::good_content(part_.content, ber::Kind::utc_time)) ok_ = false;
    return ok_ ? part_.content : ByteView{};
  }
  std::uint32_t number(ber::Tag tag) {
    const auto value = take(tag) ? published::to_uint32(part_.content) : std::nullopt;
    if (!value) ok_ = false;
    return value.value_or(0);
  }
  const ber::Element& part() const { return part_; }
  // False where it is not said.
  bool flag(ber::Tag tag) {
    if (!take(tag)) return false;
    if (!ber::good_content(part_.content, ber::Kind::boolean)) ok_ = false;
    return ok_ && part_.content[0] != 0;
  }
  bool list(ber::Tag tag, ByteView& content) {
    if (!reader_.next_if(tag, part_) || !part_.constructed) ok_ = false;
    content = part_.content;
    return ok_;
  }
  bool at_end() const { return ok_ && reader_.at_end(); }

 private:
  // A primitive member.
  bool take(ber::Tag tag) {
    if (!reader_.next_if(tag, part_)) {
      ok_ = ok_ && reader_.ok();
      return false;
    }
    ok_ = ok_ && !part_.constructed;
    return ok_;
  }

  ber::Reader reader_;
  ber::Element part_;
  bool ok_ = true;
};

Fault check_value(const ber::Element& data) {
  for (const ber::Member& type : protocols::kGooseData.members) {
    if (data.is(type.tag)) return ber::check(data, type);
  }
  return Fault::bad_value;
}

Fault check_data(ByteView all_data, std::uint32_t entries) {
  ber::Reader reader(all_data);
  std::uint32_t count = 0;
  for (ber::Element data; reader.next(data); ++count) {
    const Fault fault = check_value(data);
    if (fault != Fault::none) return fault;
  }
  if (!reader.at_end()) return Fault::bad_length;
  return count == entries ? Fault::none : Fault::bad_quantity;
}

}  // namespace

Fault parse_pdu(ByteView bytes, Pdu& pdu) {
  published::Message message;
  if (const Fault fault = published::parse_message(bytes, message); fault != Fault::none) {
    return fault;
  }
  if (!message.apdu.is(kGoosePdu)) return Fault::unknown_function;
  if (!message.apdu.constructed) return Fault::bad_value;
  Members members(message.apdu.content);
  pdu.appid = message.appid;
  pdu.gocb_ref = members.name(ber::context(0));
  pdu.time_allowed_ms = members.number(ber::context(1));
  pdu.dataset = members.name(ber::context(2));
  pdu.go_id = members.optional_name(ber::context(3)).value_or(pdu.gocb_ref);
  pdu.time = members.time(ber::context(4));
  pdu.state = members.number(ber::context(5));
  pdu.state_part = members.part().whole;
  pdu.sequence = members.number(ber::context(6));
  pdu.sequence_part = members.part().whole;
  pdu.simulated = members.flag(ber::context(7));
  pdu.conf_rev = members.number(ber::context(8));
  pdu.needs_commissioning = members.flag(ber::context(9));
  pdu.entries = members.number(ber::context(10));
  ByteView data;
  // A control block without a time allowed to live is none. Behind the data nothing stands: what
  // IEC 62351-6 once put there is withdrawn.
  if (!members.list(ber::context(11), data) || !members.at_end() || pdu.time_allowed_ms == 0) {
    return Fault::bad_value;
  }
  // Subscribers read the one or the other (8-1, C.2.2).
  if (pdu.simulated != message.simulated) return Fault::bad_value;
  pdu.extension = message.extension;
  pdu.data_part = members.part().whole;
  return check_data(data, pdu.entries);
}

}  // namespace bulkhead::goose
