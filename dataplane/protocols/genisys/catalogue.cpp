// Functions and fields of Genisys, by the manual's names.
#include <array>

#include "dataplane/protocols/genisys/layout.h"

namespace bulkhead::genisys {

namespace {

using protocols::AccessClass;
using protocols::FieldInfo;
using protocols::FieldKind;
using protocols::FunctionInfo;
using protocols::kNoSubCode;
using protocols::with;

constexpr std::uint32_t kData = with(kStation, kAddress, kValue);
constexpr std::uint32_t kCommonData = with(kBroadcast, kAddress, kValue);

constexpr std::array kFunctions = {
    FunctionInfo{"poll", kPoll, kNoSubCode, AccessClass::read, with(kStation, kSecure)},
    FunctionInfo{"acknowledge_and_poll", kAcknowledgeAndPoll, kNoSubCode, AccessClass::read,
                 with(kStation)},
    FunctionInfo{"acknowledge_unseen_and_poll", kAcknowledgeAndPoll, kUnseen, AccessClass::operate,
                 with(kStation)},
    FunctionInfo{"indication_recall", kRecall, kNoSubCode, AccessClass::read, with(kStation)},
    FunctionInfo{"control_data", kControlData, kNoSubCode, AccessClass::operate, kData},
    FunctionInfo{"control_mode", kControlData, kOfMode, AccessClass::configure,
                 with(kStation, kMode)},
    FunctionInfo{"control_execute", kControlExecute, kNoSubCode, AccessClass::operate, kData},
    FunctionInfo{"control_execute_mode", kControlExecute, kOfMode, AccessClass::configure,
                 with(kStation, kMode)},
    FunctionInfo{"common_control", kCommonControl, kNoSubCode, AccessClass::operate, kCommonData},
    FunctionInfo{"common_control_mode", kCommonControl, kOfMode, AccessClass::configure,
                 with(kBroadcast, kMode)},
    FunctionInfo{"acknowledge", kAcknowledge, kNoSubCode, AccessClass::session, with(kStation)},
    FunctionInfo{"indication_data", kIndicationData, kNoSubCode, AccessClass::read,
                 kData | with(kMode)},
    FunctionInfo{"control_checkback", kControlCheckback, kNoSubCode, AccessClass::session,
                 kData | with(kMode)},
};

constexpr std::array kFields = {
    FieldInfo{.name = "station",
              .kind = FieldKind::integer,
              .width_bits = 8,
              .unit = "",
              .text = "station on the line behind the server's address",
              .route = "station"},
    FieldInfo{"address", FieldKind::integer, 8, "",
              "byte of the station's controls or indications"},
    FieldInfo{"value", FieldKind::integer, 8, "",
              "what the byte is set to: eight bits, that of the lowest number in the lowest"},
    FieldInfo{"mode", FieldKind::integer, 8, "",
              "control byte 0xe0: 1 database complete, 2 checkback, 4 secure polls only, 8 common "
              "control"},
    FieldInfo{"secure", FieldKind::integer, 1, "", "1 if a poll has a checksum"},
    FieldInfo{.name = "broadcast",
              .kind = FieldKind::integer,
              .width_bits = 8,
              .unit = "",
              .text = "station 0, which is all of the line",
              .by_name = true},
};

// Of no authority: what serial servers offer, and what analysers take for Genisys.
constexpr std::array kPorts = {
    protocols::DefaultPort{protocols::Carrier::tcp, 10001},
    protocols::DefaultPort{protocols::Carrier::udp, 10001},
};

}  // namespace

const protocols::Catalogue& catalogue() {
  static constexpr protocols::Catalogue kCatalogue = {
      "genisys",  "Genisys", "GENISYS serial communication protocol, 5.1",
      kFunctions, kFields,   kPorts,
  };
  return kCatalogue;
}

}  // namespace bulkhead::genisys
