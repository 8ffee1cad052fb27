// Services: every node of a list is an operation. What a service is not asked for by node is
// granted by the service alone.
#include <algorithm>
#include <string_view>

#include "dataplane/protocols/opcua/body.h"
#include "dataplane/protocols/opcua/handles.h"
#include "dataplane/protocols/opcua/text.h"

namespace bulkhead::opcua {

using protocols::Direction;
using protocols::Fault;
using protocols::kNoSubCode;
using protocols::Operation;
using protocols::OperationList;

namespace {

// Where the catalogue's services begin: each stands in front of its answer.
constexpr std::uint16_t kServicesBegin = 8;

bool is_response(std::uint16_t function) {
  return function == kServicesBegin - 1 ||
         (function >= kServicesBegin && (function - kServicesBegin) % 2 == 1);
}

// The function that a body's type says; kNotInCatalogue where it cannot be read, or is no service.
std::uint16_t service_of(const Message& message) {
  BodyReader reader(message.body);
  const std::uint32_t type = reader.type_id();
  if (!message.consistent || !reader.ok()) return kNotInCatalogue;
  const std::uint16_t function = find_function(type);
  return function >= kServicesBegin - 1 ? function : kNotInCatalogue;
}

// 4, 7.32: the additional header is null; what else it might hold, receivers read with a length of
// their own.
Fault read_request_header(BodyReader& reader, ServiceHead& head, ByteView& token) {
  constexpr std::uint32_t kDiagnosticsMax = 0x3ff;
  std::size_t begin = reader.offset();
  head.session = session_of(reader.node_id());
  token = reader.since(begin);
  begin = reader.offset();
  reader.take(8);
  const ByteView handle = reader.take(4);
  reader.leave_since(begin, "a request's time and handle");
  const ByteView diagnostics = reader.take(4);
  reader.leave(diagnostics, "which diagnostics the answer is to have");
  reader.content("s4", "what the server's log calls a request, and how long the client waits");
  ByteView body;
  const NodeId additional = reader.structure(body);
  if (!reader.ok()) return reader.fault();
  head.handle = load_le32(handle.data());
  const bool known = load_le32(diagnostics.data()) <= kDiagnosticsMax;
  return known && additional.is_null() ? Fault::none : Fault::bad_value;
}

// What an answer tells is its client's to read.
void read_response(BodyReader& reader) {
  constexpr std::string_view kTold = "what an answer tells";
  reader.leave(reader.take(8 + 4 + 4), kTold);
  reader.leave(reader.take(reader.remaining()), kTold);
}

// Services that name no nodes that policy judges one by one: their fields after the header, in the
// letters of BodyReader::content().
struct Fields {
  std::uint16_t code;
  std::string_view types;
};
constexpr Fields kFields[] = {
    {422, "s[s][s]"},                      // find servers
    {12208, "44[s]"},                      // find servers on network
    {437, "ss[l]e03s[s]sb"},               // register server
    {12211, "ss[l]e03s[s]sb[x]"},          // register server 2
    {kCloseChannel, ""},                   //
    {kCloseSession, "b"},                  //
    {479, "4"},                            // cancel
    {488, "[nnnq4xn]"},                    // add nodes
    {494, "[nnbsn4]"},                     // add references
    {500, "[nb]"},                         // delete nodes
    {506, "[nnbnb]"},                      // delete references
    {533, "b[s]"},                         // browse next
    {554, "[n[nbbq]]"},                    // translate browse paths
    {615, "n84[nb[[nbbq]4s]][e11[x]]44"},  // query first
    {621, "bs"},                           // query next
    {700, "[x]"},                          // history update
    {763, "4e03[448x4b]"},                 // modify monitored items
    {769, "4e02[4]"},                      // set monitoring mode
    {775, "44[4][4]"},                     // set triggering
    {781, "4[4]"},                         // delete monitored items
    {787, "8444b1"},                       // create subscription
    {793, "484441"},                       // modify subscription
    {799, "b[4]"},                         // set publishing mode
    {826, "[44]"},                         // publish
    {832, "44"},                           // republish
    {841, "[4]b"},                         // transfer subscriptions
    {847, "[4]"},                          // delete subscriptions
};
constexpr std::string_view kWhole = "content of a service that is granted whole";
constexpr std::string_view kHow = "how the answer is to tell what was asked for";

struct NodeFields {
  Field name_space;
  Field number;
  Field text;
  Field guid;
  Field bytes;
};
constexpr NodeFields kNodeFields = {kNamespace, kNode, kNodeName, kNodeGuid, kNodeBytes};
constexpr NodeFields kMethodFields = {kMethodNamespace, kMethod, kMethodName, kMethodGuid,
                                      kMethodBytes};
constexpr NodeFields kHandleFields = {kHandleNamespace, kHandle, kHandleName, kHandleName,
                                      kHandleName};
constexpr NodeFields kMethodHandleFields = {
    kMethodHandleNamespace, kMethodHandle, kMethodHandleName, kMethodHandleName, kMethodHandleName};

// Methods of namespace 0 that act on alarms and conditions, or on the session alone (6, annex A);
// all others change the server's settings, files, certificates, users or state.
bool is_of_conditions(std::uint32_t method) {
  constexpr std::uint16_t kMethods[] = {
      2947,  2948,  2949,  3875,  9027,  9028,  9029,  9069,  9111,  9113,  11489,
      11492, 12746, 12749, 12871, 12873, 12912, 16402, 16403, 17868, 17869, 17870,
      18199, 24312, 24316, 24318, 24320, 24322, 24324, 24744, 24756, 24758, 24760};
  return std::find(std::begin(kMethods), std::end(kMethods), method) != std::end(kMethods);
}

std::int32_t call_kind(const NodeId& method) {
  constexpr std::uint32_t kOfServer = 12886;
  constexpr std::uint32_t kOfItsType = 12883;
  if (!method.is_standard() || is_of_conditions(method.number)) return kNoSubCode;
  const bool state = method.number == kOfServer || method.number == kOfItsType;
  return state ? kOfServerState : kOfSettings;
}

class ServiceDecoder {
 public:
  ServiceDecoder(const Message& message, std::uint16_t function, const Handles& handles,
                 OperationList* operations)
      : reader_(message.body, operations),
        function_(function),
        handles_(handles),
        operations_(operations) {}

