// Tags of Logix controllers (1756-PM020): by name, or by instance of the symbol object.
#include <bit>

#include "dataplane/protocols/enip/services.h"
#include "dataplane/protocols/unread.h"

namespace bulkhead::enip {

using protocols::Fault;
using protocols::Operation;
using protocols::OperationList;

namespace {

constexpr std::uint16_t kStructure = 0x02a0;
constexpr std::uint16_t kStringHandle = 0x0fce;  // the predefined type STRING: 88 bytes
constexpr std::uint16_t kBool = 0xc1;
constexpr std::string_view kWritten = "what is written";

// Bytes of one element of a basic type (CIP, C-5.1); 0 where the type alone does not say.
std::size_t bytes_of(std::uint16_t type) {
  switch (type) {
    case kBool:
    case 0xc2:  // SINT
    case 0xc6:  // USINT
    case 0xd1:  // BYTE
      return 1;
    case 0xc3:  // INT
    case 0xc7:  // UINT
    case 0xcd:  // DATE
    case 0xd2:  // WORD
    case 0xd8:  // ITIME
      return 2;
    case 0xc4:  // DINT
    case 0xc8:  // UDINT
    case 0xca:  // REAL
    case 0xcc:  // STIME
    case 0xce:  // TIME_OF_DAY
    case 0xd3:  // DWORD
    case 0xd6:  // FTIME
    case 0xdb:  // TIME
      return 4;
    case 0xc5:  // LINT
    case 0xc9:  // ULINT
    case 0xcb:  // LREAL
    case 0xcf:  // DATE_AND_TIME
    case 0xd4:  // LWORD
    case 0xd7:  // LTIME
      return 8;
    default:
      return 0;
  }
}

void set_value(std::uint16_t type, ByteReader& reader, Operation& operation) {
  switch (type) {
    case kBool:
      return operation.set_real(kValue, reader.u8() != 0 ? 1 : 0);
    case 0xc2:
      return operation.set_real(kValue, static_cast<std::int8_t>(reader.u8()));
    case 0xc3:
      return operation.set_real(kValue, static_cast<std::int16_t>(reader.u16_le()));
    case 0xc4:
      return operation.set_real(kValue, static_cast<std::int32_t>(reader.u32_le()));
    case 0xca:
      return operation.set_real(kValue, std::bit_cast<float>(reader.u32_le()));
    case 0xcb:
      return operation.set_real(kValue, std::bit_cast<double>(reader.u64_le()));
    case 0xc6:
    case 0xd1:
      return operation.set_real(kValue, reader.u8());
    case 0xc7:
    case 0xd2:
      return operation.set_real(kValue, reader.u16_le());
    case 0xc8:
    case 0xd3:
      return operation.set_real(kValue, reader.u32_le());
    default:
      return;  // 64-bit integers are not exact as real numbers
  }
}

Fault set_span(const Path& path, std::uint32_t elements, Operation& operation) {
  const std::int64_t first = path.member >= 0 ? path.member : 0;
  const std::int64_t last = first + elements - 1;
  if (last > 0xffffffff) return Fault::address_wrap;
  operation.set(kElements, elements);
  operation.set(kMember, Range{first, last});
  return Fault::none;
}

// Of a type of unknown size nobody knows which elements its bytes reach: only a grant on all that
// follow holds them.
Fault set_unknown_span(const Path& path, std::uint16_t claimed, Operation& operation) {
  operation.set(kSize, claimed);
  operation.set(kMember, Range{path.member >= 0 ? path.member : 0, 0xffffffff});
  return Fault::none;
}

class TagReader {
 public:
  TagReader(const Request& request, const Path& path, Operation& operation,
            const OperationList& operations)
      : request_(request),
        path_(path),
        reader_(request.data),
        operation_(operation),
        operations_(operations) {}

  Fault read() {
    switch (request_.service) {
      case kReadModifyWriteTag:
        return read_masks();
      case kReadTag:
      case kReadTagFragmented:
        return read_asked();
      default:
        return read_written();
    }
  }

 private:
  bool is_fragmented() const {
    return request_.service == kReadTagFragmented || request_.service == kWriteTagFragmented;
  }

