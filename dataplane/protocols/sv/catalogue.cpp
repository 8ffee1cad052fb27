// The one function of sampled values, and its fields.
#include <array>

#include "dataplane/protocols/sv/layout.h"

namespace bulkhead::sv {

namespace {

using protocols::AccessClass;
using protocols::FieldInfo;
using protocols::FieldKind;
using protocols::FunctionInfo;
using protocols::kNoSubCode;
using protocols::with;

// Its code is the tag of the PDU (IEC 61850-9-2, 8.5.1).
constexpr std::array kFunctions = {
    FunctionInfo{"publish", 0, kNoSubCode, AccessClass::publish,
                 with(kAppid, kSvId, kDataSet, kConfRev, kSmpRate, kSmpSynch, kAsduCount,
                      kSimulation, kSmpMod, kExtension)},
};

constexpr std::array kFields = {
    FieldInfo{"appid", FieldKind::integer, 16, "", "application identifier of the frame"},
    FieldInfo{"sv_id", FieldKind::name, 0, "", "identifier of the stream"},
    FieldInfo{"dataset", FieldKind::name, 0, "", "reference of the data set, where it is said"},
    FieldInfo{"conf_rev", FieldKind::integer, 32, "", "configuration revision"},
    FieldInfo{"smp_rate", FieldKind::integer, 16, "", "sampling rate, where it is said"},
    FieldInfo{"smp_synch", FieldKind::integer, 8, "",
              "0 not synchronised, 1 by a local clock, 2 by a global one, more: by that clock"},
    FieldInfo{"asdu_count", FieldKind::integer, 32, "", "samples in one frame"},
    FieldInfo{"simulation", FieldKind::integer, 1, "", "1: it is simulated, by test equipment"},
    FieldInfo{"smp_mod", FieldKind::integer, 16, "",
              "what the sampling rate counts: 0 samples a period, 1 samples a second, 2 seconds a "
              "sample; where it is said"},
    FieldInfo{"extension", FieldKind::integer, 16, "bytes",
              "size of the security extension (IEC 62351-6); 0: there is none"},
};

constexpr std::array kPorts = {
    protocols::DefaultPort{protocols::Carrier::ethernet, kEtherType},
};

}  // namespace

const protocols::Catalogue& catalogue() {
  static constexpr protocols::Catalogue kCatalogue = {
      "sv", "Sampled values", "IEC 61850-9-2", kFunctions, kFields, kPorts,
  };
  return kCatalogue;
}

}  // namespace bulkhead::sv
