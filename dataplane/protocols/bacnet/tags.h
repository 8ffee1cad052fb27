// Tagged values (20.2) in their one canonical form: what has more than one encoding passes in the
// shortest, so that every receiver finds the same end. Views live as long as the bytes.
#pragma once

#include <cstdint>
#include <optional>

#include "dataplane/base/bytes.h"
#include "dataplane/protocols/fault.h"

namespace bulkhead::bacnet {

constexpr unsigned kDepthMax = 8;  // of constructed values inside one another

// Application tags (20.2.1.4).
enum ApplicationTag : std::uint8_t {
  kNull = 0,
  kBoolean = 1,
  kUnsigned = 2,
  kSigned = 3,
  kReal = 4,
  kDouble = 5,
  kOctetString = 6,
  kCharacterString = 7,
  kBitString = 8,
  kEnumerated = 9,
  kDate = 10,
  kTime = 11,
  kObjectIdentifier = 12,
};

struct Tag {
  std::uint8_t number = 0;
  bool context = false;
  bool opening = false;
  bool closing = false;
  bool truth = false;  // of an application boolean, which has no content
  ByteView content;
  ByteView octets;  // all of it, number and length too

  bool is(ApplicationTag type) const { return !context && !opening && !closing && number == type; }
};

// Requests say what they address in numbers, so these must be the shortest. In answers numbers are
// content: only where they end is checked.
enum class Numbers : std::uint8_t { shortest, any };

class TagReader {
 public:
  TagReader(ByteView bytes, Numbers numbers) : bytes_(bytes), reader_(bytes), numbers_(numbers) {}

  protocols::Fault fault() const;
  bool ok() const { return fault() == protocols::Fault::none; }
  bool at_end() const { return reader_.remaining() == 0; }
  std::size_t offset() const { return reader_.offset(); }
  // What was read since `offset`.
  ByteView since(std::size_t offset) const {
    return bytes_.subspan(offset, reader_.offset() - offset);
  }

  Tag next();
  // The next tag, if it is this one; nothing is read if it is another.
  std::optional<Tag> context(std::uint8_t number);
  std::optional<Tag> application(ApplicationTag type);
  bool opens(std::uint8_t number) { return bracket(number, true); }
  bool closes(std::uint8_t number) { return bracket(number, false); }

  // Everything after an opening tag, and the closing tag of its number.
  void skip_to_close(std::uint8_t number);
  // What is left, unread.
  ByteView take_rest() { return reader_.rest(); }
  // Whole values up to the end.
  void skip_to_end();

  void fail(protocols::Fault fault) {
    if (fault_ == protocols::Fault::none) fault_ = fault;
  }

 private:
  std::uint8_t tag_number(std::uint8_t first);
  std::uint32_t length(std::uint8_t kind);
  bool has_shape(const Tag& tag) const;
  bool bracket(std::uint8_t number, bool opening);

  ByteView bytes_;
  ByteReader reader_;
  Numbers numbers_;
  protocols::Fault fault_ = protocols::Fault::none;
};

// 20.2.4: at most 64 bits.
std::optional<std::uint64_t> unsigned_of(ByteView content);
// As above, in the shortest form and at most `most`.
std::optional<std::uint32_t> shortest_unsigned(ByteView content, std::uint64_t most = UINT32_MAX);
// 20.2.5.
std::int64_t signed_of(ByteView content);
// 20.2.2 to 20.2.7 and 20.2.11: numbers, truths and enumerations that a double holds exactly.
std::optional<double> number_of(const Tag& tag);
// 20.2.9: UTF-8 without controls, which every receiver ends at the same octet; its octets.
std::optional<ByteView> text_of(ByteView content);

struct Object {
  std::uint32_t type = 0;
  std::uint32_t instance = 0;
};
std::optional<Object> object_of(ByteView content);

}  // namespace bulkhead::bacnet