  // Bits to set and bits to keep, as wide as one element.
  Fault read_masks() {
    const std::size_t bytes = reader_.u16_le();
    const ByteView masks = reader_.take(2 * bytes);
    if (const Fault end = at_end(reader_); end != Fault::none) return end;
    if (bytes != 1 && bytes != 2 && bytes != 4 && bytes != 8 && bytes != 12) {
      return Fault::bad_quantity;
    }
    operations_.leave_free(masks, "bits that are written");
    // Wider ones are for structures such as timers, of which nobody knows the size here.
    const auto width = static_cast<std::uint16_t>(bytes);
    if (bytes > 4) return set_unknown_span(path_, width, operation_);
    operation_.set(kSize, width);
    return set_span(path_, 1, operation_);
  }

  // What is read begins at an offset of bytes and ends with the last of the elements.
  Fault read_asked() {
    const std::uint16_t elements = reader_.u16_le();
    if (is_fragmented()) operation_.set(kOffset, reader_.u32_le());
    if (const Fault end = at_end(reader_); end != Fault::none) return end;
    return elements == 0 ? Fault::bad_quantity : set_span(path_, elements, operation_);
  }

  Fault read_written() {
    const std::uint16_t type = reader_.u16_le();
    const std::uint16_t handle = type == kStructure ? reader_.u16_le() : std::uint16_t{0};
    const std::uint16_t elements = reader_.u16_le();
    const std::uint32_t offset = is_fragmented() ? reader_.u32_le() : 0;
    if (!reader_.ok()) return Fault::truncated;
    if (elements == 0) return Fault::bad_quantity;
    if (is_fragmented()) operation_.set(kOffset, offset);
    operation_.set(kType, std::uint32_t{handle} << 16 | type);
    const bool is_string = type == kStructure && handle == kStringHandle;
    const std::size_t each = is_string ? 88 : bytes_of(type);
    const std::size_t bytes = reader_.remaining();
    const ByteView data = ByteView(request_.data).subspan(reader_.offset());
    if (bytes == 0) return Fault::bad_byte_count;
    const Fault fault = each == 0 ? set_unknown_span(path_, elements, operation_)
                                  : read_elements(type, elements, each, offset, data);
    // A value that is judged is read to its last bit; what fills its word up is zero.
    const bool single = elements == 1 && each > 0 && each <= 8 && !is_fragmented();
    const std::size_t judged = single ? std::min(each, bytes) : 0;
    operations_.leave_free(data.subspan(judged), kWritten);
    if (judged > 0) leave_unread(type, data.first(judged));
    return fault;
  }

  void leave_unread(std::uint16_t type, ByteView value) const {
    constexpr std::uint16_t kReal = 0xca;
    constexpr std::uint16_t kLongReal = 0xcb;
    if (type == kReal || type == kLongReal) {
      protocols::leave_sign_of_zero(value.last(1), operation_, kValue, operations_);
    }
    if (operation_.has(kValue)) return;
    protocols::leave_no_number(value, kWritten, operations_, [type](ByteView octets) {
      Operation read;
      ByteReader reader(octets);
      set_value(type, reader, read);
      return read.has(kValue) ? std::optional<Range>(read.fields[kValue].range) : std::nullopt;
    });
  }

  Fault read_elements(std::uint16_t type, std::uint16_t elements, std::size_t each,
                      std::uint32_t offset, ByteView data) {
    const std::size_t all = each * elements;
    if (is_fragmented()) {
      // Whole elements, and none after the last; a string may be cut anywhere.
      const bool inside = offset < all && data.size() <= all - offset;
      const bool whole = each == 88 || (offset % each == 0 && data.size() % each == 0);
      if (!inside || !whole) return Fault::bad_byte_count;
      return set_span(path_, elements, operation_);
    }
    // A single BOOL or SINT may be filled up to a word.
    const bool filled = all % 2 != 0 && data.size() == all + 1 && data.back() == 0;
    if (data.size() != all && !filled) return Fault::bad_byte_count;
    if (elements == 1) {
      // Logix clients write true as 1 or as 0xff.
      if (type == kBool && data[0] != 0 && data[0] != 1 && data[0] != 0xff) return Fault::bad_value;
      set_value(type, reader_, operation_);
    }
    return set_span(path_, elements, operation_);
  }

  const Request& request_;
  const Path& path_;
  ByteReader reader_;
  Operation& operation_;
  const OperationList& operations_;
};

}  // namespace

Fault decode_tag(const Request& request, const Path& path, Operation& operation,
                 const OperationList& operations) {
  return TagReader(request, path, operation, operations).read();
}

}  // namespace bulkhead::enip
