// Forms off the shortest, by the encodings that the protocols share.
#include "tests/adversarial/accounting/forms.h"

#include <algorithm>
#include <array>

namespace bulkhead::accounting {

namespace {

class Forms {
 public:
  explicit Forms(ByteView bytes) : bytes_(bytes) {}

  std::vector<Form> take() { return std::move(forms_); }
  std::uint8_t at(std::size_t offset) const {
    return offset < bytes_.size() ? bytes_[offset] : std::uint8_t{0};
  }
  std::size_t size() const { return bytes_.size(); }

  // `before`, the octets of [kept, kept_end), `after`.
  void add(std::string name, std::size_t begin, std::size_t end, Bytes before, std::size_t kept = 0,
           std::size_t kept_end = 0, const Bytes& after = {}) {
    if (end > bytes_.size() || kept_end > bytes_.size()) return;
    before.insert(before.end(), bytes_.begin() + static_cast<std::ptrdiff_t>(kept),
                  bytes_.begin() + static_cast<std::ptrdiff_t>(kept_end));
    before.insert(before.end(), after.begin(), after.end());
    forms_.push_back({std::move(name), begin, end, begin, std::move(before)});
  }
  // At the end of what begins at `owner`.
  void append(std::string name, std::size_t owner, std::size_t end, Bytes bytes) {
    if (end <= bytes_.size())
      forms_.push_back({std::move(name), end, end, owner, std::move(bytes)});
  }
  void swap(std::string name, std::size_t begin, std::size_t middle, std::size_t end) {
    const ByteView first = bytes_.subspan(begin, middle - begin);
    add(std::move(name), begin, end, {}, middle, end, {first.begin(), first.end()});
  }
  bool alike(std::size_t one, std::size_t other, std::size_t count) const {
    return std::max(one, other) + count <= bytes_.size() &&
           std::equal(bytes_.begin() + static_cast<std::ptrdiff_t>(one),
                      bytes_.begin() + static_cast<std::ptrdiff_t>(one + count),
                      bytes_.begin() + static_cast<std::ptrdiff_t>(other));
  }

