// What services ask for: tagged values (20.2) are walked to their ends, each property is an
// operation.
#include <bit>
#include <optional>

#include "dataplane/protocols/bacnet/layout.h"

namespace bulkhead::bacnet {

using protocols::Fault;
using protocols::Operation;
using protocols::OperationList;

namespace {

constexpr std::int64_t kDeviceInstances = 1 << 22;

struct Tag {
  std::uint8_t number = 0;
  bool context = false;
  bool opening = false;
  bool closing = false;
  ByteView content;  // empty for a boolean, whose value is `length`
  std::uint32_t length = 0;
};

// 20.2.1.
class TagReader {
 public:
  explicit TagReader(ByteView bytes) : reader_(bytes) {}

  bool ok() const { return ok_ && reader_.ok(); }
  bool at_end() const { return reader_.remaining() == 0; }

  Tag next() {
    Tag tag;
    const std::uint8_t first = reader_.u8();
    tag.context = (first & 0x08) != 0;
    tag.number = first >> 4;
    if (tag.number == 15) tag.number = reader_.u8();
    const std::uint8_t kind = first & 0x07;
    tag.opening = tag.context && kind == 6;
    tag.closing = tag.context && kind == 7;
    if (tag.opening || tag.closing) return tag;
    tag.length = kind;
    if (kind == 5) tag.length = extended_length();
    if (kind > 5) ok_ = false;
    const bool boolean = !tag.context && tag.number == 1;
    if (!boolean) tag.content = reader_.take(tag.length);
    return tag;
  }

  // The next tag, if it is this context tag; nothing is taken if it is another.
  std::optional<Tag> context(std::uint8_t number) {
    if (at_end() || !ok()) return std::nullopt;
    const ByteReader before = reader_;
    const Tag tag = next();
    if (ok() && tag.context && !tag.opening && !tag.closing && tag.number == number) return tag;
    reader_ = before;
    ok_ = true;
    return std::nullopt;
  }

  bool opens(std::uint8_t number) { return bracket(number, true); }
  bool closes(std::uint8_t number) { return bracket(number, false); }

  // Everything up to the closing tag that ends what was opened.
  void skip_to_close() {
    for (unsigned depth = 1; depth > 0 && ok();) {
      if (at_end()) return fail();
      const Tag tag = next();
      if (tag.opening && ++depth > kDepthMax) return fail();
      if (tag.closing) --depth;
    }
  }

  void fail() { ok_ = false; }

 private:
  std::uint32_t extended_length() {
    const std::uint8_t length = reader_.u8();
    if (length == 254) return reader_.u16();
    return length == 255 ? reader_.u32() : length;
  }

  bool bracket(std::uint8_t number, bool opening) {
    if (at_end() || !ok()) return false;
    const ByteReader before = reader_;
    const Tag tag = next();
    if (ok() && tag.number == number && (opening ? tag.opening : tag.closing)) return true;
    reader_ = before;
    ok_ = true;
    return false;
  }

  ByteReader reader_;
  bool ok_ = true;
};

std::optional<std::uint32_t> unsigned_of(ByteView content) {
  if (content.empty() || content.size() > 4) return std::nullopt;
  std::uint32_t value = 0;
  for (const std::uint8_t byte : content) value = value << 8 | byte;
  return value;
}

// 20.2.2 to 20.2.11: numbers, truths and enumerations.
std::optional<double> number_of(const Tag& tag) {
  if (tag.context || tag.opening || tag.closing) return std::nullopt;
  switch (tag.number) {
    case 1:
      return tag.length != 0 ? 1 : 0;
    case 2:
    case 9:
      if (const auto value = unsigned_of(tag.content)) return *value;
      return std::nullopt;
    case 3: {
      const auto value = unsigned_of(tag.content);
      if (!value) return std::nullopt;
      const unsigned unused = 32 - 8 * static_cast<unsigned>(tag.content.size());
      return static_cast<std::int32_t>(*value << unused) >> unused;
    }
    case 4:
      if (tag.content.size() != 4) return std::nullopt;
      return std::bit_cast<float>(load_be32(tag.content.data()));
    case 5:
      if (tag.content.size() != 8) return std::nullopt;
      return std::bit_cast<double>(load_be64(tag.content.data()));
    default:
      return std::nullopt;
  }
}

struct Object {
  std::uint32_t type = 0;
  std::uint32_t instance = 0;
};

std::optional<Object> object_of(ByteView content) {
  if (content.size() != 4) return std::nullopt;
  const std::uint32_t value = load_be32(content.data());
  return Object{value >> 22, value & 0x3fffff};
}

class Decoder {
 public:
  Decoder(const Message& message, std::uint16_t function, OperationList& operations)
      : message_(message), function_(function), operations_(operations), reader_(message.data) {}

