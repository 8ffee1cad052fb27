// The relations are those that the modules read from bytes: tables by the catalogues' names, and
// functions where a protocol has a relation of its own.
#include "controlplane/cli/dependent_fields.h"

#include <algorithm>
#include <array>
#include <optional>
#include <string_view>

#include "dataplane/protocols/dnp3/layout.h"
#include "dataplane/protocols/iec104/layout.h"
#include "dataplane/protocols/mms/name.h"
#include "dataplane/protocols/modbus/layout.h"

namespace bulkhead::controlplane {

namespace {

using protocols::Catalogue;
using protocols::FunctionInfo;
using protocols::kNoField;

// A message says where a span begins and how long it is: the span is all that it touches.
struct CountedSpan {
  std::string_view protocol;
  std::string_view function;  // empty: each that has both fields
  std::string_view span;
  std::string_view count;      // empty: always one
  std::int64_t count_max = 0;  // 0: what the field holds
  std::int64_t last_max = 0;   // of the span; 0: what the field holds
  std::int64_t open_end = -1;  // a span up to here is of unknown length, and not counted
};

constexpr std::array kCountedSpans = {
    CountedSpan{"modbus", "read_coils", "address", "quantity", modbus::kBitsReadMax},
    CountedSpan{"modbus", "read_discrete_inputs", "address", "quantity", modbus::kBitsReadMax},
    CountedSpan{"modbus", "read_holding_registers", "address", "quantity",
                modbus::kRegistersReadMax},
    CountedSpan{"modbus", "read_input_registers", "address", "quantity", modbus::kRegistersReadMax},
    CountedSpan{"modbus", "write_single_coil", "address", "", 1},
    CountedSpan{"modbus", "write_single_register", "address", "", 1},
    CountedSpan{"modbus", "mask_write_register", "address", "", 1},
    CountedSpan{"modbus", "read_fifo_queue", "address", "", 1},
    CountedSpan{"modbus", "umas_monitor_plc", "offset", "", 1},
    CountedSpan{"modbus", "write_multiple_coils", "address", "quantity", modbus::kBitsWrittenMax},
    CountedSpan{"modbus", "write_multiple_registers", "address", "quantity",
                modbus::kRegistersWrittenMax},
    CountedSpan{"modbus", "read_write_multiple_registers", "address", "quantity",
                modbus::kReadWriteWrittenMax},
    CountedSpan{"modbus", "read_write_multiple_registers_read", "address", "quantity",
                modbus::kRegistersReadMax},
    CountedSpan{"modbus", "", "record", "quantity", 0, modbus::kRecordMax},
    CountedSpan{"modbus", "", "offset", "length"},
    CountedSpan{"enip", "execute_pccc", "element", "elements", 0, 0, 0xffff},
    CountedSpan{"enip", "", "member", "elements", 0, 0, 0xffffffff},
};

// An address of all stations has a field of its own, so that rules must name it.
struct AddressOfAll {
  std::string_view protocol;
  std::string_view address;
  std::int64_t first;
  std::int64_t last;
  std::int64_t broadcast;  // its value in that field; 0: the address itself
};

constexpr std::array kAddressesOfAll = {
    AddressOfAll{"dnp3", "destination", dnp3::kBroadcastFirst, 0xffff, 0},
    AddressOfAll{"iec104", "common_address", iec104::kToAll, iec104::kToAll, 1},
};

// Two ways to say one thing: a message has one of them.
struct Alternatives {
  std::string_view protocol;
  std::array<std::string_view, 4> fields;
};

constexpr std::array kAlternatives = {
    Alternatives{"dnp3", {"index", "quantity"}},
    Alternatives{"opcua", {"node", "node_name", "node_guid", "node_bytes"}},
    Alternatives{"opcua", {"method", "method_name", "method_guid", "method_bytes"}},
    Alternatives{"enip", {"path", "port"}},
    Alternatives{"enip", {"path", "link"}},
    Alternatives{"s7comm", {"symbol", "area"}},
    Alternatives{"s7comm", {"symbol", "address"}},
    Alternatives{"s7comm", {"symbol", "transport_size"}},
    Alternatives{"s7comm", {"tsap", "tsap_name"}},
    Alternatives{"s7comm_plus", {"tsap", "tsap_name"}},
    Alternatives{"mms", {"tsap", "tsap_name"}},
};

// A field that stands only beside another.
struct Beside {
  std::string_view protocol;
  std::string_view field;
  std::string_view needs;
};

constexpr std::array kBeside = {
    Beside{"bacnet", "address", "network"},
    Beside{"bacnet", "address_length", "address"},
    Beside{"bacnet", "source_address", "source_network"},
    Beside{"bacnet", "source_address_length", "source_address"},
};

// Types of what is written that are no single number: such a message has no value.
struct WithoutValue {
  std::string_view protocol;
  std::string_view type;
  Range types;
};

constexpr std::array kWithoutValue = {
    WithoutValue{"bacnet", "datatype", {0, 0}},      // null
    WithoutValue{"opcua", "data_type", {128, 255}},  // arrays
};

// Fields that repeat which function it is.
struct FunctionNumber {
  std::string_view protocol;
  std::string_view field;
  bool code = false;  // the function's code, else its sub-code
};

constexpr std::array kFunctionNumbers = {
    FunctionNumber{"modbus", "sub_function"},
    FunctionNumber{"modbus", "mei"},
    FunctionNumber{"enip", "service", true},
    FunctionNumber{"s7comm_plus", "function", true},
};

class Settling {
 public:
  Settling(const Catalogue& catalogue, const FunctionInfo& function, std::uint32_t stated,
           FieldChoices& fields)
      : catalogue_(catalogue), function_(function), stated_(stated), fields_(fields) {}

