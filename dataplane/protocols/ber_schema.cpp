// Walks a value and its type together.
#include "dataplane/protocols/ber_schema.h"

#include <algorithm>

#include "dataplane/protocols/planted.h"

namespace bulkhead::ber {

using protocols::Fault;

namespace {

// X.690, 8.3.2: the first nine bits of more than one octet are not all alike.
bool shortest(ByteView content) {
  if (content.size() < 2) return !content.empty();
  return !(content[0] == 0 && content[1] < 0x80) && !(content[0] == 0xff && content[1] >= 0x80);
}

bool good_integer(ByteView content, std::size_t bytes_max) {
  return shortest(content) && content.size() <= bytes_max;
}

// Of so many bits, and one octet more where the first bit would be a sign.
bool good_number(ByteView content, std::size_t bytes_max) {
  if (!shortest(content) || (content[0] & 0x80) != 0) return false;
  return content.size() <= bytes_max + (content[0] == 0 ? 1 : 0);
}

bool good_bits(ByteView content, bool loose) {
  constexpr std::uint8_t kUnusedMax = 7;
  if (content.empty() || content[0] > kUnusedMax) return false;
  if (content.size() == 1) return content[0] == 0;
  return loose || (content.back() & ((1U << content[0]) - 1)) == 0;
}

bool is_visible(ByteView content) {
  if (planted(protocols::Mistake::controls_in_names)) return true;
  return std::all_of(content.begin(), content.end(),
                     [](std::uint8_t octet) { return octet >= 0x20 && octet <= 0x7e; });
}

// RFC 3629, 4, and no control character: C0, DEL, C1.
bool is_text(ByteView content) {
  for (ByteReader reader(content); reader.remaining() > 0;) {
    const std::uint8_t first = reader.u8();
    if (first < 0x80) {
      if (first < 0x20 || first == 0x7f) return false;
      continue;
    }
    const std::size_t more = first >= 0xf0 ? 3 : first >= 0xe0 ? 2 : 1;
    if (first < 0xc2 || first > 0xf4) return false;
    std::uint32_t code = first & (0x3fU >> more);
    for (std::size_t i = 0; i < more; ++i) {
      const std::uint8_t octet = reader.u8();
      if ((octet & 0xc0) != 0x80) return false;
      code = code << 6 | (octet & 0x3fU);
    }
    const std::uint32_t least = more == 3 ? 0x10000 : more == 2 ? 0x800 : 0xa0;
    if (!reader.ok() || code < least || code > 0x10ffff) return false;
    if (code >= 0xd800 && code <= 0xdfff) return false;
  }
  return true;
}

// X.690, 8.19.2: no subidentifier begins with 80, and the last one ends.
bool good_oid(ByteView content) {
  bool begins = true;
  for (const std::uint8_t octet : content) {
    if (begins && octet == 0x80) return false;
    begins = (octet & 0x80) == 0;
  }
  return !content.empty() && begins;
}

bool good_float(ByteView content) {
  constexpr std::uint8_t kSingle = 8;
  constexpr std::uint8_t kDouble = 11;
  return (content.size() == 5 && content[0] == kSingle) ||
         (content.size() == 9 && content[0] == kDouble);
}

class Walk {
 public:
  explicit Walk(Visitor* visitor) : visitor_(visitor) {}

  Fault one(const Element& value, const Member& member, int depth, bool told) {
    const bool tells = told || member.role != 0;
    const std::size_t found_before = found_;
    const Fault fault = element(value, *member.type, depth + 1, tells);
    if (fault != Fault::none || visitor_ == nullptr || told) return fault;
    if (member.role == 0) {
      const bool top = depth == 0 && value.constructed;
      if (found_ == found_before && !top) visitor_->unread(value);
      return Fault::none;
    }
    ++found_;
    return visitor_->found(member.role, value);
  }

 private:
  Fault element(const Element& value, const Type& type, int depth, bool told) {
    if (depth > kDepthMax) return Fault::too_deep;
    if (value.constructed != type.constructed()) return Fault::bad_value;
    if (!type.constructed()) {
      return good_content(value.content, type.kind) ? Fault::none : Fault::bad_value;
    }
    return type.kind == Kind::sequence ? sequence(value.content, type, depth, told)
                                       : list(value.content, type, depth, told);
  }

  // The member that an element is of, within choices too.
  static const Member* member_for(std::span<const Member> members, Tag tag) {
    for (const Member& each : members) {
      if (each.tag == tag) return &each;
      if (each.tag != kUntagged) continue;
      if (const Member* found = member_for(each.type->members, tag)) return found;
    }
    return nullptr;
  }

  Fault sequence(ByteView content, const Type& type, int depth, bool told) {
    Reader reader(content);
    Element value;
    bool have = reader.next(value);
    for (const Member& each : type.members) {
      const Member* found = have ? member_for({&each, 1}, value.tag) : nullptr;
      if (found == nullptr) {
        if (!reader.ok()) return Fault::bad_length;
        if (!each.optional) return Fault::bad_value;
        continue;
      }
      if (const Fault fault = one(value, *found, depth, told); fault != Fault::none) return fault;
      have = reader.next(value);
    }
    if (!reader.ok()) return Fault::bad_length;
    return have ? Fault::unknown_object : Fault::none;
  }

  Fault list(ByteView content, const Type& type, int depth, bool told) {
    Reader reader(content);
    std::size_t count = 0;
    for (Element value; reader.next(value); ++count) {
      const Member* found = member_for(type.members, value.tag);
      if (found == nullptr) return Fault::bad_value;
      if (const Fault fault = one(value, *found, depth, told); fault != Fault::none) return fault;
    }
    if (!reader.at_end()) return Fault::bad_length;
    const bool right = type.kind == Kind::one ? count == 1 : count >= type.least;
    return right ? Fault::none : Fault::bad_quantity;
  }

  Visitor* visitor_;
  std::size_t found_ = 0;  // elements with a role
};

}  // namespace

bool good_content(ByteView content, Kind kind) {
  switch (kind) {
    case Kind::null:
      return content.empty();
    case Kind::boolean:
      return content.size() == 1 && (content[0] <= 1 || content[0] == 0xff);
    case Kind::integer:
      return good_integer(content, 4);
    case Kind::number:
      return good_number(content, 4);
    case Kind::integer64:
      return good_integer(content, 8);
    case Kind::number64:
      return good_number(content, 8);
    case Kind::padded:
      return to_integer(content).has_value();
    case Kind::padded64:
      return to_unsigned(content).has_value();
    case Kind::bits:
      return good_bits(content, false);
    case Kind::loose_bits:
      return good_bits(content, true);
    case Kind::octets:
      return true;
    case Kind::visible:
      return is_visible(content);
    case Kind::name:
      return is_visible(content) && !content.empty() && content.size() <= kNameBytesMax;
    case Kind::text:
      return is_text(content);
    case Kind::oid:
      return good_oid(content);
    case Kind::time_of_day:
      return content.size() == 4 || content.size() == 6;
    case Kind::utc_time:
      return content.size() == 8;
    case Kind::floating:
      return good_float(content);
    default:
      return false;
  }
}

Fault check(const Element& element, const Member& member, Visitor* visitor) {
  return Walk(visitor).one(element, member, 0, false);
}

}  // namespace bulkhead::ber
