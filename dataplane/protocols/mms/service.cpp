// Confirmed and unconfirmed services: which one it is, and the names that it asks for.
#include <algorithm>

#include "dataplane/protocols/mms/grammar.h"
#include "dataplane/protocols/mms/name.h"

namespace bulkhead::mms {

using protocols::Fault;
using protocols::kNotInCatalogue;
using protocols::Operation;

namespace {

constexpr std::uint8_t kDefineEventAction = 53;

// Classes of objects (ISO 9506-2, 9.4).
constexpr std::int64_t kEventCondition = 5;
constexpr std::int64_t kEventAction = 6;
constexpr std::int64_t kEventEnrollment = 7;

// The names in a request, each in an operation that has none of its kind yet.
class Names final : public ber::Visitor {
 public:
  Names(FunctionCode function, Decoding& decoding) : function_(function), decoding_(decoding) {}

  Fault found(std::uint8_t role, const ber::Element& element) override {
    switch (role) {
      case kVariableName:
        return variable(element);
      case kConditionName:
        return variable(element, kEventCondition);
      case kActionName:
        return variable(element, kEventAction);
      case kEnrollmentName:
        return variable(element, kEventEnrollment);
      case kListName:
        return list(element);
      case kItemName:
        return name(kItem, element.content);
      case kDomainName:
        return name(kDomain, element.content);
      case kAssociation:
        return name(kDomain, association_domain());
      case kProgramName:
        return name(kProgram, element.content);
      case kFileName:
        return file(element);
      case kFileAfter:
        return file_after(element);
      case kAddressOf:
        return address(element);
      case kClassOf:
        return object_class(element);
      case kPositionOf:
        return position(element);
      case kArgumentOf:
        return name(kArgument, element.content);
      default:
        return Fault::none;
    }
  }
  void unread(const ber::Element& element) override {
    // What an additional service's tag is, its function is.
    const bool tells = function_.code == kAdditionalService;
    decoding_.leave_free(tells ? element.content : element.whole,
                         "an argument of the service, which is granted whole");
  }

  void leave_free(ByteView bytes, std::string_view reason) const {
    decoding_.leave_free(bytes, reason);
  }

  // A message that names nothing asks for all that there is.
  void end() {
    if (current_ == nullptr) with(kItem);
  }
  // `kind` distinguishes names that select otherwise than by themselves.
  Fault variable(const ber::Element& object, std::optional<std::int64_t> kind = {}) {
    Variable variable;
    if (!read_object(object, variable.name)) return Fault::bad_value;
    if (variable.name.of_domain) variable.path = path_of(variable.name.item);
    Operation* operation = with(kItem, kDomain);
    if (operation == nullptr) return decoding_.fault();
    set_variable(variable, *operation);
    if (kind) operation->set(kObjectClass, *kind);
    return Fault::none;
  }
  Fault list(const ber::Element& object) {
    ObjectName list;
    if (!read_object(object, list)) return Fault::bad_value;
    Operation* operation = with(kDataSet, kDomain);
    if (operation != nullptr) set_list(list, *operation);
    return decoding_.fault();
  }
  Fault name(Field field, ByteView content) {
    Operation* operation = with(field);
    if (operation != nullptr) operation->set_name(field, content);
    return decoding_.fault();
  }

 private:
  // An operation that has neither field yet.
  Operation* with(Field field, Field other) {
    if (current_ == nullptr || current_->has(field) || current_->has(other)) {
      current_ = decoding_.add(function_);
    }
    return current_;
  }
  Operation* with(Field field) { return with(field, field); }

  Fault file(const ber::Element& names) {
    ber::Element only;
    if (!ber::only(names.content, only) || !good_file(only.content)) return Fault::bad_value;
    return name(kFile, only.content);
  }
  // Where a directory goes on: no file is reached by it.
  Fault file_after(const ber::Element& names) {
    ber::Element only;
    if (!ber::only(names.content, only) || !good_file(only.content)) return Fault::bad_value;
    decoding_.leave_free(only.content, "the name behind which a list goes on");
    return Fault::none;
  }
  Fault address(const ber::Element& element) {
    ByteView text;
    if (const Fault fault = read_address(element, decoding_, text); fault != Fault::none) {
      return fault;
    }
    return name(kAddress, text);
  }
  Fault position(const ber::Element& element) {
    Operation* operation = with(kPosition);
    if (operation == nullptr) return decoding_.fault();
    const auto octets = ber::to_unsigned(element.content);
    operation->set(kPosition, static_cast<std::int64_t>(octets.value_or(0)));
    return Fault::none;
  }
  Fault object_class(const ber::Element& element) {
    constexpr std::uint64_t kLast = 11;  // operator station (ISO 9506-2, 9.4)
    const auto number = ber::to_unsigned(element.content);
    if (!number || *number > kLast) return Fault::bad_value;
    Operation* operation = with(kObjectClass);
    if (operation != nullptr) operation->set(kObjectClass, static_cast<std::int64_t>(*number));
    return decoding_.fault();
  }

