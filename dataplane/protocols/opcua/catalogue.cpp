// The functions of OPC UA by the names of its services, with the numbers of their binary encodings
// (OPC 10000-6, annex A), and its fields.
#include "dataplane/protocols/opcua/layout.h"

namespace bulkhead::opcua {

namespace {

using protocols::AccessClass;
using protocols::FieldInfo;
using protocols::FieldKind;
using protocols::FunctionInfo;
using protocols::Initiator;
using protocols::kNoSubCode;
using protocols::with;

constexpr std::uint32_t kNodes = with(kNamespace, kNode, kNodeName, kNodeGuid, kNodeBytes,
                                      kHandleNamespace, kHandle, kHandleName);
constexpr std::uint32_t kReading = with(kIndexRange, kDataEncoding);
constexpr std::uint32_t kAttributes = kNodes | with(kAttribute);
constexpr std::uint32_t kWriting = kAttributes | with(kIndexRange, kDataType, kValue, kStatus);
constexpr std::uint32_t kMethods =
    kNodes | with(kMethodNamespace, kMethod, kMethodName, kMethodGuid, kMethodBytes, kArguments,
                  kValue, kDataType, kMethodHandleNamespace, kMethodHandle, kMethodHandleName);
constexpr std::uint32_t kSecurity =
    with(kSecurityPolicy, kSecurityMode, kThumbprint, kSenderThumbprint);
constexpr std::uint32_t kUsers = with(kUser, kUserToken);

constexpr FunctionInfo message(std::string_view name, std::uint16_t code, Initiator initiator,
                               std::uint32_t fields = 0,
                               AccessClass access = AccessClass::session) {
  return {name, code, kNoSubCode, access, fields, initiator};
}

constexpr FunctionInfo service(std::string_view name, std::uint16_t code, AccessClass access,
                               std::uint32_t fields = 0, std::int32_t sub_code = kNoSubCode) {
  return {name, code, sub_code, access, fields, Initiator::client};
}

// A function that releases before 0.2 had in another class.
constexpr FunctionInfo moved(FunctionInfo function, AccessClass before) {
  function.access_before = before;
  return function;
}

constexpr auto kSession = AccessClass::session;
constexpr auto kDiscover = AccessClass::discover;
constexpr auto kReads = AccessClass::read;
constexpr auto kConfigures = AccessClass::configure;

// A service and its answer.
#define BULKHEAD_SERVICE(name, request, response, access, fields) \
  service(name, request, access, fields), service(name "_response", response, access)
#define BULKHEAD_MOVED_SERVICE(name, request, response, access, before, fields) \
  moved(service(name, request, access, fields), before),                        \
      moved(service(name "_response", response, access), before)

constexpr std::array kFunctions = {
    message("hello", kHello, Initiator::client, with(kEndpoint)),
    message("acknowledge", kAcknowledge, Initiator::client),
    message("error", kError, Initiator::either),
    moved(message("reverse_hello", kReverseHello, Initiator::server, with(kEndpoint),
                  AccessClass::publish),
          kSession),
    moved(message("secured_message", kSecuredMessage, Initiator::either, 0, AccessClass::opaque),
          kSession),
    message("abort", kAbort, Initiator::either),
    message("continuation", kContinuation, Initiator::client),
    service("service_fault", kServiceFault, kSession),
    BULKHEAD_SERVICE("find_servers", 422, 425, kDiscover, 0),
    BULKHEAD_SERVICE("find_servers_on_network", 12208, 12209, kDiscover, 0),
    BULKHEAD_SERVICE("get_endpoints", 428, 431, kDiscover, with(kEndpoint)),
    BULKHEAD_SERVICE("register_server", 437, 440, kConfigures, 0),
    BULKHEAD_SERVICE("register_server_2", 12211, 12212, kConfigures, 0),
    BULKHEAD_SERVICE("open_secure_channel", kOpenChannel, kOpenChannelAnswer, kSession, kSecurity),
    BULKHEAD_SERVICE("close_secure_channel", kCloseChannel, 455, kSession, 0),
    BULKHEAD_SERVICE("create_session", kCreateSession, 464, kSession, with(kEndpoint)),
    BULKHEAD_SERVICE("activate_session", kActivateSession, 470, kSession, with(kUserToken)),
    BULKHEAD_SERVICE("close_session", 473, 476, kSession, 0),
    BULKHEAD_SERVICE("cancel", 479, 482, kSession, 0),
    BULKHEAD_SERVICE("add_nodes", 488, 491, kConfigures, 0),
    BULKHEAD_SERVICE("add_references", 494, 497, kConfigures, 0),
    BULKHEAD_SERVICE("delete_nodes", 500, 503, kConfigures, 0),
    BULKHEAD_SERVICE("delete_references", 506, 509, kConfigures, 0),
    BULKHEAD_SERVICE("browse", kBrowse, 530, kDiscover, kNodes),
    BULKHEAD_SERVICE("browse_next", 533, 536, kDiscover, 0),
    BULKHEAD_SERVICE("translate_browse_paths", 554, 557, kDiscover, 0),
    BULKHEAD_MOVED_SERVICE("register_nodes", kRegisterNodes, 563, kSession, kReads, kNodes),
    BULKHEAD_MOVED_SERVICE("unregister_nodes", kUnregisterNodes, 569, kSession, kReads, kNodes),
    BULKHEAD_SERVICE("query_first", 615, 618, kReads, 0),
    BULKHEAD_SERVICE("query_next", 621, 624, kReads, 0),
    BULKHEAD_SERVICE("read", kRead, 634, kReads, kAttributes | kReading),
    BULKHEAD_SERVICE("history_read", kHistoryRead, 667, kReads, kNodes | kReading),
    BULKHEAD_SERVICE("write", kWrite, 676, AccessClass::write, kWriting),
    BULKHEAD_MOVED_SERVICE("history_update", 700, 703, kConfigures, AccessClass::write, 0),
    BULKHEAD_SERVICE("call", kCall, 715, AccessClass::operate, kMethods),
    BULKHEAD_SERVICE("create_monitored_items", kCreateMonitoredItems, 754, kReads,
                     kAttributes | kReading),
    BULKHEAD_SERVICE("modify_monitored_items", 763, 766, kReads, 0),
    BULKHEAD_SERVICE("set_monitoring_mode", 769, 772, kReads, 0),
    BULKHEAD_SERVICE("set_triggering", 775, 778, kReads, 0),
    BULKHEAD_SERVICE("delete_monitored_items", 781, 784, kReads, 0),
    BULKHEAD_SERVICE("create_subscription", 787, 790, kReads, 0),
    BULKHEAD_SERVICE("modify_subscription", 793, 796, kReads, 0),
    BULKHEAD_SERVICE("set_publishing_mode", 799, 802, kReads, 0),
    BULKHEAD_SERVICE("publish", 826, 829, kReads, 0),
    BULKHEAD_SERVICE("republish", 832, 835, kReads, 0),
    BULKHEAD_MOVED_SERVICE("transfer_subscriptions", 841, 844, kConfigures, kReads, 0),
    BULKHEAD_SERVICE("delete_subscriptions", 847, 850, kReads, 0),
    // What a field makes of a service.
    moved(service("write_setting", kWrite, kConfigures, kWriting, kOfSettings), AccessClass::write),
    moved(service("call_server_method", kCall, kConfigures, kMethods, kOfSettings),
          AccessClass::operate),
    moved(service("request_server_state_change", kCall, AccessClass::control, kMethods,
                  kOfServerState),
          AccessClass::operate),
    moved(service("activate_session_as_user", kActivateSession, kConfigures, kUsers, kAsUser),
          kSession),
    moved(service("reactivate_session", kActivateSession, kConfigures, kUsers, kElsewhere),
          kSession),
};

#undef BULKHEAD_SERVICE
#undef BULKHEAD_MOVED_SERVICE

constexpr std::array kFields = {
    FieldInfo{"namespace", FieldKind::integer, 16, "", "namespace index of each node"},
    FieldInfo{"node", FieldKind::integer, 32, "", "numeric identifier of the node"},
    FieldInfo{"node_name", FieldKind::name, 0, "", "string identifier of the node"},
    FieldInfo{"attribute", FieldKind::integer, 32, "", "13 is the value (6, A.1)"},
    FieldInfo{"method_namespace", FieldKind::integer, 16, "", "namespace index of a method"},
    FieldInfo{"method", FieldKind::integer, 32, "", "numeric identifier of the method"},
    FieldInfo{"method_name", FieldKind::name, 0, "", "string identifier of the method"},
    FieldInfo{"value", FieldKind::real, 64, "",
              "a number or truth that is written, or a method's only argument"},
    FieldInfo{"security_policy", FieldKind::name, 0, "",
              "of a policy that OPC 10000-7 names what stands behind # in its URI, else the URI"},
    FieldInfo{"security_mode", FieldKind::integer, 8, "",
              "1 none, 2 sign, 3 sign and encrypt; told only where the request can be read"},
    FieldInfo{"certificate_thumbprint", FieldKind::name, 0, "",
              "SHA-1 of the receiver's certificate, in hexadecimal", false, true},
    FieldInfo{"endpoint", FieldKind::name, 0, "", "URL of the endpoint"},
    FieldInfo{"node_guid", FieldKind::name, 0, "", "GUID of the node", false, true},
    FieldInfo{"node_bytes", FieldKind::name, 0, "", "opaque identifier of the node, in hexadecimal",
              false, true},
    FieldInfo{"method_guid", FieldKind::name, 0, "", "GUID of the method", false, true},
    FieldInfo{"method_bytes", FieldKind::name, 0, "",
              "opaque identifier of the method, in hexadecimal", false, true},
    FieldInfo{"data_type", FieldKind::integer, 8, "",
              "built-in type of what is written (6, table 1): 1 Boolean, 6 Int32, 11 Double, ...; "
              "128 more "
              "for an array, 192 with dimensions"},
    FieldInfo{"status", FieldKind::integer, 32, "",
              "status that a write sets with the value, where it is not good", false, false, true},
    FieldInfo{"index_range", FieldKind::name, 0, "", "part of an array or text"},
    FieldInfo{"data_encoding", FieldKind::name, 0, "",
              "encoding in which structures are asked for"},
    FieldInfo{"arguments", FieldKind::integer, 16, "", "how many arguments a method is given"},
    FieldInfo{"handle_namespace", FieldKind::integer, 16, "",
              "of a node in a session whose handles are not known: it may stand for any other"},
    FieldInfo{"handle", FieldKind::integer, 32, "", "numeric identifier of such a node"},
    FieldInfo{"handle_name", FieldKind::name, 0, "", "other identifier of such a node"},
    FieldInfo{"user", FieldKind::name, 0, "", "name of the user who opens a session"},
    FieldInfo{"user_token", FieldKind::integer, 32, "",
              "how a user proves itself: 321 anonymous, 324 name, 327 certificate, 940 issued "
              "token; 0 nothing"},
    FieldInfo{"method_handle_namespace", FieldKind::integer, 16, "",
              "of a method where handles are not known"},
    FieldInfo{"method_handle", FieldKind::integer, 32, "", "numeric identifier of such a method"},
    FieldInfo{"method_handle_name", FieldKind::name, 0, "", "other identifier of such a method"},
    FieldInfo{"sender_thumbprint", FieldKind::name, 0, "",
              "SHA-1 of the sender's certificate, in hexadecimal: which client it says it is",
              false, true},
};

constexpr std::array kPorts = {protocols::DefaultPort{protocols::Carrier::tcp, 4840}};

}  // namespace

const protocols::Catalogue& catalogue() {
  static constexpr protocols::Catalogue kCatalogue = {
      "opcua", "OPC UA binary", "OPC 10000-4 and 10000-6", kFunctions, kFields, kPorts,
  };
  return kCatalogue;
}

std::uint16_t find_function(std::uint32_t code, std::int32_t sub_code) {
  return protocols::find_function(kFunctions, code, sub_code);
}

}  // namespace bulkhead::opcua
