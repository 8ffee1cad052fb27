// Services: every node of a list is an operation. What a service is not asked for by node is
// granted by the service alone.
#include <algorithm>

#include "dataplane/protocols/opcua/body.h"

namespace bulkhead::opcua {

using protocols::Direction;
using protocols::Fault;
using protocols::Operation;
using protocols::OperationList;

namespace {

// Where the catalogue's services begin: each stands in front of its answer.
constexpr std::uint16_t kServicesBegin = 7;

bool is_response(std::uint16_t function) {
  return function == kServicesBegin - 1 ||
         (function >= kServicesBegin && (function - kServicesBegin) % 2 == 1);
}

// The function that a body's type says; kNotInCatalogue where it cannot be read, or is no service.
std::uint16_t service_of(const Message& message) {
  const NodeId type = BodyReader(message.body).node_id();
  if (!message.consistent || !type.is_numeric || type.name_space != 0) return kNotInCatalogue;
  const std::uint16_t function = find_function(type.number);
  return function >= kServicesBegin - 1 ? function : kNotInCatalogue;
}

class ServiceDecoder {
 public:
  ServiceDecoder(ByteView body, std::uint16_t function, OperationList* operations)
      : reader_(body), function_(function), operations_(operations) {}

  // Behind the type and the request header. True if the body was read to its end.
  bool decode(std::uint16_t code) {
    switch (code) {
      case kRead:
        reader_.skip(8 + 4);
        for_each([this] { read_value_id(); });
        return true;
      case kWrite:
        for_each([this] {
          Operation* operation = node_and_attribute();
          reader_.string();
          const auto value = reader_.data_value();
          if (operation != nullptr && value) operation->set_real(kValue, *value);
        });
        return true;
      case kCall:
        for_each([this] { call(); });
        return true;
      case kBrowse:
        reader_.node_id();
        reader_.skip(8 + 4 + 4);
        for_each([this] {
          node();
          reader_.skip(4);
          reader_.node_id();
          reader_.skip(1 + 4 + 4);
        });
        return true;
      case kHistoryRead:
        reader_.extension_object();
        reader_.skip(4 + 1);
        for_each([this] {
          node();
          reader_.string();
          reader_.qualified_name();
          reader_.string();
        });
        return true;
      case kCreateMonitoredItems:
        reader_.skip(4 + 4);
        for_each([this] {
          read_value_id();
          reader_.skip(4 + 4 + 8);
          reader_.extension_object();
          reader_.skip(4 + 1);
        });
        return true;
      case kRegisterNodes:
      case kRegisterNodes + 6:  // unregister
        for_each([this] { node(); });
        return true;
      default:
        return decode_single(code);
    }
  }

  void request_header() { reader_.request_header(); }
  void response_header() { reader_.response_header(); }
  void type() { reader_.node_id(); }

  // An operation without fields.
  Operation* add() {
    if (operations_ == nullptr) return nullptr;
    Operation* operation = operations_->add(function_);
    if (operation == nullptr) full_ = true;
    return operation;
  }

  bool ok() const { return reader_.ok(); }
  bool full() const { return full_; }
  std::size_t remaining() const { return reader_.remaining(); }

 private:
  bool decode_single(std::uint16_t code) {
    Operation* operation = add();
    switch (code) {
      case 428:  // get endpoints
        set_name(operation, kEndpoint, reader_.string());
        return false;
      case kCreateSession:
        reader_.string();
        reader_.string();
        reader_.localized_text();
        reader_.skip(4);
        reader_.string();
        reader_.string();
        for (std::size_t left = reader_.array_length(); left > 0 && ok(); --left) reader_.string();
        reader_.string();
        set_name(operation, kEndpoint, reader_.string());
        return false;
      default:
        return false;
    }
  }

  static void set_name(Operation* operation, std::size_t field, ByteView name) {
    if (operation != nullptr && !name.empty()) operation->set_name(field, name);
  }

  template <typename Take>
  void for_each(Take take) {
    std::size_t left = reader_.array_length();
    if (left == 0) add();  // asks for nothing, which is a request of the service all the same
    for (; left > 0 && ok() && !full_; --left) take();
  }

  Operation* node() {
    const NodeId id = reader_.node_id();
    Operation* operation = add();
    if (operation == nullptr) return nullptr;
    operation->set(kNamespace, id.name_space);
    if (id.is_numeric) {
      operation->set(kNode, id.number);
    } else {
      operation->set_name(kNodeName, id.name);
    }
    return operation;
  }

  Operation* node_and_attribute() {
    Operation* operation = node();
    const std::uint32_t attribute = reader_.u32();
    if (operation != nullptr) operation->set(kAttribute, attribute);
    return operation;
  }

  void read_value_id() {
    node_and_attribute();
    reader_.string();
    reader_.qualified_name();
  }

  void call() {
    Operation* operation = node();
    const NodeId method = reader_.node_id();
    if (operation != nullptr) {
      operation->set(kMethodNamespace, method.name_space);
      if (method.is_numeric) {
        operation->set(kMethod, method.number);
      } else {
        operation->set_name(kMethodName, method.name);
      }
    }
    for (std::size_t left = reader_.array_length(); left > 0 && ok(); --left) reader_.variant();
  }

  BodyReader reader_;
  std::uint16_t function_;
  OperationList* operations_;
  bool full_ = false;
};

// What stands behind a list that was read to its end: nothing, or a signature of HMAC-SHA1 or
// HMAC-SHA256 (OPC 10000-7, security policies).
Reading reading_of(std::size_t remaining) {
  if (remaining == 0) return Reading::exact;
  return remaining == 20 || remaining == 32 ? Reading::with_signature : Reading::unreadable;
}

}  // namespace

std::optional<Direction> told_by_service(const Message& message) {
  const std::uint16_t function = service_of(message);
  if (function == kNotInCatalogue) return std::nullopt;
  return is_response(function) ? Direction::response : Direction::request;
}

Fault decode_body(const Message& message, Direction direction, OperationList* operations,
                  Reading& reading, std::uint16_t& code) {
  reading = Reading::unreadable;
  code = kSecuredMessage;
  const std::uint16_t function = service_of(message);
  if (function == kNotInCatalogue) return Fault::unknown_function;
  code = catalogue().functions[function].code;
  if (is_response(function) != (direction == Direction::response)) return Fault::wrong_direction;
  ServiceDecoder decoder(message.body, function, operations);
  decoder.type();
  if (is_response(function)) {
    decoder.response_header();
    decoder.add();
    if (decoder.ok()) reading = Reading::exact;
    return decoder.ok() ? Fault::none : Fault::truncated;
  }
  decoder.request_header();
  const bool whole = decoder.decode(code);
  if (decoder.full()) return Fault::too_many_operations;
  if (!decoder.ok()) return Fault::truncated;
  reading = whole ? reading_of(decoder.remaining()) : Reading::exact;
  return reading == Reading::unreadable ? Fault::trailing_bytes : Fault::none;
}

}  // namespace bulkhead::opcua
