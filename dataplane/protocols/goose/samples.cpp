// A sample message of GOOSE (IEC 61850-8-1, annex A): an event of two entries.
#include "dataplane/protocols/sample.h"

namespace bulkhead::goose {

namespace {

using protocols::Carrier;
using protocols::Sample;
using protocols::SampleField;
using protocols::SampleLength;
using protocols::SampleMessage;

// The frame's length, the PDU's, and that of the name itself.
constexpr SampleLength kReferenceLengths[] = {{.at = 2, .octets = 2}, {.at = 9}, {.at = 11}};
constexpr SampleLength kDatasetLengths[] = {{.at = 2, .octets = 2}, {.at = 9}, {.at = 36}};
constexpr SampleLength kIdLengths[] = {{.at = 2, .octets = 2}, {.at = 9}, {.at = 54}};
constexpr SampleField kFields[] = {
    {.name = "appid", .value = 1, .at = 0, .octets = 2, .max = 0x3fff},
    {.name = "gocb_ref", .text = "BAY1/LLN0$GO$trip", .at = 12, .lengths = kReferenceLengths},
    {.name = "time_allowed", .value = 2000, .at = 31, .octets = 4},
    {.name = "dataset", .text = "BAY1/LLN0$events", .at = 37, .lengths = kDatasetLengths},
    {.name = "go_id", .text = "trip", .at = 55, .lengths = kIdLengths},
    {.name = "conf_rev", .value = 7, .at = 86, .octets = 4},
    {.name = "simulation", .value = 0},
    {.name = "needs_commissioning", .value = 0},
    {.name = "entries", .value = 2},
    {.name = "extension", .value = 0}};
constexpr SampleMessage kEvent[] = {
    {.function = "publish",
     .hex = "0001 006d 0000 0000 61 63 8011424159312f4c4c4e3024474f2474726970 8104000007d0 "
            "8210424159312f4c4c4e30246576656e7473 830474726970 84080000000000000000 850400000001 "
            "860400000000 870100 880400000007 890100 8a0400000002 ab08 830101 84030300 00",
     .fields = kFields}};

constexpr Sample kAll[] = {{Carrier::ethernet, kEvent, true}, {Carrier::ethernet, kEvent}};

constexpr std::string_view kMalformed = "0001 000a 0000 0000 62 00";  // another PDU

}  // namespace

const protocols::Samples& samples() {
  static constexpr protocols::Samples kSamples{kAll, kMalformed};
  return kSamples;
}

}  // namespace bulkhead::goose
