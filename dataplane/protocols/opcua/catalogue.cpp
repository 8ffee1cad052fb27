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

constexpr std::uint32_t kNodes = with(kNamespace, kNode, kNodeName);
constexpr std::uint32_t kValues = kNodes | with(kAttribute);
constexpr std::uint32_t kMethods = kNodes | with(kMethodNamespace, kMethod, kMethodName);
constexpr std::uint32_t kSecurity = with(kSecurityPolicy, kSecurityMode, kThumbprint);

constexpr FunctionInfo message(std::string_view name, std::uint16_t code, Initiator initiator,
                               std::uint32_t fields = 0) {
  return {name, code, kNoSubCode, AccessClass::session, fields, initiator};
}

constexpr FunctionInfo service(std::string_view name, std::uint16_t code, AccessClass access,
                               std::uint32_t fields = 0) {
  return {name, code, kNoSubCode, access, fields, Initiator::client};
}

constexpr auto kSession = AccessClass::session;
constexpr auto kDiscover = AccessClass::discover;
constexpr auto kReads = AccessClass::read;
constexpr auto kConfigures = AccessClass::configure;

// A service and its answer.
#define BULKHEAD_SERVICE(name, request, response, access, fields) \
  service(name, request, access, fields), service(name "_response", response, access)

constexpr std::array kFunctions = {
    message("hello", kHello, Initiator::client, with(kEndpoint)),
    message("acknowledge", kAcknowledge, Initiator::client),
    message("error", kError, Initiator::either),
    message("reverse_hello", kReverseHello, Initiator::server, with(kEndpoint)),
    message("secured_message", kSecuredMessage, Initiator::either),
    message("abort", kAbort, Initiator::either),
    service("service_fault", kServiceFault, kSession),
    BULKHEAD_SERVICE("find_servers", 422, 425, kDiscover, 0),
    BULKHEAD_SERVICE("find_servers_on_network", 12208, 12209, kDiscover, 0),
    BULKHEAD_SERVICE("get_endpoints", 428, 431, kDiscover, with(kEndpoint)),
    BULKHEAD_SERVICE("register_server", 437, 440, kConfigures, 0),
    BULKHEAD_SERVICE("register_server_2", 12211, 12212, kConfigures, 0),
    BULKHEAD_SERVICE("open_secure_channel", kOpenChannel, kOpenChannelAnswer, kSession, kSecurity),
    BULKHEAD_SERVICE("close_secure_channel", kCloseChannel, 455, kSession, 0),
    BULKHEAD_SERVICE("create_session", kCreateSession, 464, kSession, with(kEndpoint)),
    BULKHEAD_SERVICE("activate_session", 467, 470, kSession, 0),
    BULKHEAD_SERVICE("close_session", 473, 476, kSession, 0),
    BULKHEAD_SERVICE("cancel", 479, 482, kSession, 0),
    BULKHEAD_SERVICE("add_nodes", 488, 491, kConfigures, 0),
    BULKHEAD_SERVICE("add_references", 494, 497, kConfigures, 0),
    BULKHEAD_SERVICE("delete_nodes", 500, 503, kConfigures, 0),
    BULKHEAD_SERVICE("delete_references", 506, 509, kConfigures, 0),
    BULKHEAD_SERVICE("browse", kBrowse, 530, kDiscover, kNodes),
    BULKHEAD_SERVICE("browse_next", 533, 536, kDiscover, 0),
    BULKHEAD_SERVICE("translate_browse_paths", 554, 557, kDiscover, 0),
    BULKHEAD_SERVICE("register_nodes", kRegisterNodes, 563, kReads, kNodes),
    BULKHEAD_SERVICE("unregister_nodes", 566, 569, kReads, kNodes),
    BULKHEAD_SERVICE("query_first", 615, 618, kReads, 0),
    BULKHEAD_SERVICE("query_next", 621, 624, kReads, 0),
    BULKHEAD_SERVICE("read", kRead, 634, kReads, kValues),
    BULKHEAD_SERVICE("history_read", kHistoryRead, 667, kReads, kNodes),
    BULKHEAD_SERVICE("write", kWrite, 676, AccessClass::write, kValues | with(kValue)),
    BULKHEAD_SERVICE("history_update", 700, 703, AccessClass::write, 0),
    BULKHEAD_SERVICE("call", kCall, 715, AccessClass::operate, kMethods),
    BULKHEAD_SERVICE("create_monitored_items", kCreateMonitoredItems, 754, kReads, kValues),
    BULKHEAD_SERVICE("modify_monitored_items", 763, 766, kReads, 0),
    BULKHEAD_SERVICE("set_monitoring_mode", 769, 772, kReads, 0),
    BULKHEAD_SERVICE("set_triggering", 775, 778, kReads, 0),
    BULKHEAD_SERVICE("delete_monitored_items", 781, 784, kReads, 0),
    BULKHEAD_SERVICE("create_subscription", 787, 790, kReads, 0),
    BULKHEAD_SERVICE("modify_subscription", 793, 796, kReads, 0),
    BULKHEAD_SERVICE("set_publishing_mode", 799, 802, kReads, 0),
    BULKHEAD_SERVICE("publish", 826, 829, kReads, 0),
    BULKHEAD_SERVICE("republish", 832, 835, kReads, 0),
    BULKHEAD_SERVICE("transfer_subscriptions", 841, 844, kReads, 0),
    BULKHEAD_SERVICE("delete_subscriptions", 847, 850, kReads, 0),
};

#undef BULKHEAD_SERVICE

constexpr std::array kFields = {
    FieldInfo{"namespace", FieldKind::integer, 16, "", "namespace index of each node"},
    FieldInfo{"node", FieldKind::integer, 32, "", "numeric identifier of the node"},
    FieldInfo{"node_name", FieldKind::name, 0, "", "string, GUID or opaque identifier of the node"},
    FieldInfo{"attribute", FieldKind::integer, 32, "", "13 is the value (6, A.1)"},
    FieldInfo{"method_namespace", FieldKind::integer, 16, "", "namespace index of a method"},
    FieldInfo{"method", FieldKind::integer, 32, "", "numeric identifier of the method"},
    FieldInfo{"method_name", FieldKind::name, 0, "", "string identifier of the method"},
    FieldInfo{"value", FieldKind::real, 64, "", "a number or truth value that is written"},
    FieldInfo{"security_policy", FieldKind::name, 0, "",
              "what stands behind # in the policy's URI"},
    FieldInfo{"security_mode", FieldKind::integer, 8, "",
              "1 none, 2 sign, 3 sign and encrypt; told only where the request can be read"},
    FieldInfo{"certificate_thumbprint", FieldKind::name, 0, "",
              "SHA-1 of the receiver's certificate"},
    FieldInfo{"endpoint", FieldKind::name, 0, "", "URL of the endpoint"},
};

constexpr std::array kPorts = {protocols::DefaultPort{protocols::Carrier::tcp, 4840}};

}  // namespace

const protocols::Catalogue& catalogue() {
  static constexpr protocols::Catalogue kCatalogue = {
      "opcua", "OPC UA binary", "OPC 10000-4 and 10000-6", kFunctions, kFields, kPorts,
  };
  return kCatalogue;
}

std::uint16_t find_function(std::uint32_t code) {
  return protocols::find_function(kFunctions, code);
}

}  // namespace bulkhead::opcua
