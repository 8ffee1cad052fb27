// Literal messages with the clause they come from, every truncated prefix, each limit at its edges.
#include <gtest/gtest.h>

#include <cstring>
#include <vector>

#include "dataplane/protocols/modbus/layout.h"
#include "dataplane/protocols/modbus/pairing.h"
#include "dataplane/protocols/modbus/umas.h"
#include "dataplane/protocols/registry.h"
#include "tests/support/field_mutation.h"
#include "tests/support/protocol_rows.h"

namespace bulkhead::modbus {
namespace {

using protocols::Direction;
using protocols::Fault;
using protocols::kAwaitedMs;
using protocols::kOutstandingAgeMs;
using protocols::kOutstandingMax;
using protocols::kReplaceableAgeMs;
using protocols::OperationList;

using Bytes = std::vector<std::uint8_t>;

const protocols::Protocol& module() {
  return *protocols::registry()[*protocols::find_protocol("modbus")];
}

Bytes adu(Bytes pdu, std::uint16_t transaction = 1, std::uint8_t unit = 1) {
  const auto length = static_cast<std::uint16_t>(pdu.size() + 1);
  Bytes message = {
      static_cast<std::uint8_t>(transaction >> 8), static_cast<std::uint8_t>(transaction), 0,   0,
      static_cast<std::uint8_t>(length >> 8),      static_cast<std::uint8_t>(length),      unit};
  for (const std::uint8_t byte : pdu) message.push_back(byte);
  return message;
}

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
  EXPECT_EQ(module().correlation_bytes(), 2U);
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
  decoded.fault = module().decode(decoded.message, direction, decoded.operations);
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
  EXPECT_EQ(decoded.field(kAddress, 0), (Range{3, 8}));
  EXPECT_EQ(decoded.field(kAddress, 1), Range::point(14));
  EXPECT_EQ(decoded.operations[1].elements.count, 1U);
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

class Pairing : public ::testing::Test {
 protected:
  Fault request(Bytes pdu, std::uint16_t transaction = 1, std::uint8_t unit = 1) {
    return pair(adu(pdu, transaction, unit), Direction::request);
  }
  Fault response(Bytes pdu, std::uint16_t transaction = 1, std::uint8_t unit = 1) {
    return pair(adu(pdu, transaction, unit), Direction::response);
  }
  Fault pair(const Bytes& message, Direction direction) {
    return module().pair(block_, message, direction, now_ms_);
  }

