// Sample messages of MMS (ISO 9506, as IEC 61850-8-1 uses it): values that are read by their names,
// names that are listed, the end of an association, and a domain that is deleted.
#include "dataplane/protocols/sample.h"

namespace bulkhead::mms {

namespace {

using protocols::Carrier;
using protocols::Sample;
using protocols::SampleField;
using protocols::SampleLength;
using protocols::SampleMessage;

// The packet's length (RFC 1006), and those of all elements around the domain's name.
constexpr SampleLength kDomainLengths[] = {{.at = 2, .octets = 2},
                                           {.at = 12},
                                           {.at = 14},
                                           {.at = 19},
                                           {.at = 21},
                                           {.at = 26},
                                           {.at = 28},
                                           {.at = 30},
                                           {.at = 32},
                                           {.at = 34},
                                           {.at = 36},
                                           {.at = 38}};
constexpr SampleField kDomain{
    .name = "domain", .text = "BAY1CTRL", .at = 39, .lengths = kDomainLengths};
// An item's name says what it is: another one would be another function.
constexpr SampleField kStatusFields[] = {kDomain,
                                         {.name = "item", .text = "XCBR1$ST$Pos$stVal"},
                                         {.name = "logical_node", .text = "XCBR1"},
                                         {.name = "functional_constraint", .text = "ST"}};
constexpr SampleMessage kStatus[] = {
    {.function = "read",
     .hex = "0300004302f0800100010061363034020103a02fa02d020107a428a126a0243022a020a11e1a0842"
            "4159314354524c1a12584342523124535424506f7324737456616c",
     .fields = kStatusFields}};
constexpr SampleField kMeasuredFields[] = {kDomain,
                                           {.name = "item", .text = "MMXU1$MX$TotW$mag$f"},
                                           {.name = "logical_node", .text = "MMXU1"},
                                           {.name = "functional_constraint", .text = "MX"}};
constexpr SampleMessage kMeasured[] = {
    {.function = "read",
     .hex = "0300004402f0800100010061373035020103a030a02e020107a429a127a0253023a021a11f1a0842"
            "4159314354524c1a134d4d585531244d5824546f7457246d61672466",
     .fields = kMeasuredFields}};

constexpr SampleLength kListedLengths[] = {{.at = 2, .octets = 2},
                                           {.at = 12},
                                           {.at = 14},
                                           {.at = 19},
                                           {.at = 21},
                                           {.at = 26},
                                           {.at = 33},
                                           {.at = 35}};
constexpr SampleField kNamesFields[] = {
    {.name = "object_class", .value = 0},
    {.name = "domain", .text = "BAY1CTRL", .at = 36, .lengths = kListedLengths}};
constexpr SampleMessage kNames[] = {
    {.function = "get_name_list",
     .hex = "0300002c02f08001000100611f301d020103a018a016020107a111a003800100a10a8108"
            "424159314354524c",
     .fields = kNamesFields}};
constexpr SampleMessage kConclude[] = {{.function = "conclude",
                                        .hex = "0300001602f08001000100610930070201"
                                               "03a0028b00"}};
constexpr SampleField kDeleteFields[] = {{.name = "domain", .text = "BAY1CTRL"}};
constexpr SampleMessage kDelete[] = {{.function = "delete_domain",
                                      .hex = "0300002402f08001000100611730150201"
                                             "03a010a00e0201079f2408424159314354524c",
                                      .fields = kDeleteFields}};

constexpr Sample kAll[] = {{Carrier::tcp, kStatus},
                           {Carrier::tcp, kMeasured},
                           {Carrier::tcp, kNames},
                           {Carrier::tcp, kConclude},
                           {Carrier::tcp, kDelete}};

constexpr std::string_view kMalformed =
    "02000016 02f080 01000100 61 09 3007020103a0028b00";  // another version of RFC 1006

}  // namespace

const protocols::Samples& samples() {
  static constexpr protocols::Samples kSamples{kAll, kMalformed};
  return kSamples;
}

}  // namespace bulkhead::mms
