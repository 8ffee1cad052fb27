// Object headers and objects, for the files that walk through them. Source: IEEE Std 1815-2012,
// 4.2.2.7 and annex A.
#pragma once

#include <cstdint>

#include "dataplane/protocols/dnp3/layout.h"

namespace bulkhead::dnp3 {

constexpr std::uint8_t kClassObjects = 60;
constexpr std::uint8_t kFileObjects = 70;
constexpr std::uint8_t kApplicationObjects = 90;
constexpr std::uint8_t kAuthenticationObjects = 120;
constexpr std::uint8_t kAggressiveRequest = 3;  // variations of group 120
constexpr std::uint8_t kAuthenticationCode = 9;

// How an object header says which points it means (4.2.2.7.3).
enum class Form : std::uint8_t {
  all,      // every point
  range,    // first to last
  count,    // so many objects
  indexed,  // so many, each after its index
  sized,    // so many, each after its length
};

struct Header {
  std::uint8_t group = 0;
  std::uint8_t variation = 0;
  Form form = Form::all;
  std::uint8_t prefix_bytes = 0;  // of each index or length
  std::uint32_t first = 0;        // of a range
  std::uint32_t count = 0;

  bool is(std::uint8_t of_group, std::uint8_t of_variation) const {
    return group == of_group && variation == of_variation;
  }
};

// Octets, least significant first.
std::uint32_t read_number(ByteReader& reader, std::uint8_t bytes);

// Only what every receiver reads alike: see the README.
protocols::Fault read_header(ByteReader& reader, Header& header);

// How an object of a group and variation is stored (annex A): in `bits`, or with a length of its
// own in front. `unknown` where the standard defines none.
struct ObjectSize {
  enum Kind : std::uint8_t { unknown, bits, attribute, free_format } kind = unknown;
  std::uint16_t size_bits = 0;
};
ObjectSize size_of_object(std::uint8_t group, std::uint8_t variation);

// Whether outstations have points of the group to read, and the variation is one of it or 0.
bool is_readable(std::uint8_t group, std::uint8_t variation);

// What an object sets its point to (annexes A.8, A.15, A.23); `bytes` are all of it. A fault if a
// receiver might read it otherwise.
protocols::Fault set_value(const Header& header, ByteView bytes, protocols::Operation& operation);

// What policy judges of an object in free format.
struct FreeFormat {
  ByteView name;  // in the object
  bool has_mode = false;
  std::uint16_t mode = 0;
};

// A fault if the object's own lengths and offsets do not fill it exactly (annexes A.31, A.38 and
// A.45).
protocols::Fault parse_free_format(const Header& header, ByteView object, FreeFormat& content);

}  // namespace bulkhead::dnp3
