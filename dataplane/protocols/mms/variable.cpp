// Variables by name, whole or in part, their values, and named lists of them.
#include <algorithm>
#include <array>
#include <string_view>

#include "dataplane/protocols/mms/layout.h"
#include "dataplane/protocols/mms_data.h"

namespace bulkhead::mms {

using protocols::Fault;
using protocols::Operation;

namespace {

std::string_view text(ByteView bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

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

// An ObjectName taken apart. Names of other scopes than a domain's have no domain.
struct ObjectName {
  ByteView domain;
  ByteView item;
  bool of_domain = false;
};

bool parse_name(const ber::Element& name, ObjectName& object) {
  object = ObjectName{};
  if (name.is(ber::context(0)) || name.is(ber::context(2))) {  // of the VMD, of the association
    object.item = name.content;
    return !name.constructed;
  }
  if (!name.is(ber::context(1)) || !name.constructed) return false;
  object.of_domain = true;
  ber::Reader reader(name.content);
  ber::Element part;
  if (!reader.next_if(ber::kVisibleString, part)) return false;
  object.domain = part.content;
  if (!reader.next_if(ber::kVisibleString, part)) return false;
  object.item = part.content;
  return reader.at_end();
}

// What a name, and the components that are chosen of it, ask for.
struct Variable {
  bool named = false;
  ObjectName name;
  ByteView logical_node;
  ByteView constraint;         // the functional constraint
  ByteView data;               // the name behind it: of data, or of a control block
  ByteView control;            // of a controllable object: SBO, SBOw, Oper, Cancel
  bool part_selects = false;   // a component is SBO
  bool part_operates = false;  // a component is CO, SBOw, Oper or Cancel
};

// A name; of a domain's it is that of IEC 61850-8-1, 7.3: logical node, functional constraint, and
// names of data and its attributes.
bool read_name(const ber::Element& name, Variable& variable) {
  variable.named = true;
  if (!parse_name(name, variable.name)) return false;
  if (!variable.name.of_domain) return true;
  ByteView rest = variable.name.item;
  variable.logical_node = split(rest);
  variable.constraint = split(rest);
  ByteView behind = rest;
  variable.data = split(behind);
  while (text(variable.constraint) == "CO" && variable.control.empty() && !rest.empty()) {
    const ByteView part = split(rest);
    if (is_control(part)) variable.control = part;
  }
  return true;
}

void note_component(ByteView name, Variable& variable) {
  for (ByteView rest = name; !rest.empty();) {
    const ByteView part = split(rest);
    if (text(part) == "SBO") variable.part_selects = true;
    if (text(part) == "CO" || is_control(part)) variable.part_operates = true;
  }
}

// AlternateAccess (ISO 9506-2, 14.5.3): components by name, index or range, in each other. Whatever
// it chooses lies inside the variable; its names may make a read one that selects.
bool read_alternate(ByteView bytes, int depth, Variable& variable) {
  if (depth > ber::kDepthMax) return false;
  ber::Reader reader(bytes);
  for (ber::Element part; reader.next(part);) {
    if (part.constructed) {
      if (!read_alternate(part.content, depth + 1, variable)) return false;
    } else {
      note_component(part.content, variable);
    }
  }
  return reader.at_end();
}

// VariableSpecification (14.5.2); `invalidated` and descriptions have no name.
bool read_specification(const ber::Element& specification, Variable& variable) {
  if (specification.is(ber::context(0))) {
    ber::Element name;
    return ber::only(specification.content, name) && read_name(name, variable);
  }
  const std::uint32_t number = specification.number();
  return specification.is_context() && number >= 1 && number <= 4 &&
         ber::well_formed(specification.constructed ? specification.content : ByteView{});
}

// One of listOfVariable: its specification and its alternate access.
bool read_variable(const ber::Element& entry, Variable& variable) {
  variable = Variable{};
  if (!entry.is(ber::kSequence) || !entry.constructed) return false;
  ber::Reader reader(entry.content);
  ber::Element part;
  if (!reader.next(part) || !read_specification(part, variable)) return false;
  if (reader.next_if(ber::context(5), part)) {
    if (!part.constructed || !read_alternate(part.content, 1, variable)) return false;
  }
  return reader.at_end();
}

void set_variable(const Variable& variable, Operation& operation) {
  if (!variable.named) return;
  operation.set_name(kItem, variable.name.item);
  if (!variable.name.of_domain) return;
  operation.set_name(kDomain, variable.name.domain);
  operation.set_name(kLogicalNode, variable.logical_node);
  const std::string_view constraint = text(variable.constraint);
  if (!constraint.empty()) operation.set_name(kFunctionalConstraint, variable.constraint);
  if ((constraint == "RP" || constraint == "BR") && !variable.data.empty()) {
    operation.set_name(kReportControlBlock, variable.data);
  }
  if (!variable.control.empty()) operation.set_name(kControl, variable.control);
}

// IEC 61850-8-1, 20.6: who reads SBO selects, and a structure that holds it is read with it.
FunctionCode read_function(const Variable& variable) {
  const std::string_view constraint = text(variable.constraint);
  const bool whole_object = constraint == "CO" && variable.control.empty();
  if (text(variable.control) == "SBO" || whole_object ||
      (variable.part_selects && constraint.empty())) {
    return {kRead, kSelect};
  }
  return {kRead};
}

FunctionCode write_function(const Variable& variable) {
  static constexpr std::array<std::string_view, 8> kConfiguration = {"CF", "DC", "EX", "SE",
                                                                     "SG", "GO", "MS", "US"};
  static constexpr std::array<std::string_view, 3> kReports = {"RP", "BR", "LG"};
  const std::string_view constraint = text(variable.constraint);
  const auto is_in = [constraint](const auto& names) {
    return std::find(names.begin(), names.end(), constraint) != names.end();
  };
  if (constraint == "CO" || (constraint.empty() && variable.part_operates)) {
    return {kWrite, kOperate};
  }
  if (is_in(kConfiguration)) return {kWrite, kWriteConfiguration};
  if (is_in(kReports)) return {kWrite, kWriteReportControl};
  return {kWrite};
}

// variableAccessSpecification: calls `each(variable)` for those that stand in it, or gives the name
// of the list in `list`.
template <typename Each>
bool read_access(const ber::Element& access, ber::Element& list, Each each) {
  list = {};
  if (access.is(ber::context(1))) return ber::only(access.content, list);
  if (!access.is(ber::context(0)) || !access.constructed) return false;
  ber::Reader reader(access.content);
  for (ber::Element entry; reader.next(entry);) {
    Variable variable;
    if (!read_variable(entry, variable)) return false;
    each(variable);
  }
  return reader.at_end();
}

}  // namespace

bool set_variable_name(const ber::Element& name, Operation& operation) {
  Variable variable;
  if (!read_name(name, variable)) return false;
  set_variable(variable, operation);
  return true;
}

bool set_specification(const ber::Element& specification, Operation& operation) {
  Variable variable;
  if (!read_specification(specification, variable)) return false;
  set_variable(variable, operation);
  return true;
}

bool set_list_name(const ber::Element& name, Operation& operation) {
  ObjectName object;
  if (!parse_name(name, object)) return false;
  if (object.of_domain) operation.set_name(kDomain, object.domain);
  operation.set_name(kDataSet, object.item);
  return true;
}

// specificationWithResult [0], variableAccessSpecification [1].
void decode_read(const ber::Element& service, Decoding& decoding) {
  ber::Reader reader(service.content);
  ber::Element part;
  ber::Element access;
  ber::Element list;
  reader.next_if(ber::context(0), part);
  if (!reader.next_if(ber::context(1), part) || !reader.at_end() ||
      !ber::only(part.content, access)) {
    return decoding.fail(Fault::bad_value);
  }
  const bool good = read_access(access, list, [&](const Variable& variable) {
    if (Operation* operation = decoding.add(read_function(variable))) {
      set_variable(variable, *operation);
    }
  });
  if (!good) return decoding.fail(Fault::bad_value);
  if (!access.is(ber::context(1))) return;
  Operation* operation = decoding.add({kRead});
  if (operation != nullptr && !set_list_name(list, *operation)) decoding.fail(Fault::bad_value);
}

// variableAccessSpecification, listOfData [0]: a value for each variable.
void decode_write(const ber::Element& service, Decoding& decoding) {
  ber::Reader reader(service.content);
  ber::Element access;
  ber::Element values;
  ber::Element list;
  if (!reader.next(access) || !reader.next_if(ber::context(0), values) || !reader.at_end()) {
    return decoding.fail(Fault::bad_value);
  }
  ber::Reader data(values.content);
  std::optional<double> number;
  const auto next_value = [&] {
    ber::Element value;
    if (!data.next(value)) {
      decoding.fail(Fault::bad_quantity);
    } else if (!protocols::read_mms_data(value, number)) {
      decoding.fail(Fault::bad_value);
    }
  };
  const bool good = read_access(access, list, [&](const Variable& variable) {
    next_value();
    Operation* operation = decoding.add(write_function(variable));
    if (operation == nullptr) return;
    set_variable(variable, *operation);
    if (number) operation->set_real(kValue, *number);
  });
  if (!good) return decoding.fail(Fault::bad_value);
  if (access.is(ber::context(1))) {
    while (data.ok() && !data.at_end()) next_value();
    Operation* operation = decoding.add({kWrite, kWriteNamedList});
    if (operation != nullptr && !set_list_name(list, *operation)) decoding.fail(Fault::bad_value);
  }
  if (!data.at_end()) decoding.fail(Fault::bad_quantity);
}

namespace {

// A report of IEC 61850-8-1, 17: its identifier, its optional fields, and behind some of them the
// name of the data set.
void set_report(ByteView results, Operation& operation) {
  constexpr std::size_t kSequenceNumber = 1;
  constexpr std::size_t kTimeStamp = 2;
  constexpr std::size_t kDataSetName = 4;
  ber::Reader reader(results);
  ber::Element part;
  if (!reader.next_if(ber::context(10), part)) return;
  operation.set_name(kReportControlBlock, part.content);
  if (!reader.next_if(ber::context(4), part) || part.content.size() < 2) return;
  const std::uint8_t options = part.content[1];
  const auto has = [options](std::size_t bit) { return (options >> (7 - bit) & 1) != 0; };
  if (!has(kDataSetName)) return;
  if (has(kSequenceNumber) && !reader.next(part)) return;
  if (has(kTimeStamp) && !reader.next(part)) return;
  if (reader.next_if(ber::context(10), part)) operation.set_name(kDataSet, part.content);
}

bool read_results(ByteView results) {
  ber::Reader reader(results);
  for (ber::Element result; reader.next(result);) {
    std::optional<double> number;
    if (!result.is(ber::context(0)) && !protocols::read_mms_data(result, number)) return false;
  }
  return reader.at_end();
}

}  // namespace

// variableAccessSpecification, listOfAccessResult [0].
void decode_report(const ber::Element& service, Decoding& decoding) {
  const FunctionCode function{kUnconfirmedCode};
  ber::Reader reader(service.content);
  ber::Element access;
  ber::Element results;
  ber::Element list;
  if (!reader.next(access) || !reader.next_if(ber::context(0), results) || !reader.at_end() ||
      !read_results(results.content)) {
    return decoding.fail(Fault::bad_value);
  }
  const bool good = read_access(access, list, [&](const Variable& variable) {
    if (Operation* operation = decoding.add(function)) set_variable(variable, *operation);
  });
  if (!good) return decoding.fail(Fault::bad_value);
  if (!access.is(ber::context(1))) return;
  Operation* operation = decoding.add(function);
  if (operation == nullptr) return;
  ObjectName name;
  if (!parse_name(list, name)) return decoding.fail(Fault::bad_value);
  if (!name.of_domain && text(name.item) == "RPT") {
    set_report(results.content, *operation);
  } else {
    set_list_name(list, *operation);
  }
}

// variableListName, listOfVariable [0]: the list's name stands with each of its variables.
void decode_define_list(const ber::Element& service, Decoding& decoding) {
  ber::Reader reader(service.content);
  ber::Element name;
  ber::Element variables;
  if (!reader.next(name) || !reader.next_if(ber::context(0), variables) || !reader.at_end()) {
    return decoding.fail(Fault::bad_value);
  }
  ObjectName list;
  if (!parse_name(name, list)) return decoding.fail(Fault::bad_value);
  ber::Reader entries(variables.content);
  for (ber::Element entry; entries.next(entry);) {
    Variable variable;
    if (!read_variable(entry, variable)) return decoding.fail(Fault::bad_value);
    Operation* operation = decoding.add({kDefineNamedVariableList});
    if (operation == nullptr) return;
    set_variable(variable, *operation);
    // Whose domain it is: the list's and the variable's are the same, or the field stays away.
    operation->set_name(kDataSet, list.item);
    const bool same = list.of_domain == variable.name.of_domain &&
                      std::equal(list.domain.begin(), list.domain.end(),
                                 variable.name.domain.begin(), variable.name.domain.end());
    if (!same) operation->present &= ~(1U << kDomain);
  }
  if (!entries.at_end()) decoding.fail(Fault::bad_value);
}

// name [0] or address [1].
void decode_variable_attributes(const ber::Element& service, Decoding& decoding) {
  ber::Element choice;
  ber::Element name;
  if (!ber::only(service.content, choice)) return decoding.fail(Fault::bad_value);
  Operation* operation = decoding.add({kGetVariableAccessAttributes});
  if (operation == nullptr || choice.is(ber::context(1))) return;
  if (!choice.is(ber::context(0)) || !ber::only(choice.content, name) ||
      !set_variable_name(name, *operation)) {
    decoding.fail(Fault::bad_value);
  }
}

}  // namespace bulkhead::mms
