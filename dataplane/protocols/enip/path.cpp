// Paths of requests: logical segments and symbols, in the order in which CIP puts them.
#include "dataplane/protocols/enip/path.h"

#include <algorithm>

#include "dataplane/protocols/enip/segments.h"
#include "dataplane/protocols/planted.h"

namespace bulkhead::enip {

using protocols::Fault;
using protocols::Mistake;

bool Names::add(ByteView part) {
  if (part.size() > bytes_.size() - used_) return false;
  std::copy(part.begin(), part.end(), bytes_.begin() + static_cast<std::ptrdiff_t>(used_));
  used_ += part.size();
  return true;
}

bool Names::add_number(std::uint32_t number) {
  std::array<std::uint8_t, 10> text{};
  std::size_t at = text.size();
  do {
    text[--at] = static_cast<std::uint8_t>('0' + number % 10);
    number /= 10;
  } while (number > 0);
  return add(ByteView(text).subspan(at));
}

namespace {

// A path is read into its text, and only where that is no more than one class and instance those
// become numbers: a grant on them must not reach what lies inside that object.
class PathReader {
 public:
  PathReader(ByteView bytes, Names& names, Path& path)
      : reader_(bytes), names_(names), path_(path), begin_(names.used()) {}

  Fault read() {
    while (reader_.remaining() > 0) {
      const std::uint8_t segment = reader_.u8();
      Fault fault = Fault::unknown_object;
      if ((segment & kTypeMask) == kLogical) {
        fault = read_logical(segment);
      } else if (segment == kSymbol) {
        fault = read_name();
      }
      if (fault != Fault::none) return fault;
      if (!reader_.ok()) return Fault::truncated;
    }
    if (last_ == Part::class_id || last_ == Part::none) return Fault::bad_value;
    // Programs and symbols are vendors' objects. Of others receivers take the last class and
    // instance for all (OpENer), or the first.
    if (is_standard_ && (objects_ > 1 || names_count_ > 0)) return Fault::unknown_object;
    const ByteView text = names_.from(begin_);
    if (names_count_ > 0 && last_object_ < last_name_) {
      path_.tag = text;
    } else if ((objects_ > 1 && !planted(Mistake::object_overwritten)) || names_count_ > 0) {
      path_.object = text;
    } else if (indexed_) {
      path_.tag = text;
    }
    return Fault::none;
  }

 private:
  enum class Part : std::uint8_t { none, class_id, instance, attribute, member, name };

  Fault read_logical(std::uint8_t segment) {
    std::uint32_t value = 0;
    if (const Fault fault = read_logical_value(reader_, segment, value); fault != Fault::none) {
      return fault;
    }
    switch (segment & kLogicalTypeMask) {
      case kOfClass:
        return parse_class(value);
      case kOfInstance:
        if (last_ != Part::class_id) return Fault::unknown_object;
        last_ = Part::instance;
        path_.instance = value;
        return spell_object() ? Fault::none : Fault::bad_length;
      case kOfAttribute:
        if (last_ != Part::instance) return Fault::unknown_object;
        last_ = Part::attribute;
        path_.attribute = value;
        return Fault::none;
      case kOfMember:
        return parse_member(value);
      default:
        return Fault::unknown_object;
    }
  }

  // C-1.6: an object may stand inside another, or inside what a symbol names.
  Fault parse_class(std::uint32_t value) {
    const bool follows = last_ == Part::none || last_ == Part::instance || last_ == Part::name;
    if (!follows || objects_ == kObjectsMax) return Fault::unknown_object;
    last_ = Part::class_id;
    path_.class_id = value;
    is_standard_ = is_standard_ || !is_vendors(value);
    return Fault::none;
  }

  bool spell_object() {
    last_object_ = ++parts_;
    ++objects_;
    const bool first = names_.used() == begin_;
    return (first || names_.add('/')) &&
           names_.add_number(static_cast<std::uint32_t>(path_.class_id)) && names_.add('/') &&
           names_.add_number(static_cast<std::uint32_t>(path_.instance));
  }

  // The last index counts elements; those before it belong to the name.
  Fault parse_member(std::uint32_t value) {
    if (last_ != Part::instance && last_ != Part::attribute && last_ != Part::member &&
        last_ != Part::name) {
      return Fault::unknown_object;
    }
    if (path_.member >= 0) {
      if (names_count_ == 0 && path_.class_id != kSymbolObject) return Fault::unknown_object;
      if (!spell_member()) return Fault::bad_length;
    }
    last_ = Part::member;
    path_.member = value;
    return Fault::none;
  }

  bool spell_member() {
    if (path_.member < 0) return true;
    indexed_ = true;
    const bool fits = names_.add_index(static_cast<std::uint32_t>(path_.member));
    path_.member = -1;
    return fits;
  }

  // A tag's member, or what a program or a symbol object has of that name.
  Fault read_name() {
    if (last_ == Part::class_id || path_.attribute >= 0) return Fault::unknown_object;
    ByteView name;
    if (const Fault fault = read_symbol(reader_, name); fault != Fault::none) return fault;
    if (!spell_member()) return Fault::bad_length;
    last_ = Part::name;
    last_name_ = ++parts_;
    ++names_count_;
    const bool follows = names_.used() > begin_;
    if (follows && !names_.add('.')) return Fault::bad_length;
    return names_.add(name) ? Fault::none : Fault::bad_length;
  }

  static constexpr unsigned kObjectsMax = 4;

  ByteReader reader_;
  Names& names_;
  Path& path_;
  std::size_t begin_;
  Part last_ = Part::none;
  unsigned parts_ = 0;
  unsigned last_object_ = 0;
  unsigned last_name_ = 0;
  unsigned objects_ = 0;
  unsigned names_count_ = 0;
  bool indexed_ = false;
  bool is_standard_ = false;  // a class that CIP defines
};

}  // namespace

Fault parse_path(ByteView bytes, Names& names, Path& path) {
  path = Path{};
  return PathReader(bytes, names, path).read();
}

void set_path(const Path& path, protocols::Operation& operation) {
  if (path.is_plain()) {
    operation.set(kClass, path.class_id);
    operation.set(kInstance, path.instance);
  }
  if (path.attribute >= 0) operation.set(kAttribute, path.attribute);
  if (path.member >= 0) operation.set(kMember, path.member);
  if (!path.tag.empty()) operation.set_name(kTag, path.tag);
  if (!path.object.empty()) operation.set_name(kObject, path.object);
}

}  // namespace bulkhead::enip
