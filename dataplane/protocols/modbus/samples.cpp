// Sample messages of Modbus (Application Protocol V1.1b3, over TCP and UDP) and UMAS.
#include "dataplane/protocols/sample.h"

namespace bulkhead::modbus {

namespace {

using protocols::Carrier;
using protocols::Sample;
using protocols::SampleField;
using protocols::SampleMessage;

constexpr SampleField kUnit{.name = "unit", .value = 1, .at = 6, .octets = 1};
constexpr SampleField kElement{.name = "address", .value = 0, .at = 8, .octets = 2};
constexpr SampleField kOneOf[] = {kUnit, kElement, {.name = "quantity", .value = 1}};
constexpr SampleField kUnitAlone[] = {kUnit};

constexpr SampleMessage kHolding[] = {{.function = "read_holding_registers",
                                       .hex = "00010000 0006 01 03 0000 0001",
                                       .fields = kOneOf}};
constexpr SampleMessage kInputs[] = {
    {.function = "read_input_registers", .hex = "00010000 0006 01 04 0000 0001", .fields = kOneOf}};
constexpr SampleMessage kCoils[] = {
    {.function = "read_coils", .hex = "00010000 0006 01 01 0000 0001", .fields = kOneOf}};
constexpr SampleMessage kDiscreteInputs[] = {
    {.function = "read_discrete_inputs", .hex = "00010000 0006 01 02 0000 0001", .fields = kOneOf}};
constexpr SampleMessage kStatus[] = {
    {.function = "read_exception_status", .hex = "00010000 0002 01 07", .fields = kUnitAlone}};
constexpr SampleField kIdentityFields[] = {kUnit,
                                           {.name = "mei", .value = 14},
                                           {.name = "read_device_id_code", .value = 1},
                                           {.name = "object_id", .value = 0}};
constexpr SampleMessage kIdentity[] = {{.function = "read_device_identification",
                                        .hex = "00010000 0005 01 2b 0e 01 00",
                                        .fields = kIdentityFields}};
constexpr SampleField kPlcUnit[] = {{.name = "unit", .value = 0, .at = 6, .octets = 1}};
constexpr SampleMessage kUmasIdentity[] = {
    {.function = "umas_read_id", .hex = "00010000 0004 00 5a 00 02", .fields = kPlcUnit}};
constexpr SampleField kWritten[] = {kUnit, kElement};
constexpr SampleMessage kWriteRegister[] = {{.function = "write_single_register",
                                             .hex = "00010000 0006 01 06 0000 0000",
                                             .fields = kWritten}};
constexpr SampleMessage kWriteCoil[] = {
    {.function = "write_single_coil", .hex = "00010000 0006 01 05 0000 0000", .fields = kWritten}};
constexpr SampleField kListenOnlyFields[] = {kUnit, {.name = "sub_function", .value = 4}};
constexpr SampleMessage kListenOnly[] = {{.function = "force_listen_only_mode",
                                          .hex = "00010000 0006 01 08 0004 0000",
                                          .fields = kListenOnlyFields}};

constexpr Sample kAll[] = {
    {Carrier::tcp, kHolding},        {Carrier::tcp, kInputs},         {Carrier::tcp, kCoils},
    {Carrier::tcp, kDiscreteInputs}, {Carrier::tcp, kIdentity},       {Carrier::tcp, kUmasIdentity},
    {Carrier::tcp, kStatus},         {Carrier::tcp, kWriteRegister},  {Carrier::tcp, kWriteCoil},
    {Carrier::tcp, kListenOnly},     {Carrier::udp, kHolding},        {Carrier::udp, kInputs},
    {Carrier::udp, kCoils},          {Carrier::udp, kDiscreteInputs}, {Carrier::udp, kIdentity},
    {Carrier::udp, kWriteRegister},  {Carrier::udp, kWriteCoil},      {Carrier::udp, kListenOnly},
};

constexpr std::string_view kMalformed =
    "0001 0001 0006 01 03 0000 0001";  // another protocol identifier

}  // namespace

const protocols::Samples& samples() {
  static constexpr protocols::Samples kSamples{
      .all = kAll, .malformed = kMalformed, .repeats = true};
  return kSamples;
}

}  // namespace bulkhead::modbus
