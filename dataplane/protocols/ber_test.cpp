// The limits of the BER reader (X.690, 8.1).
#include "dataplane/protocols/ber.h"

#include "tests/support/protocol_rows.h"

namespace bulkhead {
namespace {

using support::join;
using support::Message;

TEST(Ber, IdentifiersAndLengths) {
  const auto size_of = [](const Message& bytes) {
    ber::Element found;
    return ber::read_element(bytes, found);
  };
  ber::Element found;
  EXPECT_EQ(ber::read_element(Message{0xbf, 0x48, 1, 7}, found), 4U);
  EXPECT_TRUE(found.is(ber::context(0x48)) && found.constructed);
  EXPECT_EQ(size_of({0x9f, 0x80, 1, 0}), std::nullopt) << "a number that begins with zeros";
  EXPECT_EQ(size_of({0x9f, 0x1e, 0}), std::nullopt) << "a number that needs no long form";
  EXPECT_EQ(size_of({0x9f, 0x1f, 0}), 3U);
  EXPECT_EQ(size_of({0x9f, 0x81, 0x80, 0, 0}), 5U);
  EXPECT_EQ(size_of({0x9f, 0x81, 0x80, 0x80, 0, 0}), std::nullopt) << "five octets of identifier";
  EXPECT_EQ(size_of({4, 0x81, 1, 0}), 4U);
  EXPECT_EQ(size_of({4, 0x84, 0, 0, 0, 1, 0}), 7U);
  EXPECT_EQ(size_of({4, 0x85, 0, 0, 0, 0, 1, 0}), std::nullopt);
  EXPECT_EQ(size_of({4, 0x84, 0xff, 0xff, 0xff, 0xff, 0}), std::nullopt);
  EXPECT_EQ(size_of({4, 2, 0}), std::nullopt);
  EXPECT_EQ(size_of({0x30, 0x80, 4, 1, 0, 0, 0}), 7U);
  EXPECT_EQ(size_of({0x30, 0x80, 4, 1, 0, 0}), std::nullopt);
  EXPECT_EQ(size_of({4, 0x80, 0, 0}), std::nullopt) << "only constructed values may be indefinite";
}

TEST(Ber, IndefiniteLengthsInEachOther) {
  const auto nested = [](int depth) {
    Message bytes;
    for (int i = 0; i < depth; ++i) bytes = join({{0x30, 0x80}, bytes, {0, 0}});
    ber::Element found;
    return ber::read_element(bytes, found) == bytes.size();
  };
  EXPECT_TRUE(nested(1));
  EXPECT_TRUE(nested(ber::kIndefiniteMax));
  EXPECT_FALSE(nested(ber::kIndefiniteMax + 1));
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
