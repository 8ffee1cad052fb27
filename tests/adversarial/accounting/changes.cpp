// Changes are made to the message without its checksums, which are put in anew.
#include "tests/adversarial/accounting/changes.h"

#include <algorithm>
#include <array>
#include <optional>

namespace bulkhead::accounting {

namespace {

enum class Edit : std::uint8_t { cut, repeat, swap };
constexpr std::array kEditNames = {"cut", "repeat", "swap"};

// Of [begin, end), and, if they are swapped, of [end, other).
struct Place {
  Edit edit{};
  std::size_t begin = 0;
  std::size_t end = 0;
  std::size_t other = 0;
};

Bytes edited(ByteView message, const Place& place) {
  const auto at = [&](std::size_t offset) {
    return message.begin() + static_cast<std::ptrdiff_t>(offset);
  };
  Bytes bytes(message.begin(), at(place.begin));
  if (place.edit == Edit::swap) bytes.insert(bytes.end(), at(place.end), at(place.other));
  if (place.edit != Edit::cut) bytes.insert(bytes.end(), at(place.begin), at(place.end));
  if (place.edit == Edit::repeat) bytes.insert(bytes.end(), at(place.begin), at(place.end));
  const std::size_t rest = place.edit == Edit::swap ? place.other : place.end;
  bytes.insert(bytes.end(), at(rest), message.end());
  return bytes;
}

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

  void run() {
    constexpr std::size_t kEverywhereMax = 512;  // longer ones have their elements edited only
    for (const std::size_t count : {1, 2, 3, 4, 6, 8}) {
      if (opened_.size() > kEverywhereMax) break;
      for (std::size_t at = 0; at + count <= opened_.size(); ++at) edit_all(at, at + count);
    }
    for (const Element& element : layout_.elements) {
      edit_all(element.begin, element.end);
      for (const Edit edit : {Edit::cut, Edit::repeat})
        count_too({edit, element.begin, element.end});
      for (const Element& next : layout_.elements) {
        const bool same = next.end - next.begin == element.end - element.begin;
        if (next.begin != element.end || same) continue;
        make({Edit::swap, element.begin, element.end, next.end}, false);
      }
    }
  }

 private:
  void edit_all(std::size_t begin, std::size_t end) {
    for (const Edit edit : {Edit::cut, Edit::repeat}) {
      make({edit, begin, end, 0}, false);
      make({edit, begin, end, 0}, true);
    }
    const std::size_t other = end + (end - begin);
    if (other <= opened_.size()) make({Edit::swap, begin, end, other}, false);
  }

  // One of the octets before an element may count elements of its kind.
  void count_too(const Place& place) {
    constexpr std::size_t kBefore = 24;
    const std::size_t first = place.begin - std::min(place.begin, kBefore);
    const int step = place.edit == Edit::cut ? -1 : 1;
    for (std::size_t at = first; at < place.begin; ++at) make(place, true, at, step);
  }

  void make(const Place& place, bool lengths, std::optional<std::size_t> counter = std::nullopt,
            int step = 0) {
    Change change;
    Bytes bytes = edited(opened_, place);
    std::vector<std::size_t> fields_before;
    std::vector<std::size_t> fields_after;
    if (lengths) {
      const auto count = static_cast<std::ptrdiff_t>(place.end - place.begin);
      const std::ptrdiff_t grown = place.edit == Edit::cut ? -count : count;
      for (const Length& field : layout_.lengths) {
        if (field.begin > place.begin || place.end > field.end) continue;
        const bool inside = field.at < place.end && place.begin < field.at + field.width;
        if (inside) continue;
        std::size_t at = field.at;
        if (at >= place.end) at = static_cast<std::size_t>(static_cast<std::ptrdiff_t>(at) + grown);
        if (!grow(field, grown, at, bytes)) return;
        for (std::size_t i = 0; i < field.width && field.mask == 0xff; ++i) {
          fields_before.push_back(field.at + i);
          fields_after.push_back(at + i);
        }
      }
      if (fields_before.empty()) return;  // it is what it was without
    }
    if (counter) {
      bytes[*counter] = static_cast<std::uint8_t>(bytes[*counter] + step);
    }
    Closed closed = close(protocol_, bytes);
    change.derived_before = before_.checksums;
    change.derived_after = closed.checksums;
    for (const std::size_t at : fields_before) change.derived_before.push_back(before_.places[at]);
    for (const std::size_t at : fields_after) {
      if (at < closed.places.size()) change.derived_after.push_back(closed.places[at]);
    }
    std::sort(change.derived_before.begin(), change.derived_before.end());
    std::sort(change.derived_after.begin(), change.derived_after.end());
    change.what = std::string(kEditNames[static_cast<std::size_t>(place.edit)]) + " [" +
                  std::to_string(place.begin) + "," + std::to_string(place.end) + ")";
    if (place.other != 0) change.what += " with [.," + std::to_string(place.other) + ")";
    if (lengths) change.what += " lengths";
    if (counter) change.what += " count@" + std::to_string(*counter);
    change.bytes = std::move(closed.bytes);
    visit_(change);
  }

  std::string_view protocol_;
  Bytes opened_;
  Layout layout_;
  Closed before_;
  const Visit& visit_;
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
  Editor(protocol, message, visit).run();
}

}  // namespace bulkhead::accounting
