// Names taken apart, and put together.
#include "dataplane/protocols/mms/name.h"

#include <algorithm>
#include <array>

#include "dataplane/protocols/ber_schema.h"
#include "dataplane/protocols/file_path.h"

namespace bulkhead::mms {

using protocols::Fault;
using protocols::Operation;

namespace {

constexpr std::array<std::uint8_t, 1> kOfAssociation = {'@'};

// The part of a name up to the next '$'; the name becomes what is behind it.
ByteView split(ByteView& name) {
  const auto end = std::find(name.begin(), name.end(), '$');
  const auto part = name.first(static_cast<std::size_t>(end - name.begin()));
  name = end == name.end() ? ByteView{} : name.subspan(part.size() + 1);
  return part;
}

bool is_control(ByteView part) {
  const std::string_view name = text(part);
  return name == "SBO" || name == "SBOw" || name == "Oper" || name == "Cancel";
}

bool has(ByteView name, char octet) { return text(name).find(octet) != std::string_view::npos; }

bool good_item(ByteView item) {
  const std::string_view name = text(item);
  return !has(item, '(') && !has(item, ')') && name.front() != '$' && name.back() != '$' &&
         name.find("$$") == std::string_view::npos;
}

// A name that grows by what is chosen of it.
class WholeName {
 public:
  bool add(ByteView part) {
    if (part.size() > bytes_.size() - size_) return false;
    std::copy(part.begin(), part.end(), bytes_.begin() + static_cast<std::ptrdiff_t>(size_));
    size_ += part.size();
    return true;
  }
  bool add(std::string_view part) {
    return add(ByteView(reinterpret_cast<const std::uint8_t*>(part.data()), part.size()));
  }
  bool add(std::uint64_t number) {
    std::array<char, 20> digits{};
    std::size_t at = digits.size();
    do {
      digits[--at] = static_cast<char>('0' + number % 10);
    } while ((number /= 10) != 0);
    return add(std::string_view(digits.data() + at, digits.size() - at));
  }
  ByteView bytes() const { return ByteView(bytes_).first(size_); }

