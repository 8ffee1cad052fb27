// Sample messages of BACnet/IP (ASHRAE 135, annex J): a property that is read, devices asked who
// they are, and a device that is restarted.
#include "dataplane/protocols/sample.h"

namespace bulkhead::bacnet {

namespace {

using protocols::Carrier;
using protocols::Sample;
using protocols::SampleField;
using protocols::SampleMessage;

// An object's identifier holds ten bits of its type and twenty-two of its instance (20.2.14).
constexpr SampleField kPropertyFields[] = {
    {.name = "object_type", .value = 8, .at = 11, .octets = 4, .shift = 22, .max = 1023},
    {.name = "instance", .value = 1, .at = 11, .octets = 4, .max = 0x3fffff},
    {.name = "property", .value = 77, .at = 16, .octets = 1}};
constexpr SampleMessage kProperty[] = {{.function = "read_property",
                                        .hex = "810a0011 0104 0005010c 0c 02000001 19 4d",
                                        .fields = kPropertyFields}};
constexpr SampleMessage kWhoIs[] = {{.function = "who_is", .hex = "810a0008 0100 1008"}};
constexpr SampleMessage kWhoIsAll[] = {{.function = "who_is", .hex = "810b0008 0100 1008"}};
constexpr SampleMessage kRestart[] = {
    {.function = "reinitialize_device", .hex = "810a000c 0104 00050114 0900"}};
constexpr SampleMessage kIAmAll[] = {
    {.function = "i_am", .hex = "810b0014 0100 1000 c402000001 2205c4 9100 2100"}};
constexpr SampleMessage kIAm[] = {
    {.function = "i_am", .hex = "810a0014 0100 1000 c402000001 2205c4 9100 2100"}};

// Over IEEE 802.2 a length, the access points and an unnumbered control octet stand before the
// network's part (clause 7).
constexpr SampleField kFramedFields[] = {
    {.name = "object_type", .value = 8, .at = 12, .octets = 4, .shift = 22, .max = 1023},
    {.name = "instance", .value = 1, .at = 12, .octets = 4, .max = 0x3fffff},
    {.name = "property", .value = 77, .at = 17, .octets = 1}};
constexpr SampleMessage kFramedProperty[] = {{.function = "read_property",
                                              .hex = "0010 828203 0104 0005010c 0c 02000001 19 4d",
                                              .fields = kFramedFields}};
constexpr SampleMessage kFramedWhoIs[] = {{.function = "who_is", .hex = "0007 828203 0100 1008"}};
constexpr SampleMessage kFramedRestart[] = {
    {.function = "reinitialize_device", .hex = "000b 828203 0104 00050114 0900"}};

constexpr Sample kAll[] = {{Carrier::udp, kProperty},
                           {Carrier::udp, kWhoIs},
                           {Carrier::udp, kIAm},
                           {Carrier::udp, kRestart},
                           {Carrier::udp, kWhoIsAll, true},
                           {Carrier::udp, kIAmAll, true},
                           {Carrier::ethernet, kFramedProperty},
                           {Carrier::ethernet, kFramedWhoIs},
                           {Carrier::ethernet, kFramedRestart},
                           {Carrier::ethernet, kFramedWhoIs, true}};

constexpr std::string_view kMalformed = "820a0008 0100 1008";  // another type of link control
constexpr std::string_view kMalformedFramed = "0007 828203 0200 1008";  // another version of NPDUs

}  // namespace

const protocols::Samples& samples() {
  static constexpr protocols::Samples kSamples{
      .all = kAll, .malformed = kMalformed, .malformed_framed = kMalformedFramed};
  return kSamples;
}

}  // namespace bulkhead::bacnet