  SettledFields stated() {
    alternatives();
    beside();
    without_value();
    octets("address", "address_length");
    octets("source_address", "source_address_length");
    if (catalogue_.name == "mms") parts_of_item();
    return tried();
  }

  SettledFields tried() {
    function_number();
    counted_spans();
    if (catalogue_.name == "s7comm") s7_item();
    addresses_of_all();
    coils();
    return settled_;
  }

 private:
  // kNoField where operations of the function have no such field.
  std::uint8_t find(std::string_view name) const {
    for (std::size_t i = 0; i < catalogue_.fields.size(); ++i) {
      if (catalogue_.fields[i].name != name || name.empty()) continue;
      return (function_.fields >> i & 1U) != 0 ? static_cast<std::uint8_t>(i) : kNoField;
    }
    return kNoField;
  }

  const FieldChoice* value(std::uint8_t field) const {
    const auto found = fields_.find(field);
    return found == fields_.end() ? nullptr : &found->second;
  }

  std::optional<std::int64_t> number(std::string_view name) const {
    const FieldChoice* found = value(find(name));
    return found == nullptr ? std::nullopt : std::optional(found->range.low);
  }

  std::string text(std::uint8_t field) const {
    return field_text(catalogue_, field, fields_.at(field));
  }

  std::int64_t largest(std::uint8_t field) const {
    return (std::int64_t{1} << catalogue_.fields[field].width_bits) - 1;
  }

  // The first contradiction is the one to mend.
  void refuse(std::string why) {
    if (settled_.contradiction.empty()) settled_.contradiction = std::move(why);
  }

  // `from`: what it follows from, for people.
  void derive(std::uint8_t field, const FieldChoice& follows, const std::string& from) {
    if (field == kNoField) return;
    const FieldChoice* given = value(field);
    if (given == nullptr) {
      fields_[field] = follows;
      settled_.derived |= 1U << field;
      return;
    }
    if (given->range == follows.range && given->name == follows.name) return;
    refuse(text(field) + " contradicts " + from + ", which means " +
           field_text(catalogue_, field, follows));
  }

  void derive(std::uint8_t field, std::int64_t follows, const std::string& from) {
    FieldChoice choice;
    choice.range = Range::point(follows);
    derive(field, choice, from);
  }

  bool is_stated(std::uint8_t field) const {
    return field != kNoField && (stated_ >> field & 1U) != 0 && value(field) != nullptr;
  }

  void leave_out(std::uint8_t field) {
    if (field == kNoField) return;
    settled_.absent |= 1U << field;
    if (!is_stated(field)) fields_.erase(field);
  }

  void function_number() {
    for (const FunctionNumber& each : kFunctionNumbers) {
      const std::int64_t number = each.code ? function_.code : function_.sub_code;
      if (each.protocol != catalogue_.name || number < 0) continue;
      derive(find(each.field), number, std::string(function_.name));
    }
  }

  void without_value() {
    for (const WithoutValue& each : kWithoutValue) {
      const std::uint8_t field = find("value");
      if (each.protocol != catalogue_.name || field == kNoField) continue;
      const auto type = number(each.type);
      if (!type || !each.types.contains(*type)) continue;
      if (value(field) != nullptr) {
        refuse(text(field) + " contradicts " + text(find(each.type)) + ", which has none");
      }
      leave_out(field);
    }
  }

  void counted_spans() {
    const auto of_function = [this](const CountedSpan& each, std::string_view name) {
      return each.protocol == catalogue_.name && each.function == name;
    };
    bool own = false;
    for (const CountedSpan& each : kCountedSpans) {
      if (!of_function(each, function_.name)) continue;
      own = true;
      counted_span(each, 1);
    }
    for (const CountedSpan& each : kCountedSpans) {
      const bool has = find(each.span) != kNoField && find(each.count) != kNoField;
      if (!own && has && of_function(each, "")) counted_span(each, 1);
    }
  }