  Fault decode() {
    if (message_.pdu_type == kUnconfirmedRequest) return decode_unconfirmed();
    switch (message_.service) {
      case kReadProperty:
      case kReadRange:
      case kAddListElement:
      case kRemoveListElement:
        return finish(property_of_object(), message_.service == kReadProperty);
      case kWriteProperty:
        return write_property();
      case kReadPropertyMultiple:
        return several(false);
      case kWritePropertyMultiple:
        return several(true);
      case kSubscribeCov:
        return finish(reader_.context(0) && set_object(add(), reader_.context(1)), false);
      case kSubscribeCovProperty:
        return subscribe_property();
      case kAtomicReadFile:
      case kAtomicWriteFile:
      case kDeleteObject:
        return finish(application_object(), false);
      case kCreateObject:
        return create_object();
      case kDeviceCommunicationControl:
        return control(1, 2);
      case kReinitializeDevice:
        return control(0, 1);
      default:
        return add() != nullptr ? Fault::none : Fault::too_many_operations;
    }
  }

  Operation* add() {
    Operation* operation = operations_.add(function_);
    if (operation == nullptr) {
      full_ = true;
    } else if (message_.network >= 0) {
      operation->set(kNetwork, message_.network);
    }
    return operation;
  }

 private:
  // `good`: what must be there was; `whole`: nothing may follow.
  Fault finish(bool good, bool whole) {
    if (full_) return Fault::too_many_operations;
    if (!good || !reader_.ok()) return Fault::truncated;
    return whole && !reader_.at_end() ? Fault::trailing_bytes : Fault::none;
  }

  static bool set_object(Operation* operation, const std::optional<Tag>& tag) {
    const auto object = tag ? object_of(tag->content) : std::nullopt;
    if (operation == nullptr || !object) return false;
    operation->set(kObjectType, object->type);
    operation->set(kInstance, object->instance);
    return true;
  }

  // A property and, where it is an array, an index.
  bool set_property(Operation* operation, std::uint8_t property_tag, std::uint8_t index_tag) {
    const auto tag = reader_.context(property_tag);
    const auto property = tag ? unsigned_of(tag->content) : std::nullopt;
    if (operation == nullptr || !property) return false;
    operation->set(kProperty, *property);
    if (const auto index = reader_.context(index_tag)) {
      const auto value = unsigned_of(index->content);
      if (!value) return false;
      operation->set(kIndex, *value);
    }
    return true;
  }

  bool property_of_object() {
    Operation* operation = add();
    return set_object(operation, reader_.context(0)) && set_property(operation, 1, 2);
  }

  bool application_object() {
    const Tag tag = reader_.next();
    constexpr std::uint8_t kObjectIdentifier = 12;
    if (tag.context || tag.number != kObjectIdentifier) return false;
    return set_object(add(), tag);
  }

  // A value in brackets; one that is a single number is told.
  bool set_value(Operation& operation, std::uint8_t number) {
    if (!reader_.opens(number)) return false;
    const Tag first = reader_.next();
    if (!reader_.ok()) return false;
    if (first.closing) return first.number == number;
    if (!first.opening) {
      const auto value = number_of(first);
      if (reader_.closes(number)) {
        if (value) operation.set_real(kValue, *value);
        return true;
      }
    }
    // A constructed value, or several: nothing of it is told.
    if (first.opening) reader_.skip_to_close();
    while (reader_.ok() && !reader_.closes(number)) {
      if (reader_.at_end()) return false;
      const Tag tag = reader_.next();
      if (tag.closing) return false;
      if (tag.opening) reader_.skip_to_close();
    }
    return reader_.ok();
  }

  bool set_priority(Operation& operation, std::uint8_t number) {
    constexpr std::uint32_t kLowest = 16;  // 15.9.1.1.5
    const auto tag = reader_.context(number);
    const auto value = tag ? unsigned_of(tag->content) : std::optional<std::uint32_t>(kLowest);
    if (!value || *value < 1 || *value > kLowest) return false;
    operation.set(kPriority, *value);
    return true;
  }

  Fault write_property() {
    Operation* operation = add();
    const bool good = set_object(operation, reader_.context(0)) && set_property(operation, 1, 2) &&
                      set_value(*operation, 3) && set_priority(*operation, 4);
    return finish(good, true);
  }

  // 15.7 and 15.10: of each object a list of properties; what is written has a value and a
  // priority.
  Fault several(bool write) {
    bool good = !reader_.at_end();
    while (good && reader_.ok() && !reader_.at_end() && !full_) {
      const auto object = reader_.context(0);
      good = object && reader_.opens(1);
      bool any = false;
      while (good && reader_.ok() && !reader_.closes(1)) {
        Operation* operation = add();
        good = set_object(operation, object) && set_property(operation, 0, 1) &&
               (!write || (set_value(*operation, 2) && set_priority(*operation, 3)));
        any = true;
      }
      good = good && any;
    }
    return finish(good, true);
  }

