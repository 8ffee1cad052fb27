// Confirmed and unconfirmed services: which one it is, and the names that it asks for.
#include <algorithm>

#include "dataplane/protocols/mms/layout.h"

namespace bulkhead::mms {

using protocols::Fault;
using protocols::kNotInCatalogue;
using protocols::Operation;

namespace {

// How the names of a service stand in it.
enum class Shape : std::uint8_t {
  unread,           // nothing but well-formed
  domain,           // the service is an identifier, of a domain
  domain_first,     // a sequence that begins with one
  domain_and_file,  // and has a file's name further on
  program,          // the service is an identifier, of a program invocation
  program_first,    // a sequence that begins with one
  object,           // the service is an ObjectName
  object_first,     // a sequence that begins with one, tagged or not
};

// ISO 9506-2, clauses 10 to 18.
Shape shape_of(std::uint32_t service) {
  switch (service) {
    case 27:  // downloadSegment
    case 29:  // initiateUploadSequence
    case 36:  // deleteDomain
    case 37:  // getDomainAttributes
      return Shape::domain;
    case 26:  // initiateDownloadSequence
    case 28:  // terminateDownloadSequence
      return Shape::domain_first;
    case 32:  // requestDomainDownload
    case 33:  // requestDomainUpload
    case 34:  // loadDomainContent
    case 35:  // storeDomainContent
      return Shape::domain_and_file;
    case 39:  // deleteProgramInvocation
    case 45:  // getProgramInvocationAttributes
      return Shape::program;
    case 38:  // createProgramInvocation
    case 40:  // start
    case 41:  // stop
    case 42:  // resume
    case 43:  // reset
    case 44:  // kill
      return Shape::program_first;
    case 9:   // getScatteredAccessAttributes
    case 15:  // getNamedTypeAttributes
    case 22:  // deleteSemaphore
    case 23:  // reportSemaphoreStatus
    case 49:  // getEventConditionAttributes
    case 50:  // reportEventConditionStatus
    case 55:  // getEventActionAttributes
    case 56:  // reportEventActionStatus
    case 60:  // reportEventEnrollmentStatus
    case 68:  // reportJournalStatus
      return Shape::object;
    case 7:   // defineNamedVariable
    case 14:  // defineNamedType
    case 19:  // takeControl
    case 20:  // relinquishControl
    case 21:  // defineSemaphore
    case 24:  // reportPoolSemaphoreStatus
    case 25:  // reportSemaphoreEntryStatus
    case 51:  // alterEventConditionMonitoring
    case 52:  // triggerEvent
    case 59:  // alterEventEnrollment
    case 62:  // acknowledgeEventNotification
    case 65:  // readJournal
    case 66:  // writeJournal
    case 67:  // initializeJournal
    case 69:  // createJournal
    case 70:  // deleteJournal
      return Shape::object_first;
    default:
      return Shape::unread;
  }
}

// FileName (ISO 9506-2, 18.1): a name that is in one piece. One of several has no view; the
// operation goes without, and no grant on the field covers it.
bool set_file(ByteView name, Operation& operation) {
  ber::Reader reader(name);
  ber::Element part;
  std::size_t parts = 0;
  while (reader.next(part)) {
    if (!part.is(ber::kGraphicString) && !part.is(ber::kVisibleString)) return false;
    ++parts;
  }
  if (parts == 1) operation.set_name(kFile, part.content);
  return reader.at_end() && parts > 0;
}

bool set_shape(Shape shape, const ber::Element& service, Operation& operation) {
  const bool program = shape == Shape::program || shape == Shape::program_first;
  const std::size_t field = program ? std::size_t{kProgram} : std::size_t{kDomain};
  switch (shape) {
    case Shape::unread:
      return true;
    case Shape::domain:
    case Shape::program:
      operation.set_name(field, service.content);
      return !service.constructed;
    case Shape::object: {
      ber::Element name;
      return ber::only(service.content, name) && set_variable_name(name, operation);
    }
    default:
      break;
  }
  ber::Reader reader(service.content);
  ber::Element first;
  if (!service.constructed || !reader.next(first)) return false;
  if (shape == Shape::object_first) {
    ber::Element name = first;
    if (first.is(ber::context(0)) && first.constructed && !ber::only(first.content, name)) {
      return false;
    }
    return set_variable_name(name, operation);
  }
  if (first.constructed || !(first.is(ber::context(0)) || first.is(ber::kVisibleString)))
    return false;
  operation.set_name(field, first.content);
  if (shape != Shape::domain_and_file) return true;
  // fileName is [1] in storeDomainContent, [4] in the others; what else has the tag is a list too.
  const ber::Tag tag = ber::context(service.number() == 35 ? 1 : 4);
  for (ber::Element part; reader.next(part);) {
    if (part.is(tag) && !set_file(part.content, operation)) return false;
  }
  return reader.at_end();
}

// objectClass [0], objectScope [1], continueAfter [2].
void decode_name_list(const ber::Element& service, Decoding& decoding) {
  ber::Reader reader(service.content);
  ber::Element object_class;
  ber::Element kind;
  ber::Element scope;
  ber::Element choice;
  const bool good = reader.next_if(ber::context(0), object_class) &&
                    ber::only(object_class.content, kind) &&
                    reader.next_if(ber::context(1), scope) && ber::only(scope.content, choice);
  ber::Element after;
  if (good) reader.next_if(ber::context(2), after);
  if (!good || !reader.at_end() || !choice.is_context() || choice.number() > 2) {
    return decoding.fail(Fault::bad_value);
  }
  Operation* operation = decoding.add({kGetNameList});
  if (operation == nullptr) return;
  const auto number = ber::to_unsigned(kind.content);
  if (kind.is(ber::context(0)) && number && *number < 0x100) {
    operation->set(kObjectClass, static_cast<std::int64_t>(*number));
  }
  if (choice.is(ber::context(1))) operation->set_name(kDomain, choice.content);
}

// A file's name alone, or tagged ones: each is an operation of its own.
void decode_files(const ber::Element& service, Decoding& decoding) {
  const auto code = static_cast<std::uint16_t>(service.number());
  const auto add = [&](ByteView name) {
    Operation* operation = decoding.add({code});
    if (operation != nullptr && !set_file(name, *operation)) decoding.fail(Fault::bad_value);
  };
  if (code == kFileDelete) return add(service.content);
  ber::Reader reader(service.content);
  bool named = false;
  for (ber::Element part; reader.next(part);) {
    // Rename has current and new name, obtain a source and a destination behind the server's title,
    // a directory a specification and where it goes on.
    const std::uint32_t first = code == kObtainFile ? 1 : 0;
    const std::uint32_t last = code == kFileOpen || code == kFileDirectory ? first : first + 1;
    if (!part.is_context() || part.number() < first || part.number() > last) continue;
    named = true;
    add(part.content);
  }
  if (!reader.at_end()) return decoding.fail(Fault::bad_value);
  if (named) return;
  if (code == kFileDirectory) {
    decoding.add({code});
  } else {
    decoding.fail(Fault::bad_value);
  }
}

// A service's tag; beyond an octet there is none.
std::uint16_t tag_of(const ber::Element& service) {
  return static_cast<std::uint16_t>(std::min(service.number(), 0xffU));
}

bool take_id(const ber::Element& part, Call& call) {
  const auto id = ber::to_unsigned(part.content);
  if (!id || *id > 0xffffffffU) return false;
  call.invoke_id = static_cast<std::uint32_t>(*id);
  return true;
}

// Identifier, and the service behind it. Modifiers and what companion standards add are refused.
bool parse_confirmed(ByteView bytes, Call& call) {
  ber::Reader reader(bytes);
  ber::Element part;
  return reader.next_if(ber::kInteger, part) && take_id(part, call) && reader.next(call.service) &&
         call.service.is_context() && reader.at_end();
}

// A tagged identifier, which may be absent where `needed` is not, and an error or a reason.
bool parse_error(ByteView bytes, bool needed, Call& call) {
  ber::Reader reader(bytes);
  ber::Element part;
  if (reader.next_if(ber::context(0), part)) {
    if (!take_id(part, call)) return false;
  } else if (needed || !reader.ok()) {
    return false;
  }
  std::size_t others = 0;
  while (reader.next(part)) {
    if (part.constructed && !ber::well_formed(part.content)) return false;
    ++others;
  }
  return reader.at_end() && others > 0;
}

}  // namespace

Fault parse_call(const Unit& unit, Call& call) {
  call = Call{};
  bool good = true;
  switch (unit.pdu.number()) {
    case kConfirmedRequest:
    case kConfirmedResponse:
      good = parse_confirmed(unit.pdu.content, call);
      break;
    case kUnconfirmed:
      good = ber::only(unit.pdu.content, call.service) && call.service.is_context();
      break;
    case kConfirmedError:
    case kCancelError:
      good = parse_error(unit.pdu.content, true, call);
      break;
    case kReject:
      good = parse_error(unit.pdu.content, false, call);
      break;
    case kCancelRequest:
    case kCancelResponse:
      good = !unit.pdu.constructed && take_id(unit.pdu, call);
      break;
    case kInitiateRequest:
    case kInitiateResponse:
    case kInitiateError:
    case kConcludeError:
      good = unit.pdu.constructed && ber::well_formed(unit.pdu.content);
      break;
    case kConcludeRequest:
    case kConcludeResponse:
      good = unit.pdu.content.empty();
      break;
    default:
      return Fault::unknown_function;
  }
  return good ? Fault::none : Fault::bad_value;
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

Operation* Decoding::add(FunctionCode function) {
  if (fault_ != Fault::none) return nullptr;
  const auto& functions = catalogue().functions;
  auto index = protocols::find_function(functions, function.code, function.sub_code);
  const bool known = index != kNotInCatalogue;
  if (other_side_) index = protocols::find_function(functions, function.code, kOtherSide);
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

void decode_request(const ber::Element& service, Decoding& decoding) {
  if (service.constructed && !ber::well_formed(service.content)) {
    return decoding.fail(Fault::bad_length);
  }
  switch (service.number()) {
    case kGetNameList:
      return decode_name_list(service, decoding);
    case kRead:
      return decode_read(service, decoding);
    case kWrite:
      return decode_write(service, decoding);
    case kGetVariableAccessAttributes:
      return decode_variable_attributes(service, decoding);
    case kDefineNamedVariableList:
      return decode_define_list(service, decoding);
    case kGetNamedVariableListAttributes: {
      ber::Element name;
      Operation* operation = decoding.add({kGetNamedVariableListAttributes});
      if (operation == nullptr) return;
      if (!ber::only(service.content, name) || !set_list_name(name, *operation)) {
        decoding.fail(Fault::bad_value);
      }
      return;
    }
    case kObtainFile:
    case kFileOpen:
    case kFileRename:
    case kFileDelete:
    case kFileDirectory:
      return decode_files(service, decoding);
    default: {
      if (decode_definition(service, decoding)) return;
      Operation* operation = decoding.add(function_code(service));
      if (operation == nullptr) return;
      if (!set_shape(shape_of(service.number()), service, *operation)) {
        decoding.fail(Fault::bad_value);
      }
    }
  }
}

// The content of answers is not judged: they are well-formed, and as many as were asked for.
void decode_response(const ber::Element& service, Decoding& decoding) {
  if (service.constructed && !ber::well_formed(service.content)) {
    return decoding.fail(Fault::bad_length);
  }
  decoding.add(function_code(service));
}

void decode_unconfirmed(const ber::Element& service, Decoding& decoding) {
  if (service.number() == 0) return decode_report(service, decoding);
  if (service.constructed && !ber::well_formed(service.content)) {
    return decoding.fail(Fault::bad_length);
  }
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
