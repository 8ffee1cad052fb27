// The functions and fields of S7 communication plus.
#include <array>

#include "dataplane/protocols/s7comm_plus/layout.h"

namespace bulkhead::s7comm_plus {

namespace {

using protocols::AccessClass;
using protocols::FieldInfo;
using protocols::FieldKind;
using protocols::FunctionInfo;
using protocols::Initiator;
using protocols::kNoSubCode;
using protocols::with;

constexpr std::uint32_t kAsked =
    with(kProtocolVersion, kOpcode, kFunction, kSession, kObject, kMore);
constexpr std::uint32_t kListed = kAsked | with(kArea, kAttribute, kElement, kItemCount);
constexpr std::uint32_t kSymbols = kListed | with(kSymbolCrc);  // addresses of any object
constexpr std::uint32_t kTold = with(kProtocolVersion, kOpcode, kMore);

constexpr FunctionInfo asked(std::string_view name, std::uint16_t code, AccessClass access,
                             std::int32_t kind = kNoSubCode, std::uint32_t fields = kAsked) {
  return {name, code, kind, access, fields, Initiator::client};
}

// A function that releases before 0.2 had in another class.
constexpr FunctionInfo moved(FunctionInfo function, AccessClass before) {
  function.access_before = before;
  return function;
}

constexpr auto kSessions = AccessClass::session;
constexpr auto kDiscovers = AccessClass::discover;
constexpr auto kReads = AccessClass::read;
constexpr auto kWrites = AccessClass::write;
constexpr auto kConfigures = AccessClass::configure;
constexpr auto kPrograms = AccessClass::program;
constexpr auto kControls = AccessClass::control;

constexpr std::array kOwnFunctions = {
    moved(asked("explore", kExplore, kPrograms), kDiscovers),
    asked("create_object", kCreateObject, kPrograms),
    asked("create_session", kCreateObject, kSessions, kOnSession),
    moved(asked("create_subscription", kCreateObject, kReads, kOnSubscription), kPrograms),
    asked("delete_object", kDeleteObject, kPrograms),
    asked("delete_session", kDeleteObject, kSessions, kOnSession),
    moved(asked("delete_subscription", kDeleteObject, kReads, kOnSubscription), kPrograms),
    moved(asked("set_variable", kSetVariable, kControls, kNoSubCode, kListed), kWrites),
    moved(asked("set_session_variable", kSetVariable, kSessions, kOnSession, kListed), kWrites),
    moved(asked("set_subscription_variable", kSetVariable, kReads, kOnSubscription, kListed),
          kWrites),
    moved(asked("prove_password", kSetVariable, kConfigures, kAsUser, kListed), kWrites),
    asked("get_link", kGetLink, kDiscovers),
    asked("set_multi_variables", kSetMultiVariables, kWrites, kNoSubCode, kSymbols),
    asked("set_session_variables", kSetMultiVariables, kSessions, kOnSession, kListed),
    moved(asked("set_subscription_variables", kSetMultiVariables, kReads, kOnSubscription, kListed),
          kWrites),
    moved(asked("set_object_variables", kSetMultiVariables, kControls, kOnObjects, kSymbols),
          kWrites),
    moved(asked("prove_password_with_variables", kSetMultiVariables, kConfigures, kAsUser, kListed),
          kSessions),
    asked("get_multi_variables", kGetMultiVariables, kReads, kNoSubCode, kSymbols),
    moved(asked("get_object_variables", kGetMultiVariables, kPrograms, kOnObjects, kSymbols),
          kReads),
    asked("begin_sequence", kBeginSequence, kPrograms),
    asked("end_sequence", kEndSequence, kPrograms),
    asked("invoke", kInvoke, kControls),
    moved(asked("set_var_sub_streamed", kSetVarSubStreamed, kPrograms), kWrites),
    moved(asked("get_var_sub_streamed", kGetVarSubStreamed, kPrograms), kReads),
    moved(asked("get_session_variable", kGetVarSubStreamed, kSessions, kOnSession), kReads),
    asked("get_system_limits", kGetVarSubStreamed, kReads, kOfLimits),
    asked("get_variables_address", kGetVariablesAddress, kDiscovers),
    asked("abort", kAbort, kSessions),
    asked("error", kError, kSessions),
    asked("init_ssl", kInitSsl, kSessions),
    FunctionInfo{"notification", kNotificationCode, kNoSubCode, AccessClass::publish, kTold,
                 Initiator::server},
    FunctionInfo{"system_event", kSystemEventCode, kNoSubCode, kSessions, with(kProtocolVersion),
                 Initiator::server},
    FunctionInfo{"continuation", kContinuationCode, kNoSubCode, kSessions,
                 with(kProtocolVersion, kMore), Initiator::client},
};

constexpr auto kFunctions = protocols::join_functions(
    kOwnFunctions, cotp::tpdu_functions(with(kTsap, kTsapName, kCallingTsap, kTpduSize)));

constexpr std::array kFields = {
    FieldInfo{"version", FieldKind::integer, 8, "",
              "protocol version: from 3 on messages have an integrity part"},
    FieldInfo{"opcode", FieldKind::integer, 8, "",
              "0x31 request, 0x32 response, 0x33 notification"},
    FieldInfo{"function", FieldKind::integer, 16, "", "number of the function"},
    FieldInfo{"session", FieldKind::integer, 32, "", "session that a request belongs to"},
    FieldInfo{"object", FieldKind::integer, 32, "",
              "object that a request is about; 0 where it lists addresses"},
    cotp::kTsapInfo,
    cotp::kTsapNameInfo,
    FieldInfo{"area", FieldKind::integer, 32, "",
              "object of an address: 80 inputs, 81 outputs, 82 memory, 83 counters, 84 timers, "
              "0x8a0e0000 and its number a data block",
              true},
    FieldInfo{"attribute", FieldKind::integer, 32, "",
              "of the object: 2550 a block's values, 3736 those of another area"},
    FieldInfo{"element", FieldKind::name, 0, "",
              "numbers below the attribute, in hexadecimal with dots"},
    FieldInfo{"item_count", FieldKind::integer, 16, "", "addresses that a request lists"},
    FieldInfo{"symbol_crc", FieldKind::integer, 32, "",
              "check of the symbol, which the controller compares"},
    FieldInfo{"more", FieldKind::integer, 1, "", "1 if the message goes on in further parts"},
    cotp::kCallingTsapInfo,
    cotp::kTpduSizeInfo,
};

constexpr std::array kPorts = {protocols::DefaultPort{protocols::Carrier::tcp, 102}};

}  // namespace

const protocols::Catalogue& catalogue() {
  static constexpr protocols::Catalogue kCatalogue = {
      "s7comm_plus", "S7 communication plus", "ISO on TCP (RFC 1006)", kFunctions, kFields, kPorts,
  };
  return kCatalogue;
}

}  // namespace bulkhead::s7comm_plus
