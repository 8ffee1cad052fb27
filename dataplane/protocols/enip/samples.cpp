// Sample messages of EtherNet/IP (CIP volume 2): a session, the identity object's attribute in it,
// devices asked for their identity, and a reset.
#include "dataplane/protocols/sample.h"

namespace bulkhead::enip {

namespace {

using protocols::Carrier;
using protocols::Sample;
using protocols::SampleField;
using protocols::SampleMessage;

constexpr SampleMessage kRegister{
    .function = "register_session",
    .hex = "6500 0400 00000000 00000000 0000000000000009 00000000 0100 0000"};
constexpr SampleMessage kRegistered{
    .hex = "6500 0400 07000000 00000000 0000000000000009 00000000 0100 0000", .from_client = false};

constexpr SampleField kClass{.name = "class", .value = 1, .at = 43, .octets = 1};
constexpr SampleField kInstance{.name = "instance", .value = 1, .at = 45, .octets = 1};
constexpr SampleField kAttributeFields[] = {
    {.name = "service", .value = 14},
    kClass,
    kInstance,
    {.name = "attribute", .value = 7, .at = 47, .octets = 1}};
constexpr SampleMessage kAttribute[] = {
    kRegister,
    kRegistered,
    {.function = "get_attribute_single",
     .hex = "6f00 1800 07000000 00000000 0000000000000001 00000000 00000000 0000 0200 0000 0000 "
            "b200 0800 0e 03 20 01 24 01 30 07",
     .fields = kAttributeFields}};
constexpr SampleMessage kSession[] = {kRegister};
constexpr SampleMessage kIdentity[] = {
    {.function = "list_identity", .hex = "6300 0000 00000000 00000000 0000000000000001 00000000"}};
constexpr SampleMessage kServices[] = {
    {.function = "list_services", .hex = "0400 0000 00000000 00000000 0000000000000001 00000000"}};
constexpr SampleField kResetFields[] = {
    {.name = "service", .value = 5}, {.name = "class", .value = 1}, kInstance};
constexpr SampleMessage kReset[] = {
    kRegister,
    kRegistered,
    {.function = "reset",
     .hex = "6f00 1600 07000000 00000000 0000000000000001 00000000 00000000 0000 0200 0000 0000 "
            "b200 0600 05 02 20 01 24 01",
     .fields = kResetFields}};

constexpr Sample kAll[] = {{Carrier::tcp, kAttribute}, {Carrier::tcp, kSession},
                           {Carrier::tcp, kIdentity},  {Carrier::tcp, kServices},
                           {Carrier::tcp, kReset},     {Carrier::udp, kIdentity},
                           {Carrier::udp, kServices}};

constexpr std::string_view kMalformed =
    "6500 0400 00000000 00000000 0000000000000009 01000000 0100 0000";  // options that are reserved

}  // namespace

const protocols::Samples& samples() {
  static constexpr protocols::Samples kSamples{kAll, kMalformed};
  return kSamples;
}

}  // namespace bulkhead::enip