  alignas(8) std::array<std::byte, Session::bytes_for(kOutstandingMax)> block_{};
  std::uint32_t now_ms_ = 0xffffff00U;  // near its wrap: ages are differences
};

TEST_F(Pairing, AResponseNeedsItsRequest) {
  EXPECT_EQ(response({3, 2, 0, 0}), Fault::unrequested_response);
  EXPECT_EQ(request({3, 0, 0, 0, 1}), Fault::none);
  EXPECT_EQ(response({3, 2, 0, 0}, 2), Fault::unrequested_response);
  EXPECT_EQ(response({3, 2, 0, 0}, 1, 9), Fault::mismatched_response);
  EXPECT_EQ(response({4, 2, 0, 0}), Fault::mismatched_response);
  EXPECT_EQ(response({3, 4, 0, 0, 0, 0}), Fault::mismatched_response);
  EXPECT_EQ(response({3, 2, 0, 0}), Fault::none);
  EXPECT_EQ(response({3, 2, 0, 0}), Fault::unrequested_response);
}

TEST_F(Pairing, EchoesRepeatWhatWasWritten) {
  EXPECT_EQ(request({6, 0, 1, 0, 3}), Fault::none);
  EXPECT_EQ(response({6, 0, 1, 0, 4}), Fault::mismatched_response);
  EXPECT_EQ(response({6, 0, 1, 0, 3}), Fault::none);
  EXPECT_EQ(request({22, 0, 4, 0, 0xf2, 0, 0x25}), Fault::none);
  EXPECT_EQ(response({22, 0, 4, 0, 0xf2, 0, 0x26}), Fault::mismatched_response);
  EXPECT_EQ(response({22, 0, 4, 0, 0xf2, 0, 0x25}), Fault::none);
}

TEST_F(Pairing, AnExceptionAnswersItsFunctionOnly) {
  EXPECT_EQ(request({3, 0, 0, 0, 1}), Fault::none);
  EXPECT_EQ(response({0x84, 2}), Fault::mismatched_response);
  EXPECT_EQ(response({0x83, 2}), Fault::none);
}

TEST_F(Pairing, HoldsManyRequestsAndRefusesOneTooMany) {
  for (std::size_t i = 0; i < kOutstandingMax; ++i) {
    EXPECT_EQ(request({3, 0, 0, 0, 1}, static_cast<std::uint16_t>(i)), Fault::none);
  }
  EXPECT_EQ(request({3, 0, 0, 0, 1}, 999), Fault::too_many_outstanding);
  EXPECT_EQ(response({3, 2, 0, 0}, 255), Fault::none);  // answers may come in any order
  EXPECT_EQ(request({3, 0, 0, 0, 1}, 999), Fault::none);
  now_ms_ += kReplaceableAgeMs + 1;  // what a server never answers makes room
  EXPECT_EQ(request({3, 0, 0, 0, 1}, 1000), Fault::none);
}

TEST_F(Pairing, ASmallBlockAsksForALargerOneAndForgetsNothing) {
  const std::span<std::byte> small(block_.data(), module().session_bytes());
  const auto ask = [&](std::span<std::byte> block, std::uint16_t transaction, std::uint8_t unit) {
    return module().pair(block, adu({3, 0, 0, 0, 1}, transaction, unit), Direction::request,
                         now_ms_);
  };
  for (std::uint16_t i = 0; i < kOutstandingUsual; ++i) EXPECT_EQ(ask(small, i, 1), Fault::none);
  now_ms_ += kReplaceableAgeMs + 1;
  EXPECT_EQ(ask(small, 100, 1), Fault::too_many_outstanding);
  EXPECT_EQ(ask(block_, 100, 1), Fault::none);
  for (std::uint16_t i = 0; i < kOutstandingUsual; ++i) {
    EXPECT_EQ(response({3, 2, 0, 0}, i), Fault::none) << i;
  }
  EXPECT_EQ(response({3, 2, 0, 0}, 100), Fault::none);
}

TEST_F(Pairing, RequestsAge) {
  EXPECT_EQ(request({3, 0, 0, 0, 1}), Fault::none);
  now_ms_ += kOutstandingAgeMs;
  EXPECT_EQ(request({3, 0, 0, 0, 1}, 2), Fault::none);
  now_ms_ += 1;
  EXPECT_EQ(response({3, 2, 0, 0}, 1), Fault::unrequested_response);
  EXPECT_EQ(response({3, 2, 0, 0}, 2), Fault::none);
}

// An answer may come late, but nobody waits for one for long.
TEST_F(Pairing, WhatWasAskedLongAgoIsNotAwaited) {
  EXPECT_EQ(request({3, 0, 0, 0, 1}), Fault::none);
  EXPECT_EQ(request({6, 0, 1, 0, 3}, 2, 0), Fault::none);
  EXPECT_EQ(module().outstanding(block_, now_ms_ + kAwaitedMs), 1U);
  EXPECT_EQ(module().outstanding(block_, now_ms_ + kAwaitedMs + 1), 0U);
  now_ms_ += kAwaitedMs + 1;
  EXPECT_EQ(response({3, 2, 0, 0}, 1), Fault::none);
}

TEST_F(Pairing, BroadcastsNeverFillTheTable) {
  for (int i = 0; i < 1000; ++i) {
    EXPECT_EQ(request({6, 0, 1, 0, 3}, static_cast<std::uint16_t>(i), 0), Fault::none);
  }
}

// Requests of function 90: key, code and data.
Bytes umas(std::uint8_t code, const Bytes& data = {}, std::uint8_t key = 0) {
  return adu(support::join({{90, key, code}, data}), 1, 0);
}

constexpr auto kAsk = Direction::request;
constexpr auto kBack = Direction::response;

TEST(Umas, WhatIsAskedFor) {
  std::vector<support::Row> rows = {
      {"a client reserves the controller", kAsk,
       umas(0x10, support::join({{1, 2, 0, 0, 3}, support::bytes_of("PC7")})),
       "umas_take_reservation unit=0 owner=PC7"},
      {"a block is read", kAsk, umas(0x20, {0, 0x13, 0, 0x64, 0, 1, 0, 0x9c, 0}),
       "umas_read_memory_block unit=0 memory=0 block=19 offset=65636-65791 length=156"},
      {"a block is written", kAsk, umas(0x21, {1, 0x13, 0, 4, 0, 0, 0, 2, 0, 7, 8}),
       "umas_write_memory_block unit=0 memory=1 block=19 offset=4-5 length=2"},
      {"a word and an array of three double words are read", kAsk,
       umas(0x22, {1,    2,    3, 4, 2, 2, 0x11, 0, 1, 0x20, 0, 3,  //
                   0x13, 0x12, 0, 1, 0, 1, 4,    3, 0}),
       "umas_read_variables unit=0 block=17 offset=35-36 length=2\n"
       "umas_read_variables unit=0 block=18 offset=260-271 length=12"},
      {"two are written", kAsk, umas(0x23, {1,    2,    3, 4, 2, 1, 0x11, 0, 8, 0, 1, 0, 0xff,  //
                                            0x12, 0x11, 0, 0, 0, 2, 0,    2, 0, 1, 2, 3, 4}),
       "umas_write_variables unit=0 block=17 offset=9 length=1\n"
       "umas_write_variables unit=0 block=17 offset=2-5 length=4"},
      {"well", kBack, umas(0xfe, {1, 2, 3}), "umas_ok unit=0"},
      {"not well", kBack, umas(0xfd, {0x80, 0}), "umas_error unit=0"},
      {"an exception of a device that has no UMAS", kBack, adu({0xda, 1}, 1, 0),
       "umas_error unit=0 exception=1"}};
  support::expect_rows(module(), rows);
  rows.clear();
  for (const protocols::FunctionInfo& function : catalogue().functions) {
    if (function.code != kUmas || (function.fields & ~1U) != 0) continue;
    const auto code = static_cast<std::uint8_t>(function.sub_code);
    const bool answer = code == kUmasOk || code == kUmasError;
    rows.push_back({function.name.data(), answer ? kBack : kAsk, umas(code),
                    std::string(function.name) + " unit=0"});
  }
  EXPECT_GT(rows.size(), 20U);
  support::expect_rows(module(), rows);
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
                 {"reservation", kAsk, umas(0x10, {1, 2, 0, 0, 2, 'P', 'C'}), ""},
                 {"memory", kAsk, umas(0x20, {3, 0x13, 0, 0x64, 0, 1, 0, 0x9c, 0}), ""}});
}

