// Sample messages of S7 communication: a connection (ISO 8073 over RFC 1006), its set-up, reads of
// a data block and of the memory, and a stop of the CPU.
#include "dataplane/protocols/sample.h"

namespace bulkhead::s7comm {

namespace {

using protocols::Carrier;
using protocols::Sample;
using protocols::SampleField;
using protocols::SampleMessage;

constexpr SampleField kConnectFields[] = {{.name = "tsap", .value = 0x0102, .at = 17, .octets = 2},
                                          {.name = "tpdu_size", .value = 1024}};
constexpr SampleMessage kConnect[] = {
    {.function = "cotp_connect",
     .hex = "03000016 11 e0 0000 0001 00 c1020100 c2020102 c0010a",
     .fields = kConnectFields}};
constexpr SampleField kSetupFields[] = {{.name = "pdu_size", .value = 480, .at = 23, .octets = 2}};
constexpr SampleMessage kSetup[] = {
    {.function = "setup_communication",
     .hex = "03000019 02f080 32 01 0000 0000 0008 0000 f0 00 0001 0001 01e0",
     .fields = kSetupFields}};

// Bits are addressed: three bits of the address are the bit's.
constexpr SampleField kAddress{
    .name = "address", .value = 0, .at = 28, .octets = 3, .shift = 3, .max = 0xffff};
constexpr SampleField kByte{.name = "transport_size", .value = 2};
constexpr SampleField kOne{.name = "length", .value = 1};
constexpr SampleField kItem{.name = "item_count", .value = 1};
constexpr SampleField kOfBlock[] = {{.name = "area", .value = 0x84},
                                    {.name = "db", .value = 1, .at = 25, .octets = 2},
                                    kAddress,
                                    kByte,
                                    kOne,
                                    kItem};
constexpr SampleField kOfMemory[] = {{.name = "area", .value = 0x83}, kAddress, kByte, kOne, kItem};
constexpr SampleMessage kReadBlock[] = {
    {.function = "read_var",
     .hex = "0300001f 02f080 32 01 0000 0001 000e 0000 04 01 12 0a 10 02 0001 0001 84 000000",
     .fields = kOfBlock}};
constexpr SampleMessage kReadMemory[] = {
    {.function = "read_var",
     .hex = "0300001f 02f080 32 01 0000 0001 000e 0000 04 01 12 0a 10 02 0001 0000 83 000000",
     .fields = kOfMemory}};
constexpr SampleField kStopFields[] = {{.name = "pi_service", .text = "P_PROGRAM"}};
constexpr SampleMessage kStop[] = {
    {.function = "plc_stop",
     .hex = "03000021 02f080 32 01 0000 0001 0010 0000 29 0000000000 09 505f50524f4752414d",
     .fields = kStopFields}};

constexpr Sample kAll[] = {{Carrier::tcp, kReadBlock},
                           {Carrier::tcp, kReadMemory},
                           {Carrier::tcp, kConnect},
                           {Carrier::tcp, kSetup},
                           {Carrier::tcp, kStop}};

constexpr std::string_view kMalformed =
    "02000016 11 e0 0000 0001 00 c1020100 c2020102 c0010a";  // another version of RFC 1006

}  // namespace

const protocols::Samples& samples() {
  static constexpr protocols::Samples kSamples{kAll, kMalformed};
  return kSamples;
}

}  // namespace bulkhead::s7comm
