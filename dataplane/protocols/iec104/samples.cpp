// Sample messages of IEC 60870-5-104: the start of data transfer, an interrogation behind it, a
// test of the line, and a reset of the station's process.
#include "dataplane/protocols/sample.h"

namespace bulkhead::iec104 {

namespace {

using protocols::Carrier;
using protocols::Sample;
using protocols::SampleField;
using protocols::SampleMessage;

constexpr SampleMessage kStart{.function = "startdt_act", .hex = "68 04 07 00 00 00"};
constexpr SampleMessage kStarted{.hex = "68 04 0b 00 00 00", .from_client = false};

constexpr SampleField kCommon{
    .name = "common_address", .value = 47, .at = 10, .octets = 2, .little = true, .max = 0xfffe};
constexpr SampleField kGeneral[] = {
    kCommon,
    {.name = "cause", .value = 6},
    {.name = "negative", .value = 0},
    {.name = "test", .value = 0},
    {.name = "originator", .value = 0, .at = 9, .octets = 1},
    {.name = "object_address", .value = 0},
    {.name = "qualifier", .value = 20, .at = 15, .octets = 1, .max = 36}};
constexpr SampleField kResetFields[] = {kCommon,
                                        {.name = "cause", .value = 6},
                                        {.name = "negative", .value = 0},
                                        {.name = "test", .value = 0},
                                        {.name = "originator", .value = 0, .at = 9, .octets = 1},
                                        {.name = "object_address", .value = 0},
                                        {.name = "qualifier", .value = 1}};

constexpr SampleMessage kInterrogation[] = {kStart,
                                            kStarted,
                                            {.function = "c_ic_na_1",
                                             .hex = "68 0e 0000 0000 64 01 06 00 2f00 000000 14",
                                             .fields = kGeneral}};
constexpr SampleMessage kTest[] = {{.function = "testfr_act", .hex = "68 04 43 00 00 00"}};
constexpr SampleMessage kStartAlone[] = {kStart};
constexpr SampleMessage kReset[] = {kStart,
                                    kStarted,
                                    {.function = "c_rp_na_1",
                                     .hex = "68 0e 0000 0000 69 01 06 00 2f00 000000 01",
                                     .fields = kResetFields}};

constexpr Sample kAll[] = {{Carrier::tcp, kInterrogation},
                           {Carrier::tcp, kTest},
                           {Carrier::tcp, kStartAlone},
                           {Carrier::tcp, kReset}};

constexpr std::string_view kMalformed = "69 04 07 00 00 00";  // another start character

}  // namespace

const protocols::Samples& samples() {
  static constexpr protocols::Samples kSamples{kAll, kMalformed};
  return kSamples;
}

}  // namespace bulkhead::iec104
