// Events name everything: names are looked up in this release's catalogues again.
#include "controlplane/cli/refused_message.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "dataplane/wire/text.h"

namespace bulkhead::controlplane {

namespace {

using protocols::Catalogue;
using protocols::Direction;
using protocols::FieldKind;
using protocols::kNoField;
using protocols::Operation;

// Names of an event have room for so many bytes, each with one for its length.
constexpr std::size_t kNameBytesOfEvent = 128;

struct Host {
  wire::IpAddress address;
  std::uint16_t port = 0;
};

// `10.1.1.1:502`, `[2001:db8::1]:502`, with or without a port; a MAC address.
std::optional<Host> read_host(const std::string& text) {
  std::string address = text;
  std::string port;
  if (text.starts_with('[')) {
    const std::size_t end = std::min(text.find(']'), text.size());
    address = text.substr(1, end - 1);
    if (end + 2 < text.size()) port = text.substr(end + 2);
  } else if (const std::size_t colon = text.find(':');
             colon != std::string::npos && colon == text.rfind(':')) {
    address = text.substr(0, colon);
    port = text.substr(colon + 1);
  }
  Host host;
  std::from_chars(port.data(), port.data() + port.size(), host.port);
  if (const auto ip = wire::read_ip(address)) {
    host.address = *ip;
  } else if (const auto mac = wire::read_mac(text)) {
    host.address = wire::IpAddress::from_mac(*mac);
  } else {
    return std::nullopt;
  }
  return host;
}

std::optional<policy::Transport> read_transport(const std::string& text) {
  if (text == "tcp") return policy::Transport::tcp;
  if (text == "udp") return policy::Transport::udp;
  if (text == "icmp" || text == "icmpv6") return policy::Transport::icmp;
  if (text.empty()) return policy::Transport::ethernet;
  return std::nullopt;  // ARP: what may resolve follows from other rules
}

Direction read_direction(const std::string& text) {
  const auto& names = protocols::kDirectionNames;
  const auto at = std::find(names.begin(), names.end(), text);
  return at == names.end() ? Direction::request : static_cast<Direction>(at - names.begin());
}

std::optional<std::uint8_t> find_field(const Catalogue& catalogue, const std::string& name) {
  for (std::size_t i = 0; i < catalogue.fields.size(); ++i) {
    if (catalogue.fields[i].name == name) return static_cast<std::uint8_t>(i);
  }
  return std::nullopt;
}

std::optional<std::uint16_t> find_function(const Catalogue& catalogue, const std::string& name) {
  for (std::size_t i = 0; i < catalogue.functions.size(); ++i) {
    if (catalogue.functions[i].name == name) return static_cast<std::uint16_t>(i);
  }
  return std::nullopt;
}

Range range_of(const v1::FieldSpan& span) {
  if (span.kind() != v1::FIELD_KIND_REAL) return {span.low(), span.high()};
  return {float64_order(span.real_low()).value_or(0), float64_order(span.real_high()).value_or(0)};
}

ByteView view_of(const std::string& text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

}  // namespace

RefusedMessage::RefusedMessage(const v1::Event& event)
    : direction_(read_direction(event.direction())), bytes_(event.message().bytes()) {
  protocol_ = protocols::find_protocol(event.protocol()).value_or(protocols::kNoProtocol);
  find_session(event);
  if (protocol_ == protocols::kNoProtocol || event.direction().empty()) return;
  if (!decode(event)) take_fields(event);
}

void RefusedMessage::find_session(const v1::Event& event) {
  const auto transport = read_transport(event.transport());
  const bool ethernet = transport == policy::Transport::ethernet;
  auto source = read_host(ethernet ? event.source_mac() : event.source());
  auto destination = read_host(ethernet ? event.destination_mac() : event.destination());
  if (!transport || !source || !destination) return;
  if (direction_ == Direction::response) std::swap(source, destination);
  learn::Session session{source->address, destination->address, *transport, destination->port};
  if (ethernet) session.port = static_cast<std::uint16_t>(event.ethertype());
  if (*transport == policy::Transport::icmp) session.port = 0;
  session_ = session;
}

// Whether it is the operation that the event describes.
bool RefusedMessage::is_refused(const Operation& operation, const v1::Event& event) const {
  const Catalogue& catalogue = protocols::registry()[protocol_]->catalogue();
  if (catalogue.functions[operation.function].name != event.function()) return false;
  for (const v1::FieldSpan& span : event.fields()) {
    const auto field = find_field(catalogue, span.name());
    if (!field) return false;
    if (operation.elements.count > 0 && *field == catalogue.element_value_field) continue;
    if (!operation.has(*field)) return false;
    const protocols::FieldValue& value = operation.fields[*field];
    if (catalogue.fields[*field].kind == FieldKind::name) {
      const std::string name(value.name.begin(), value.name.end());
      if (!name.starts_with(span.text())) return false;
    } else if (!(value.range == range_of(span))) {
      return false;
    }
  }
  return true;
}

// The fields of the operation that the event lacks, which had room for all but long names: the
// session's state says otherwise, as that of a reservation.
std::uint32_t RefusedMessage::unstated(const Operation& operation, const v1::Event& event) const {
  if (event.fields().empty()) return 0;  // it says nothing of the operation
  const Catalogue& catalogue = protocols::registry()[protocol_]->catalogue();
  std::uint32_t fields = operation.present;
  for (std::size_t i = 0; i < catalogue.fields.size(); ++i) {
    if (catalogue.fields[i].kind == FieldKind::name) fields &= ~(1U << i);
  }
  for (const v1::FieldSpan& span : event.fields()) {
    if (const auto field = find_field(catalogue, span.name())) fields &= ~(1U << *field);
  }
  return fields;
}

bool RefusedMessage::decode(const v1::Event& event) {
  const bool whole = !bytes_.empty() && bytes_.size() == event.message().length();
  if (!session_ || !whole || session_->transport == policy::Transport::icmp) return false;
  auto decoded = std::make_unique<protocols::OperationList>();
  protocols::MessageContext way(direction_, policy::carrier_over(session_->transport));
  const auto mac = wire::read_mac(event.destination_mac());
  if (mac) way.reach = mac->is_group() ? protocols::Reach::many : protocols::Reach::one;
  parsed_.begin(view_of(bytes_), direction_);
  const protocols::Fault fault = protocols::registry()[protocol_]->parse(parsed_, way, *decoded);
  if (fault != protocols::Fault::none) return false;
  auto at = std::find_if(decoded->begin(), decoded->end(), [&](const Operation& operation) {
    return is_refused(operation, event) && unstated(operation, event) == 0;
  });
  if (at == decoded->end()) {
    at = std::find_if(decoded->begin(), decoded->end(),
                      [&](const Operation& operation) { return is_refused(operation, event); });
  }
  if (at == decoded->end()) return false;
  const std::uint32_t of_no_session = unstated(*at, event);
  meant_.assign(decoded->begin(), decoded->end());
  for (Operation& operation : meant_) operation.present &= ~of_no_session;
  refused_ = &meant_[static_cast<std::size_t>(at - decoded->begin())];
  decoded_ = std::move(decoded);
  return true;
}

void RefusedMessage::take_fields(const v1::Event& event) {
  const Catalogue& catalogue = protocols::registry()[protocol_]->catalogue();
  const auto function = find_function(catalogue, event.function());
  if (!function) return;
  described_.function = *function;
  std::size_t name_bytes = 0;
  for (const v1::FieldSpan& span : event.fields()) {
    const auto field = find_field(catalogue, span.name());
    if (!field) continue;
    if (catalogue.fields[*field].kind == FieldKind::name) {
      names_.push_back(span.text());
      described_.set_name(*field, view_of(names_.back()));
      name_bytes += span.text().size() + 1;
    } else if (*field != catalogue.element_value_field) {
      described_.set(*field, range_of(span));
    }
  }
  for (const v1::FieldSpan& span : event.fields()) {
    if (find_field(catalogue, span.name()) == catalogue.element_value_field) {
      take_values(catalogue, span);
    }
  }
  refused_ = &described_;
  const std::string kept = event.message().bytes().empty()
                               ? "the event has no bytes of the message"
                               : "the event's bytes alone do not say what the message means";
  remark_ = kept + ": this is the operation that was refused first, and there may be others";
  if (name_bytes >= kNameBytesOfEvent) remark_ += "; its names may be longer";
}

// An event has the lowest and the highest value that are written: all of them, if these are one.
void RefusedMessage::take_values(const Catalogue& catalogue, const v1::FieldSpan& span) {
  const std::uint8_t address = catalogue.element_address_field;
  const bool addressed = address != kNoField && described_.has(address);
  if (!addressed) {
    described_.set(catalogue.element_value_field, range_of(span));
    return;
  }
  const Range addresses = described_.fields[address].range;
  constexpr std::int64_t kElementsMax = 4096;
  const std::int64_t count = addresses.high - addresses.low + 1;
  if (span.low() != span.high() || count < 1 || count > kElementsMax) return;
  const bool word = span.low() >= 0 && span.low() <= UINT16_MAX;
  for (std::int64_t i = 0; i < count; ++i) {
    for (int shift = word ? 8 : 56; shift >= 0; shift -= 8) {
      elements_.push_back(
          static_cast<std::uint8_t>(static_cast<std::uint64_t>(span.low()) >> shift));
    }
  }
  described_.elements = {
      elements_, static_cast<std::uint32_t>(addresses.low), static_cast<std::uint16_t>(count),
      word ? protocols::ElementEncoding::be16 : protocols::ElementEncoding::be64};
}

std::vector<const Operation*> RefusedMessage::operations() const {
  std::vector<const Operation*> list;
  if (decoded_ == nullptr) {
    if (refused_ != nullptr) list.push_back(refused_);
    return list;
  }
  for (const Operation& operation : meant_) list.push_back(&operation);
  return list;
}

std::vector<const Operation*> RefusedMessage::judged() const {
  std::vector<const Operation*> list = operations();
  if (protocol_ == protocols::kNoProtocol) return list;
  const auto functions = protocols::registry()[protocol_]->catalogue().functions;
  std::erase_if(list, [&](const Operation* operation) {
    return !learn::needs_rule(*operation, direction_, functions[operation->function]);
  });
  return list;
}

}  // namespace bulkhead::controlplane
