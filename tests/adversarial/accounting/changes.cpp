// Changes are made to the message without its checksums, which are put in anew.
#include "tests/adversarial/accounting/changes.h"

#include <algorithm>

#include "tests/adversarial/accounting/forms.h"

namespace bulkhead::accounting {

namespace {

// What takes the place of [begin, end). Lengths that count octets from `owner` or before it grow.
struct Replacement {
  std::size_t begin = 0;
  std::size_t end = 0;
  std::size_t owner = 0;
  Bytes bytes;
};

// False if the length cannot say so.
bool grow(const Length& field, std::ptrdiff_t octets, std::size_t at, Bytes& bytes) {
  if (octets % field.per != 0) return false;
  const std::ptrdiff_t steps = octets / field.per * field.steps;
  std::int64_t value = 0;
  for (std::size_t i = 0; i < field.width; ++i) {
    const std::size_t from = field.little ? at + field.width - 1 - i : at + i;
    value = value << 8 | (bytes[from] & field.mask);
  }
  value += steps;
  const std::int64_t limit = field.width >= 4     ? 0x7fffffff
                             : field.mask == 0x07 ? 4
                             : field.width == 1   ? 0xff
                                                  : 0xffff;
  if (value < 0 || value > limit) return false;
  for (std::size_t i = 0; i < field.width; ++i) {
    const std::size_t to = field.little ? at + i : at + field.width - 1 - i;
    bytes[to] = static_cast<std::uint8_t>((bytes[to] & ~field.mask) |
                                          (static_cast<std::uint64_t>(value) >> (8 * i) & 0xff));
  }
  return true;
}

class Editor {
 public:
  Editor(std::string_view protocol, ByteView message, const Visit& visit)
      : protocol_(protocol),
        opened_(open(protocol, message)),
        layout_(find_layout(protocol, opened_)),
        before_(close(protocol, opened_)),
        visit_(visit) {}

  void edit() {
    edits_ = true;
    constexpr std::size_t kEverywhereMax = 512;  // longer ones have their elements edited only
    for (const std::size_t count : {1, 2, 3, 4, 6, 8}) {
      if (opened_.size() > kEverywhereMax) break;
      for (std::size_t at = 0; at + count <= opened_.size(); ++at) edit_all(at, at + count);
    }
    for (const Element& element : layout_.elements) {
      edit_all(element.begin, element.end);
      count_too(element);
      for (const Element& next : layout_.elements) {
        const bool same = next.end - next.begin == element.end - element.begin;
        if (next.begin == element.end && !same) swap(element.begin, element.end, next.end);
      }
    }
  }

  void reform() {
    for (Form& form : find_forms(protocol_, opened_, layout_)) {
      make({form.begin, form.end, form.owner, std::move(form.bytes)}, true, form.name);
    }
  }

 private:
  Bytes part(std::size_t begin, std::size_t end) const {
    return {opened_.begin() + static_cast<std::ptrdiff_t>(begin),
            opened_.begin() + static_cast<std::ptrdiff_t>(end)};
  }

  Bytes twice(std::size_t begin, std::size_t end) const {
    Bytes bytes = part(begin, end);
    bytes.reserve(2 * bytes.size());
    bytes.insert(bytes.end(), bytes.begin(), bytes.end());
    return bytes;
  }

  static std::string told(const char* edit, std::size_t begin, std::size_t end) {
    return std::string(edit) + " [" + std::to_string(begin) + "," + std::to_string(end) + ")";
  }

  void edit_all(std::size_t begin, std::size_t end) {
    for (const bool lengths : {false, true}) {
      make({begin, end, begin, {}}, lengths, told("cut", begin, end));
      make({begin, end, begin, twice(begin, end)}, lengths, told("repeat", begin, end));
    }
    const std::size_t other = end + (end - begin);
    if (other <= opened_.size()) swap(begin, end, other);
  }

  void swap(std::size_t begin, std::size_t middle, std::size_t end) {
    Bytes bytes = part(middle, end);
    const Bytes first = part(begin, middle);
    bytes.insert(bytes.end(), first.begin(), first.end());
    make({begin, end, begin, std::move(bytes)}, false,
         told("swap", begin, middle) + " with that up to " + std::to_string(end));
  }

