// The limits of the BER reader (X.690, 8.1).
#include "dataplane/protocols/ber_schema.h"
#include "tests/support/protocol_rows.h"

namespace bulkhead {
namespace {

using support::join;
using support::Message;

std::optional<std::size_t> size_of(const Message& bytes,
                                   ber::Lengths lengths = ber::Lengths::shortest) {
  ber::Element found;
  return ber::read_element(bytes, found, lengths);
}

TEST(Ber, IdentifiersInTheFewestOctets) {
  ber::Element found;
  EXPECT_EQ(ber::read_element(Message{0xbf, 0x48, 1, 7}, found), 4U);
  EXPECT_TRUE(found.is(ber::context(0x48)) && found.constructed);
  EXPECT_EQ(found.whole.size(), 4U);
  EXPECT_EQ(size_of({0x9f, 0x80, 1, 0}), std::nullopt) << "a number that begins with zeros";
  EXPECT_EQ(size_of({0x9f, 0x1e, 0}), std::nullopt) << "a number that needs no long form";
  EXPECT_EQ(size_of({0x9f, 0x1f, 0}), 3U);
  EXPECT_EQ(size_of({0x9f, 0x7f, 0}), 3U);
  // libiec61850 takes 81 for the number and 4c for the length.
  EXPECT_EQ(size_of(join({{0xbf, 0x81, 0x4c, 0}, Message(80, 0)})), std::nullopt);
  EXPECT_EQ(size_of({0, 0}), std::nullopt) << "an end of contents, which nothing needs";
}

TEST(Ber, LengthsInTheFewestOctets) {
  const auto long_form = [](const Message& length, std::size_t bytes) {
    return size_of(join({{4}, length, Message(bytes, 0)}));
  };
  EXPECT_EQ(long_form({0x7f}, 127), 129U);
  EXPECT_EQ(long_form({0x81, 0x7f}, 127), std::nullopt);
  EXPECT_EQ(long_form({0x81, 0x80}, 128), 131U);
  EXPECT_EQ(long_form({0x82, 0, 0xff}, 255), std::nullopt);
  EXPECT_EQ(long_form({0x82, 1, 0}, 256), 260U);
  EXPECT_EQ(long_form({0x83, 0, 1, 0}, 256), std::nullopt);
  EXPECT_EQ(long_form({0x83, 1, 0, 0}, 65536), 65541U);
  EXPECT_EQ(long_form({0x84, 0, 1, 0, 0}, 65536), std::nullopt);
  EXPECT_EQ(size_of({4, 0x83, 0xff, 0xff, 0xff, 0}), std::nullopt);
  EXPECT_EQ(size_of({4, 2, 0}), std::nullopt);
  EXPECT_EQ(size_of({0x30, 0x80, 4, 1, 0, 0, 0}), std::nullopt) << "an indefinite length";
  const Message two = join({{4, 0x82, 0, 0x80}, Message(128, 0)});
  EXPECT_EQ(size_of(two), std::nullopt);
  EXPECT_EQ(size_of(two, ber::Lengths::two_octets), 132U);
  EXPECT_EQ(size_of(join({{4, 0x82, 0, 0x7f}, Message(127, 0)}), ber::Lengths::two_octets),
            std::nullopt);
}

struct ContentRow {
  ber::Kind kind;
  Message content;
  bool good;
};
using ber::Kind;
const std::vector<ContentRow> kContents = {
    {Kind::null, {}, true},
    {Kind::null, {0}, false},
    {Kind::boolean, {0}, true},
    {Kind::boolean, {1}, true},
    {Kind::boolean, {0xff}, true},
    {Kind::boolean, {2}, false},
    {Kind::boolean, {0, 1}, false},
    {Kind::integer, {}, false},
    {Kind::integer, {0x80}, true},
    {Kind::integer, {0, 0x7f}, false},
    {Kind::integer, {0, 0x80}, true},
    {Kind::integer, {0xff, 0x80}, false},
    {Kind::integer, {0xff, 0x7f}, true},
    {Kind::integer, {0x40, 0, 0, 0}, true},
    {Kind::integer, {0x40, 0, 0, 0, 0}, false},
    {Kind::number, {0x80}, false},
    {Kind::number, {0, 0xff, 0xff, 0xff, 0xff}, true},
    {Kind::number, {1, 0, 0, 0, 0}, false},
    {Kind::integer64, Message(8, 0x55), true},
    {Kind::integer64, Message(9, 0x55), false},
    {Kind::number64, join({{0}, Message(8, 0xff)}), true},
    {Kind::number64, Message(9, 0x55), false},
    {Kind::padded, {0, 0, 0, 5}, true},
    {Kind::padded, Message(9, 0), false},
    {Kind::padded64, Message(9, 0), true},
    {Kind::bits, {}, false},
    {Kind::bits, {0}, true},
    {Kind::bits, {1}, false},
    {Kind::bits, {6, 0xc0}, true},
    {Kind::bits, {6, 0xe0}, false},
    {Kind::bits, {8, 0}, false},
    {Kind::loose_bits, {6, 0xe0}, true},
    {Kind::loose_bits, {8, 0}, false},
    {Kind::visible, {}, true},
    {Kind::visible, {0x20, 0x7e}, true},
    {Kind::visible, {0x1f}, false},
    {Kind::visible, {0x7f}, false},
    {Kind::visible, {'a', 0}, false},
    {Kind::name, {}, false},
    {Kind::name, Message(64, 'a'), true},
    {Kind::name, Message(65, 'a'), false},
    {Kind::text, {'a', 0xc3, 0xa4, 0xe2, 0x82, 0xac, 0xf0, 0x9f, 0x98, 0x80}, true},
    {Kind::text, {0xc0, 0x80}, false},
    {Kind::text, {0xc2, 0x85}, false},
    {Kind::text, {0xe0, 0x80, 0xaf}, false},
    {Kind::text, {0xed, 0xa0, 0x80}, false},
    {Kind::text, {0xf4, 0x90, 0x80, 0x80}, false},
    {Kind::text, {0xc3}, false},
    {Kind::text, {'a', 0x0a}, false},
    {Kind::oid, {0x28, 0xca, 0x22}, true},
    {Kind::oid, {0x28, 0x80, 0x22}, false},
    {Kind::oid, {0x28, 0xca}, false},
    {Kind::oid, {}, false},
    {Kind::time_of_day, Message(4, 0), true},
    {Kind::time_of_day, Message(5, 0), false},
    {Kind::time_of_day, Message(6, 0), true},
    {Kind::utc_time, Message(8, 0), true},
    {Kind::utc_time, Message(7, 0), false},
    {Kind::floating, {8, 0, 0, 0, 0}, true},
    {Kind::floating, {9, 0, 0, 0, 0}, false},
    {Kind::floating, {11, 0, 0, 0, 0, 0, 0, 0, 0}, true},
    {Kind::floating, {8, 0, 0, 0}, false}};

TEST(Ber, ContentInCanonicalForm) {
  for (std::size_t i = 0; i < kContents.size(); ++i) {
    EXPECT_EQ(ber::good_content(kContents[i].content, kContents[i].kind), kContents[i].good)
        << "row " << i;
  }
}

// A sequence of a number, maybe a name, and one of two.
TEST(Ber, ValuesAreHeldAgainstTheirType) {
  static constexpr std::array kEither = {ber::member(2, ber::kNull), ber::member(3, ber::kBoolean)};
  static constexpr ber::Type kChoice{Kind::choice, kEither};
  static constexpr std::array kMembers = {ber::member(0, ber::kNumber),
                                          ber::optional(1, ber::kName), ber::choice_of(kChoice)};
  static constexpr ber::Type kSequence{Kind::sequence, kMembers};
  static constexpr ber::Member kWhole{ber::kSequence, &kSequence, 0, false};
  const auto check = [](const Message& content) {
    const Message bytes = join({{0x30, static_cast<std::uint8_t>(content.size())}, content});
    ber::Element element;
    EXPECT_TRUE(ber::only(bytes, element));
    return ber::check(element, kWhole);
  };
  using protocols::Fault;
  EXPECT_EQ(check({0x80, 1, 5, 0x81, 1, 'a', 0x82, 0}), Fault::none);
  EXPECT_EQ(check({0x80, 1, 5, 0x83, 1, 1}), Fault::none);
  EXPECT_EQ(check({0x80, 1, 5}), Fault::bad_value) << "what must stand is absent";
  EXPECT_EQ(check({0x81, 1, 'a', 0x80, 1, 5, 0x82, 0}), Fault::bad_value) << "another order";
  EXPECT_EQ(check({0x80, 1, 5, 0x80, 1, 5, 0x82, 0}), Fault::bad_value) << "twice";
  EXPECT_EQ(check({0x80, 1, 5, 0x82, 0, 0x83, 1, 1}), Fault::unknown_object) << "both";
  EXPECT_EQ(check({0x80, 1, 5, 0x82, 0, 0x84, 0}), Fault::unknown_object) << "more";
  EXPECT_EQ(check({0xa0, 3, 2, 1, 5, 0x82, 0}), Fault::bad_value) << "constructed";
  EXPECT_EQ(check({0x80, 1, 5, 0x82}), Fault::bad_length);
}

TEST(Ber, Integers) {
  EXPECT_EQ(ber::to_integer(Message{0x80}), -128);
  EXPECT_EQ(ber::to_integer(Message(8, 0xff)), -1);
  EXPECT_EQ(ber::to_integer(Message(9, 0)), std::nullopt);
  EXPECT_EQ(ber::to_integer(Message{}), std::nullopt);
  EXPECT_EQ(ber::to_unsigned(Message{0x80}), std::nullopt);
  EXPECT_EQ(ber::to_unsigned(join({{0}, Message(8, 0xff)})), ~std::uint64_t{0});
  EXPECT_EQ(ber::to_unsigned(join({{1}, Message(8, 0)})), std::nullopt);
}

}  // namespace
}  // namespace bulkhead