 private:
  std::array<std::uint8_t, ber::kNameBytesMax> bytes_{};
  std::size_t size_ = 0;
};

bool add_component(ByteView component, WholeName& name) {
  return good_item(component) && !has(component, '$') && name.add("$") && name.add(component);
}

bool add_index(ByteView content, WholeName& name) {
  return name.add("(") && name.add(ber::to_unsigned(content).value_or(0)) && name.add(")");
}

// lowIndex and numberOfElements. Some take a number of 0 for a single element.
bool add_range(ByteView content, WholeName& name) {
  ber::Reader reader(content);
  ber::Element low;
  ber::Element number;
  reader.next(low);
  reader.next(number);
  const std::uint64_t first = ber::to_unsigned(low.content).value_or(0);
  const std::uint64_t count = ber::to_unsigned(number.content).value_or(0);
  return count > 0 && name.add("(") && name.add(first) && name.add("..") &&
         name.add(first + count - 1) && name.add(")");
}

// AlternateAccess (ISO 9506-2, 14.5.3), one selection inside the other.
bool add_selected(ByteView selection, bool written, WholeName& name) {
  ber::Element choice;
  while (ber::only(selection, choice)) {
    switch (choice.number()) {
      case 1:
        return add_component(choice.content, name);
      case 2:
        return add_index(choice.content, name);
      case 3:
        return add_range(choice.content, name);
      default:
        break;
    }
    ber::Reader reader(choice.content);
    ber::Element part;
    ber::Element inside;
    reader.next(part);
    reader.next(inside);
    const bool component = part.is(ber::context(0));
    if (!(component ? add_component(part.content, name)
                    : !written && add_index(part.content, name))) {
      return false;
    }
    selection = inside.content;
  }
  return false;
}

}  // namespace

std::string_view text(ByteView bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

ByteView association_domain() { return kOfAssociation; }

bool read_object(const ber::Element& object, ObjectName& name) {
  name = ObjectName{};
  if (!object.is(ber::context(1))) {
    if (object.is(ber::context(2))) name.domain = kOfAssociation;
    name.item = object.content;
    return good_item(name.item);
  }
  ber::Reader reader(object.content);
  ber::Element part;
  reader.next(part);
  name.domain = part.content;
  reader.next(part);
  name.item = part.content;
  name.of_domain = true;
  return text(name.domain) != text(kOfAssociation) && good_item(name.item);
}

Path path_of(ByteView item) {
  Path path;
  ByteView rest = item;
  path.logical_node = split(rest);
  path.constraint = split(rest);
  ByteView behind = rest;
  path.data = split(behind);
  const bool controllable = text(path.constraint) == "CO";
  path.selects = text(path.constraint) == "SBO";
  while (!rest.empty()) {
    const ByteView part = split(rest);
    path.selects = path.selects || text(part) == "SBO";
    if (!controllable || !path.control.empty() || !is_control(part)) continue;
    path.control = part;
    path.control_ends = rest.empty();
  }
  return path;
}

void set_variable(const Variable& variable, Operation& operation) {
  if (!variable.address.empty()) return operation.set_name(kAddress, variable.address);
  const ObjectName& name = variable.name;
  const Path& path = variable.path;
  if (!name.domain.empty()) operation.set_name(kDomain, name.domain);
  operation.set_name(kItem, name.item);
  if (!name.of_domain) return;
  operation.set_name(kLogicalNode, path.logical_node);
  const std::string_view constraint = text(path.constraint);
  if (!constraint.empty()) operation.set_name(kFunctionalConstraint, path.constraint);
  if ((constraint == "RP" || constraint == "BR") && !path.data.empty()) {
    operation.set_name(kReportControlBlock, path.data);
  }
  if (!path.control.empty()) operation.set_name(kControl, path.control);
}

void set_list(const ObjectName& list, Operation& operation) {
  if (!list.domain.empty()) operation.set_name(kDomain, list.domain);
  operation.set_name(kDataSet, list.item);
}

Fault read_variable(const ber::Element& entry, bool written, Decoding& decoding,
                    Variable& variable) {
  variable = Variable{};
  ber::Reader reader(entry.content);
  ber::Element part;
  ber::Element inside;
  reader.next(part);
  ber::only(part.content, inside);
  const bool named = part.is(ber::context(0));
  const bool chosen = reader.next(part);
  if (!named) {
    return chosen ? Fault::bad_value : read_address(inside, decoding, variable.address);
  }
  if (!read_object(inside, variable.name)) return Fault::bad_value;
  if (chosen) {
    WholeName whole;
    if (!whole.add(variable.name.item) || !add_selected(part.content, written, whole)) {
      return Fault::bad_value;
    }
    variable.name.item = decoding.keep(whole.bytes());
  }
  if (variable.name.of_domain) variable.path = path_of(variable.name.item);
  return decoding.fault();
}

Fault read_address(const ber::Element& address, Decoding& decoding, ByteView& text_of) {
  WholeName whole;
  if (address.is(ber::context(0))) {
    whole.add("#");
    whole.add(ber::to_unsigned(address.content).value_or(0));
  } else if (address.is(ber::context(1))) {
    const bool good = !address.content.empty() && !has(address.content.first(1), '#') &&
                      !has(address.content, '\'') && whole.add(address.content);
    if (!good) return Fault::bad_value;
  } else {
    constexpr std::string_view kDigits = "0123456789abcdef";
    bool good = whole.add("x'");
    for (const std::uint8_t octet : address.content) {
      good = good && whole.add(kDigits.substr(octet >> 4, 1)) &&
             whole.add(kDigits.substr(octet & 15, 1));
    }
    if (!good || !whole.add("'")) return Fault::bad_value;
  }
  text_of = decoding.keep(whole.bytes());
  return decoding.fault();
}

bool good_file(ByteView name) {
  constexpr std::size_t kFileBytesMax = 255;
  return name.size() <= kFileBytesMax && protocols::leads_down(name);
}

}  // namespace bulkhead::mms