  // `each`: how many places of the span one element takes.
  void counted_span(const CountedSpan& row, std::int64_t each) {
    const std::uint8_t span = find(row.span);
    const std::uint8_t count = find(row.count);
    if (is_stated(span) && !is_stated(count)) fields_.erase(count);
    const FieldChoice* touched = value(span);
    if (touched != nullptr && touched->range.high == row.open_end) return;
    const std::int64_t elements = count_of(touched, count, each);
    if (elements == 0) return;
    const std::int64_t count_max = row.count_max != 0 ? row.count_max : largest(count);
    if (elements > count_max) {
      const std::string given = value(count) != nullptr ? text(count) : "values";
      return refuse((touched != nullptr ? text(span) : given) + ": " + std::string(function_.name) +
                    " has at most " + std::to_string(count_max) + " in a message");
    }
    if (touched != nullptr) {
      Range& range = fields_[span].range;
      if (range.is_point()) range.high = range.low + elements * each - 1;
      const std::int64_t most = row.last_max != 0 ? row.last_max : largest(span);
      if (range.high > most) refuse(text(span) + ": the last one is " + std::to_string(most));
      if (range.high - range.low + 1 != elements * each) {
        return refuse(text(count) + " contradicts " + text(span) + ", which is " +
                      std::to_string((range.high - range.low + 1) / each));
      }
    }
    derive(count, elements, touched != nullptr ? text(span) : "the values");
  }

  // As the case says, by its range, by its values, or else one; 0 where it says nothing. A quantity
  // of 0 is no message.
  std::int64_t count_of(const FieldChoice* touched, std::uint8_t count, std::int64_t each) {
    if (const FieldChoice* given = value(count)) {
      if (given->range.low == 0) refuse(text(count) + ": a message asks for one at least");
      return given->range.low;
    }
    if (touched != nullptr && !touched->range.is_point()) {
      const std::int64_t places = touched->range.high - touched->range.low + 1;
      if (places % each == 0) return places / each;
      refuse("a range of " + std::to_string(places) + " is no multiple of " + std::to_string(each) +
             ", which one element takes");
      return 0;
    }
    const FieldChoice* written = value(catalogue_.element_value_field);
    if (written != nullptr && !written->elements.numbers.empty() && count != kNoField) {
      return static_cast<std::int64_t>(written->elements.numbers.size() *
                                       words_of(written->elements.type));
    }
    return touched != nullptr ? 1 : 0;
  }

  // The bytes, or counters and timers, that one element takes of an address.
  static std::int64_t s7_places(std::int64_t transport_size) {
    switch (transport_size) {
      case 4:
      case 5:
      case 9:
      case 12:
        return 2;
      case 6:
      case 7:
      case 8:
      case 10:
      case 11:
        return 4;
      case 15:
        return 8;
      case 19:
        return 256;
      default:
        return 1;
    }
  }

  void s7_item() {
    constexpr std::int64_t kBit = 1;
    if (is_stated(find("bit"))) derive(find("transport_size"), kBit, text(find("bit")));
    s7_block();
    const auto size = number("transport_size");
    if (!size) return;
    const std::int64_t count_max = *size == kBit ? 1 : 0;
    if (*size != kBit) leave_out(find("bit"));
    counted_span({"s7comm", "", "address", "length", count_max}, s7_places(*size));
  }

  void s7_block() {
    const auto area = number("area");
    const std::uint8_t db = find("db");
    const bool in_block = area && (*area == 0x84 || *area == 0x85);
    if (!area || in_block) return;
    if (is_stated(db)) {
      refuse(text(db) + " contradicts " + text(find("area")) + ", which is no data block");
    }
    leave_out(db);
  }

  void addresses_of_all() {
    for (const AddressOfAll& each : kAddressesOfAll) {
      const std::uint8_t address = find(each.address);
      const std::uint8_t broadcast = find("broadcast");
      if (each.protocol != catalogue_.name || broadcast == kNoField) continue;
      const FieldChoice* all = value(broadcast);
      if (const FieldChoice* given = value(address)) {
        const std::int64_t number = given->range.low;
        if (number >= each.first && number <= each.last) {
          derive(broadcast, each.broadcast != 0 ? each.broadcast : number, text(address));
        } else if (all != nullptr) {
          refuse(text(broadcast) + " contradicts " + text(address) + ", which is one station");
        }
      } else if (all != nullptr) {
        derive(address, each.broadcast != 0 ? each.first : all->range.low, text(broadcast));
      }
    }
  }

