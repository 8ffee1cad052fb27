// Services that define, delete or describe objects by more than one name, or that hold another
// service (ISO 9506-2, clauses 14, 15 and 17): every name is an operation of its own, and so is
// what an event shall do one day.
#include <initializer_list>

#include "dataplane/protocols/mms/layout.h"

namespace bulkhead::mms {

using protocols::Fault;
using protocols::Operation;

namespace {

enum : std::uint8_t {
  kDefineScatteredAccess = 8,
  kDeleteVariableAccess = 10,
  kDeleteNamedType = 16,
  kDefineEventCondition = 47,
  kDeleteEventCondition = 48,
  kDefineEventAction = 53,
  kDeleteEventAction = 54,
  kDefineEventEnrollment = 57,
  kDeleteEventEnrollment = 58,
  kGetEventEnrollmentAttributes = 61,
};

// The operations of one service.
class Names {
 public:
  Names(const ber::Element& service, Decoding& decoding)
      : code_(static_cast<std::uint16_t>(service.number())), decoding_(decoding) {}

  void refuse(Fault fault = Fault::bad_value) { decoding_.fail(fault); }
  Operation* add() {
    any_ = true;
    return decoding_.add({code_});
  }
  void name(const ber::Element& object) {
    Operation* operation = add();
    if (operation == nullptr) return;
    const bool of_list = code_ == kDeleteNamedVariableList;
    if (!(of_list ? set_list_name(object, *operation) : set_variable_name(object, *operation))) {
      refuse();
    }
  }
  // An ObjectName under a tag of its own.
  void tagged_name(const ber::Element& part) {
    ber::Element object;
    if (!ber::only(part.content, object)) return refuse();
    name(object);
  }
  // A VariableSpecification under a tag of its own.
  void tagged_variable(const ber::Element& part) {
    ber::Element specification;
    Operation* operation = add();
    if (operation == nullptr) return;
    if (!ber::only(part.content, specification) || !set_specification(specification, *operation)) {
      refuse();
    }
  }
  void list(const ber::Element& part) {
    ber::Reader reader(part.content);
    for (ber::Element object; reader.next(object);) name(object);
    if (!reader.at_end() || part.content.empty()) refuse();
  }
  void domain(const ber::Element& part) {
    Operation* operation = add();
    if (operation != nullptr) operation->set_name(kDomain, part.content);
  }
  // A message that names nothing asks for all that there is.
  void end() {
    if (!any_) add();
  }