TEST(Umas, WhatIsRefused) {
  support::expect_rows(
      module(),
      {{"a code of none", kAsk, umas(0x99), "fault unknown_function"},
       {"an answer by the client", kAsk, umas(0xfe), "fault wrong_direction"},
       {"a request by the controller", kBack, umas(0x20), "fault wrong_direction"},
       {"no byte is read", kAsk, umas(0x20, {0, 1, 0, 0, 0, 0, 0, 0, 0}), "fault bad_quantity"},
       {"behind the last offset", kAsk, umas(0x20, {0, 1, 0, 0xff, 0xff, 0xff, 0xff, 2, 0}),
        "fault address_wrap"},
       {"a byte less than it says", kAsk, umas(0x21, {0, 1, 0, 0, 0, 0, 0, 2, 0, 1}),
        "fault truncated"},
       {"a byte more", kAsk, umas(0x21, {0, 1, 0, 0, 0, 0, 0, 1, 0, 1, 2}), "fault trailing_bytes"},
       {"no variable", kAsk, umas(0x22, {1, 2, 3, 4, 0}), "fault bad_quantity"},
       {"one less than it says", kAsk, umas(0x22, {1, 2, 3, 4, 2, 2, 17, 0, 1, 0, 0, 0}),
        "fault truncated"},
       {"a size of none", kAsk, umas(0x22, {1, 2, 3, 4, 1, 5, 17, 0, 1, 0, 0, 0}),
        "fault unknown_object"}});
}

