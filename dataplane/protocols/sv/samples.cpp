// A sample message of sampled values (IEC 61850-9-2): one sample of eight values.
#include "dataplane/protocols/sample.h"

namespace bulkhead::sv {

namespace {

using protocols::Carrier;
using protocols::Sample;
using protocols::SampleField;
using protocols::SampleLength;
using protocols::SampleMessage;

constexpr SampleLength kIdLengths[] = {
    {.at = 2, .octets = 2}, {.at = 9}, {.at = 14}, {.at = 16}, {.at = 18}};
constexpr SampleField kFields[] = {
    {.name = "appid", .value = 0x4001, .at = 0, .octets = 2, .max = 0x7fff},
    {.name = "sv_id", .text = "MU01", .at = 19, .lengths = kIdLengths},
    {.name = "conf_rev", .value = 1, .at = 29, .octets = 4},
    {.name = "smp_synch", .value = 2, .at = 35, .octets = 1, .max = 254},
    {.name = "asdu_count", .value = 1},
    {.name = "simulation", .value = 0},
    {.name = "extension", .value = 0}};
constexpr SampleMessage kSampled[] = {
    {.function = "publish",
     .hex =
         "4001 0066 0000 0000 60 5c 800101 a2 57 30 55 80044d553031 82020007 830400000001 850102 "
         "8740 0000000000000000 0000000000000000 0000000000000000 0000000000000000 "
         "0000000000000000 0000000000000000 0000000000000000 0000000000000000",
     .fields = kFields}};

constexpr Sample kAll[] = {{Carrier::ethernet, kSampled, true}, {Carrier::ethernet, kSampled}};

constexpr std::string_view kMalformed = "4001 000a 0000 0000 61 00";  // another PDU

}  // namespace

const protocols::Samples& samples() {
  static constexpr protocols::Samples kSamples{kAll, kMalformed};
  return kSamples;
}

}  // namespace bulkhead::sv
