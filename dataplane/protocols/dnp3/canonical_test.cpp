// Where receivers read bytes in more than one way: each form that is not the one which all read
// alike is refused, and what is neither judged nor declared free is refused.
#include <gtest/gtest.h>

#include "dataplane/protocols/dnp3/pairing.h"
#include "tests/support/declared_bytes.h"
#include "tests/support/dnp3_frames.h"

namespace bulkhead::dnp3 {
namespace {

using protocols::Direction;
using protocols::Fault;
using support::file_command;
using support::frames_of;
using support::from_master;
using support::from_outstation;
using support::join;
using support::link_frame;
using support::Message;
using support::Row;
using support::sized;

constexpr auto kRequest = Direction::request;
constexpr auto kBack = Direction::response;

const protocols::Protocol& module() { return support::module_of("dnp3"); }

const Message kRead = {0xc0, 0xc0, 1, 60, 1, 6};
const Message kFirst = {0x40 | 9, 0xc0, 1, 60, 2};
const Message kLast = {0x80 | 10, 6, 60, 1, 6};

// 13: confirmed user data is not used over TCP and UDP: an outstation drops those whose FCB is not
// what it expects, also out of the midst of a fragment.
TEST(Link, UserDataIsNeverConfirmed) {
  for (const std::uint8_t control : Message{0xf3, 0xd3, 0xe3, 0xc3}) {
    EXPECT_EQ(support::decoded_text(module(), link_frame(control, kRead), kRequest),
              "fault bad_value");
    EXPECT_EQ(support::decoded_text(module(), link_frame(control, kRead),
                                    protocols::MessageContext(kRequest, protocols::Carrier::udp)),
              "fault bad_value");
  }
  // A read whose 64 dropped frames leave a control, by transport numbers that go round.
  Message mixed = link_frame(0xf3, {0x40 | 54, 0xc0, 5, 12, 1, 0x17, 1});
  for (unsigned i = 1; i <= 64; ++i) {
    const auto number = static_cast<std::uint8_t>((54 + i) & 0x3f);
    mixed = join({mixed, link_frame(i == 1 ? 0xd3 : 0xf3, {number, 1})});
  }
  for (std::size_t at = 0; at < mixed.size();) {
    const std::size_t length = module().frame(ByteView(mixed).subspan(at), kRequest).length;
    ASSERT_GT(length, 0U);
    const Message part(mixed.begin() + static_cast<std::ptrdiff_t>(at),
                       mixed.begin() + static_cast<std::ptrdiff_t>(at + length));
    EXPECT_EQ(support::decoded_text(module(), part, kRequest).substr(0, 5), "fault");
    at += length;
  }
}

// 9.2.4.1.3: whoever finds flags that do not belong to the function drops the frame, and may look
// for another one inside it.
TEST(Link, FlagsBelongToTheFunction) {
  std::vector<Row> bad;
  for (const std::uint8_t control : Message{0xd4, 0xe4, 0xf4}) {
    bad.push_back({"user data", kRequest, link_frame(control, kRead), "fault bad_value"});
  }
  for (const std::uint8_t control : Message{0xd0, 0xe0, 0xd1, 0xe1, 0xc2, 0xe2, 0xd9, 0xe9}) {
    bad.push_back({"primary", kRequest, link_frame(control, {}), "fault bad_value"});
  }
  for (const std::uint8_t control : Message{0x20, 0x21, 0x2b, 0x2e, 0x2f}) {
    bad.push_back({"secondary", kBack, link_frame(control, {}), "fault bad_value"});
  }
  for (const std::uint8_t control : Message{0xc5, 0xc7, 0xcf}) {
    bad.push_back({"reserved", kRequest, link_frame(control, {}), "fault unknown_function"});
  }
  for (const std::uint8_t control : Message{0x02, 0x0a, 0x0d}) {
    bad.push_back({"reserved", kBack, link_frame(control, {}), "fault unknown_function"});
  }
  bad.push_back({"user data that is none", kRequest, link_frame(0xc4, {}), "fault bad_length"});
  bad.push_back(
      {"a transport octet alone", kRequest, link_frame(0xc4, {0xc0}), "fault bad_sequence"});
  bad.push_back(
      {"data in a frame that has none", kRequest, link_frame(0xc9, {0xc0}), "fault bad_length"});
  support::expect_rows(module(), bad);
  support::expect_rows(module(), {{"a busy station says so", kBack, link_frame(0x1b, {}, {4, 3}),
                                   "link_status source=4 destination=3 dfc=1"},
                                  {"a test counts", kRequest, link_frame(0xd2, {}),
                                   "link_test_link_states source=3 destination=4 fcb=0"}});
}

// 9.2.4.1.3.1 and 9.2.4.1.4: which way, and from and to whom.
TEST(Link, DirectionAndAddresses) {
  support::expect_rows(
      module(),
      {{"a master's frame from the outstation", kBack, link_frame(0x8b, {}, {4, 3}),
        "fault wrong_direction"},
       {"an outstation's frame from the master", kRequest, link_frame(0x0b, {}),
        "fault wrong_direction"},
       {"to a reserved address", kRequest, link_frame(0xc4, kRead, {3, 0xfff0}), "fault bad_value"},
       {"from the self address", kRequest, link_frame(0xc4, kRead, {0xfffc, 4}), "fault bad_value"},
       {"from all", kRequest, link_frame(0xc4, kRead, {0xffff, 4}), "fault bad_value"},
       {"a link frame to all", kRequest, link_frame(0xc9, {}, {3, 0xffff}), "fault bad_value"},
       {"a confirmation to all", kRequest, link_frame(0xc4, {0xc0, 0xc0, 0}, {3, 0xfffe}),
        "fault bad_value"},
       {"an answer to all", kBack, from_outstation(129, {}, 0xc0, {4, 0xffff}), "fault bad_value"},
       {"a report to the self address", kBack, from_outstation(130, {}, 0xf0, {4, 0xfffc}),
        "fault bad_value"},
       {"to the self address", kRequest, link_frame(0xc4, kRead, {3, 0xfffc}),
        "read source=3 destination=65532 group=60 variation=1"},
       {"to all", kRequest, link_frame(0xc4, kRead, {3, 0xfffd}),
        "read source=3 destination=65533 group=60 variation=1 broadcast=65533"}});
}

// A receiver that does not know an obsolete function looks for start octets inside the frame.
TEST(Link, NoFrameInsideAnObsoleteOne) {
  support::expect_rows(
      module(),
      {{"by the destination", kRequest, link_frame(0xc1, {}, {3, 0x6405}), "fault bad_value"},
       {"by the source", kRequest, link_frame(0xc1, {}, {0x6405, 4}), "fault bad_value"},
       {"by both", kBack, link_frame(0x0e, {}, {0x0064, 0x0500}), "fault bad_value"},
       {"of a known function", kRequest, link_frame(0xc9, {}, {3, 0x6405}),
        "link_request_link_status source=3 destination=25605"}});
}

// 8.2.2: a fragment is its frames, one behind the other. What breaks it off is delimited, and costs
// no more than itself.
TEST(Transport, NothingStandsInAFragment) {
  const Message first = link_frame(0xc4, kFirst);
  const std::vector<std::pair<const char*, Message>> others = {
      {"a link frame", link_frame(0xc9, {})},
      {"a link reset", link_frame(0xc0, {})},
      {"the beginning of another", first},
      {"a skipped number", link_frame(0xc4, {0x80 | 11, 6})},
      {"the same number", link_frame(0xc4, {0x80 | 9, 6})},
      {"another outstation's", link_frame(0xc4, {0x80 | 10, 6}, {3, 5})},
      {"another master's", link_frame(0xc4, {0x80 | 10, 6}, {2, 4})},
      {"the other direction's", link_frame(0x44, {0x80 | 10, 6})},
      {"a confirmed one", link_frame(0xf3, {0x80 | 10, 6})},
      {"an empty one", link_frame(0xc4, {0x00 | 10})},
  };
  for (const auto& [what, other] : others) {
    const Message both = join({first, other, link_frame(0xc4, kLast)});
    EXPECT_EQ(module().frame(both, kRequest).fault, Fault::none) << what;
    EXPECT_EQ(module().frame(both, kRequest).length, first.size()) << what;
    EXPECT_EQ(support::decoded_text(module(), first, kRequest), "fault bad_sequence") << what;
    EXPECT_EQ(support::decoded_text(module(), join({first, other}), kRequest).substr(0, 5), "fault")
        << what;
    EXPECT_EQ(support::decoded_text(module(), both, kRequest).substr(0, 5), "fault") << what;
  }
  support::expect_rows(
      module(), {{"without a beginning", kRequest, link_frame(0xc4, kLast), "fault bad_sequence"}});
}

// 4.2.2.4: application control.
TEST(Application, ControlBits) {
  support::expect_rows(
      module(), {{"a request in two fragments", kRequest,
                  link_frame(0xc4, {0xc0, 0x80, 1, 60, 1, 6}), "fault bad_sequence"},
                 {"a request that asks for a confirmation", kRequest,
                  link_frame(0xc4, {0xc0, 0xe0, 1, 60, 1, 6}), "fault bad_value"},
                 {"a confirmation that asks for one", kRequest, link_frame(0xc4, {0xc0, 0xe0, 0}),
                  "fault bad_value"},
                 {"an unsolicited request", kRequest, link_frame(0xc4, {0xc0, 0xd0, 1, 60, 1, 6}),
                  "fault bad_value"},
                 {"an unsolicited response in two fragments", kBack, from_outstation(130, {}, 0xb0),
                  "fault bad_sequence"},
                 {"a confirmation with objects", kRequest, from_master(0, {60, 1, 6}),
                  "fault trailing_bytes"},
                 {"a response's first fragment", kBack, from_outstation(129, {}, 0xa0),
                  "response source=4 destination=3 iin=32769 fragment=2 con=1"}});
}

// 4.2.2.7.3: one form for the points that a header means.
TEST(Headers, Qualifiers) {
  const std::string read = "read source=3 destination=4 group=30 variation=2";
  support::expect_rows(
      module(),
      {{"four octets that two hold", kRequest, from_master(1, {30, 2, 2, 5, 0, 0, 0, 6, 0, 0, 0}),
        "fault bad_value"},
       {"four octets that two do not hold", kRequest,
        from_master(1, {30, 2, 2, 5, 0, 0, 0, 6, 0, 1, 0}), read + " index=5-65542"},
       {"a count in four octets", kRequest, from_master(1, {30, 2, 9, 5, 0, 0, 0}),
        "fault bad_value"},
       {"an index in four octets that two hold", kRequest,
        from_master(1, {30, 2, 0x37, 1, 5, 0, 0, 0}), "fault bad_value"},
       {"an index in four octets", kRequest, from_master(1, {30, 2, 0x37, 1, 5, 0, 1, 0}),
        read + " index=65541"},
       {"counts and indices of other widths", kRequest,
        from_master(1, {30, 2, 0x18, 1, 0, 5, 30, 2, 0x27, 1, 5, 1}),
        read + " index=5\n" + read + " index=261"},
       {"none of them", kRequest, from_master(1, {30, 2, 7, 0}), "fault bad_quantity"},
       {"none of them, with indices", kRequest, from_master(1, {30, 2, 0x17, 0}),
        "fault bad_quantity"},
       {"a range backwards", kRequest, from_master(1, {1, 2, 0, 7, 3}), "fault address_wrap"},
       {"an index in front of all", kRequest, from_master(1, {30, 2, 0x16}), "fault bad_value"},
       {"the reserved bit", kRequest, from_master(1, {30, 2, 0x86}), "fault bad_value"},
       {"a length in one octet", kRequest, from_master(25, {70, 3, 0x4b, 1, 1, 0}),
        "fault bad_value"},
       {"a length in four octets", kRequest, from_master(25, {70, 3, 0x6b, 1, 1, 0, 0, 0, 0}),
        "fault bad_value"},
       {"half a header behind", kRequest, from_master(1, {60, 1, 6, 60}), "fault truncated"}});
}

// Annex A: each function has its objects.
TEST(Objects, OfTheirFunctions) {
  const Message relay = {12, 1, 0x17, 1, 9, 0x41, 2, 0xe8, 3, 0, 0, 0xd0, 7, 0, 0, 0};
  support::expect_rows(
      module(),
      {{"a read of no group", kRequest, from_master(1, {99, 0, 6}), "fault unknown_object"},
       {"a read of no variation", kRequest, from_master(1, {30, 7, 6}), "fault unknown_object"},
       {"a read of controls", kRequest, from_master(1, {12, 1, 0x17, 1, 9}),
        "fault unknown_object"},
       {"a read of points of a class", kRequest, from_master(1, {60, 2, 0, 1, 2}),
        "fault bad_value"},
       {"a read of class 4", kRequest, from_master(1, {60, 5, 6}), "fault unknown_object"},
       {"a read with values", kRequest, from_master(1, relay), "fault unknown_object"},
       {"a write of nothing", kRequest, from_master(2, {}), "fault bad_quantity"},
       {"a write of an input", kRequest, from_master(2, {30, 2, 0, 1, 1, 1, 9, 9}),
        "fault unknown_object"},
       {"a write of a control", kRequest, from_master(2, relay), "fault unknown_object"},
       {"a control of nothing", kRequest, from_master(5, {}), "fault bad_quantity"},
       {"a control of a deadband", kRequest, from_master(5, {34, 1, 0x17, 1, 5, 1, 0}),
        "fault unknown_object"},
       {"a control by pattern", kRequest,
        from_master(5, {12, 2, 7, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 12, 3, 0, 0, 7, 0xff}),
        "fault unknown_object"},
       {"a freeze of nothing", kRequest, from_master(9, {}), "fault bad_quantity"},
       {"a freeze of inputs", kRequest, from_master(9, {1, 0, 6}), "fault unknown_object"},
       {"unsolicited class 0", kRequest, from_master(20, {60, 1, 6}), "fault bad_value"},
       {"so many of an unsolicited class", kRequest, from_master(20, {60, 2, 7, 1}),
        "fault bad_value"},
       {"points of no class", kRequest, from_master(22, {1, 0, 0, 0, 3}), "fault unknown_object"},
       {"a restart of something", kRequest, from_master(13, {60, 1, 6}), "fault trailing_bytes"},
       {"a delay of something", kRequest, from_master(23, {52, 2, 7, 1, 0, 0}),
        "fault trailing_bytes"},
       {"two absolute times", kRequest, from_master(2, join({{50, 1, 7, 2}, Message(12, 1)})),
        "fault bad_value"},
       {"a file function's other object", kRequest, from_master(25, sized(70, 4, Message(13, 0))),
        "fault unknown_object"},
       {"two files", kRequest,
        from_master(1, join({sized(70, 5, Message(8, 0)), sized(70, 5, Message(8, 1))})),
        "fault bad_quantity"},
       {"a file behind points", kRequest,
        from_master(1, join({{60, 1, 6}, sized(70, 5, Message(8, 0))})), "fault bad_quantity"},
       {"a file function without", kRequest, from_master(25, {}), "fault bad_quantity"}});
}

// A.8.1 and A.15: what a control says of a point.
TEST(Objects, ControlsHaveNoReservedBits) {
  const auto relay = [](std::uint8_t code, std::uint8_t status) {
    return from_master(5, {12, 1, 0x28, 1, 0, 9, 0, code, 1, 0, 0, 0, 0, 0, 0, 0, 0, status});
  };
  for (const std::uint8_t code : Message{0x00, 0x01, 0x03, 0x04, 0x41, 0x81, 0x20, 0x61}) {
    EXPECT_EQ(support::decoded_text(module(), relay(code, 0), kRequest).substr(0, 6), "direct");
  }
  for (const std::uint8_t code : Message{0x05, 0x0f, 0x11, 0xc1, 0xff}) {
    EXPECT_EQ(support::decoded_text(module(), relay(code, 0), kRequest), "fault bad_value");
  }
  EXPECT_EQ(support::decoded_text(module(), relay(0x41, 1), kRequest), "fault bad_value");
  support::expect_rows(
      module(), {{"an analog output's status", kRequest,
                  from_master(5, {41, 2, 0x17, 1, 8, 1, 0, 4}), "fault bad_value"},
                 {"not a number", kRequest,
                  from_master(5, {41, 3, 0x17, 1, 8, 0, 0, 0xc0, 0x7f, 0}), "fault bad_value"},
                 {"bits behind the last point", kRequest, from_master(2, {80, 1, 0, 7, 7, 2}),
                  "fault bad_value"},
                 {"eight points", kRequest, from_master(2, {10, 1, 0, 0, 1, 2}),
                  "write source=3 destination=4 group=10 variation=1 index=0 value=0\n"
                  "write source=3 destination=4 group=10 variation=1 index=1 value=1"}});
}

// A.31 and A.45: lengths that stand twice.
TEST(Objects, InFreeFormat) {
  const auto command = [](std::size_t at, std::uint8_t octet) {
    Message message = file_command(1, "/a");
    message[6 + at] = octet;
    return from_master(25, message);
  };
  support::expect_rows(
      module(),
      {{"a name further on", kRequest, command(0, 27), "fault bad_byte_count"},
       {"a shorter name", kRequest, command(2, 1), "fault bad_byte_count"},
       {"a longer name", kRequest, command(2, 3), "fault bad_byte_count"},
       {"a mode that is none", kRequest, command(20, 4), "fault bad_value"},
       {"a name that ends earlier", kRequest, command(27, 0), "fault bad_value"},
       {"without a name", kRequest, from_master(25, file_command(1, "")), "fault bad_value"},
       {"two objects", kRequest, from_master(25, {70, 3, 0x5b, 2, 0, 0, 0, 0}),
        "fault bad_quantity"},
       {"a length behind the end", kRequest, from_master(16, {90, 1, 0x5b, 1, 3, 0, 'a'}),
        "fault truncated"},
       {"a password outside", kRequest,
        from_master(29, sized(70, 2, {12, 0, 1, 0, 14, 0, 1, 0, 0, 0, 0, 0, 'u', 'x', 'p'})),
        "fault bad_byte_count"},
       {"half a block", kRequest, from_master(2, sized(70, 5, Message(7, 0))), "fault truncated"},
       {"a user's name longer than it is", kRequest,
        from_master(32, sized(120, 10, {3, 1, 1, 0, 0, 0, 1, 0, 9, 0, 2, 0, 0, 0, 0, 0, 'u'})),
        "fault bad_byte_count"},
       {"a deleted file has no mode", kRequest, from_master(27, file_command(1, "/a")),
        "fault bad_value"}});
}

// A.31: a rule for a folder must not reach out of it.
TEST(Objects, FilesAreNamedStraight) {
  const auto told = [](std::uint8_t code, std::string_view name) {
    return support::decoded_text(module(), from_master(code, file_command(0, name)), kRequest);
  };
  for (const std::string_view bad :
       {"logs/../fw.bin", "..", "/..", "logs\\..\\fw.bin", "logs/./a", "././a", "logs//a",
        "//host/a", "logs/.. /fw.bin", "logs/.../a", "a.", "a "}) {
    EXPECT_EQ(told(25, bad), "fault bad_value") << bad;
    EXPECT_EQ(told(27, bad), "fault bad_value") << bad;
    EXPECT_EQ(support::decoded_text(module(), from_master(31, sized(70, 8, support::bytes_of(bad))),
                                    kRequest),
              "fault bad_value")
        << bad;
  }
  for (const std::string_view good :
       {"/logs/1.cfg", "a..b", "C:\\LOG\\x", "logs/", "/", ".", "./a"}) {
    EXPECT_EQ(told(27, good),
              "delete_file source=3 destination=4 group=70 variation=3 name=" + std::string(good));
  }
}

// 7.5.1.4: an aggressive mode request stands in front and its authentication code behind.
TEST(Objects, AggressiveMode) {
  const Message begin = {120, 3, 7, 1, 9, 0, 0, 0, 1, 0};
  const Message code = sized(120, 9, Message(16, 7));
  const Message relay = {12, 1, 0x17, 1, 9, 0x41, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0};
  const std::string ends = " source=3 destination=4";
  const std::string beside = "\nauthenticate_request" + ends + " group=120 variation=3" +
                             "\nauthenticate_request" + ends + " group=120 variation=9";
  support::expect_rows(
      module(),
      {{"a control", kRequest, from_master(5, join({begin, relay, code})),
        "direct_operate" + ends +
            " group=12 variation=1 index=9 control_code=65 count=1 on_time=0 off_time=0" + beside},
       {"a restart", kRequest, from_master(13, join({begin, code})),
        "cold_restart" + ends + beside},
       {"a control of nothing", kRequest, from_master(5, join({begin, code})),
        "fault bad_quantity"},
       {"without its code", kRequest, from_master(5, join({begin, relay})), "fault bad_value"},
       {"a code alone", kRequest, from_master(5, join({relay, code})), "fault unknown_object"},
       {"not in front", kRequest, from_master(5, join({relay, begin, code})),
        "fault unknown_object"},
       {"not behind", kRequest, from_master(5, join({begin, relay, code, relay})),
        "fault trailing_bytes"},
       {"two requests", kRequest,
        from_master(5, join({{120, 3, 7, 2}, Message(12, 0), relay, code})), "fault bad_value"}});
}

// Gives every block the CRC that it should have; false where lengths do not lead to the end.
bool correct(Message& frames) {
  for (std::size_t at = 0; at < frames.size();) {
    LinkHeader header;
    if (frames.size() - at < kLinkHeaderBytes || frames[at + 2] < 5) return false;
    store_le16(frames.data() + at + 8, crc(ByteView(frames).subspan(at, 8)));
    if (parse_link_header(ByteView(frames).subspan(at), header) != Fault::none) return false;
    if (header.frame_bytes > frames.size() - at) return false;
    std::size_t block = at + kLinkHeaderBytes;
    for (std::size_t rest = header.data_bytes; rest > 0;) {
      const std::size_t count = std::min<std::size_t>(rest, 16);
      store_le16(frames.data() + block + count, crc(ByteView(frames).subspan(block, count)));
      block += count + 2;
      rest -= count;
    }
    at = block;
  }
  return true;
}

void expect_accounted(const char* what, const Message& message, Direction direction) {
  support::expect_accounted(module(), what, message, direction, correct);
}

// What nobody reads, nobody judges: each bit is refused, or means something else to policy, or is
// declared free.
TEST(Accounting, OfEveryBit) {
  const Message relay = {12, 1, 0x17, 1, 9, 0x41, 2, 0xe8, 3, 0, 0, 0xd0, 7, 0, 0, 0};
  const Message read = {0xc3, 1, 60, 2, 6, 30, 0, 1, 0, 0, 9, 0, 2, 0, 7, 10};
  expect_accounted("a read", frames_of(read, 0xc4), kRequest);
  expect_accounted("a read in frames", frames_of(read, 0xc4, 5), kRequest);
  expect_accounted("a control", from_master(5, relay), kRequest);
  expect_accounted("a set point", from_master(5, {41, 2, 0x28, 1, 0, 8, 0, 1, 0, 0}), kRequest);
  expect_accounted("a time", from_master(2, {50, 1, 7, 1, 1, 2, 3, 4, 5, 6}), kRequest);
  expect_accounted("an indication", from_master(2, {80, 1, 0, 7, 7, 0}), kRequest);
  expect_accounted("a confirmation", from_master(0, {}), kRequest);
  expect_accounted("classes", from_master(22, {60, 2, 6, 1, 0, 0, 0, 3}), kRequest);
  expect_accounted("a file", from_master(25, file_command(1, "/log.txt")), kRequest);
  expect_accounted("a block", from_master(2, sized(70, 5, Message(20, 1))), kRequest);
  expect_accounted(
      "aggressive mode",
      from_master(5,
                  join({{120, 3, 7, 1, 9, 0, 0, 0, 1, 0}, relay, sized(120, 9, Message(16, 7))})),
      kRequest);
  expect_accounted("an answer", from_outstation(129, {30, 2, 0, 1, 1, 1, 9, 9}), kBack);
  expect_accounted(
      "events", from_outstation(130, {2, 2, 0x28, 1, 0, 1, 0, 1, 2, 3, 4, 5, 6, 7}, 0xf0), kBack);
  for (const std::uint8_t control : Message{0xc0, 0xc1, 0xd2, 0xc9}) {
    expect_accounted("a link frame", link_frame(control, {}), kRequest);
  }
  expect_accounted("a link status", link_frame(0x0b, {}, {4, 3}), kBack);
}

}  // namespace
}  // namespace bulkhead::dnp3