// What is longer than 253 bytes is UMAS or nothing.
TEST(Umas, PdusMayBeLonger) {
  const Bytes largest = umas(0x0a, Bytes(1024 - 3, 'T'));
  support::expect_rows(module(), {{"largest", kAsk, largest, "umas_repeat unit=0"}});
  EXPECT_EQ(module().frame(umas(0x0a, Bytes(1024 - 2, 'T')), kAsk).fault, Fault::bad_length);
  Bytes other = largest;
  other[kMbapBytes] = 65;
  EXPECT_EQ(module().frame(other, kAsk).fault, Fault::bad_length);
  EXPECT_EQ(module().frame(ByteView(other).first(kMbapBytes), kAsk).needed, kMbapBytes + 1);
}

TEST(Umas, AWriteNeedsThisClientsReservation) {
  support::PairedSession session(module());
  const Bytes take = umas(0x10, {0, 0, 0, 0, 1, 'x'});
  const auto stop = [](std::uint8_t key) { return umas(0x41, {}, key); };
  EXPECT_EQ(session.ask(stop(0)), Fault::not_started);
  EXPECT_EQ(session.ask(take), Fault::none);
  EXPECT_EQ(session.ask(stop(9)), Fault::not_started) << "it is not granted yet";
  EXPECT_EQ(session.answer(umas(0xfd, {0x80, 0})), Fault::none);
  EXPECT_EQ(session.ask(stop(9)), Fault::not_started) << "it was refused";
  EXPECT_EQ(session.ask(take), Fault::none);
  EXPECT_EQ(session.answer(umas(0xfe, {9})), Fault::none);
  EXPECT_EQ(session.ask(stop(8)), Fault::not_started) << "of another client";
  EXPECT_EQ(session.ask(stop(9)), Fault::none);
  EXPECT_EQ(session.answer(umas(0xfe, {}, 9)), Fault::none);
  for (const std::uint8_t code : Bytes{0x21, 0x23, 0x25, 0x33, 0x34, 0x35, 0x40, 0x71}) {
    EXPECT_EQ(session.ask(umas(code, {}, 8)), Fault::not_started) << int{code};
  }
  EXPECT_EQ(session.ask(umas(0x11, {}, 9)), Fault::none);
  EXPECT_EQ(session.answer(umas(0xfe, {}, 9)), Fault::none);
  EXPECT_EQ(session.ask(stop(9)), Fault::not_started) << "it was released";
  EXPECT_EQ(session.ask(umas(0x02)), Fault::none);
}

TEST(Umas, TheRefusalIsItsOwnError) {
  std::array<std::uint8_t, protocols::kRefusalBytesMax> reply{};
  const Bytes stop = umas(0x41, {1, 2}, 9);
  const std::size_t length = module().refuse(stop, protocols::Denial::function, reply);
  const Bytes error(reply.begin(), reply.begin() + static_cast<std::ptrdiff_t>(length));
  EXPECT_EQ(error, umas(0xfd, {0x80, 0}, 9));
}

}  // namespace
}  // namespace bulkhead::modbus
