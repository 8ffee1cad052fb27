// What requests are about: the client's own session and subscriptions, the memory that programs
// use, or other objects of the controller. Numbers are of 1 to 5 octets of seven bits each.
#include <algorithm>
#include <bit>
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
  std::uint32_t check = 0;  // of the symbol
  std::uint32_t area = 0;
  std::uint32_t attribute = 0;
  std::array<std::uint32_t, kElementsMax> elements{};
  std::size_t count = 0;
};

void read_address(NumberReader& reader, const Head& head, Address& address) {
  address.count = 0;
  if (head.object != 0) {
    address.area = head.object;
    address.attribute = reader.number();
    return;
  }
  address.check = reader.number();
  address.area = reader.number();
  const std::uint32_t fields = reader.number();
  address.attribute = reader.number();
  address.count = fields > 0 && fields <= kElementsMax ? fields - 1 : 0;
  for (std::size_t i = 0; i < address.count; ++i) address.elements[i] = reader.number();
  // A list with more elements has none of their fields.
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

// What is to be created: behind the request's value, which is 0 (a UDInt), and four octets of zero,
// in protected messages behind a sequence number too. Another form creates nothing known.
struct Creation {
  ByteView sequence;
  ByteView number;  // that the client proposes
  std::uint32_t object_class = 0;
  std::size_t read = 0;
};

Creation creation_of(const Head& head) {
  constexpr std::array<std::uint8_t, 7> kNothing = {0, 4, 0, 0, 0, 0, 0};
  constexpr std::uint8_t kObject = 0xa1;
  Creation creation;
  const bool nothing = head.rest.size() > kNothing.size() &&
                       std::equal(kNothing.begin(), kNothing.end(), head.rest.begin());
  if (!nothing) return creation;
  NumberReader reader(head.rest);
  for (std::size_t i = 0; i < kNothing.size(); ++i) reader.u8();
  if (head.version == kVersion3) reader.number();
  const std::size_t begin = reader.offset();
  const bool begins = reader.u8() == kObject;
  reader.u32();
  const std::uint32_t object_class = reader.number();
  if (!reader.ok() || !begins) return creation;
  creation.sequence = head.rest.subspan(kNothing.size(), begin - kNothing.size());
  creation.number = head.rest.subspan(begin + 1, 4);
  creation.object_class = object_class;
  creation.read = reader.offset();
  return creation;
}

std::int32_t kind_of_creation(const Head& head, const Own& own) {
  const std::uint32_t object_class = creation_of(head).object_class;
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
constexpr std::array<std::uint8_t, 5> kLimitsAddress = {0x20, 4, 1, 0x88, 0x0d};

bool asks_for_limits(const Head& head) {
  return head.function == kGetVarSubStreamed && head.object == kRootObject &&
         head.rest.size() > kLimitsAddress.size() &&
         std::equal(kLimitsAddress.begin(), kLimitsAddress.end(), head.rest.begin());
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

constexpr std::string_view kContent = "content of a request that policy does not judge";

// Numbers in hexadecimal with dots between, as engineering tools write them. Empty if there is no
// room.
ByteView element_text(const Address& address, OperationList& operations) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  constexpr std::size_t kDigitsMax = 9;  // of one, with its dot
  std::array<std::uint8_t, kElementsMax * kDigitsMax> digits{};
  std::size_t count = 0;
  for (std::size_t i = 0; i < address.count; ++i) {
    if (i > 0) digits[count++] = '.';
    int left = 1;
    while (left < 8 && address.elements[i] >> (4 * left) != 0) ++left;
    while (left-- > 0) {
      digits[count++] = static_cast<std::uint8_t>(kDigits[address.elements[i] >> (4 * left) & 15]);
    }
  }
  const std::span<std::uint8_t> text = operations.compose(count);
  if (!text.empty()) std::copy_n(digits.begin(), count, text.begin());
  return text;
}

Operation* add_operation(const Head& head, std::uint16_t function, OperationList& operations) {
  Operation* operation = operations.add(function);
  if (operation == nullptr) return nullptr;
  operation->set(kProtocolVersion, head.version);
  operation->set(kOpcode, head.opcode);
  operation->set(kFunction, head.function);
  operation->set(kSession, head.session);
  operation->set(kObject, head.object);
  operation->set(kMore, head.whole ? 0 : 1);
  return operation;
}

Fault add_address(const Head& head, std::uint16_t function, const Address& address,
                  std::size_t items, OperationList& operations) {
  Operation* operation = add_operation(head, function, operations);
  if (operation == nullptr) return Fault::too_many_operations;
  operation->set(kItemCount, static_cast<std::int64_t>(items));
  operation->set(kArea, address.area);
  operation->set(kAttribute, address.attribute);
  if (head.object == 0) operation->set(kSymbolCrc, address.check);
  if (address.count == 0) return Fault::none;
  const ByteView element = element_text(address, operations);
  if (element.empty()) return Fault::too_many_operations;
  operation->set_name(kElement, element);
  return Fault::none;
}

// The bits of a number's octets: none but the last is without its highest, and the first is not
// zero.
void leave_number(ByteView number, std::string_view reason, const OperationList& operations) {
  for (std::size_t i = 0; i < number.size(); ++i) {
    std::uint8_t mask = 0x7f;
    const auto value = static_cast<std::uint8_t>(number[i] & 0x7f);
    if (i == 0 && number.size() == 5) mask = 0x0f;  // of 32 bits
    if (i == 0 && number.size() > 1 && std::has_single_bit(value)) {
      mask = static_cast<std::uint8_t>(mask & ~value);
    }
    operations.leave_free(number.subspan(i, 1), reason, mask);
  }
}

// Of a request that lists no addresses.
void leave_content(const Head& head, std::uint16_t function, const OperationList& operations) {
  const std::int32_t kind = catalogue().functions[function].sub_code;
  std::size_t read = 0;
  if (head.function == kCreateObject && kind != kNoSubCode) {
    const Creation creation = creation_of(head);
    leave_number(creation.sequence, "a number that counts protected messages", operations);
    operations.leave_free(creation.number, "the number that a client proposes for what it creates");
    read = creation.read;
  } else if (kind == kOfLimits) {
    read = kLimitsAddress.size();
  }
  operations.leave_free(head.rest.subspan(read), kContent);
}

}  // namespace

Fault add_request(const Head& head, std::uint16_t function, OperationList& operations) {
  std::size_t items = 0;
  std::size_t read = 0;
  const bool whole = lists_addresses(head.function) &&
                     for_each_address(head, [&](const Address&, std::size_t end) {
                       ++items;
                       read = end;
                     });
  if (!whole) {
    if (add_operation(head, function, operations) == nullptr) return Fault::too_many_operations;
    leave_content(head, function, operations);
    return Fault::none;
  }
  operations.leave_free(head.rest.subspan(read), kContent);
  Fault fault = Fault::none;
  for_each_address(head, [&](const Address& address, std::size_t) {
    if (fault == Fault::none) fault = add_address(head, function, address, items, operations);
  });
  return fault;
}

}  // namespace bulkhead::s7comm_plus
