// ASN.1 types as tables, against which a value is checked: every element has the tag of its type,
// is primitive or constructed as its type is, and has content in canonical form (X.690, 8 to 11);
// sequences are in order, and nothing is left over.
#pragma once

#include <cstdint>
#include <span>

#include "dataplane/protocols/ber.h"
#include "dataplane/protocols/fault.h"

namespace bulkhead::ber {

enum class Kind : std::uint8_t {
  null,
  boolean,      // 00, or 01 or ff, which stacks send for true
  integer,      // of 32 bits
  number,       // an integer that is not negative, of 32 bits
  integer64,    // of 64 bits
  number64,     // not negative, of 64 bits
  padded,       // an integer of 64 bits, in more octets than it needs (IEC 61850-8-1, A.3)
  padded64,     // and not negative
  bits,         // unused ones are zero
  loose_bits,   // unused ones are anything
  octets,       // anything
  visible,      // 20 to 7e
  name,         // 20 to 7e, one to kNameBytesMax
  text,         // UTF-8 without control characters
  oid,          // object identifier
  time_of_day,  // four or six octets (ISO 9506-2, 14.4.2.8)
  utc_time,     // eight octets (IEC 61850-8-1, 8.1.3.6)
  floating,     // IEEE 754 single or double, after the width of its exponent
  sequence,     // the members in their order
  list,         // any number of elements, each of which is one of the members
  one,          // exactly one element, which is one of the members
  choice,       // no element of its own, but one of the members
};

constexpr std::size_t kNameBytesMax = 64;  // IEC 61850-8-1, 7.3

struct Member;

struct Type {
  Kind kind = Kind::null;
  std::span<const Member> members{};
  std::size_t least = 0;  // elements of a list

  constexpr bool constructed() const { return kind >= Kind::sequence; }
};

// The tag of a choice, which has none.
constexpr Tag kUntagged = 0xffffffff;

struct Member {
  Tag tag = 0;
  const Type* type = nullptr;
  std::uint8_t role = 0;  // its identifier for a Visitor
  bool optional = false;
};

constexpr Member member(Tag number, const Type& type, std::uint8_t role = 0) {
  return {context(number), &type, role, false};
}
constexpr Member optional(Tag number, const Type& type, std::uint8_t role = 0) {
  return {context(number), &type, role, true};
}
constexpr Member plain(Tag tag, const Type& type, std::uint8_t role = 0) {
  return {tag, &type, role, false};
}
constexpr Member choice_of(const Type& type) { return {kUntagged, &type, 0, false}; }

inline constexpr Type kNull{Kind::null};
inline constexpr Type kBoolean{Kind::boolean};
inline constexpr Type kInteger32{Kind::integer};
inline constexpr Type kNumber{Kind::number};
inline constexpr Type kBits{Kind::bits};
inline constexpr Type kOctets{Kind::octets};
inline constexpr Type kVisible{Kind::visible};
inline constexpr Type kName{Kind::name};
inline constexpr Type kOid{Kind::oid};
inline constexpr Type kTimeOfDay{Kind::time_of_day};

// Visits a value's elements while they are checked, each after its content.
class Visitor {
 public:
  // An element of a member with a role. Its content is not visited otherwise.
  virtual protocols::Fault found(std::uint8_t role, const Element& element) = 0;
  // A primitive element outside of all with a role, or a constructed one that contains none with
  // a role, after its content.
  virtual void unread(const Element& element) = 0;

 protected:
  ~Visitor() = default;
};

// Checks an element, whose tag is the member's, against its type. `visitor` may be nullptr.
protocols::Fault check(const Element& element, const Member& member, Visitor* visitor = nullptr);

// Whether the content of a primitive element is in canonical form.
bool good_content(ByteView content, Kind kind);

}  // namespace bulkhead::ber
