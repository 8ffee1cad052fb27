// Operations of a message. A protocol module turns one message into a list of them; policy judges
// each. Views in an operation live as long as the message bytes that they point into.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>

#include "dataplane/base/bytes.h"
#include "dataplane/base/range.h"

namespace bulkhead::protocols {

constexpr std::size_t kFieldsMax = 32;
constexpr std::size_t kOperationsMax = 1024;
constexpr std::size_t kComposedBytesMax = 16384;  // of names, see compose()

struct FieldValue {
  Range range;    // of a number: a point or a range
  ByteView name;  // of a name field
};

// How elements stand in a message. Bits are packed least significant bit first (Modbus V1.1b3,
// 6.11); the others are numbers without a sign, in whole octets.
enum class ElementEncoding : std::uint8_t {
  bits,
  u8,
  be16,
  le16,
  be32,
  le32,
  be64,
  le64,
};

constexpr std::size_t bytes_of(ElementEncoding encoding) {
  switch (encoding) {
    case ElementEncoding::bits:
    case ElementEncoding::u8:
      return 1;
    case ElementEncoding::be16:
    case ElementEncoding::le16:
      return 2;
    case ElementEncoding::be32:
    case ElementEncoding::le32:
      return 4;
    case ElementEncoding::be64:
    case ElementEncoding::le64:
      return 8;
  }
  return 1;
}

// Whether elements are words of 16 bits, of which a policy may join two to one value.
constexpr bool is_word(ElementEncoding encoding) {
  return encoding == ElementEncoding::be16 || encoding == ElementEncoding::le16;
}

// The written (or returned) elements of an operation, each with its own address: element i belongs
// to address `first + i`.
struct Elements {
  ByteView bytes;
  std::uint32_t first = 0;
  std::uint16_t count = 0;
  ElementEncoding encoding = ElementEncoding::bits;

  // Precondition: index < count; the module has checked that `bytes` holds them all. Values
  // of 2^63 or more become negative, which of all grants on integers only `any` covers.
  std::int64_t at(std::size_t index) const {
    const std::uint8_t* from = bytes.data() + bytes_of(encoding) * index;
    switch (encoding) {
      case ElementEncoding::bits:
        return (bytes[index / 8] >> (index % 8)) & 1U;
      case ElementEncoding::u8:
        return *from;
      case ElementEncoding::be16:
        return load_be16(from);
      case ElementEncoding::le16:
        return load_le16(from);
      case ElementEncoding::be32:
        return load_be32(from);
      case ElementEncoding::le32:
        return load_le32(from);
      case ElementEncoding::be64:
        return static_cast<std::int64_t>(load_be64(from));
      case ElementEncoding::le64:
        return static_cast<std::int64_t>(load_le64(from));
    }
    return 0;
  }
};

// At most one integer field of an operation is a range of more than one value: a message that
// spans two (Modbus 23) is two operations.
struct Operation {
  std::uint16_t function = 0;  // index into the catalogue's functions
  bool tied = false;           // accept() ties it to one that was judged: no grant needed
  std::uint32_t present = 0;   // bit i: field i of the catalogue is set
  std::array<FieldValue, kFieldsMax> fields{};
  Elements elements;  // count 0 where the operation carries none

  bool has(std::size_t field) const { return (present >> field & 1U) != 0; }
  void set(std::size_t field, Range range) {
    fields[field].range = range;
    present |= 1U << field;
  }
  void set(std::size_t field, std::int64_t value) { set(field, Range::point(value)); }
  // Sets nothing for a NaN: no grant on the field covers it.
  void set_real(std::size_t field, double value) {
    if (const auto order = float64_order(value)) set(field, *order);
  }
  void set_name(std::size_t field, ByteView name) {
    fields[field].range = Range{};  // a name is never a range
    fields[field].name = name;
    present |= 1U << field;
  }
};

// Receives the bytes of a message that its module declares free, for tests that account for every
// bit. `reason` is a literal of the module.
class FreeBytes {
 public:
  virtual void add(ByteView bytes, std::uint8_t mask, std::string_view reason) = 0;
  // `copy` is a copy of the message's bytes `original`: bytes declared free in the copy are free in
  // the original.
  virtual void add_copy(ByteView copy, ByteView original) { (void)copy, (void)original; }

 protected:
  ~FreeBytes() = default;
};

// A bounded list that is filled anew for each message; it never allocates.
class OperationList {
 public:
  void clear() {
    size_ = 0;
    name_bytes_ = 0;
  }
  std::size_t size() const { return size_; }
  const Operation& operator[](std::size_t index) const { return operations_[index]; }
  const Operation* begin() const { return operations_.data(); }
  const Operation* end() const { return operations_.data() + size_; }

  // A fresh operation, or nullptr when the list is full: the message is then refused.
  Operation* add(std::uint16_t function) {
    if (size_ == kOperationsMax) return nullptr;
    Operation& operation = operations_[size_++];
    operation.function = function;
    operation.tied = false;
    operation.present = 0;
    operation.elements = Elements{};
    return &operation;
  }

  // Room for a name that is not contiguous in the message; it lives until clear(). Empty when
  // there is no room for so many bytes: the message is then refused (too_many_operations).
  std::span<std::uint8_t> compose(std::size_t bytes) {
    if (bytes > names_.size() - name_bytes_) return {};
    const std::span<std::uint8_t> room(names_.data() + name_bytes_, bytes);
    name_bytes_ += bytes;
    return room;
  }

  // Declares that any value of these bits of `bytes` means the same to policy and to every
  // receiver: payload, an identifier, a time. A bit that is neither read nor declared is a defect
  // of the module, and tests/adversarial/accounting finds it. Costs one branch outside of that
  // test.
  void leave_free(ByteView bytes, std::string_view reason, std::uint8_t mask = 0xff) const {
    if (free_bytes_ != nullptr) free_bytes_->add(bytes, mask, reason);
  }
  // Called for each piece by a module that joins a message's pieces before it reads them, so that
  // leave_free() accepts views into the copy.
  void copied(ByteView copy, ByteView original) const {
    if (free_bytes_ != nullptr) free_bytes_->add_copy(copy, original);
  }
  void account_to(FreeBytes* free_bytes) { free_bytes_ = free_bytes; }
  // Whether declarations are used: for modules where finding the bytes costs something.
  bool accounts() const { return free_bytes_ != nullptr; }

 private:
  std::size_t size_ = 0;
  std::size_t name_bytes_ = 0;
  FreeBytes* free_bytes_ = nullptr;
  std::array<Operation, kOperationsMax> operations_{};
  std::array<std::uint8_t, kComposedBytesMax> names_{};
};

}  // namespace bulkhead::protocols
