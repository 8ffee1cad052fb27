// Sample messages of Genisys: polls, and controls to a station.
#include "dataplane/protocols/sample.h"

namespace bulkhead::genisys {

namespace {

using protocols::Carrier;
using protocols::Sample;
using protocols::SampleField;
using protocols::SampleMessage;

// Numbers from 0xf0 on are escaped, and 0 is all stations.
constexpr SampleField kPollFields[] = {
    {.name = "station", .value = 5, .at = 1, .octets = 1, .max = 0xef},
    {.name = "secure", .value = 0}};
constexpr SampleMessage kPoll[] = {{.function = "poll", .hex = "fb 05 f6", .fields = kPollFields}};
constexpr SampleField kRecallFields[] = {{.name = "station", .value = 5}};
constexpr SampleMessage kRecall[] = {
    {.function = "indication_recall", .hex = "fd 05 8093 f6", .fields = kRecallFields}};
constexpr SampleField kControlFields[] = {{.name = "station", .value = 5},
                                          {.name = "mode", .value = 3}};
constexpr SampleMessage kMode[] = {
    {.function = "control_mode", .hex = "fc 05 e003 2990 f6", .fields = kControlFields}};

constexpr Sample kAll[] = {{Carrier::tcp, kPoll}, {Carrier::tcp, kRecall}, {Carrier::tcp, kMode},
                           {Carrier::udp, kPoll}, {Carrier::udp, kRecall}, {Carrier::udp, kMode}};

constexpr std::string_view kMalformed = "00 05 f6";  // no header character

}  // namespace

const protocols::Samples& samples() {
  static constexpr protocols::Samples kSamples{kAll, kMalformed};
  return kSamples;
}

}  // namespace bulkhead::genisys