  void coils() {
    const FieldChoice* written = value(catalogue_.element_value_field);
    if (written == nullptr || function_.counts != "coils") return;
    for (const std::int64_t each : written->elements.numbers) {
      if (each == 0 || each == 1) continue;
      refuse("value " + std::to_string(each) + ": a coil is 0 or 1");
    }
  }

  void alternatives() {
    for (const Alternatives& each : kAlternatives) {
      if (each.protocol != catalogue_.name) continue;
      std::uint8_t there = kNoField;
      for (const std::string_view name : each.fields) {
        const std::uint8_t field = find(name);
        if (value(field) == nullptr) continue;
        if (there != kNoField) {
          refuse(text(there) + " and " + text(field) + " are never in one message");
        }
        there = field;
      }
      if (there == kNoField) continue;
      for (const std::string_view name : each.fields) {
        if (find(name) != there) leave_out(find(name));
      }
    }
  }

  void beside() {
    for (const Beside& each : kBeside) {
      if (each.protocol != catalogue_.name || value(find(each.field)) == nullptr) continue;
      if (value(find(each.needs)) != nullptr) continue;
      refuse(text(find(each.field)) + " is never without " + std::string(each.needs));
    }
  }

  // BACnet, 6.2.2: an address of one octet has no length here.
  void octets(std::string_view address, std::string_view length) {
    constexpr std::int64_t kOctetsMax = 7;
    const std::uint8_t field = find(address);
    const std::uint8_t size = find(length);
    if (catalogue_.name != "bacnet" || value(field) == nullptr) return;
    const std::int64_t count = number(length).value_or(1);
    if (value(size) != nullptr && (count < 2 || count > kOctetsMax)) {
      return refuse(text(size) + ": it is from 2 to 7, and absent of one octet");
    }
    if (value(field)->range.low < std::int64_t{1} << (8 * count)) return;
    refuse(text(field) + " does not fit " + std::to_string(count) + " octet" +
           (count == 1 ? ": state " + std::string(length) : "s"));
  }

  // IEC 61850-8-1, 7.3: the parts of a domain's item.
  void parts_of_item() {
    const std::uint8_t item = find("item");
    const FieldChoice* whole = value(item);
    const FieldChoice* domain = value(find("domain"));
    if (whole == nullptr || find("logical_node") == kNoField) return;
    const std::string name = whole->name;
    const bool of_domain = domain == nullptr || domain->name != "@";
    mms::Path path;
    if (of_domain) {
      path = mms::path_of({reinterpret_cast<const std::uint8_t*>(name.data()), name.size()});
    }
    const std::string_view constraint = mms::text(path.constraint);
    part("logical_node", path.logical_node, item);
    part("functional_constraint", path.constraint, item);
    part("report_control_block", constraint == "RP" || constraint == "BR" ? path.data : ByteView{},
         item);
    part("control", path.control, item);
  }

  void part(std::string_view field, ByteView bytes, std::uint8_t item) {
    const std::uint8_t index = find(field);
    if (index == kNoField) return;
    if (!bytes.empty()) {
      FieldChoice choice;
      choice.name = mms::text(bytes);
      return derive(index, choice, text(item));
    }
    if (value(index) != nullptr) {
      refuse(text(index) + " contradicts " + text(item) + ", which has none");
    }
    leave_out(index);
  }

  const Catalogue& catalogue_;
  const FunctionInfo& function_;
  std::uint32_t stated_;
  FieldChoices& fields_;
  SettledFields settled_;
};

}  // namespace

bool counts_elements(const Catalogue& catalogue, std::uint8_t field) {
  const std::string_view name = catalogue.fields[field].name;
  if (catalogue.name == "s7comm") return name == "length" || name == "item_count";
  return std::any_of(kCountedSpans.begin(), kCountedSpans.end(), [&](const CountedSpan& each) {
    return each.protocol == catalogue.name && each.count == name;
  });
}

std::span<const std::int64_t> element_sizes(const Catalogue& catalogue, std::uint8_t field) {
  // Octets first, which fit any span.
  static constexpr std::int64_t kOfS7[] = {2,  1,  3,  4,  5,  6,  7,  8,  9,
                                           10, 11, 12, 15, 19, 28, 29, 30, 31};
  const bool sizes = catalogue.name == "s7comm" && catalogue.fields[field].name == "transport_size";
  return sizes ? std::span<const std::int64_t>(kOfS7) : std::span<const std::int64_t>();
}

SettledFields settle_stated(const Catalogue& catalogue, const FunctionInfo& function,
                            FieldChoices& fields) {
  return Settling(catalogue, function, ~0U, fields).stated();
}

SettledFields settle_tried(const Catalogue& catalogue, const FunctionInfo& function,
                           std::uint32_t stated, FieldChoices& fields) {
  return Settling(catalogue, function, stated, fields).tried();
}

}  // namespace bulkhead::controlplane
