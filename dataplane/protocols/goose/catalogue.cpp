// The one function of GOOSE, and its fields.
#include <array>

#include "dataplane/protocols/goose/layout.h"

namespace bulkhead::goose {

namespace {

using protocols::AccessClass;
using protocols::FieldInfo;
using protocols::FieldKind;
using protocols::FunctionInfo;
using protocols::kNoSubCode;
using protocols::with;

// Its code is the tag of the PDU (IEC 61850-8-1, annex A).
constexpr std::array kFunctions = {
    FunctionInfo{"publish", 1, kNoSubCode, AccessClass::publish,
                 with(kAppid, kGocbRef, kDataSet, kGoId, kConfRev, kEntries, kSimulation,
                      kNeedsCommissioning, kTimeAllowed, kExtension)},
};

constexpr std::array kFields = {
    FieldInfo{"appid", FieldKind::integer, 16, "", "application identifier of the frame"},
    FieldInfo{"gocb_ref", FieldKind::name, 0, "", "reference of the control block"},
    FieldInfo{"dataset", FieldKind::name, 0, "", "reference of the data set"},
    FieldInfo{"go_id", FieldKind::name, 0, "",
              "identifier of the message; the control block's reference where it has none"},
    FieldInfo{"conf_rev", FieldKind::integer, 32, "", "configuration revision"},
    FieldInfo{"entries", FieldKind::integer, 32, "", "members of the data set"},
    FieldInfo{"simulation", FieldKind::integer, 1, "", "1: it is simulated, by test equipment"},
    FieldInfo{"needs_commissioning", FieldKind::integer, 1, "", "1: the publisher says so"},
    FieldInfo{"time_allowed", FieldKind::integer, 32, "ms", "time allowed to live"},
    FieldInfo{"extension", FieldKind::integer, 16, "bytes",
              "size of the security extension (IEC 62351-6); 0: there is none"},
};

constexpr std::array kPorts = {
    protocols::DefaultPort{protocols::Carrier::ethernet, kEtherType},
};

}  // namespace

const protocols::Catalogue& catalogue() {
  static constexpr protocols::Catalogue kCatalogue = {
      "goose", "Generic object oriented substation events", "IEC 61850-8-1", kFunctions, kFields,
      kPorts,
  };
  return kCatalogue;
}

}  // namespace bulkhead::goose
