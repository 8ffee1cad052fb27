// What is escaped, by kind (RFC 3629; Unicode's Bidi_Control), and which names are plain.
#include "dataplane/base/printable.h"

#include <gtest/gtest.h>

#include <string>

namespace bulkhead {
namespace {

TEST(Printable, TextStaysAsItIs) {
  for (const char* text :
       {"", "plain, with \\ and \"quotes\"", "Köln", "日本", "\xf0\x9f\x94\xa5"}) {
    EXPECT_EQ(printable(text), text);
    EXPECT_TRUE(is_printable(text));
  }
}

TEST(Printable, WhatSteersIsEscaped) {
  struct Row {
    std::string text;
    std::string shown;
  };
  const Row kRows[] = {
      {"a\nrevision 9 committed by operator", "a\\x0arevision 9 committed by operator"},
      {"\x1b[2J", "\\x1b[2J"},
      {std::string("\0", 1), "\\x00"},
      {"\x7f", "\\x7f"},
      {"\xc2\x9b\x33m", "\\x9b3m"},  // CSI as C1
      {"\xc2\xa0", "\xc2\xa0"},      // the first behind C1
      {"\xe2\x80\xae"
       "evil",
       "\\u202eevil"},  // right-to-left override
      {"\xe2\x81\xa6x\xe2\x81\xa9", "\\u2066x\\u2069"},
      {"\xd8\x9c", "\\u061c"},      // Arabic letter mark
      {"\xe2\x80\xa8", "\\u2028"},  // line separator
      {"\xef\xbb\xbf", "\\ufeff"},
      {"\xf3\xa0\x81\x81", "\\U000e0041"},  // tag
      {"\xff\xfe", "\\xff\\xfe"},           // no UTF-8
      {"\xc0\xaf", "\\xc0\\xaf"},           // longer than needed
      {"\xed\xa0\x80", "\\xed\\xa0\\x80"},  // a surrogate
      {"\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80"},
      {"\xe2\x80", "\\xe2\\x80"},  // cut off
  };
  for (const Row& row : kRows) {
    EXPECT_EQ(printable(row.text), row.shown);
    EXPECT_EQ(is_printable(row.text), row.text == row.shown);
  }
}

TEST(Printable, PlainNames) {
  for (const char* name : {"a", "operator", "fw-1.plant_2", "alice@example.org"}) {
    EXPECT_TRUE(is_plain_name(name)) << name;
  }
  for (const char* name : {"", ".", "..", "../x", "a..b", "/a", "a b", "a\n", "-a", "\xc3\xa9"}) {
    EXPECT_FALSE(is_plain_name(name)) << name;
  }
  EXPECT_TRUE(is_plain_name(std::string(64, 'a')));
  EXPECT_FALSE(is_plain_name(std::string(65, 'a')));
}

}  // namespace
}  // namespace bulkhead