  Fault request(std::uint16_t code) {
    reader_.type_id();
    ByteView token;
    const Fault fault = read_request_header(reader_, head_, token);
    if (fault != Fault::none) return fault;
    if (!read_nodes(code)) read_single(code);
    if (!token_read_) reader_.leave(token, "the token of a session, which its server checks");
    return this->fault();
  }

  Fault response() {
    reader_.type_id();
    add();
    read_response(reader_);
    return fault();
  }

  std::size_t remaining() const { return reader_.remaining(); }

 private:
  Fault fault() const {
    if (!reader_.ok()) return reader_.fault();
    return full_ ? Fault::too_many_operations : Fault::none;
  }

  // An operation without fields.
  Operation* add() { return add(function_); }
  Operation* add(std::uint16_t function) {
    if (operations_ == nullptr) return nullptr;
    Operation* operation = operations_->add(function);
    if (operation == nullptr) full_ = true;
    return operation;
  }
  // What the service is for one of its nodes.
  Operation* add(std::uint16_t code, std::int32_t kind) {
    return add(kind == kNoSubCode ? function_ : find_function(code, kind));
  }

  static void set_name(Operation* operation, std::size_t field, ByteView name) {
    if (operation != nullptr && !name.empty()) operation->set_name(field, name);
  }

  // One operation an element, each read to its end before the next.
  template <typename Read>
  void for_each(Read read) {
    std::size_t left = reader_.array_length();
    if (left == 0) add();  // asks for nothing, which is a request of the service all the same
    for (; left > 0 && reader_.ok() && !full_; --left) {
      if (reader_.stepped_over()) reader_.fail(Fault::unknown_object);
      read();
    }
  }

  void set_id(Operation* operation, const NodeId& id, const NodeFields& fields) {
    if (operation == nullptr || !reader_.ok()) return;
    operation->set(fields.name_space, id.name_space);
    ByteView name = id.name;
    Field field = fields.text;
    switch (id.kind) {
      case NodeId::Kind::number:
        operation->set(fields.number, id.number);
        return;
      case NodeId::Kind::text:
        break;
      case NodeId::Kind::guid:
        field = fields.guid;
        name = compose_guid(id.name, *operations_);
        break;
      case NodeId::Kind::bytes:
        field = fields.bytes;
        name = compose_hex(id.name, *operations_);
        break;
    }
    if (name.empty()) full_ = true;
    operation->set_name(field, name);
  }

  bool resolve(const NodeId& id, NodeId& node) {
    const bool known = handles_.resolve(head_.session, id, node);
    if (known && !handles_.empty() && !id.is_standard()) token_read_ = true;
    return known;
  }

  // A node that may be a handle of which nothing is known has no fields of a node: only rules that
  // name none grant it.
  void set_node(Operation* operation, const NodeId& id, const NodeFields& fields,
                const NodeFields& of_handle) {
    NodeId node;
    const bool known = resolve(id, node);
    set_id(operation, node, known ? fields : of_handle);
  }

