// What requests are about: the client's own session and subscriptions, the memory that programs
// use, or other objects of the controller. Numbers are of 1 to 5 octets of seven bits each.
#include <algorithm>
#include <string_view>

#include "dataplane/protocols/s7comm_plus/layout.h"

namespace bulkhead::s7comm_plus {

using protocols::Fault;
using protocols::kNoSubCode;
using protocols::kNotInCatalogue;
using protocols::Operation;
using protocols::OperationList;

namespace {

constexpr std::uint32_t kItemsMax = 256;
constexpr std::uint32_t kElementsMax = 16;
constexpr std::uint32_t kSessionResponse = 304;  // attributes of a session that prove a password
constexpr std::uint32_t kLegitimate = 1846;

// Sticky as ByteReader. A number longer than needed is none: of two that are alike, receivers
// that compare octets would see two.
class NumberReader {
 public:
  explicit NumberReader(ByteView bytes) : reader_(bytes) {}

  bool ok() const { return ok_ && reader_.ok(); }
  std::uint32_t number() {
    constexpr int kOctetsMax = 5;
    std::uint64_t value = 0;
    for (int octets = 0; octets < kOctetsMax; ++octets) {
      const std::uint8_t octet = reader_.u8();
      if (octets == 0 && octet == 0x80) ok_ = false;
      value = value << 7 | (octet & 0x7fU);
      if ((octet & 0x80) == 0)
        return value <= UINT32_MAX ? static_cast<std::uint32_t>(value) : bad();
    }
    return bad();
  }
  std::uint8_t u8() { return reader_.u8(); }
  std::uint32_t u32() { return reader_.u32(); }
  std::size_t offset() const { return reader_.offset(); }

 private:
  std::uint32_t bad() {
    ok_ = false;
    return 0;
  }

  ByteReader reader_;
  bool ok_ = true;
};

bool is_memory(std::uint32_t area, std::uint32_t attribute) {
  constexpr std::uint32_t kBlockValue = 2550;
  constexpr std::uint32_t kAreaValue = 3736;
  const bool block = area >> 16 == 0x8a0e;
  const bool memory = area >= 80 && area <= 84;  // inputs, outputs, memory, counters, timers
  return (block && attribute == kBlockValue) || (memory && attribute == kAreaValue);
}

// The controller's own objects, but for the program: what they tell are states and settings.
bool is_of_controller(std::uint32_t object) {
  constexpr std::uint32_t kNativeMax = 0x3ff;
  return object > kProgramObject && object <= kNativeMax;
}

// An address: of a variable with its elements (object 0), or an attribute of the object.
struct Address {
  ByteView check;  // of the symbol, which tells nothing of the place
  std::uint32_t area = 0;
  std::uint32_t attribute = 0;
  std::array<std::uint32_t, kElementsMax> elements{};
  std::size_t count = 0;
};

void read_address(NumberReader& reader, const Head& head, Address& address) {
  const std::size_t begin = reader.offset();
  address.count = 0;
  if (head.object != 0) {
    address.area = head.object;
    address.attribute = reader.number();
    return;
  }
  reader.number();
  address.check = reader.ok() ? head.rest.subspan(begin, reader.offset() - begin) : ByteView{};
  address.area = reader.number();
  const std::uint32_t fields = reader.number();
  address.attribute = reader.number();
  address.count = fields > 0 && fields <= kElementsMax ? fields - 1 : 0;
  for (std::size_t i = 0; i < address.count; ++i) address.elements[i] = reader.number();
  // What has more elements is told by none of them.
  if (fields == 0 || fields > kElementsMax) address.area = address.attribute = 0;
}

// Calls `take(address)` for each address of a request that lists some; false if they cannot be read
// to their end here, or are of a form that is not known.
template <typename Take>
bool for_each_address(const Head& head, Take take) {
  NumberReader reader(head.rest);
  const bool many = head.function == kSetMultiVariables || head.function == kGetMultiVariables;
  std::uint32_t items = 1;
  if (many) items = reader.number();
  const std::uint32_t fields = reader.number();
  if (!reader.ok() || items == 0 || items > kItemsMax) return false;
  if (head.object != 0 && items != fields) return false;
  std::uint32_t seen = 0;
  Address address;
  for (std::uint32_t i = 0; i < items && reader.ok(); ++i) {
    read_address(reader, head, address);
    if (!reader.ok()) return false;
    seen += head.object != 0 ? 1 : static_cast<std::uint32_t>(4 + address.count);
    take(address, reader.offset());
  }
  return reader.ok() && seen == fields;
}

bool lists_addresses(std::uint16_t function) {
  return function == kSetVariable || function == kSetMultiVariables ||
         function == kGetMultiVariables;
}

// Class of the object that is to be created: behind the request's value (a UDInt) and its number,
// in protected messages behind a count too.
std::uint32_t class_of(const Head& head) {
  constexpr std::uint8_t kUdint = 4;
  constexpr std::uint8_t kObject = 0xa1;
  NumberReader reader(head.rest);
  const std::uint8_t flags = reader.u8();
  const std::uint8_t type = reader.u8();
  reader.number();
  reader.u32();
  if (head.version == kVersion3) reader.number();
  const bool begins = reader.u8() == kObject;
  reader.u32();
  const std::uint32_t object_class = reader.number();
  return reader.ok() && flags == 0 && type == kUdint && begins ? object_class : 0;
}

std::int32_t kind_of_creation(const Head& head, const Own& own) {
  const std::uint32_t object_class = class_of(head);
  if (head.object == kSessionContainer) {
    return object_class == kSessionClass ? std::int32_t{kOnSession} : kNoSubCode;
  }
  const bool own_place = own.has_session(head.session) && own.has_container(head.object);
  return own_place && object_class == kSubscriptionClass ? std::int32_t{kOnSubscription}
                                                         : kNoSubCode;
}

// All addresses are of memory, or of objects whose attributes may be read.
std::int32_t kind_of_addresses(const Head& head) {
  const bool reads = head.function == kGetMultiVariables;
  bool harmless = true;
  const bool whole = for_each_address(head, [&](const Address& address, std::size_t) {
    const bool memory = head.object == 0 && is_memory(address.area, address.attribute);
    harmless = harmless && (memory || (reads && is_of_controller(address.area)));
  });
  return whole && harmless ? kNoSubCode : std::int32_t{kOnObjects};
}

std::int32_t kind_on_session(const Head& head) {
  if (!lists_addresses(head.function) || head.function == kGetMultiVariables) return kOnSession;
  bool password = false;
  const bool whole = for_each_address(head, [&](const Address& address, std::size_t) {
    password =
        password || address.attribute == kSessionResponse || address.attribute == kLegitimate;
  });
  return whole && !password ? kOnSession : kAsUser;
}

// One attribute of the root object, by its address: a list of one number, 1037 (SystemLimits).
bool asks_for_limits(const Head& head) {
  constexpr std::array<std::uint8_t, 5> kAddress = {0x20, 4, 1, 0x88, 0x0d};
  return head.function == kGetVarSubStreamed && head.object == kRootObject &&
         head.rest.size() > kAddress.size() &&
         std::equal(kAddress.begin(), kAddress.end(), head.rest.begin());
}

}  // namespace

std::uint16_t function_of(const Head& head, const Own& own) {
  const auto& functions = catalogue().functions;
  const auto find = [&](std::int32_t kind) {
    return protocols::find_function(functions, head.function, kind);
  };
  if (head.opcode != kRequest) return find(kNoSubCode);
  if (head.function == kCreateObject) return find(kind_of_creation(head, own));
  if (asks_for_limits(head)) return find(kOfLimits);
  const bool on_session = head.object == head.session && own.has_session(head.object);
  if (on_session) {
    const std::uint16_t function = find(kind_on_session(head));
    if (function != kNotInCatalogue) return function;
  }
  if (own.has_session(head.session) && own.has_subscription(head.object)) {
    const std::uint16_t function = find(kOnSubscription);
    if (function != kNotInCatalogue) return function;
  }
  const bool listed = head.function == kSetMultiVariables || head.function == kGetMultiVariables;
  return find(listed ? kind_of_addresses(head) : kNoSubCode);
}

namespace {

// Numbers in hexadecimal with dots between, as engineering tools write them. Empty if there is no
// room.
ByteView element_text(const Address& address, OperationList& operations) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  constexpr std::size_t kDigitsMax = 9;  // of one, with its dot
  const std::span<std::uint8_t> text = operations.compose(address.count * kDigitsMax);
  std::size_t at = 0;
  for (std::size_t i = 0; i < address.count && !text.empty(); ++i) {
    if (i > 0) text[at++] = '.';
    int digits = 1;
    while (digits < 8 && address.elements[i] >> (4 * digits) != 0) ++digits;
    for (int digit = digits - 1; digit >= 0; --digit) {
      text[at++] = static_cast<std::uint8_t>(kDigits[address.elements[i] >> (4 * digit) & 15]);
    }
  }
  return text.first(at);
}

// What all addresses of a request come to: the areas from the lowest to the highest, and what else
// they have alike.
struct Span {
  Range areas;
  std::uint32_t attribute = 0;
  bool one_attribute = true;
  std::size_t count = 0;
  std::size_t read = 0;  // how much of the request they are
  Address last;

