// Numbers as a policy writes them.
#include "controlplane/policy/literals.h"

#include <gtest/gtest.h>

namespace bulkhead::controlplane {
namespace {

TEST(Literals, NoZeroLeadsANumber) {
  EXPECT_TRUE(read_integer("0"));
  EXPECT_TRUE(read_integer("-0"));
  EXPECT_TRUE(read_integer("0x0010"));
  EXPECT_EQ(read_integer("10").value(), 10);
  for (const char* text : {"010", "00", "-01"}) EXPECT_FALSE(read_integer(text)) << text;
  EXPECT_FALSE(read_integer_range("010-017"));
  EXPECT_FALSE(read_float_range("01.5-2"));
  EXPECT_TRUE(read_float_range("0.5-2"));
  EXPECT_FALSE(read_rate("05/s"));
  EXPECT_NE(leading_zero_hint("010-017"), "");
  EXPECT_NE(leading_zero_hint("7-017"), "");
  EXPECT_EQ(leading_zero_hint("10-0x0f"), "");
  EXPECT_EQ(leading_zero_hint("1.05"), "");
}

}  // namespace
}  // namespace bulkhead::controlplane
