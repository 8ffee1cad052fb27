// Literal messages with the clause they come from, every truncated prefix, each limit at its edges.
#include <gtest/gtest.h>

#include "tests/support/field_mutation.h"
#include "tests/support/modbus_messages.h"

namespace bulkhead::modbus {
namespace {

using protocols::Direction;
using protocols::Fault;
using protocols::OperationList;

struct Decoded {
  Bytes message;  // what the operations' views point into
  Fault fault = Fault::none;
  OperationList operations;

  std::string_view function(std::size_t i = 0) const {
    return catalogue().functions[operations[i].function].name;
  }
  Range field(Field field, std::size_t i = 0) const { return operations[i].fields[field].range; }
};

Decoded decode(const Bytes& message, Direction direction = Direction::request);

// Verdicts are remembered by what stands behind the transaction identifier (Messaging
// guide, 3.1.3).
TEST(Correlation, TheTransactionIdentifierChangesNothingElse) {
  EXPECT_EQ(support::verdict_key(module(), adu({3, 0, 0, 0, 1})).size(), kMbapBytes + 3);
  const Decoded one = decode(adu({16, 0, 40, 0, 2, 4, 0, 1, 0, 2}, 1));
  const Decoded other = decode(adu({16, 0, 40, 0, 2, 4, 0, 1, 0, 2}, 0xfffe));
  ASSERT_EQ(one.fault, Fault::none);
  ASSERT_EQ(one.operations.size(), other.operations.size());
  EXPECT_EQ(one.operations[0].function, other.operations[0].function);
  EXPECT_EQ(one.operations[0].present, other.operations[0].present);
  for (std::size_t f = 0; f < catalogue().fields.size(); ++f) {
    EXPECT_EQ(one.operations[0].fields[f].range, other.operations[0].fields[f].range);
  }
  EXPECT_EQ(decode(adu({99}, 1)).fault, decode(adu({99}, 2)).fault);
}

Decoded decode(const Bytes& message, Direction direction) {
  Decoded decoded;
  decoded.message = message;
  decoded.fault = parse_operations(module(), decoded.message, direction, decoded.operations);
  return decoded;
}

struct Row {
  const char* what;
  Direction direction;
  Bytes pdu;
  const char* function;
};

const std::vector<Row>& good_rows() {
  constexpr auto kRequest = Direction::request;
  constexpr auto kResponse = Direction::response;
  static const std::vector<Row> kRows = {
      {"AP 6.1 request", kRequest, {1, 0, 0x13, 0, 0x13}, "read_coils"},
      {"AP 6.1 response", kResponse, {1, 3, 0xcd, 0x6b, 0x05}, "read_coils"},
      {"AP 6.2 request", kRequest, {2, 0, 0xc4, 0, 0x16}, "read_discrete_inputs"},
      {"AP 6.3 request", kRequest, {3, 0, 0x6b, 0, 3}, "read_holding_registers"},
      {"AP 6.3 response", kResponse, {3, 6, 2, 0x2b, 0, 0, 0, 0x64}, "read_holding_registers"},
      {"AP 6.4 request", kRequest, {4, 0, 8, 0, 1}, "read_input_registers"},
      {"AP 6.5 request", kRequest, {5, 0, 0xac, 0xff, 0}, "write_single_coil"},
      {"AP 6.5 response", kResponse, {5, 0, 0xac, 0xff, 0}, "write_single_coil"},
      {"AP 6.6 request", kRequest, {6, 0, 1, 0, 3}, "write_single_register"},
      {"AP 6.7 request", kRequest, {7}, "read_exception_status"},
      {"AP 6.7 response", kResponse, {7, 0x6d}, "read_exception_status"},
      {"AP 6.8 request", kRequest, {8, 0, 0, 0xa5, 0x37}, "return_query_data"},
      {"AP 6.8 listen only", kRequest, {8, 0, 4, 0, 0}, "force_listen_only_mode"},
      {"AP 6.9 request", kRequest, {11}, "get_comm_event_counter"},
      {"AP 6.9 response", kResponse, {11, 0xff, 0xff, 1, 8}, "get_comm_event_counter"},
      {"AP 6.10 response", kResponse, {12, 8, 0, 0, 1, 8, 1, 0x21, 0x20, 0}, "get_comm_event_log"},
      {"AP 6.11 request", kRequest, {15, 0, 0x13, 0, 0x0a, 2, 0xcd, 1}, "write_multiple_coils"},
      {"AP 6.11 response", kResponse, {15, 0, 0x13, 0, 0x0a}, "write_multiple_coils"},
      {"AP 6.12 request", kRequest, {16, 0, 1, 0, 2, 4, 0, 0x0a, 1, 2}, "write_multiple_registers"},
      {"AP 6.13 request", kRequest, {17}, "report_server_id"},
      {"AP 6.13 response", kResponse, {17, 2, 1, 0xff}, "report_server_id"},
      {"AP 6.14 request",
       kRequest,
       {20, 14, 6, 0, 4, 0, 1, 0, 2, 6, 0, 3, 0, 9, 0, 2},
       "read_file_record"},
      {"AP 6.14 response",
       kResponse,
       {20, 12, 5, 6, 0x0d, 0xfe, 0, 0x20, 5, 6, 0x33, 0xcd, 0, 0x40},
       "read_file_record"},
      {"AP 6.15 request",
       kRequest,
       {21, 13, 6, 0, 4, 0, 7, 0, 3, 6, 0xaf, 4, 0xbe, 0x10, 0x0d},
       "write_file_record"},
      {"AP 6.16 request", kRequest, {22, 0, 4, 0, 0xf2, 0, 0x25}, "mask_write_register"},
      {"AP 6.17 request",
       kRequest,
       {23, 0, 3, 0, 6, 0, 0x0e, 0, 3, 6, 0, 0xff, 0, 0xff, 0, 0xff},
       "read_write_multiple_registers"},
      {"AP 6.18 request", kRequest, {24, 4, 0xde}, "read_fifo_queue"},
      {"AP 6.18 response", kResponse, {24, 0, 6, 0, 2, 1, 0xb8, 0x12, 0x84}, "read_fifo_queue"},
      {"AP 6.20 request", kRequest, {43, 13, 0, 1}, "canopen_general_reference"},
      {"AP 6.21 request", kRequest, {43, 14, 1, 0}, "read_device_identification"},
      {"AP 6.21 response",
       kResponse,
       {43, 14, 1, 1, 0, 0, 2, 0, 2, 'A', 'B', 1, 1, 'C'},
       "read_device_identification"},
      {"AP 7 exception", kResponse, {0x81, 2}, "read_coils"},
      {"user-defined", kRequest, {100, 1, 2, 3}, "user_defined_100"},
  };
  return kRows;
}

TEST(Modbus, DecodesTheExamplesOfTheSpecification) {
  for (const Row& row : good_rows()) {
    const Decoded decoded = decode(adu(row.pdu), row.direction);
    EXPECT_EQ(decoded.fault, Fault::none) << row.what;
    ASSERT_GE(decoded.operations.size(), 1U) << row.what;
    EXPECT_EQ(decoded.function(), row.function) << row.what;
    EXPECT_EQ(decoded.field(kUnit), Range::point(1)) << row.what;
  }
}

// A shorter message is a fault whether its length field still promises the whole or tells the
// truth.
TEST(Modbus, EveryTruncatedPrefixIsAFault) {
  for (const Row& row : good_rows()) {
    const Bytes whole = adu(row.pdu);
    for (std::size_t cut = 0; cut < whole.size(); ++cut) {
      const Bytes prefix(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(cut));
      EXPECT_NE(decode(prefix, row.direction).fault, Fault::none) << row.what << " cut at " << cut;
    }
    const bool free_form = row.pdu[0] == 100 || (row.pdu[0] == 43 && row.pdu[1] == 13);
    for (std::size_t cut = 1; cut < row.pdu.size() && !free_form; ++cut) {
      const Bytes pdu(row.pdu.begin(), row.pdu.begin() + static_cast<std::ptrdiff_t>(cut));
      EXPECT_NE(decode(adu(pdu), row.direction).fault, Fault::none) << row.what << " pdu " << cut;
    }
  }
}

TEST(Modbus, TrailingBytesAreAFault) {
  for (const Row& row : good_rows()) {
    if (row.pdu[0] == 100 || (row.pdu[0] == 43 && row.pdu[1] == 13)) continue;
    Bytes pdu = row.pdu;
    pdu.push_back(0);
    EXPECT_NE(decode(adu(pdu), row.direction).fault, Fault::none) << row.what;
  }
}

TEST(Modbus, ReadQuantityLimits) {
  const auto fault_of = [](std::uint8_t code, std::uint16_t quantity) {
    return decode(adu({code, 0, 0, static_cast<std::uint8_t>(quantity >> 8),
                       static_cast<std::uint8_t>(quantity)}))
        .fault;
  };
  for (const std::uint8_t code : {kReadCoils, kReadDiscreteInputs}) {
    EXPECT_EQ(fault_of(code, 0), Fault::bad_quantity);
    EXPECT_EQ(fault_of(code, 1), Fault::none);
    EXPECT_EQ(fault_of(code, kBitsReadMax), Fault::none);
    EXPECT_EQ(fault_of(code, kBitsReadMax + 1), Fault::bad_quantity);
  }
  for (const std::uint8_t code : {kReadHoldingRegisters, kReadInputRegisters}) {
    EXPECT_EQ(fault_of(code, 0), Fault::bad_quantity);
    EXPECT_EQ(fault_of(code, kRegistersReadMax), Fault::none);
    EXPECT_EQ(fault_of(code, kRegistersReadMax + 1), Fault::bad_quantity);
  }
}

TEST(Modbus, AddressesMustNotWrap) {
  EXPECT_EQ(decode(adu({3, 0xff, 0xff, 0, 1})).fault, Fault::none);
  EXPECT_EQ(decode(adu({3, 0xff, 0xff, 0, 2})).fault, Fault::address_wrap);
  EXPECT_EQ(decode(adu({3, 0xff, 0x84, 0, 0x7c})).field(kAddress), (Range{0xff84, 0xffff}));
}

TEST(Modbus, WriteMultipleChecksItsByteCount) {
  EXPECT_EQ(decode(adu({16, 0, 1, 0, 2, 2, 0, 1})).fault, Fault::bad_byte_count);
  EXPECT_EQ(decode(adu({16, 0, 1, 0, 1, 4, 0, 1, 0, 2})).fault, Fault::bad_byte_count);
  EXPECT_EQ(decode(adu({15, 0, 0, 0, 9, 1, 0xff})).fault, Fault::bad_byte_count);
  EXPECT_EQ(decode(adu({16, 0, 1, 0, 0, 0})).fault, Fault::bad_quantity);
}

TEST(Modbus, EachWrittenElementHasItsAddressAndValue) {
  const Decoded registers = decode(adu({16, 0, 40, 0, 2, 4, 0, 0x0a, 1, 2}));
  const protocols::Elements& elements = registers.operations[0].elements;
  EXPECT_EQ(elements.first, 40U);
  ASSERT_EQ(elements.count, 2U);
  EXPECT_EQ(elements.at(0), 0x000a);
  EXPECT_EQ(elements.at(1), 0x0102);
  const Decoded coils = decode(adu({15, 0, 0x13, 0, 0x0a, 2, 0xcd, 1}));
  const protocols::Elements& bits = coils.operations[0].elements;
  ASSERT_EQ(bits.count, 10U);
  const int expected[] = {1, 0, 1, 1, 0, 0, 1, 1, 1, 0};  // AP 6.11, the example's table
  for (std::size_t i = 0; i < 10; ++i) EXPECT_EQ(bits.at(i), expected[i]) << i;
}

TEST(Modbus, ReadWriteIsTwoOperations) {
  const Decoded decoded = decode(adu({23, 0, 3, 0, 6, 0, 0x0e, 0, 1, 2, 0, 0xff}));
  ASSERT_EQ(decoded.operations.size(), 2U);
  EXPECT_EQ(decoded.field(kAddress, 0), Range::point(14));
  EXPECT_EQ(decoded.operations[0].elements.count, 1U);
  EXPECT_EQ(decoded.field(kAddress, 1), (Range{3, 8}));
  EXPECT_EQ(decoded.operations[1].elements.count, 0U);
}

TEST(Modbus, FileRecordsAreOneOperationEach) {
  const Decoded decoded = decode(adu({20, 14, 6, 0, 4, 0, 1, 0, 2, 6, 0, 3, 0, 9, 0, 2}));
  ASSERT_EQ(decoded.operations.size(), 2U);
  EXPECT_EQ(decoded.field(kFile, 1), Range::point(3));
  EXPECT_EQ(decoded.field(kRecord, 1), (Range{9, 10}));
  EXPECT_EQ(decode(adu({20, 7, 6, 0, 4, 0x27, 0x0f, 0, 1})).fault, Fault::none);
  EXPECT_EQ(decode(adu({20, 7, 6, 0, 4, 0x27, 0x0f, 0, 2})).fault, Fault::address_wrap);
  EXPECT_EQ(decode(adu({20, 7, 5, 0, 4, 0, 1, 0, 1})).fault, Fault::bad_value);
}

TEST(Modbus, UnknownFunctionsAreFaults) {
  for (int code = 0; code < 256; ++code) {
    const auto byte = static_cast<std::uint8_t>(code);
    const bool known = find_function(byte) != kNotInCatalogue || byte == kDiagnostics ||
                       byte == kEncapsulatedInterface || byte == kUmas;
    const Fault fault = decode(adu({byte})).fault;
    EXPECT_EQ(fault == Fault::unknown_function, !known) << code;
  }
  EXPECT_EQ(decode(adu({8, 0, 5, 0, 0})).fault, Fault::unknown_function);
  EXPECT_EQ(decode(adu({43, 15})).fault, Fault::unknown_function);
  EXPECT_EQ(decode(adu({90, 0, 0x99})).fault, Fault::unknown_function);
}

TEST(Modbus, AMessageThatDoesNotDecodeStillClaimsAFunction) {
  EXPECT_EQ(module().claimed_code(adu({90, 1})), 90);
  EXPECT_EQ(module().claimed_code(adu({0x80 | 90, 1})), 90);
  EXPECT_EQ(module().claimed_code(Bytes{0, 1, 0, 0, 0, 1, 9}), std::nullopt);
}

TEST(Modbus, FrameLimits) {
  const auto frame = [](Bytes bytes) { return module().frame(bytes, Direction::request); };
  EXPECT_EQ(frame({}).needed, 4U);
  EXPECT_EQ(frame({0, 1, 0, 1}).fault, Fault::not_this_protocol);
  EXPECT_EQ(frame({0, 1, 0, 0}).needed, 6U);
  EXPECT_EQ(frame({0, 1, 0, 0, 0, 1}).fault, Fault::bad_length);
  EXPECT_EQ(frame({0, 1, 0, 0, 0, 2}).length, 8U);
  EXPECT_EQ(frame({0, 1, 0, 0, 0, 254}).length, 260U);
  EXPECT_EQ(frame({0, 1, 0, 0, 0, 255}).needed, 8U) << "only UMAS may be so long";
  EXPECT_EQ(frame({0, 1, 0, 0, 0, 255, 1, 3}).fault, Fault::bad_length);
  EXPECT_EQ(frame({0, 1, 0, 0, 4, 2}).fault, Fault::bad_length);
}

const std::vector<support::Row> kRows = {
    {"read", kAsk, adu({3, 0, 16, 0, 4}), "read_holding_registers unit=1 address=16-19 quantity=4"},
    {"a coil", kAsk, adu({5, 0, 16, 0xff, 0}), "write_single_coil unit=1 address=16 value=1"},
    {"a register", kAsk, adu({6, 0, 16, 1, 2}),
     "write_single_register unit=1 address=16 value=258"},
    {"registers", kAsk, adu({16, 0, 16, 0, 2, 4, 0, 7, 0, 9}),
     "write_multiple_registers unit=1 address=16-17 quantity=2"},
    {"coils", kAsk, adu({15, 0, 16, 0, 3, 1, 5}),
     "write_multiple_coils unit=1 address=16-18 quantity=3"},
    {"16 coils, without padding", kAsk, adu({15, 0, 16, 0, 16, 2, 0xff, 0xff}),
     "write_multiple_coils unit=1 address=16-31 quantity=16"},
    {"AP 6.17 is a function that reads and one that writes", kAsk,
     adu({23, 0, 3, 0, 6, 0, 14, 0, 1, 2, 0, 255}),
     "read_write_multiple_registers unit=1 address=14 quantity=1\n"
     "read_write_multiple_registers_read unit=1 address=3-8 quantity=6"},
    {"and answers what it read", kBack, adu({23, 2, 0, 7}),
     "read_write_multiple_registers_read unit=1"},
    {"or not", kBack, adu({0x97, 2}), "read_write_multiple_registers_read unit=1 exception=2"},
    {"file", kAsk, adu({20, 7, 6, 0, 4, 0, 1, 0, 2}),
     "read_file_record unit=1 quantity=2 file=4 record=1-2"},
    {"records", kAsk, adu({21, 9, 6, 0, 4, 0, 7, 0, 1, 1, 2}),
     "write_file_record unit=1 quantity=1 file=4 record=7"},
    {"records again", kBack, adu({21, 9, 6, 0, 4, 0, 7, 0, 1, 1, 2}),
     "write_file_record unit=1 quantity=1 file=4 record=7"},
    {"masks", kAsk, adu({22, 0, 4, 0, 0xf2, 0, 0x25}),
     "mask_write_register unit=1 address=4 and_mask=242 or_mask=37"},
    {"FIFO", kAsk, adu({24, 4, 0xde}), "read_fifo_queue unit=1 address=1246"},
    {"a loop back", kAsk, adu({8, 0, 0, 0xa5, 0x37}), "return_query_data unit=1 sub_function=0"},
    {"a restart", kAsk, adu({8, 0, 1, 0, 0}),
     "restart_communications_option unit=1 value=0 sub_function=1"},
    {"a restart that clears the log", kAsk, adu({8, 0, 1, 0xff, 0}),
     "restart_communications_option unit=1 value=65280 sub_function=1"},
    {"a delimiter", kAsk, adu({8, 0, 3, ';', 0}),
     "change_ascii_input_delimiter unit=1 value=59 sub_function=3"},
    {"a delimiter again", kBack, adu({8, 0, 3, ';', 0}),
     "change_ascii_input_delimiter unit=1 value=59 sub_function=3"},
    {"the order to listen only", kAsk, adu({8, 0, 4, 0, 0}),
     "force_listen_only_mode unit=1 sub_function=4"},
    {"counters are cleared", kAsk, adu({8, 0, 10, 0, 0}),
     "clear_counters_and_diagnostic_register unit=1 sub_function=10"},
    {"a counter", kBack, adu({8, 0, 11, 1, 2}), "return_bus_message_count unit=1 sub_function=11"},
    {"identification", kAsk, adu({43, 14, 1, 2}),
     "read_device_identification unit=1 mei=14 read_device_id_code=1 object_id=2"},
    {"identified", kBack, adu({43, 14, 1, 0x81, 0xff, 2, 1, 0, 2, 'A', 'B'}),
     "read_device_identification unit=1 mei=14 read_device_id_code=1"},
    {"CANopen", kAsk, adu({43, 13, 0, 1}), "canopen_general_reference unit=1 mei=13"},
    {"user-defined", kAsk, adu({100, 1, 2, 3}), "user_defined_100 unit=1"},
    {"values", kBack, adu({3, 4, 1, 2, 3, 4}), "read_holding_registers unit=1"},
    {"records", kBack, adu({20, 4, 3, 6, 1, 2}), "read_file_record unit=1"},
    {"a queue", kBack, adu({24, 0, 4, 0, 1, 1, 0xb8}), "read_fifo_queue unit=1"},
    {"events", kBack, adu({12, 8, 0, 0, 1, 8, 1, 0x21, 0x20, 0}), "get_comm_event_log unit=1"},
    {"an exception of an inverter", kBack, adu({0x83, 0x80}),
     "read_holding_registers unit=1 exception=128"},
};

TEST(Modbus, WhatIsAskedFor) { support::expect_rows(module(), kRows); }

// What one receiver reads otherwise than another is refused.
TEST(Canonical, WhatIsRefused) {
  EXPECT_EQ(decoded({15, 0, 0, 0, 10, 2, 0xff, 0x07}), "fault bad_value") << "AP 6.11: padding";
  EXPECT_EQ(decoded({15, 0, 0, 0, 10, 2, 0xff, 0x83}), "fault bad_value");
  EXPECT_EQ(decoded({15, 0, 0, 0, 10, 2, 0xff, 0x03}),
            "write_multiple_coils unit=1 address=0-9 quantity=10");
  EXPECT_EQ(decoded({5, 0, 0, 0x01, 0}), "fault bad_value") << "AP 6.5";
  EXPECT_EQ(decoded({8, 0, 1, 0, 1}), "fault bad_value") << "AP 6.8";
  EXPECT_EQ(decoded({8, 0, 3, ';', 1}), "fault bad_value");
  EXPECT_EQ(decoded({8, 0, 4, 0, 1}), "fault bad_value");
  EXPECT_EQ(decoded({8, 0, 4, 0, 1}, kBack), "fault bad_value") << "it repeats the order";
  EXPECT_EQ(decoded({8, 0, 11, 0, 1}), "fault bad_value");
  EXPECT_EQ(decoded({8, 0, 0, 1}), "fault bad_length");
  EXPECT_EQ(decoded({0x83, 0, 0, 0, 1}), "fault unknown_function") << "no request has the flag";
  EXPECT_EQ(decoded({43, 14, 5, 0}), "fault bad_value") << "AP 6.21";
  EXPECT_EQ(decoded({43, 14, 1, 4, 0, 0, 0}, kBack), "fault bad_value") << "AP 6.21: conformity";
}

TEST(Canonical, FileRequestsHaveAtMostTheirByteCount) {
  const auto reads = [](std::size_t count) {
    Bytes pdu = {20, static_cast<std::uint8_t>(7 * count)};
    for (std::size_t i = 0; i < count; ++i) pdu.insert(pdu.end(), {6, 0, 4, 0, 1, 0, 1});
    return decoded(pdu).substr(0, 5);
  };
  EXPECT_EQ(reads(35), "read_") << "AP 6.14: 0xf5";
  EXPECT_EQ(reads(36), "fault");
}

TEST(Fields, EachDecidesAlone) {
  support::expect_fields_decide(
      module(), {{"read", kAsk, adu({3, 0, 16, 0, 4}), ""},
                 {"write", kAsk, adu({16, 0, 16, 0, 2, 4, 0, 7, 0, 9}), ""},
                 {"coils", kAsk, adu({15, 0, 16, 0, 3, 1, 5}), ""},
                 {"read and write", kAsk, adu({23, 0, 3, 0, 6, 0, 14, 0, 1, 2, 0, 255}), ""},
                 {"file", kAsk, adu({20, 7, 6, 0, 4, 0, 1, 0, 2}), ""},
                 {"masks", kAsk, adu({22, 0, 4, 0, 0xf2, 0, 0x25}), ""},
                 {"diagnostics", kAsk, adu({8, 0, 10, 0, 0}), ""},
                 {"identification", kAsk, adu({43, 14, 1, 2}), ""},
                 {"restart", kAsk, adu({8, 0, 1, 0, 0}), ""},
                 {"reservation", kAsk, adu({90, 0, 0x10, 1, 2, 0, 0, 2, 'P', 'C'}), ""},
                 {"stop", kAsk, adu({90, 0, 0x41}), ""},
                 {"monitor", kAsk, adu({90, 0, 0x50, 0x15, 0, 1, 9, 1, 2, 0, 8, 0}), ""},
                 {"memory", kAsk, adu({90, 0, 0x20, 3, 0x13, 0, 0x64, 0, 1, 0, 0x9c, 0}), ""}});
}

}  // namespace
}  // namespace bulkhead::modbus