  void set_node(Operation* operation, const NodeId& id) {
    set_node(operation, id, kNodeFields, kHandleFields);
  }

  void node() { set_node(add(), reader_.node_id()); }

  void index_range(Operation* operation) {
    const ByteView range = reader_.string();
    if (!range.empty() && !is_index_range(range)) reader_.fail(Fault::bad_value);
    set_name(operation, kIndexRange, range);
  }

  void data_encoding(Operation* operation) {
    if (reader_.u16() != 0) reader_.fail(Fault::bad_value);
    set_name(operation, kDataEncoding, reader_.plain_text());
  }

  void read_value_id() {
    Operation* operation = add();
    set_node(operation, reader_.node_id());
    const std::uint32_t attribute = reader_.u32();
    if (operation != nullptr) operation->set(kAttribute, attribute);
    index_range(operation);
    data_encoding(operation);
  }

  void set_value(Operation* operation, const Value& value) {
    if (operation == nullptr) {
      return;
    }
    if (value.number) operation->set_real(kValue, *value.number);
  }

  // Other attributes than the value, and the server's own nodes, are settings of the server.
  void write() {
    constexpr std::uint32_t kValueAttribute = 13;
    constexpr std::uint32_t kGood = 0;
    const NodeId id = reader_.node_id();
    const std::uint32_t attribute = reader_.u32();
    NodeId node;
    resolve(id, node);
    const bool setting = attribute != kValueAttribute || node.is_standard();
    Operation* operation = add(kWrite, setting ? kOfSettings : kNoSubCode);
    set_node(operation, id);
    index_range(operation);
    const Value value = reader_.data_value();
    if (operation == nullptr || !reader_.ok()) return;
    operation->set(kAttribute, attribute);
    operation->set(kDataType, value.encoding);
    set_value(operation, value);
    leave_unread(value, *operation, *operations_);
    if (!value.status.empty() && load_le32(value.status.data()) != kGood) {
      operation->set(kStatus, load_le32(value.status.data()));
    }
  }

  void call() {
    constexpr std::string_view kArgument = "arguments of a method";
    const NodeId object = reader_.node_id();
    const NodeId method = reader_.node_id();
    NodeId node;
    resolve(method, node);
    Operation* operation = add(kCall, call_kind(node));
    set_node(operation, object);
    set_node(operation, method, kMethodFields, kMethodHandleFields);
    const std::size_t count = reader_.array_length();
    if (operation != nullptr) operation->set(kArguments, static_cast<std::int64_t>(count));
    const std::size_t begin = reader_.offset();
    Value value;
    for (std::size_t left = count; left > 0 && reader_.ok(); --left) value = reader_.variant();
    if (count == 1 && value.number) {
      set_value(operation, value);
      if (operation != nullptr) {
        operation->set(kDataType, value.encoding);
        leave_unread(value, *operation, *operations_);
      }
    } else {
      reader_.leave_since(begin, kArgument);
    }
  }

  // Details of a kind that is not known may be read otherwise, and the nodes stand behind them.
  void history_read() {
    reader_.content("x", kHow);
    if (reader_.stepped_over()) reader_.fail(Fault::unknown_object);
    reader_.content("e03b", kHow);
    for_each([this] {
      Operation* operation = add();
      set_node(operation, reader_.node_id());
      index_range(operation);
      data_encoding(operation);
      reader_.content("s", "where a long history goes on");
    });
  }

  bool read_nodes(std::uint16_t code) {
    switch (code) {
      case kRead:
        reader_.content("8e03", kHow);
        for_each([this] { read_value_id(); });
        return true;
      case kWrite:
        for_each([this] { write(); });
        return true;
      case kCall:
        for_each([this] { call(); });
        return true;
      case kBrowse:
        reader_.content("n844", kHow);
        for_each([this] {
          node();
          reader_.content("e02nb44", kHow);
        });
        return true;
      case kHistoryRead:
        history_read();
        return true;
      case kCreateMonitoredItems:
        reader_.content("4e03", kHow);
        for_each([this] {
          read_value_id();
          reader_.content("e0248x4b", kHow);
        });
        return true;
      case kRegisterNodes:
        if (!handles_.complete(head_.session)) reader_.fail(Fault::not_started);
        [[fallthrough]];
      case kUnregisterNodes:
        for_each([this] { node(); });
        return true;
      default:
        return false;
    }
  }

