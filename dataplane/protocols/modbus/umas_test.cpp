// What function 90 carries: every byte of memory that it touches, and the reservation.
#include "dataplane/protocols/modbus/umas.h"

#include "tests/support/modbus_messages.h"

namespace bulkhead::modbus {
namespace {

using protocols::Fault;

// Requests of function 90: key, code and data.
Bytes umas(std::uint8_t code, const Bytes& data = {}, std::uint8_t key = 0) {
  return adu(support::join({{90, key, code}, data}), 1, 0);
}

TEST(Umas, WhatIsAskedFor) {
  std::vector<support::Row> rows = {
      {"a client reserves the controller", kAsk,
       umas(0x10, support::join({{1, 2, 0, 0, 3}, support::bytes_of("PC7")})),
       "umas_take_reservation unit=0 owner=PC7"},
      {"a block is read", kAsk, umas(0x20, {0, 0x13, 0, 0x64, 0, 1, 0, 0x9c, 0}),
       "umas_read_memory_block unit=0 memory=0 block=19 offset=65636-65791 length=156"},
      {"a block is written", kAsk, umas(0x21, {1, 0x13, 0, 4, 0, 0, 0, 2, 0, 7, 8}),
       "umas_write_memory_block unit=0 memory=1 block=19 offset=4-5 length=2 unreserved=1"},
      {"a word of page 32 and an array of three double words of page 256 are read", kAsk,
       umas(0x22, {1,    2,    3, 4, 2, 2, 0x11, 0, 1, 0x20, 0, 3,  //
                   0x13, 0x12, 0, 1, 0, 1, 4,    3, 0}),
       "umas_read_variables unit=0 block=17 offset=8195-8196 length=2\n"
       "umas_read_variables unit=0 block=18 offset=65540-65551 length=12"},
      {"two are written", kAsk, umas(0x23, {1,    2,    3, 4, 2, 1, 0x11, 0, 8, 0, 1, 0, 0xff,  //
                                            0x12, 0x11, 0, 2, 0, 0, 0,    2, 0, 1, 2, 3, 4}),
       "umas_write_variables unit=0 block=17 offset=65544 length=1 unreserved=1\n"
       "umas_write_variables unit=0 block=17 offset=2-5 length=4 unreserved=1"},
      {"a variable is registered and all are read", kAsk,
       umas(0x50, {0x15, 0, 2, 0x05, 1, 0x11, 0, 8, 1, 2, 0x07}),
       "umas_monitor_plc unit=0 block=17 offset=264 monitor=5\n"
       "umas_monitor_plc unit=0 monitor=7"},
      {"a variable is registered and read", kAsk, umas(0x50, {0x15, 0, 1, 0x09, 1, 0x11, 0, 8, 0}),
       "umas_monitor_plc unit=0 block=17 offset=8 monitor=9"},
      {"all are forgotten", kAsk, umas(0x50, {0x15, 0, 1, 0x0b}),
       "umas_monitor_plc unit=0 monitor=11"},
      {"names of variables", kAsk, umas(0x26, {2, 0xdd, 0, 1, 2, 3, 4, 0xff, 0xff, 0, 0, 0, 0}),
       "umas_data_dictionary unit=0"},
      {"names of types", kAsk, umas(0x26, {3, 0xdd, 0, 1, 2, 3, 4, 0xff, 0xff, 0, 0}),
       "umas_data_dictionary unit=0"},
      {"communication begins", kAsk, umas(0x01, {0}), "umas_init_comm unit=0"},
      {"a part of the project's description", kAsk, umas(0x03, {4}),
       "umas_read_project_info unit=0"},
      {"well", kBack, umas(0xfe, {1, 2, 3}), "umas_ok unit=0"},
      {"not well", kBack, umas(0xfd, {0x80, 0}), "umas_error unit=0"},
      {"an exception of a device that has no UMAS", kBack, adu({0xda, 1}, 1, 0),
       "umas_error unit=0 exception=1"}};
  support::expect_rows(module(), rows);
  rows.clear();
  for (const protocols::FunctionInfo& function : catalogue().functions) {
    const std::uint32_t others = function.fields & ~protocols::with(kUnit, kUnreserved);
    if (function.code != kUmas || others != 0) continue;
    const auto code = static_cast<std::uint8_t>(function.sub_code);
    const bool answer = code == kUmasOk || code == kUmasError;
    const bool has_data =
        code == kUmasInitComm || code == kUmasReadProjectInfo || code == kUmasDataDictionary;
    if (has_data) continue;
    rows.push_back({function.name.data(), answer ? kBack : kAsk, umas(code),
                    std::string(function.name) + " unit=0" +
                        (needs_reservation(code) ? " unreserved=1" : "")});
  }
  EXPECT_GT(rows.size(), 20U);
  support::expect_rows(module(), rows);
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
       {"a read without its constant", kAsk, umas(0x22, {1, 2, 3, 4, 1, 1, 17, 0, 2, 0, 0, 0}),
        "fault bad_value"},
       {"monitor step 6", kAsk, umas(0x50, {0x15, 0, 1, 6}), "fault unknown_object"},
       {"no step", kAsk, umas(0x50, {0x15, 0, 0}), "fault bad_quantity"},
       {"one step less than it says", kAsk, umas(0x50, {0x15, 0, 2, 7}), "fault truncated"},
       {"another table", kAsk, umas(0x50, {0x16, 0, 1, 7}), "fault bad_value"},
       {"an action of none", kAsk, umas(0x50, {0x15, 0, 1, 5, 1, 17, 0, 8, 0, 3}),
        "fault bad_value"},
       {"a record of none", kAsk, umas(0x26, {4, 0xdd, 0, 1, 2, 3, 4, 0xff, 0xff, 0, 0}),
        "fault bad_value"},
       {"half of what a record needs", kAsk,
        umas(0x26, {2, 0xdd, 0, 1, 2, 3, 4, 0xff, 0xff, 0, 0, 0}), "fault trailing_bytes"},
       {"more than zeros", kAsk, umas(0x26, {2, 0xdd, 0, 1, 2, 3, 4, 0xff, 0xff, 0, 0, 0, 1}),
        "fault bad_value"},
       {"more than an identification", kAsk, umas(0x02, {0}), "fault trailing_bytes"},
       {"an owner's name that ends earlier for others", kAsk, umas(0x10, {1, 2, 0, 0, 2, 'P', 0}),
        "fault bad_value"},
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

TEST(Umas, AChangeWithoutThisClientsReservationIsByName) {
  EXPECT_TRUE(catalogue().fields[kUnreserved].by_name);
  support::PairedSession session(module());
  const Bytes take = umas(0x10, {0, 0, 0, 0, 1, 'x'});
  const auto asks = [&](const Bytes& message) {
    EXPECT_EQ(session.ask(message), Fault::none);
    return support::decoded_text(module(), message,
                                 {kAsk, protocols::Carrier::tcp, session.block()});
  };
  const auto answer = [&](const Bytes& message) {
    EXPECT_EQ(session.answer(message), Fault::none);
  };
  const auto stops = [&](std::uint8_t key) {
    const std::string text = asks(umas(0x41, {}, key));
    answer(umas(0xfe, {}, key));
    return text;
  };
  const std::string kReserved = "umas_stop_plc unit=0";
  const std::string kUnreservedText = "umas_stop_plc unit=0 unreserved=1";
  EXPECT_EQ(decoded({90, 0, 0x41}), "umas_stop_plc unit=1 unreserved=1") << "of no session";
  EXPECT_EQ(stops(0), kUnreservedText);
  EXPECT_EQ(asks(take), "umas_take_reservation unit=0 owner=x");
  answer(umas(0xfd, {0x80, 0}));
  EXPECT_EQ(stops(9), kUnreservedText) << "it was refused";
  EXPECT_EQ(asks(take), "umas_take_reservation unit=0 owner=x");
  answer(umas(0xfe, {9}));
  EXPECT_EQ(stops(6), kUnreservedText) << "of another client";
  EXPECT_EQ(stops(9), kReserved);
  for (const std::uint8_t code : Bytes{0x25, 0x33, 0x34, 0x35, 0x40, 0x71}) {
    EXPECT_EQ(asks(umas(code, {1, 2}, 9)).find("unreserved"), std::string::npos) << int{code};
    answer(umas(0xfe, {}, 9));
    EXPECT_NE(asks(umas(code, {1, 2}, 6)).find("unreserved"), std::string::npos) << int{code};
    answer(umas(0xfe, {}, 6));
  }
  EXPECT_EQ(asks(umas(0x21, {1, 0x13, 0, 4, 0, 0, 0, 2, 0, 7, 8}, 9)),
            "umas_write_memory_block unit=0 memory=1 block=19 offset=4-5 length=2");
  answer(umas(0xfe, {}, 9));
  // Of two that are controllers behind one address, each has its own reservation.
  Bytes elsewhere = umas(0x41, {}, 9);
  elsewhere[6] = 5;
  EXPECT_EQ(asks(elsewhere), "umas_stop_plc unit=5 unreserved=1");
  Bytes stopped = umas(0xfe, {}, 9);
  stopped[6] = 5;
  answer(stopped);
  // Another client's is neither kept nor given up.
  EXPECT_EQ(asks(umas(0x12, {}, 6)), "umas_keep_alive unit=0 unreserved=1");
  answer(umas(0xfe, {}, 6));
  EXPECT_EQ(asks(umas(0x11, {}, 6)), "umas_release_reservation unit=0 unreserved=1");
  answer(umas(0xfd, {0x80, 0}, 6));
  for (const std::uint8_t key : Bytes{9, 0}) {
    EXPECT_EQ(asks(umas(0x12, {}, key)), "umas_keep_alive unit=0") << int{key};
    answer(umas(0xfe, {}, key));
  }
  EXPECT_EQ(asks(umas(0x11, {}, 9)), "umas_release_reservation unit=0");
  answer(umas(0xfe, {}, 9));
  EXPECT_EQ(stops(9), kUnreservedText) << "it was released";
  EXPECT_EQ(asks(umas(0x12, {}, 9)), "umas_keep_alive unit=0 unreserved=1");
}

// The same bytes mean something else in another session: no verdict is remembered.
TEST(Umas, ChangesAreJudgedInTheirSession) {
  EXPECT_TRUE(support::verdict_key(module(), umas(0x41)).empty());
  EXPECT_TRUE(support::verdict_key(module(), umas(0x11, {}, 9)).empty());
  EXPECT_TRUE(support::verdict_key(module(), umas(0x12, {}, 9)).empty());
  EXPECT_FALSE(support::verdict_key(module(), umas(0x12)).empty());
  EXPECT_FALSE(support::verdict_key(module(), umas(0x20)).empty());
  EXPECT_FALSE(support::verdict_key(module(), adu({65, 0, 0x41})).empty());
}

TEST(Umas, TheRefusalIsItsOwnError) {
  std::array<std::uint8_t, protocols::kRefusalBytesMax> reply{};
  const Bytes stop = umas(0x41, {1, 2}, 9);
  const std::size_t length =
      support::refuse(module(), stop, protocols::DeniedPart::function, reply);
  const Bytes error(reply.begin(), reply.begin() + static_cast<std::ptrdiff_t>(length));
  EXPECT_EQ(error, umas(0xfd, {0x80, 0}, 9));
}

}  // namespace
}  // namespace bulkhead::modbus
