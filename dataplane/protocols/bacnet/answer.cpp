// Answers, whose content no rule judges but which end where they say, and segments.
#include "dataplane/protocols/bacnet/service.h"

namespace bulkhead::bacnet {

using protocols::Fault;
using protocols::Operation;
using protocols::OperationList;

namespace {

// Classes and codes of errors are numbers of 16 bits (clause 18); -1 if none is next.
std::int64_t error_number(TagReader& reader) {
  const auto tag = reader.application(kEnumerated);
  if (!tag) return -1;
  const std::uint64_t number = unsigned_of(tag->content).value_or(UINT64_MAX);
  if (number > 0xffff) reader.fail(Fault::bad_value);
  return static_cast<std::int64_t>(number & 0xffff);
}

// An error's class and code, which some services put in brackets and go on (21, Error).
Fault decode_error(const Message& message, Operation& operation, const OperationList& operations) {
  TagReader reader(message.data, Numbers::shortest);
  const bool in_brackets = reader.opens(0);
  const std::int64_t error_class = error_number(reader);
  const std::int64_t error_code = error_number(reader);
  if (!reader.ok()) return reader.fault();
  if (error_class < 0 || error_code < 0) return Fault::truncated;
  operation.set(kErrorClass, error_class);
  operation.set(kErrorCode, error_code);
  if (!in_brackets) return reader.at_end() ? Fault::none : Fault::trailing_bytes;
  if (!reader.closes(0)) return Fault::truncated;
  const std::size_t begin = reader.offset();
  reader.skip_to_end();
  if (reader.ok()) operations.leave_free(reader.since(begin), "where a service failed");
  return reader.fault();
}

// Clause 21: services whose answer carries something.
bool has_result(std::uint8_t service) {
  switch (service) {
    case kGetAlarmSummary:
    case kGetEnrollmentSummary:
    case kAtomicReadFile:
    case kAtomicWriteFile:
    case kCreateObject:
    case kReadProperty:
    case kReadPropertyConditional:
    case kReadPropertyMultiple:
    case kConfirmedPrivateTransfer:
    case kVtOpen:
    case kVtData:
    case kAuthenticate:
    case kReadRange:
    case kGetEventInformation:
    case kAuditLogQuery:
      return true;
    default:
      return false;
  }
}

}  // namespace

Fault decode_answer(const Message& message, OperationList& operations) {
  const bool nameless =
      message.pdu_type == kSegmentAck || message.pdu_type == kReject || message.pdu_type == kAbort;
  const std::uint16_t function =
      nameless ? find_function(message.pdu_type, kOfPdu) : find_function(message.service);
  Fault fault = Fault::none;
  Operation* operation = add_operation(message, function, operations, fault);
  if (operation == nullptr) return fault;
  switch (message.pdu_type) {
    case kReject:
    case kAbort:
      operation->set(kErrorCode, message.service);
      return Fault::none;
    case kErrorPdu:
      return decode_error(message, *operation, operations);
    case kSimpleAck:
      return has_result(message.service) ? Fault::bad_value : Fault::none;
    case kComplexAck: {
      if (!has_result(message.service)) return Fault::bad_value;
      if (message.segmented) return Fault::none;
      TagReader reader(message.data, Numbers::any);
      reader.skip_to_end();
      operations.leave_free(message.data, "an answer to what was granted");
      return reader.fault();
    }
    default:
      return Fault::none;
  }
}

// A segment shows neither what it addresses nor which of its service's functions that is: all of
// them must be granted, by rules that constrain nothing but the route.
Fault decode_segment(const Message& message, OperationList& operations) {
  Fault fault = Fault::none;
  if (find_function(message.service) == kNotInCatalogue) return Fault::unknown_function;
  for (std::size_t i = 0; i < catalogue().functions.size(); ++i) {
    const protocols::FunctionInfo& function = catalogue().functions[i];
    const bool of_service = function.sub_code == protocols::kNoSubCode ||
                            function.sub_code == kOnOverride || function.sub_code == kOnSetting ||
                            function.sub_code == kOnProgram;
    if (function.code != message.service || !of_service) continue;
    if (add_operation(message, static_cast<std::uint16_t>(i), operations, fault) == nullptr) {
      return fault;
    }
  }
  return fault;
}

}  // namespace bulkhead::bacnet