  void add(const Address& address, std::size_t end) {
    const auto area = static_cast<std::int64_t>(address.area);
    areas = count == 0 ? Range::point(area)
                       : Range{std::min(areas.low, area), std::max(areas.high, area)};
    one_attribute = count == 0 || (one_attribute && attribute == address.attribute);
    attribute = address.attribute;
    last = address;
    read = end;
    ++count;
  }
};

Fault set_span(const Span& span, Operation& operation, OperationList& operations) {
  operation.set(kArea, span.areas);
  if (span.one_attribute) operation.set(kAttribute, span.attribute);
  if (span.count > 1 || span.last.count == 0) return Fault::none;
  const ByteView element = element_text(span.last, operations);
  if (element.empty()) return Fault::too_many_operations;
  operation.set_name(kElement, element);
  return Fault::none;
}

}  // namespace

Fault add_request(const Head& head, std::uint16_t function, OperationList& operations) {
  constexpr std::string_view kContent = "content of a request that policy does not judge";
  constexpr std::string_view kBeside = "further addresses inside the areas that are judged";
  constexpr std::string_view kCheck = "a check of a symbol, which tells nothing of its place";
  Operation& operation = *operations.add(function);
  operation.set(kProtocolVersion, head.version);
  operation.set(kOpcode, head.opcode);
  operation.set(kFunction, head.function);
  operation.set(kSession, head.session);
  operation.set(kObject, head.object);
  operation.set(kMore, head.whole ? 0 : 1);
  Span span;
  const bool whole = lists_addresses(head.function) &&
                     for_each_address(head, [&](const Address& address, std::size_t end) {
                       operations.leave_free(address.check, kCheck);
                       span.add(address, end);
                     });
  if (!whole) {
    operations.leave_free(head.rest, kContent);
    return Fault::none;
  }
  if (span.count > 1) operations.leave_free(head.rest.first(span.read), kBeside);
  operations.leave_free(head.rest.subspan(span.read), kContent);
  return set_span(span, operation, operations);
}

}  // namespace bulkhead::s7comm_plus
