// Variables that are read, written and put into lists, and which function of policy that is.
#include <algorithm>
#include <array>

#include "dataplane/protocols/mms/name.h"
#include "dataplane/protocols/mms/value.h"

namespace bulkhead::mms {

using protocols::Fault;
using protocols::Operation;

namespace {

// IEC 61850-8-1, 20.6: who reads SBO selects, and a structure that holds it is read with it.
bool selects(const Variable& variable) {
  const Path& path = variable.path;
  if (text(path.constraint) == "CO" && path.control.empty()) return true;
  const std::string_view item = text(variable.name.item);
  constexpr std::string_view kDeviceSelect = "_SBO";  // IEC 60870-6-503, 8: of a device
  return path.selects || (item.size() > kDeviceSelect.size() &&
                          item.substr(item.size() - kDeviceSelect.size()) == kDeviceSelect);
}

// A logical node's name: a prefix, the four capitals of its class, an instance number (IEC
// 61850-7-2, 22.2). A point of a control centre may be called so too.
bool is_logical_node(std::string_view name) {
  constexpr std::size_t kClassLetters = 4;
  if (name == "LLN0") return true;
  while (!name.empty() && name.back() >= '0' && name.back() <= '9') name.remove_suffix(1);
  const auto is_capital = [](char octet) { return octet >= 'A' && octet <= 'Z'; };
  return name.size() >= kClassLetters &&
         std::all_of(name.end() - kClassLetters, name.end(), is_capital);
}

FunctionCode read_function(const Variable& variable) {
  if (!variable.address.empty()) return {kRead, kReadAddress};
  if (variable.name.of_domain && variable.path.constraint.empty() &&
      is_logical_node(text(variable.path.logical_node))) {
    return {kRead, kReadNode};
  }
  return selects(variable) ? FunctionCode{kRead, kSelect} : FunctionCode{kRead};
}

// By the functional constraint (IEC 61850-7-2, table 19). What has none, or another, may be
// anything: a whole logical node, a device of a control centre.
FunctionCode write_function(const Variable& variable) {
  struct Meaning {
    std::string_view constraint;
    std::int32_t sub_code;
  };
  static constexpr std::array<Meaning, 15> kMeanings = {{
      {"SP", protocols::kNoSubCode},
      {"CO", kOperate},
      {"SV", kSubstitute},
      {"BL", kSubstitute},
      {"CF", kWriteConfiguration},
      {"DC", kWriteConfiguration},
      {"EX", kWriteConfiguration},
      {"SE", kWriteConfiguration},
      {"SG", kWriteConfiguration},
      {"GO", kWriteConfiguration},
      {"MS", kWriteConfiguration},
      {"US", kWriteConfiguration},
      {"RP", kWriteReportControl},
      {"BR", kWriteReportControl},
      {"LG", kWriteReportControl},
  }};
  const Path& path = variable.path;
  for (const Meaning& each : kMeanings) {
    if (text(path.constraint) != each.constraint) continue;
    // The setting group's control block stands among the set points (IEC 61850-7-2, 16.2).
    const bool of_groups =
        each.constraint == "SP" && (path.data.empty() || text(path.data) == "SGCB");
    return {kWrite, of_groups ? std::int32_t{kWriteSettingGroup} : each.sub_code};
  }
  return {kWrite, kWriteUnconstrained};
}

// Calls `each(variable)` for those that stand in a variableAccessSpecification; false where it
// names a list, which is then `list`.
template <typename Each>
bool read_access(const ber::Element& access, bool written, Decoding& decoding, ObjectName& list,
                 Each each) {
  if (access.is(ber::context(1))) {
    ber::Element object;
    if (!ber::only(access.content, object) || !read_object(object, list)) {
      decoding.fail(Fault::bad_value);
    }
    return false;
  }
  ber::Reader reader(access.content);
  for (ber::Element entry; reader.next(entry);) {
    Variable variable;
    const Fault fault = read_variable(entry, written, decoding, variable);
    if (fault != Fault::none) decoding.fail(fault);
    if (decoding.fault() != Fault::none) return true;
    each(variable);
  }
  return true;
}

}  // namespace

// specificationWithResult [0], variableAccessSpecification [1].
void decode_read(const ber::Element& service, Decoding& decoding) {
  ber::Reader reader(service.content);
  ber::Element part;
  ber::Element access;
  ObjectName list;
  if (reader.next_if(ber::context(0), part)) {
    decoding.leave_free(part.whole, "whether the answer says again what was asked for");
  }
  reader.next(part);
  ber::only(part.content, access);
  const bool variables = read_access(access, false, decoding, list, [&](const Variable& variable) {
    if (Operation* operation = decoding.add(read_function(variable))) {
      set_variable(variable, *operation);
    }
  });
  if (variables || decoding.fault() != Fault::none) return;
  if (Operation* operation = decoding.add({kRead})) set_list(list, *operation);
}

// variableAccessSpecification, listOfData [0]: a value for each variable.
void decode_write(const ber::Element& service, Decoding& decoding) {
  ber::Reader reader(service.content);
  ber::Element access;
  ber::Element values;
  ObjectName list;
  reader.next(access);
  reader.next(values);
  ber::Reader data(values.content);
  ber::Element value;
  const bool variables = read_access(access, true, decoding, list, [&](const Variable& variable) {
    if (!data.next(value)) return decoding.fail(Fault::bad_quantity);
    add_written({write_function(variable), &variable, nullptr}, value, decoding);
  });
  if (!variables && decoding.fault() == Fault::none) {
    const Target target{{kWrite, kWriteNamedList}, nullptr, &list};
    while (data.next(value)) add_written(target, value, decoding);
  }
  if (!data.at_end()) decoding.fail(Fault::bad_quantity);
}

// variableListName, listOfVariable [0]. What would select if it were read does so with the list.
void decode_define_list(const ber::Element& service, Decoding& decoding) {
  ber::Reader reader(service.content);
  ber::Element object;
  ber::Element variables;
  ObjectName list;
  ObjectName none;
  reader.next(object);
  reader.next(variables);
  if (!read_object(object, list)) return decoding.fail(Fault::bad_value);
  bool told = false;  // of what domain the list is
  read_access(variables, false, decoding, none, [&](const Variable& variable) {
    Operation* operation = decoding.add({kDefineNamedVariableList});
    if (operation == nullptr) return;
    set_variable(variable, *operation);
    operation->set_name(kDataSet, list.item);
    if (!told && text(list.domain) != text(variable.name.domain)) {
      told = true;
      Operation* whose = decoding.add({kDefineNamedVariableList});
      if (whose == nullptr) return;
      set_list(list, *whose);
    }
    const FunctionCode read = read_function(variable);
    if (read.sub_code == protocols::kNoSubCode) return;
    if (Operation* later = decoding.add(read)) set_variable(variable, *later);
  });
}

}  // namespace bulkhead::mms