  // 13.15: process, object, whether confirmed, how long, and the property.
  Fault subscribe_property() {
    Operation* operation = add();
    bool good = reader_.context(0) && set_object(operation, reader_.context(1));
    reader_.context(2);
    reader_.context(3);
    good = good && reader_.opens(4) && set_property(operation, 0, 1) && reader_.closes(4);
    return finish(good, false);
  }

  // 15.3: a type, or an object's identifier.
  Fault create_object() {
    Operation* operation = add();
    bool good = operation != nullptr && reader_.opens(0);
    if (good) {
      if (const auto type = reader_.context(0)) {
        const auto value = unsigned_of(type->content);
        good = value && *value < 1024;
        if (good) operation->set(kObjectType, *value);
      } else {
        good = set_object(operation, reader_.context(1));
      }
    }
    return finish(good && reader_.closes(0), false);
  }

  // 16.1 and 16.4: a state that is asked for, and perhaps a password.
  Fault control(std::uint8_t state_tag, std::uint8_t password_tag) {
    Operation* operation = add();
    if (state_tag == 1) reader_.context(0);
    const auto state = reader_.context(state_tag);
    const auto value = state ? unsigned_of(state->content) : std::nullopt;
    const auto password = reader_.context(password_tag);
    if (operation != nullptr && value) {
      operation->set_real(kValue, *value);
      operation->set(kPassword, password ? 1 : 0);
    }
    return finish(operation != nullptr && value.has_value(), true);
  }

  Fault decode_unconfirmed() {
    constexpr std::uint8_t kIAm = 0;
    constexpr std::uint8_t kIHave = 1;
    constexpr std::uint8_t kWhoHas = 7;
    constexpr std::uint8_t kWhoIs = 8;
    Operation* operation = add();
    if (operation == nullptr) return Fault::too_many_operations;
    if (message_.service == kWhoIs || message_.service == kWhoHas) {
      Range devices{0, kDeviceInstances - 1};
      const auto low = reader_.context(0);
      const auto high = reader_.context(1);
      if (low.has_value() != high.has_value()) return Fault::truncated;
      if (low) {
        const auto first = unsigned_of(low->content);
        const auto last = unsigned_of(high->content);
        if (!first || !last || *first > *last) return Fault::bad_value;
        devices = Range{*first, *last};
      }
      operation->set(kDevice, devices);
      return finish(true, message_.service == kWhoIs);
    }
    if (message_.service == kIAm || message_.service == kIHave) {
      const Tag tag = reader_.next();
      const auto object = object_of(tag.content);
      if (!reader_.ok() || tag.context || !object) return Fault::truncated;
      operation->set(kDevice, object->instance);
    }
    return Fault::none;
  }

  const Message& message_;
  std::uint16_t function_;
  OperationList& operations_;
  TagReader reader_;
  bool full_ = false;
};

Fault decode_error(const Message& message, Operation& operation) {
  TagReader reader(message.data);
  // Some services put their error in brackets (21, Error).
  reader.opens(0);
  const Tag error_class = reader.next();
  const Tag error_code = reader.next();
  const auto first = unsigned_of(error_class.content);
  const auto second = unsigned_of(error_code.content);
  if (!reader.ok() || !first || !second) return Fault::truncated;
  operation.set(kErrorClass, *first);
  operation.set(kErrorCode, *second);
  return Fault::none;
}

}  // namespace

Fault decode_service(const Message& message, OperationList& operations) {
  const bool unconfirmed = message.pdu_type == kUnconfirmedRequest;
  const bool nameless =
      message.pdu_type == kSegmentAck || message.pdu_type == kReject || message.pdu_type == kAbort;
  const std::uint16_t function = nameless      ? find_function(message.pdu_type, kOfPdu)
                                 : unconfirmed ? find_function(message.service, kOfUnconfirmed)
                                               : find_function(message.service);
  if (function == kNotInCatalogue) return Fault::unknown_function;
  Decoder decoder(message, function, operations);
  const bool asks = unconfirmed || message.pdu_type == kConfirmedRequest;
  // A request in several segments is granted by its service alone: no field of it is told.
  if (asks && !message.segmented) return decoder.decode();
  Operation* operation = decoder.add();
  if (operation == nullptr) return Fault::too_many_operations;
  return message.pdu_type == kErrorPdu ? decode_error(message, *operation) : Fault::none;
}

}  // namespace bulkhead::bacnet
