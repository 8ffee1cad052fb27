// Sample messages of OPC UA (IEC 62541-6): hello, a channel without security, and in it values that
// are read and one that is written.
#include "dataplane/protocols/sample.h"

namespace bulkhead::opcua {

namespace {

using protocols::Carrier;
using protocols::Sample;
using protocols::SampleField;
using protocols::SampleLength;
using protocols::SampleMessage;

constexpr SampleLength kUrlLengths[] = {{.at = 4, .octets = 4, .little = true},
                                        {.at = 28, .octets = 4, .little = true}};
constexpr SampleField kHelloFields[] = {
    {.name = "endpoint", .text = "opc.tcp://cell:4840", .at = 32, .lengths = kUrlLengths}};
constexpr SampleMessage kHello{
    .function = "hello",
    .hex =
        "48454c46330000000000000000000000000000000000000000000000130000006f70632e7463703a2f2f6365"
        "6c6c3a34383430",
    .fields = kHelloFields};
constexpr SampleMessage kAcknowledge{
    .hex = "41434b461c0000000000000000000000000000000000000000000000", .from_client = false};
constexpr SampleField kOpenFields[] = {{.name = "security_policy", .text = "None"}};
constexpr SampleMessage kOpen{
    .function = "open_secure_channel",
    .hex =
        "4f504e4684000000070000002f000000687474703a2f2f6f7063666f756e646174696f6e2e6f72672f55412f"
        "5365637572697479506f6c696379234e6f6e65ffffffffffffffff01000000010000000100be010000000000"
        "00000000002a00000000000000ffffffff00000000000000000000000000000001000000ffffffff60ea0000",
    .fields = kOpenFields};
constexpr SampleMessage kOpened{
    .hex =
        "4f504e466b000000070000002f000000687474703a2f2f6f7063666f756e646174696f6e2e6f72672f55412f"
        "5365637572697479506f6c696379234e6f6e65ffffffffffffffff33000000010000000100c1010000000000"
        "0000002a0000000000000000ffffffff000000",
    .from_client = false};

constexpr SampleField kNamespace{
    .name = "namespace", .value = 2, .at = 74, .octets = 2, .little = true};
constexpr SampleLength kNameLengths[] = {{.at = 4, .octets = 4, .little = true},
                                         {.at = 76, .octets = 4, .little = true}};
constexpr SampleField kNamedFields[] = {
    kNamespace,
    {.name = "node_name", .text = "Line.Speed", .at = 80, .lengths = kNameLengths},
    {.name = "attribute", .value = 13, .at = 90, .octets = 4, .little = true, .max = 27}};
constexpr SampleMessage kReadNamed{
    .function = "read",
    .hex =
        "4d534746680000000700000001000000020000000200000001007702000000000000000000002a0000000000"
        "0000ffffffff00000000000000000000000000000002000000010000000302000a0000004c696e652e537065"
        "65640d000000ffffffff0000ffffffff",
    .fields = kNamedFields};
constexpr SampleField kNumberedFields[] = {
    kNamespace,
    {.name = "node", .value = 85, .at = 76, .octets = 4, .little = true},
    {.name = "attribute", .value = 13, .at = 80, .octets = 4, .little = true, .max = 27}};
constexpr SampleMessage kReadNumbered{
    .function = "read",
    .hex =
        "4d5347465e0000000700000001000000020000000200000001007702000000000000000000002a0000000000"
        "0000ffffffff0000000000000000000000000000000200000001000000020200550000000d000000ffffffff"
        "0000ffffffff",
    .fields = kNumberedFields};
constexpr SampleField kWriteFields[] = {{.name = "namespace", .value = 2},
                                        {.name = "node_name", .text = "Line.Speed"},
                                        {.name = "attribute", .value = 13}};
constexpr SampleMessage kWrite{
    .function = "write",
    .hex =
        "4d53474660000000070000000100000002000000020000000100a102000000000000000000002a0000000000"
        "0000ffffffff00000000000000010000000302000a0000004c696e652e53706565640d000000ffffffff010b"
        "0000000000006940",
    .fields = kWriteFields};

constexpr SampleMessage kNamed[] = {kHello, kAcknowledge, kOpen, kOpened, kReadNamed};
constexpr SampleMessage kNumbered[] = {kHello, kAcknowledge, kOpen, kOpened, kReadNumbered};
constexpr SampleMessage kChannel[] = {kHello, kAcknowledge, kOpen};
constexpr SampleMessage kHelloAlone[] = {kHello};
constexpr SampleMessage kWritten[] = {kHello, kAcknowledge, kOpen, kOpened, kWrite};

constexpr Sample kAll[] = {{Carrier::tcp, kNamed},
                           {Carrier::tcp, kNumbered},
                           {Carrier::tcp, kChannel},
                           {Carrier::tcp, kHelloAlone},
                           {Carrier::tcp, kWritten}};

constexpr std::string_view kMalformed = "58585846 08000000";  // an unknown type of message

}  // namespace

const protocols::Samples& samples() {
  static constexpr protocols::Samples kSamples{kAll, kMalformed};
  return kSamples;
}

}  // namespace bulkhead::opcua