  FunctionCode function_;
  Decoding& decoding_;
  Operation* current_ = nullptr;
};

// scopeOfDelete [0], list of names [1], domainName [2]: specific names, what is the association's,
// a domain's, or all. What the scope does not need is absent.
Fault decode_deleted(const ber::Element& service, bool lists, Names& names) {
  enum Scope : std::uint8_t { kSpecific, kOfAssociation, kOfDomain, kOfVmd };
  ber::Reader reader(service.content);
  ber::Element scope;
  ber::Element list;
  ber::Element domain;
  const bool scoped = reader.next_if(ber::context(0), scope);
  const bool listed = reader.next_if(ber::context(1), list);
  const bool in_domain = reader.next_if(ber::context(2), domain);
  const std::uint64_t kind = scoped ? ber::to_unsigned(scope.content).value_or(kOfVmd + 1) : 0;
  if (kind > kOfVmd || listed != (kind == kSpecific) || in_domain != (kind == kOfDomain)) {
    return Fault::bad_value;
  }
  if (scoped && kind == kSpecific) {
    names.leave_free(scope.whole, "the scope that there is without it");
  }
  if (kind == kOfAssociation) return names.found(kAssociation, scope);
  if (in_domain) return names.name(kDomain, domain.content);
  ber::Reader objects(list.content);
  for (ber::Element object; objects.next(object);) {
    const Fault fault = lists ? names.list(object) : names.variable(object);
    if (fault != Fault::none) return fault;
  }
  return Fault::none;
}

// eventActionName [0], confirmedServiceRequest [2]. What the request asks for is judged as if it
// came itself, but it holds none in turn, and waits for nothing.
Fault decode_event_action(const ber::Element& service, Names& names, Decoding& decoding) {
  constexpr ber::Member kName = ber::member(0, grammar::kObject);
  ber::Reader reader(service.content);
  ber::Element name;
  ber::Element action;
  ber::Element inner;
  if (!service.constructed || !reader.next_if(ber::context(0), name) ||
      !reader.next_if(ber::context(2), action) || !reader.at_end() || !action.constructed ||
      !ber::only(action.content, inner) || !inner.is_context()) {
    return Fault::bad_value;
  }
  if (inner.number() == kDefineEventAction) return Fault::too_deep;
  if (const Fault fault = ber::check(name, kName, &names); fault != Fault::none) return fault;
  decode_request(inner, decoding);
  return decoding.fault();
}

// A service's tag; beyond an octet there is none.
std::uint16_t tag_of(const ber::Element& service) {
  return static_cast<std::uint16_t>(std::min(service.number(), 0xffU));
}

bool parse_id(ByteView content, Call& call) {
  if (!ber::good_content(content, ber::Kind::number)) return false;
  call.invoke_id = static_cast<std::uint32_t>(ber::to_unsigned(content).value_or(0));
  return true;
}

// Identifier, and the service behind it. Modifiers and what companion standards add are refused.
bool parse_confirmed(ByteView bytes, Call& call) {
  ber::Reader reader(bytes);
  ber::Element part;
  return reader.next_if(ber::kInteger, part) && !part.constructed && parse_id(part.content, call) &&
         reader.next(call.service) && call.service.is_context() && reader.at_end();
}

}  // namespace

Fault parse_call(const Unit& unit, Call& call) {
  call = Call{};
  const std::uint32_t tag = unit.pdu.number();
  if (tag == kConfirmedRequest || tag == kConfirmedResponse) {
    const bool good = unit.pdu.constructed && parse_confirmed(unit.pdu.content, call);
    return good ? Fault::none : Fault::bad_value;
  }
  if (tag == kUnconfirmed) {
    const bool good = unit.pdu.constructed && ber::only(unit.pdu.content, call.service) &&
                      call.service.is_context();
    return good ? Fault::none : Fault::bad_value;
  }
  const ber::Member* pdu = pdu_of(tag);
  if (pdu == nullptr) return Fault::unknown_function;
  if (const Fault fault = ber::check(unit.pdu, *pdu); fault != Fault::none) return fault;
  if (tag == kCancelRequest || tag == kCancelResponse) {
    parse_id(unit.pdu.content, call);
  } else if (tag == kConfirmedError || tag == kCancelError || tag == kReject) {
    ber::Reader reader(unit.pdu.content);
    ber::Element part;
    if (reader.next_if(ber::context(0), part)) parse_id(part.content, call);
  }
  return Fault::none;
}

FunctionCode unconfirmed_code(const ber::Element& service) {
  return {static_cast<std::uint16_t>(kUnconfirmedCode | tag_of(service))};
}

FunctionCode function_code(const ber::Element& service) {
  const std::uint16_t code = tag_of(service);
  ber::Element inside;
  if (code != kAdditionalService || !ber::only(service.content, inside)) return {code};
  return {code, static_cast<std::int32_t>(inside.number())};
}

namespace {

// What the other side asks has functions of its own, of which reads and writes have two.
FunctionCode of_other_side(FunctionCode function) {
  const std::int32_t sub = function.sub_code;
  const bool configures =
      sub == kWriteConfiguration || sub == kWriteReportControl || sub == kWriteSettingGroup;
  if (function.code == kWrite && configures) return {kWrite, kOtherSide | kWriteConfiguration};
  // There is no reading of an address among them.
  if (function.code == kRead && sub == kReadNode) return {kRead, kOtherSide | kSelect};
  const bool reads_more = function.code == kRead && sub != protocols::kNoSubCode;
  return {function.code, reads_more ? kOtherSide | sub : std::int32_t{kOtherSide}};
}

}  // namespace

Operation* Decoding::add(FunctionCode function) {
  if (fault_ != Fault::none) return nullptr;
  const auto& functions = catalogue().functions;
  auto index = protocols::find_function(functions, function.code, function.sub_code);
  const bool known = index != kNotInCatalogue;
  if (other_side_) {
    const FunctionCode other = of_other_side(function);
    index = protocols::find_function(functions, other.code, other.sub_code);
  }
  if (index == kNotInCatalogue) {
    fail(known ? Fault::wrong_direction : Fault::unknown_function);
    return nullptr;
  }
  Operation* operation = operations_.add(index);
  if (operation == nullptr) {
    fail(Fault::too_many_operations);
    return nullptr;
  }
  operation->tied = tied_;
  return operation;
}

ByteView Decoding::keep(ByteView text) {
  const std::span<std::uint8_t> room = operations_.compose(text.size());
  if (room.empty()) {
    fail(Fault::too_many_operations);
    return {};
  }
  std::copy(text.begin(), text.end(), room.begin());
  return room;
}

void decode_request(const ber::Element& service, Decoding& decoding) {
  Names names(function_code(service), decoding);
  const std::uint32_t number = service.number();
  if (number == kDefineEventAction) {
    const Fault fault = decode_event_action(service, names, decoding);
    if (fault != Fault::none) decoding.fail(fault);
    return;
  }
  const ber::Member* request = request_of(number);
  if (request == nullptr) return decoding.fail(Fault::unknown_function);
  // The services of variables read their names themselves.
  const bool variables = number == kRead || number == kWrite || number == kDefineNamedVariableList;
  Fault fault = ber::check(service, *request, variables ? nullptr : &names);
  if (fault != Fault::none) return decoding.fail(fault);
  switch (number) {
    case kRead:
      return decode_read(service, decoding);
    case kWrite:
      return decode_write(service, decoding);
    case kDefineNamedVariableList:
      return decode_define_list(service, decoding);
    case kDeleteVariableAccess:
    case kDeleteNamedVariableList:
    case kDeleteNamedType:
      fault = decode_deleted(service, number == kDeleteNamedVariableList, names);
      break;
    default:
      break;
  }
  if (fault != Fault::none) return decoding.fail(fault);
  names.end();
}

// The content of answers is not judged: they are well-formed, and as many as were asked for.
void decode_response(const ber::Element& service, Decoding& decoding) {
  const ber::Member* response = response_of(service.number());
  if (response == nullptr) return decoding.fail(Fault::unknown_function);
  const Fault fault = ber::check(service, *response);
  if (fault != Fault::none) return decoding.fail(fault);
  decoding.leave_free(service.content, "what is answered to a request that was granted");
  decoding.add(function_code(service));
}

void decode_unconfirmed(const ber::Element& service, Decoding& decoding) {
  const ber::Member* known = unconfirmed_of(service.number());
  if (known == nullptr) return decoding.fail(Fault::unknown_function);
  const Fault fault = ber::check(service, *known);
  if (fault != Fault::none) return decoding.fail(fault);
  if (service.number() == 0) return decode_report(service, decoding);
  decoding.leave_free(service.content, "the sender's own report");
  decoding.add(unconfirmed_code(service));
}

std::optional<std::size_t> variables_asked(const ber::Element& service) {
  ber::Reader reader(service.content);
  ber::Element access;
  if (service.number() == kRead) {
    ber::Element part;
    reader.next_if(ber::context(0), part);
    if (!reader.next_if(ber::context(1), part) || !ber::only(part.content, access)) {
      return std::nullopt;
    }
  } else if (service.number() != kWrite || !reader.next(access)) {
    return std::nullopt;
  }
  return access.is(ber::context(0)) ? ber::count(access.content) : std::nullopt;
}

std::optional<std::size_t> results_given(const ber::Element& service) {
  if (service.number() == kWrite) return ber::count(service.content);
  if (service.number() != kRead) return std::nullopt;
  ber::Reader reader(service.content);
  ber::Element part;
  reader.next_if(ber::context(0), part);
  return reader.next_if(ber::context(1), part) ? ber::count(part.content) : std::nullopt;
}

}  // namespace bulkhead::mms