 private:
  std::uint16_t code_;
  Decoding& decoding_;
  bool any_ = false;
};

// scatteredAccessDescription (14.5.5): a sequence of components, [1] of each is the variable.
void scattered(const ber::Element& description, Names& names) {
  ber::Reader components(description.content);
  for (ber::Element component; components.next(component);) {
    ber::Reader reader(component.content);
    ber::Element part;
    reader.next_if(ber::context(0), part);
    if (!component.is(ber::kSequence) || !reader.next_if(ber::context(1), part)) {
      return names.refuse();
    }
    names.tagged_variable(part);
    reader.next_if(ber::context(2), part);
    if (!reader.at_end()) return names.refuse();
  }
  if (!components.at_end()) names.refuse();
}

// scopeOfDelete [0], list of names [1], domainName [2]; the scope is 0 where the list counts.
void deleted(const ber::Element& service, Names& names) {
  ber::Reader reader(service.content);
  ber::Element scope;
  ber::Element list;
  ber::Element domain;
  const bool scoped = reader.next_if(ber::context(0), scope);
  const bool listed = reader.next_if(ber::context(1), list);
  const bool in_domain = reader.next_if(ber::context(2), domain);
  if (!reader.at_end()) return names.refuse();
  const bool specific = !scoped || (scope.content.size() == 1 && scope.content[0] == 0);
  if (specific && !listed) return names.refuse();
  if (specific) return names.list(list);
  if (in_domain) names.domain(domain);
}

// Of the choice: by name [0], all of the association [1], of a domain [2], of the VMD [3].
void deleted_of_events(const ber::Element& choice, Names& names) {
  if (choice.is(ber::context(0))) return names.list(choice);
  if (choice.is(ber::context(2))) return names.domain(choice);
  if (!choice.is(ber::context(1)) && !choice.is(ber::context(3))) names.refuse();
}

// eventActionName [0], listOfModifier [1], confirmedServiceRequest [2]. What the request asks for
// is judged as if it came itself, but it holds none in turn, and waits for nothing.
void event_action(ber::Reader& reader, Names& names, Decoding& decoding) {
  ber::Element part;
  ber::Element inner;
  if (!reader.next_if(ber::context(0), part)) return names.refuse();
  names.tagged_name(part);
  if (!reader.next_if(ber::context(2), part) || !ber::only(part.content, inner) ||
      !inner.is_context() || !reader.at_end()) {
    return names.refuse();
  }
  if (inner.number() == kDefineEventAction) return names.refuse(Fault::too_deep);
  decode_request(inner, decoding);
}

// Which parts of a sequence hold names: bits by tag.
struct Parts {
  std::uint32_t name = 0;
  std::uint32_t list = 0;
  std::uint32_t variable = 0;
  std::uint32_t plain = 0;
};

constexpr std::uint32_t tags(std::initializer_list<unsigned> numbers) {
  std::uint32_t bits = 0;
  for (const unsigned number : numbers) bits |= 1U << number;
  return bits;
}

constexpr Parts parts_of(std::uint32_t service) {
  switch (service) {
    case kDefineEventCondition:
      return {tags({0}), 0, tags({6}), tags({1, 2, 3, 4, 7})};
    case kDefineEventEnrollment:
      return {tags({0, 1, 4}), 0, 0, tags({2, 3, 5})};
    case kDeleteEventEnrollment:
      return {tags({1, 2}), tags({0}), 0, 0};
    default:  // kGetEventEnrollmentAttributes
      return {tags({3, 4}), tags({1}), 0, tags({0, 2, 5})};
  }
}

void parts(ber::Reader& reader, const Parts& known, Names& names) {
  for (ber::Element part; reader.next(part);) {
    const std::uint32_t bit = part.is_context() && part.number() < 32 ? 1U << part.number() : 0;
    if ((known.name & bit) != 0) {
      names.tagged_name(part);
    } else if ((known.list & bit) != 0) {
      names.list(part);
    } else if ((known.variable & bit) != 0) {
      names.tagged_variable(part);
    } else if ((known.plain & bit) == 0) {
      return names.refuse(Fault::unknown_object);
    }
  }
  if (!reader.at_end()) names.refuse();
}

}  // namespace

bool decode_definition(const ber::Element& service, Decoding& decoding) {
  Names names(service, decoding);
  ber::Reader reader(service.content);
  ber::Element first;
  switch (service.number()) {
    case kDefineScatteredAccess: {
      ber::Element description;
      if (!reader.next_if(ber::context(0), first) ||
          !reader.next_if(ber::context(1), description) || !reader.at_end()) {
        names.refuse();
        break;
      }
      names.tagged_name(first);
      scattered(description, names);
      break;
    }
    case kDeleteVariableAccess:
    case kDeleteNamedType:
    case kDeleteNamedVariableList:
      deleted(service, names);
      break;
    case kDeleteEventCondition:
    case kDeleteEventAction:
      if (!ber::only(service.content, first)) names.refuse();
      deleted_of_events(first, names);
      break;
    case kDefineEventAction:
      event_action(reader, names, decoding);
      break;
    case kDefineEventCondition:
    case kDefineEventEnrollment:
    case kDeleteEventEnrollment:
    case kGetEventEnrollmentAttributes:
      parts(reader, parts_of(service.number()), names);
      break;
    default:
      return false;
  }
  names.end();
  return true;
}

}  // namespace bulkhead::mms