  // One of the octets before an element may count elements of its kind.
  void count_too(const Element& element) {
    constexpr std::size_t kBefore = 24;
    for (std::size_t back = 1; back <= std::min(element.begin, kBefore); ++back) {
      const std::size_t at = element.begin - back;
      const std::string counter = " and the count at " + std::to_string(at);
      for (const int step : {-1, 1}) {
        opened_[at] = static_cast<std::uint8_t>(opened_[at] + step);
        const auto& [begin, end] = element;
        if (step < 0) make({begin, end, begin, {}}, true, told("cut", begin, end) + counter);
        if (step > 0) {
          make({begin, end, begin, twice(begin, end)}, true, told("repeat", begin, end) + counter);
        }
        opened_[at] = static_cast<std::uint8_t>(opened_[at] - step);
      }
    }
  }

  // Makes the lengths around it right; nothing if one of them cannot say so, or there is none.
  bool grow_lengths(const Replacement& replacement, Bytes& bytes, const Closed& before,
                    std::vector<std::size_t>& fields, Change& change) const {
    const auto grown = static_cast<std::ptrdiff_t>(replacement.bytes.size()) -
                       static_cast<std::ptrdiff_t>(replacement.end - replacement.begin);
    bool any = false;
    for (const Length& field : layout_.lengths) {
      if (field.begin > replacement.owner || replacement.end > field.end) continue;
      const bool replaced =
          field.at < replacement.end && replacement.begin < field.at + field.width;
      if (replaced) continue;
      std::size_t at = field.at;
      if (at >= replacement.end) {
        at = static_cast<std::size_t>(static_cast<std::ptrdiff_t>(at) + grown);
      }
      if (!grow(field, grown, at, bytes)) return false;
      any = true;
      for (std::size_t i = 0; i < field.width && field.mask == 0xff; ++i) {
        change.derived_before.push_back(before.places[field.at + i]);
        fields.push_back(at + i);
      }
    }
    return any;
  }

  void make(const Replacement& replacement, bool lengths, std::string what) {
    Change change;
    Bytes bytes = part(0, replacement.begin);
    bytes.insert(bytes.end(), replacement.bytes.begin(), replacement.bytes.end());
    const Bytes rest = part(replacement.end, opened_.size());
    bytes.insert(bytes.end(), rest.begin(), rest.end());
    std::vector<std::size_t> fields;
    change.derived_before = before_.checksums;
    if (lengths && !grow_lengths(replacement, bytes, before_, fields, change)) return;
    Closed closed = close(protocol_, bytes);
    change.derived_after = std::move(closed.checksums);
    for (const std::size_t at : fields) {
      if (at < closed.places.size()) change.derived_after.push_back(closed.places[at]);
    }
    std::sort(change.derived_before.begin(), change.derived_before.end());
    std::sort(change.derived_after.begin(), change.derived_after.end());
    change.what = std::move(what);
    change.place = replacement.begin;
    change.lengths = lengths;
    change.edited = edits_;
    change.bytes = std::move(closed.bytes);
    visit_(change);
  }

  std::string_view protocol_;
  Bytes opened_;
  Layout layout_;
  Closed before_;
  const Visit& visit_;
  bool edits_ = false;
};

}  // namespace

void each_flip(std::string_view protocol, ByteView message, const VisitFlip& visit) {
  Change change;
  change.bytes.assign(message.begin(), message.end());
  for (std::size_t i = 0; i < 8 * message.size(); ++i) {
    const auto mask = static_cast<std::uint8_t>(1U << (i % 8));
    change.bytes[i / 8] ^= mask;
    visit(change, {i / 8, static_cast<std::uint8_t>(i % 8)});
    change.bytes[i / 8] ^= mask;
  }
  Bytes opened = open(protocol, message);
  const Closed before = close(protocol, opened);
  if (before.checksums.empty() || before.bytes.size() != message.size()) return;
  change.derived_before = before.checksums;
  for (std::size_t i = 0; i < 8 * opened.size(); ++i) {
    const auto mask = static_cast<std::uint8_t>(1U << (i % 8));
    opened[i / 8] ^= mask;
    Closed closed = close(protocol, opened);
    change.bytes = std::move(closed.bytes);
    change.derived_after = std::move(closed.checksums);
    visit(change, {before.places[i / 8], static_cast<std::uint8_t>(i % 8)});
    opened[i / 8] ^= mask;
  }
}

void each_edit(std::string_view protocol, ByteView message, const Visit& visit) {
  Editor(protocol, message, visit).edit();
}

void each_form(std::string_view protocol, ByteView message, const Visit& visit) {
  Editor(protocol, message, visit).reform();
}

}  // namespace bulkhead::accounting
