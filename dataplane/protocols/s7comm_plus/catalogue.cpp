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

constexpr std::uint32_t kAsked = with(kProtocolVersion, kOpcode, kFunction, kSession, kObject);
constexpr std::uint32_t kTold = with(kProtocolVersion, kOpcode);

constexpr FunctionInfo asked(std::string_view name, std::uint16_t code, AccessClass access,
                             std::int32_t sub_code = kNoSubCode) {
  return {name, code, sub_code, access, kAsked, Initiator::client};
}

constexpr std::array kOwnFunctions = {
    asked("explore", kExplore, AccessClass::discover),
    asked("create_object", kCreateObject, AccessClass::program),
    asked("create_session", kCreateObject, AccessClass::session, kOnSession),
    asked("delete_object", kDeleteObject, AccessClass::program),
    asked("delete_session", kDeleteObject, AccessClass::session, kOnSession),
    asked("set_variable", kSetVariable, AccessClass::write),
    asked("get_link", kGetLink, AccessClass::discover),
    asked("set_multi_variables", kSetMultiVariables, AccessClass::write),
    asked("set_session_variables", kSetMultiVariables, AccessClass::session, kOnSession),
    asked("get_multi_variables", kGetMultiVariables, AccessClass::read),
    asked("begin_sequence", kBeginSequence, AccessClass::program),
    asked("end_sequence", kEndSequence, AccessClass::program),
    asked("invoke", kInvoke, AccessClass::control),
    asked("set_var_sub_streamed", kSetVarSubStreamed, AccessClass::write),
    asked("get_var_sub_streamed", kGetVarSubStreamed, AccessClass::read),
    asked("get_variables_address", kGetVariablesAddress, AccessClass::discover),
    asked("abort", kAbort, AccessClass::session),
    asked("error", kError, AccessClass::session),
    asked("init_ssl", kInitSsl, AccessClass::session),
    FunctionInfo{"notification", kNotificationCode, kNoSubCode, AccessClass::publish, kTold,
                 Initiator::server},
    FunctionInfo{"system_event", kSystemEventCode, kNoSubCode, AccessClass::session,
                 with(kProtocolVersion), Initiator::either},
    FunctionInfo{"continuation", kContinuationCode, kNoSubCode, AccessClass::session,
                 with(kProtocolVersion), Initiator::client},
};

constexpr auto kFunctions =
    protocols::join_functions(kOwnFunctions, cotp::tpdu_functions(with(kTsap, kTsapName)));

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
