// Sample messages of S7 communication plus: a session that is created, and another object that is
// deleted.
#include "dataplane/protocols/sample.h"

namespace bulkhead::s7comm_plus {

namespace {

using protocols::Carrier;
using protocols::Sample;
using protocols::SampleField;
using protocols::SampleMessage;

constexpr SampleField kCreateFields[] = {{.name = "version", .value = 1},
                                         {.name = "opcode", .value = 0x31},
                                         {.name = "function", .value = 0x04ca},
                                         {.name = "object", .value = 0x011d}};
constexpr SampleMessage kCreate[] = {
    {.function = "create_session",
     .hex = "03000034 02f080 72 01 0025 31 0000 04ca 0000 0005 00000388 34 0000011d 00 04 00000000 "
            "00 a1 000000d3 821f 0000 000000 72010000",
     .fields = kCreateFields}};
constexpr SampleField kConnectFields[] = {{.name = "tpdu_size", .value = 1024}};
constexpr SampleMessage kConnect[] = {
    {.function = "cotp_connect",
     .hex = "03000024 1f e0 0000 0001 00 c1020600 c210 53494d415449432d524f4f542d484d49 c0010a",
     .fields = kConnectFields}};
constexpr SampleField kDeleteFields[] = {{.name = "version", .value = 1},
                                         {.name = "opcode", .value = 0x31},
                                         {.name = "function", .value = 0x04d4}};
constexpr SampleMessage kDelete[] = {
    {.function = "delete_object",
     .hex = "03000022 02f080 72 01 0013 31 0000 04d4 0000 0005 00000388 34 00000388 00 72010000",
     .fields = kDeleteFields}};

constexpr Sample kAll[] = {
    {Carrier::tcp, kCreate}, {Carrier::tcp, kConnect}, {Carrier::tcp, kDelete}};

constexpr std::string_view kMalformed =
    "02000016 11 e0 0000 0001 00 c1020100 c2020102 c0010a";  // another version of RFC 1006

}  // namespace

const protocols::Samples& samples() {
  static constexpr protocols::Samples kSamples{kAll, kMalformed};
  return kSamples;
}

}  // namespace bulkhead::s7comm_plus