 private:
  ByteView bytes_;
  std::vector<Form> forms_;
};

std::uint8_t octet(std::size_t value) { return static_cast<std::uint8_t>(value); }

// X.690, 8.1.2 to 8.1.4 and 8.3: one element, whose tag has one octet.
void ber_element(Forms& forms, std::size_t tag, std::size_t content, std::size_t end) {
  const std::uint8_t identifier = forms.at(tag);
  const std::size_t count = end - content;
  const bool constructed = (identifier & 0x20) != 0;
  const std::size_t field = tag + 1;
  if (count < 0x80) forms.add("length of two octets", field, content, {0x81, octet(count)});
  forms.add("length of three octets", field, content, {0x82, octet(count >> 8), octet(count)});
  forms.add("length of four octets", field, content, {0x83, 0, octet(count >> 8), octet(count)});
  forms.add("tag of two octets", tag, field,
            {octet((identifier & 0xe0) | 0x1f), octet(identifier & 0x1f)});
  if (constructed) {
    forms.add("indefinite length", field, end, {0x80}, content, end, {0, 0});
    forms.append("a null at the end", content, end, {0x05, 0});
    forms.append("an empty element at the end", content, end, {0x80, 0});
    return;
  }
  forms.add("a zero in front", content, content, {0});
  forms.append("a zero at the end", content, end, {0});
  if (count < 0x70) {
    const std::uint8_t longer = octet(count + 2);
    forms.add("constructed string", tag, end,
              {octet(identifier | 0x20), longer, 0x04, octet(count)}, content, end);
    forms.add("constructed visible string", tag, end,
              {octet(identifier | 0x20), longer, 0x1a, octet(count)}, content, end);
    forms.add("constructed string of its own tag", tag, end,
              {octet(identifier | 0x20), longer, identifier, octet(count)}, content, end);
  }
}

void ber(Forms& forms, const Layout& layout) {
  for (const Element& element : layout.elements) {
    if ((forms.at(element.begin) & 0x1f) == 0x1f) continue;
    const std::uint8_t first = forms.at(element.begin + 1);
    const std::size_t width = first < 0x80 ? 1 : 1U + (first & 0x7f);
    const std::size_t content = element.begin + 1 + width;
    if (content <= element.end) ber_element(forms, element.begin, content, element.end);
  }
}

// ASHRAE 135, 20.2.1.
void bacnet(Forms& forms, const Layout& layout) {
  for (const Element& element : layout.elements) {
    const std::size_t tag = element.begin;
    const std::uint8_t initial = forms.at(tag);
    const std::uint8_t kind = initial & 7;
    const std::uint8_t high = initial & 0xf8;
    const std::size_t count = element.end - tag - 1;
    if ((initial & 0xf0) == 0xf0) continue;
    forms.add("tag number of two octets", tag, tag + 1,
              {octet(0xf0 | (initial & 0x0f)), octet(initial >> 4)});
    if (kind > 4 || count != kind) continue;
    forms.add("extended length", tag, tag + 1, {octet(high | 5), octet(count)});
    forms.add("length of two octets", tag, tag + 1, {octet(high | 5), 254, 0, octet(count)});
    forms.add("length of four octets", tag, tag + 1, {octet(high | 5), 255, 0, 0, 0, octet(count)});
    if (kind < 4) forms.add("a zero in front", tag, tag + 1, {octet(initial + 1), 0});
    if (kind == 0) forms.add("a null with content", tag, tag + 1, {octet(initial + 1), 0});
  }
}

// ISO 9506-2, 14.4.2: truths, integers and unsigned numbers, of which a receiver takes the one type
// that its variable has.
void mms(Forms& forms, const Layout& layout) {
  constexpr std::array<std::uint8_t, 3> kTypes = {0x83, 0x85, 0x86};
  const auto is_type = [&](std::uint8_t tag) {
    return std::find(kTypes.begin(), kTypes.end(), tag) != kTypes.end();
  };
  for (const Element& element : layout.elements) {
    const std::uint8_t tag = forms.at(element.begin);
    if (!is_type(tag)) continue;
    for (const std::uint8_t type : kTypes) {
      if (type != tag)
        forms.add("a number of another type", element.begin, element.begin + 1, {type});
    }
    const std::uint8_t next = forms.at(element.end);
    if (!is_type(next) || next == tag) continue;
    forms.add("two numbers of each other's type", element.begin, element.end + 1, {next},
              element.begin + 1, element.end, {tag});
  }
}

// RFC 905, 13.2.3: parameters of a connection.
void cotp(Forms& forms) {
  const std::uint8_t code = forms.at(5);
  if (forms.at(0) != 3 || (code != 0xe0 && code != 0xd0)) return;
  const std::size_t end = 5U + forms.at(4);
  const auto behind = [&](std::size_t part) { return part + 2 + forms.at(part + 1); };
  for (std::size_t part = 11; behind(part) < end; part = behind(part)) {
    const std::size_t next = behind(part);
    if (behind(next) > end) return;
    forms.swap("parameters in another order", part, next, behind(next));
  }
}

// IEC 61850-8-1, annex A: what a message need not say, and that numbers may be padded to five
// octets.
void goose(Forms& forms, const Layout& layout) {
  constexpr std::size_t kGocbRef = 11;  // behind the header, the PDU's length of one octet, its tag
  for (const Element& element : layout.elements) {
    const std::size_t content = element.begin + 2;
    const std::size_t count = forms.at(element.begin + 1);
    const std::uint8_t tag = forms.at(element.begin);
    if (content + count != element.end) continue;
    const bool is_false = count == 1 && forms.at(content) == 0;
    const bool default_flag = (tag == 0x87 || tag == 0x89) && is_false;
    const bool default_name = tag == 0x83 && forms.alike(kGocbRef, element.begin + 1, count + 1);
    if (default_flag || default_name) {
      forms.add("without what is so where it is not said", element.begin, element.end, {});
    }
    for (std::size_t zeros = 2; zeros + count <= 5; ++zeros) {
      forms.add("a zero in front", content, content, Bytes(zeros));
    }
  }
}

// CIP volume 1, C-1.4: logical segments, at every place where one may stand.
void cip(Forms& forms, const Layout& layout) {
  for (const Element& element : layout.elements) {
    const std::uint8_t kind = forms.at(element.begin);
    const std::uint8_t value = forms.at(element.begin + 1);
    if (element.end - element.begin == 2 && (kind & 0xe3) == 0x20) {
      forms.add("16-bit segment", element.begin, element.end, {octet(kind | 1), 0, value, 0});
      forms.add("32-bit segment", element.begin, element.end, {octet(kind | 2), 0, value, 0, 0, 0});
    } else if (element.end - element.begin == 4 && (kind & 0xe3) == 0x21) {
      forms.add(
          "32-bit segment", element.begin, element.end,
          {octet(kind + 1), 0, forms.at(element.begin + 2), forms.at(element.begin + 3), 0, 0});
    }
  }
}

// OPC 10000-6, 5.2.2.9: node identifiers, wherever the octets may be one.
void opcua(Forms& forms) {
  for (std::size_t at = 24; at + 4 <= forms.size(); ++at) {
    const std::uint8_t first = forms.at(at + 1);
    if (forms.at(at) == 0) {
      forms.add("node identifier of four octets", at, at + 2, {1, 0, first, 0});
      forms.add("node identifier of seven octets", at, at + 2, {2, 0, 0, first, 0, 0, 0});
    } else if (forms.at(at) == 1) {
      forms.add("node identifier of seven octets", at, at + 4,
                {2, first, 0, forms.at(at + 2), forms.at(at + 3), 0, 0});
    }
    if (forms.at(at) <= 5) {
      forms.add("node identifier with a server", at, at + 1, {octet(forms.at(at) | 0x40)});
      forms.add("node identifier with a namespace", at, at + 1, {octet(forms.at(at) | 0x80)});
    }
  }
  for (std::size_t at = 24; at + 4 <= forms.size(); ++at) {
    const bool empty = forms.at(at) == 0 && forms.at(at + 1) == 0 && forms.at(at + 2) == 0 &&
                       forms.at(at + 3) == 0;
    const bool null = forms.at(at) == 0xff && forms.at(at + 1) == 0xff &&
                      forms.at(at + 2) == 0xff && forms.at(at + 3) == 0xff;
    if (empty) forms.add("null for empty", at, at + 4, {0xff, 0xff, 0xff, 0xff});
    if (null) forms.add("empty for null", at, at + 4, {0, 0, 0, 0});
    if (null) forms.add("another negative length", at, at + 4, {0xfe, 0xff, 0xff, 0xff});
  }
}

// IEEE 1815, 9.2.4.1.3: user data that the data link layer confirms. 4.2.2.7.3: ranges and prefixes
// of two octets where one is enough.
void dnp3(Forms& forms) {
  if ((forms.at(3) & 0x4f) == 0x44) {
    for (const int counted : {0x53, 0x73}) {
      forms.add("confirmed user data", 3, 4, {octet((forms.at(3) & 0x80) | counted)});
    }
  }
  for (std::size_t at = 11; at + 3 <= forms.size(); ++at) {
    const std::uint8_t qualifier = forms.at(at + 2);
    const std::uint8_t start = forms.at(at + 3);
    const std::uint8_t stop = forms.at(at + 4);
    if (qualifier == 0x00) {
      forms.add("16-bit range", at + 2, at + 5, {0x01, start, 0, stop, 0});
    } else if (qualifier == 0x07) {
      forms.add("16-bit count", at + 2, at + 4, {0x08, start, 0});
    } else if (qualifier == 0x17 && start == 1) {
      forms.add("16-bit prefix", at + 2, at + 5, {0x28, 1, 0, stop, 0});
    }
    for (const int reserved : {0x80, 0x70}) {
      forms.add("another prefix code", at + 2, at + 3, {octet(qualifier ^ reserved)});
    }
  }
}

// Numbers of seven bits an octet, of which the first may be zero.
void s7comm_plus(Forms& forms) {
  for (std::size_t at = 7; at < forms.size(); ++at) {
    if (forms.at(at) < 0x80) forms.add("number with a zero in front", at, at, {0x80});
  }
}

// GENISYS, 5.1.1.1: an escape is added to what follows.
void genisys(Forms& forms) {
  if (forms.at(0) != 0xfb) return;
  forms.add("an escape without need", 1, 2, {0xf0, octet(forms.at(1) + 0x10U)});
}

}  // namespace

std::vector<Form> find_forms(std::string_view protocol, ByteView opened, const Layout& layout) {
  Forms forms(opened);
  if (protocol == "mms" || protocol == "goose" || protocol == "sv") ber(forms, layout);
  if (protocol == "mms") mms(forms, layout);
  if (protocol == "goose") goose(forms, layout);
  if (protocol == "mms" || protocol == "s7comm" || protocol == "s7comm_plus") cotp(forms);
  if (protocol == "bacnet") bacnet(forms, layout);
  if (protocol == "enip") cip(forms, layout);
  if (protocol == "opcua") opcua(forms);
  if (protocol == "dnp3") dnp3(forms);
  if (protocol == "s7comm_plus") s7comm_plus(forms);
  if (protocol == "genisys") genisys(forms);
  return forms.take();
}

}  // namespace bulkhead::accounting
