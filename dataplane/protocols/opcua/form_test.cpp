// The one form of each encoding (6, 5.2.2): what leaves room for another reading is refused.
#include "dataplane/protocols/opcua/text.h"
#include "dataplane/protocols/opcua/thumbprint.h"
#include "tests/support/opcua_messages.h"

namespace bulkhead::opcua {
namespace {

// A write of a single value to one node; its number tells where it begins.
Row write_row(const char* what, const Bytes& variant, const char* fault) {
  return {what, kAsk, request(673, write_of(kNumeric, variant)), fault};
}

Row read_row(const char* what, const Bytes& node) {
  return {what, kAsk, request(631, read_of({node})), "fault bad_value"};
}

TEST(Form, NodeIds) {
  support::expect_rows(
      module(),
      {// 5.2.2.9: the flags of an ExpandedNodeId. Servers drop them; what follows would be a URI.
       {"a node with a namespace's URI", kAsk,
        request(673, write_of(join({{0x81, 1, 0x9a, 2}, text("urn:x")}), {1, 1})),
        "fault bad_value"},
       read_row("a node of another server", {0x42, 3, 0, 0xd2, 4, 0, 0, 1, 0, 0, 0}),
       read_row("an encoding of none", {6, 0}),
       read_row("four octets where two do", {1, 0, 85, 0}),
       read_row("a name with a NUL", named({"a\0b", 3})),
       read_row("a name with a control", named("a\x7f")),
       read_row("a name that is no UTF-8", named("\xc0\xaf")),
       read_row("a name cut in a character", named("\xe2\x82")),
       read_row("a surrogate", named("\xed\xa0\x80")),
       read_row("a node without a name", join({{3, 2, 0}, kNull})),
       read_row("an opaque node of nothing", join({{5, 2, 0}, le32(0)})),
       {"a length below -1", kAsk, request(631, read_of({join({{3, 2, 0}, le32(0xfffffffe)})})),
        "fault truncated"}});
  EXPECT_TRUE(is_plain_text(ByteView(bytes_of("Pumpe \xc3\xbc\xe2\x82\xac\xf0\x9f\x9a\xb0"))));
  EXPECT_FALSE(is_plain_text(ByteView(bytes_of("\xf4\x90\x80\x80")))) << "above U+10FFFF";
  EXPECT_FALSE(is_plain_text(ByteView(bytes_of("\xc2\x80")))) << "U+0080";
}

// Of a node that ends with its message nothing is read that is not there.
TEST(Form, NodesCutShort) {
  for (const Bytes& node : {kNumeric, named("Tank"), join({{4, 2, 0}, Bytes(16, 7)}),
                            join({{5, 2, 0}, le32(3), {1, 2, 3}})}) {
    for (std::size_t have = 0; have < node.size(); ++have) {
      const Bytes cut(node.begin(), node.begin() + static_cast<std::ptrdiff_t>(have));
      support::expect_rows(
          module(),
          {{"a read", kAsk, request(631, join({Bytes(8, 0), le32(2), le32(1), cut})),
            "fault truncated"},
           {"a method", kAsk, request(712, join({le32(1), kNumeric, cut})), "fault truncated"},
           {"an object", kAsk, request(712, join({le32(1), cut})), "fault truncated"}});
    }
  }
}

TEST(Form, Values) {
  support::expect_rows(
      module(),
      {write_row("a truth that is two", {1, 2}, "fault bad_value"),
       write_row("dimensions of a single value", {0x41, 1}, "fault bad_value"),
       write_row("an array of nothing", {0x80, 0, 0, 0, 0}, "fault bad_value"),
       write_row("a type of none", {26, 0, 0, 0, 0}, "fault bad_value"),
       write_row("a variant in a variant", {24, 1, 1}, "fault bad_value"),
       write_row("what only answers have", {25, 0}, "fault bad_value"),
       write_row("a mask of no text", {21, 4}, "fault bad_value"),
       write_row("a node with flags in a value", {17, 0x81, 1, 1, 0}, "fault bad_value"),
       write_row("dimensions that are not the length",
                 join({{0xc3}, le32(2), {7, 8}, le32(2), le32(2), le32(2)}), "fault bad_value"),
       write_row("dimensions of none", join({{0xc3}, le32(2), {7, 8}, le32(0)}), "fault bad_value"),
       write_row("dimensions that overflow",
                 join({{0xc3}, le32(0), le32(3), le32(0x10000), le32(0x10000), le32(2)}),
                 "fault bad_value"),
       {"a bit of no data value", kAsk,
        request(673, join({le32(1), kNumeric, le32(13), kNull, {0x41, 1, 1}})), "fault bad_value"},
       {"picoseconds of no time", kAsk,
        request(673, join({le32(1), kNumeric, le32(13), kNull, {0x11, 1, 1, 0, 0}})),
        "fault bad_value"},
       {"an index range of none", kAsk,
        request(
            631,
            join(
                {Bytes(8, 0), le32(2), le32(1), kNumeric, le32(13), text("1:2:3"), {0, 0}, kNull})),
        "fault bad_value"},
       {"an encoding of another namespace", kAsk,
        request(631,
                join({Bytes(8, 0), le32(2), le32(1), kNumeric, le32(13), kNull, {1, 0}, kNull})),
        "fault bad_value"},
       {"times of no kind", kAsk,
        request(631, join({Bytes(8, 0), le32(4), le32(1), read_value(kNumeric)})),
        "fault bad_value"}});
}

// 5.2.2.15: servers that know a structure go on where it ends for them (open62541), and one that
// has no type is not stepped over by all (node-opcua).
TEST(Form, Structures) {
  const Bytes unknown = join({{22, 1, 3, 9, 0, 1}, le32(2), {1, 2}});
  support::expect_rows(
      module(),
      {write_row("shorter than its body", join({{22}, structure(886, Bytes(17, 0))}),
                 "fault bad_byte_count"),
       write_row("longer than its body", join({{22}, structure(886, Bytes(15, 0))}),
                 "fault truncated"),
       write_row("a body of no type", join({{22, 0, 0, 1}, le32(1), {1}}), "fault bad_value"),
       write_row("a body of nothing", join({{22, 1, 0, 0x76, 3, 1}, le32(0)}), "fault bad_value"),
       write_row("a body of XML", join({{22, 1, 3, 9, 0, 2}, le32(1), {1}}), "fault bad_value"),
       {"a node behind one that is not known", kAsk,
        request(673, join({le32(2),
                           kNumeric,
                           le32(13),
                           kNull,
                           {1},
                           unknown,
                           kNumeric,
                           le32(13),
                           kNull,
                           {1, 1, 1}})),
        "fault unknown_object"},
       {"a status behind one that is not known", kAsk,
        request(673, join({le32(1), kNumeric, le32(13), kNull, {3}, unknown, le32(0)})),
        "fault unknown_object"},
       {"details of a history that are not known", kAsk,
        request(664, join({structure(9999, {1}),
                           le32(0),
                           {0},
                           le32(1),
                           kNumeric,
                           kNull,
                           {0, 0},
                           kNull,
                           kNull})),
        "fault unknown_object"},
       {"a user's token that is not known", kAsk, request(467, activation(structure(999, {1}))),
        "fault unknown_object"},
       {"a user's token with more behind it", kAsk,
        request(467, activation(structure(324, join({kNull, text("u"), kNull, kNull, {0}})))),
        "fault bad_byte_count"}});
}

TEST(Form, Headers) {
  const auto with_header = [](const Bytes& diagnostics, const Bytes& additional) {
    return secure("MSGF", join({{1, 0, 0x30, 2, 0, 0},
                                Bytes(8, 0),
                                le32(42),
                                diagnostics,
                                kNull,
                                le32(0),
                                additional,
                                kNull}));
  };
  support::expect_rows(
      module(),
      {{"no additional header", kAsk, with_header(le32(0x3ff), {0, 0, 0}), "register_nodes"},
       {"an additional header", kAsk, with_header(le32(0), join({{1, 0, 9, 0, 1}, le32(1), {0}})),
        "fault bad_value"},
       {"diagnostics of none", kAsk, with_header(le32(0x400), {0, 0, 0}), "fault bad_value"},
       {"something behind a service without nodes", kAsk, request(826, join({kNull, {0}})),
        "fault trailing_bytes"},
       {"a truth in a service without nodes", kAsk, request(473, {2}), "fault bad_value"},
       {"something behind a hello", kAsk,
        chunk("HELF", join({Bytes(20, 0), text("opc.tcp://plc:4840"), {0}})),
        "fault trailing_bytes"},
       {"something behind an error", kBack, chunk("ERRF", join({le32(1), kNull, {0}})),
        "fault trailing_bytes"},
       {"something behind an abort", kAsk, secure("MSGA", join({le32(1), kNull, {0}})),
        "fault trailing_bytes"},
       {"a close that is something else", kAsk, secure("CLOF", asked(473, {1})), "fault bad_value"},
       {"a close that is a message", kAsk, request(452), "fault bad_value"},
       {"no policy", kAsk, open("", Bytes(8, 0)), "fault bad_length"},
       {"a thumbprint without a policy to use it", kAsk,
        open(kPolicyNone, Bytes(8, 0), join({le32(20), Bytes(20, 1)})), "fault bad_value"},
       {"a thumbprint of another length", kAsk, open(kPolicyAes, {1}, text("thumb")),
        "fault bad_length"},
       {"a policy with a NUL", kAsk, open({"a\0", 2}, {1}), "fault bad_value"}});
}

// FIPS 180-4, and lengths at the edges of its blocks.
TEST(Thumbprint, IsTheSha1OfACertificate) {
  const auto of = [](const Bytes& bytes) {
    std::string text;
    for (const std::uint8_t octet : sha1(bytes)) {
      constexpr std::string_view kDigits = "0123456789abcdef";
      text += {kDigits[octet >> 4], kDigits[octet & 15]};
    }
    return text;
  };
  EXPECT_EQ(of({}), "da39a3ee5e6b4b0d3255bfef95601890afd80709");
  EXPECT_EQ(of(bytes_of("abc")), "a9993e364706816aba3e25717850c26c9cd0d89d");
  EXPECT_EQ(of(Bytes(55, 'a')), "c1c8bbdc22796e28c0e15163d20899b65621d65a");
  EXPECT_EQ(of(Bytes(56, 'a')), "c2db330f6083854c99d4b5bfb6e8f29f201be699");
  EXPECT_EQ(of(Bytes(64, 'a')), "0098ba824b5c16427bd7a1122a5a442a25ec644d");
  EXPECT_EQ(of(Bytes(120, 'a')), "f34c1488385346a55709ba056ddd08280dd4c6d6");
}

TEST(Thumbprint, IsOfTheFirstCertificate) {
  const auto bytes = [](const Bytes& chain) { return first_certificate(chain).size(); };
  EXPECT_EQ(bytes({0x30, 2, 5, 0, 0x30, 0}), 4U);
  EXPECT_EQ(bytes({0x30, 0x81, 1, 5, 9}), 4U);
  EXPECT_EQ(bytes({0x30, 0x82, 0, 1, 5, 9}), 5U);
  EXPECT_EQ(bytes({0x30, 0x82, 0, 3, 5, 9}), 6U) << "it ends early";
  EXPECT_EQ(bytes({0x30, 0x80, 0, 0}), 4U);
  EXPECT_EQ(bytes({0x31, 0, 0}), 3U);
  EXPECT_EQ(bytes({0x30}), 1U);
}

}  // namespace
}  // namespace bulkhead::opcua