  void read_single(std::uint16_t code) {
    if (code == kActivateSession) return activate_session();
    Operation* operation = add();
    switch (code) {
      case kGetEndpoints:
        set_name(operation, kEndpoint, reader_.plain_text());
        reader_.content("[s][s]", kWhole);
        return;
      case kCreateSession:
        reader_.content("ssle03ss[s]s", "how a client calls itself");
        set_name(operation, kEndpoint, reader_.plain_text());
        reader_.content("sss84", "what a session is to have");
        return;
      case kOpenChannel:
        open_channel(operation);
        return;
      default:
        break;
    }
    const auto* fields = std::find_if(std::begin(kFields), std::end(kFields),
                                      [&](const Fields& each) { return each.code == code; });
    if (fields == std::end(kFields)) return reader_.fail(Fault::unknown_function);
    reader_.content(fields->types, kWhole);
  }

  // 4, 5.5.2: whether it renews what this connection opened is the server's to check.
  void open_channel(Operation* operation) {
    reader_.content("4e01", "an opening or a renewal");
    const std::uint32_t mode = reader_.u32();
    if (mode < 1 || mode > 3) reader_.fail(Fault::bad_value);
    if (operation != nullptr) operation->set(kSecurityMode, mode);
    reader_.content("s4", "a nonce, and how long a channel is to last");
  }

  // 4, 5.6.3.
  void activate_session() {
    constexpr std::string_view kProof = "signatures, and languages of texts";
    constexpr std::uint32_t kUserName = 324;
    constexpr std::uint32_t kIssued = 940;
    reader_.content("ss[ss][s]", kProof);
    ByteView body;
    const NodeId type = reader_.structure(body);
    const bool named = type.is_standard() && type.number == kUserName;
    const bool issued = type.is_standard() && type.number == kIssued;
    const bool elsewhere = !handles_.created(head_.session);
    token_read_ = !elsewhere && !handles_.empty();
    const std::int32_t kind = elsewhere ? kElsewhere : named || issued ? kAsUser : kNoSubCode;
    Operation* operation = add(kActivateSession, kind);
    reader_.structure_content(type, body);
    if (named && !body.empty()) {
      BodyReader token(body, operations_);
      token.content("s", kProof);
      set_name(operation, kUser, token.plain_text());
      token.content("ss", "a password");
      if (!token.ok()) reader_.fail(token.fault());
    } else {
      reader_.leave(body, kProof);
    }
    if (operation != nullptr) operation->set(kUserToken, type.is_standard() ? type.number : 0);
    if (reader_.stepped_over() || !type.is_standard()) reader_.fail(Fault::unknown_object);
    reader_.content("ss", kProof);
  }

  BodyReader reader_;
  std::uint16_t function_;
  const Handles& handles_;
  OperationList* operations_;
  ServiceHead head_;
  bool token_read_ = false;  // whether another session would change what is asked for
  bool full_ = false;
};

}  // namespace

void skip_request_header(BodyReader& reader) {
  ServiceHead head;
  ByteView token;
  const Fault fault = read_request_header(reader, head, token);
  if (fault != Fault::none) reader.fail(fault);
}

// 4, 7.33.
void skip_response_header(BodyReader& reader) {
  reader.take(8 + 4 + 4);
  reader.diagnostics();
  reader.fields("[s]x");
}

std::optional<Direction> direction_of_service(const Message& message) {
  const std::uint16_t function = service_of(message);
  if (function == kNotInCatalogue) return std::nullopt;
  return is_response(function) ? Direction::response : Direction::request;
}

Fault parse_head(const Message& message, Direction direction, ServiceHead& head) {
  head = ServiceHead{};
  head.function = service_of(message);
  if (head.function == kNotInCatalogue) return Fault::unknown_function;
  head.code = catalogue().functions[head.function].code;
  if (is_response(head.function)) {
    return direction == Direction::response ? Fault::none : Fault::wrong_direction;
  }
  if (direction == Direction::response) return Fault::wrong_direction;
  BodyReader reader(message.body);
  reader.type_id();
  ByteView token;
  return read_request_header(reader, head, token);
}

Fault decode_body(const Message& message, Direction direction, const Handles& handles,
                  OperationList* operations, std::size_t& remaining, std::uint16_t& code) {
  remaining = 0;
  code = kSecuredMessage;
  const std::uint16_t function = service_of(message);
  if (function == kNotInCatalogue) return Fault::unknown_function;
  code = catalogue().functions[function].code;
  if (is_response(function) != (direction == Direction::response)) return Fault::wrong_direction;
  ServiceDecoder decoder(message, function, handles, operations);
  const Fault fault = is_response(function) ? decoder.response() : decoder.request(code);
  remaining = decoder.remaining();
  return fault;
}

}  // namespace bulkhead::opcua
