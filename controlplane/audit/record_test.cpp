// The encoding of a record, byte by byte.
#include "controlplane/audit/record.h"

#include <gtest/gtest.h>

#include "tests/support/audit_log.h"

namespace bulkhead::audit {
namespace {

using support::fixed_stamp;

Record example() {
  Record record{2, std::string(kHashDigits, 'b'), fixed_stamp(), {}};
  record.entry = {
      .kind = "act",
      .caller = {"engineer@plant", std::string(kHashDigits, 'c'), "engineer", "192.0.2.7"},
      .rpc = "/bulkhead.v1.PolicyService/CommitPolicy",
      .result = "done",
      .text = "in force",
      .details = {{"begun", "1"}, {"revision", "7"}}};
  return record;
}

const std::string kExample =
    "{\"number\":2,\"previous\":"
    "\"bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb\","
    "\"wall_ns\":1796000000000000000,\"boot\":\"5f0c1d7e-0000-4000-8000-000000000001\","
    "\"boot_ns\":7000000000,\"kind\":\"act\",\"identity\":\"engineer@plant\",\"certificate\":"
    "\"cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc\","
    "\"role\":\"engineer\",\"address\":\"192.0.2.7\","
    "\"rpc\":\"/bulkhead.v1.PolicyService/CommitPolicy\",\"result\":\"done\","
    "\"text\":\"in force\",\"details\":{\"begun\":\"1\",\"revision\":\"7\"}}";

TEST(Record, HasOneEncoding) {
  EXPECT_EQ(encode(example()), kExample);
  const auto read = decode(kExample);
  ASSERT_TRUE(read);
  EXPECT_EQ(encode(*read), kExample);
  EXPECT_EQ(read->entry.details, example().entry.details);
}

// FIPS 180-4's own example of SHA-256.
TEST(Record, HashIsThatOfItsObject) {
  EXPECT_EQ(hash_of("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(line_of("abc"),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad abc\n");
}

TEST(Record, OtherFormsOfTheSameAreRefused) {
  const auto changed = [](const std::string& what, const std::string& with) {
    std::string text = kExample;
    text.replace(text.find(what), what.size(), with);
    return text;
  };
  const std::string others[] = {
      changed("{\"number\"", "{ \"number\""),
      changed("\"number\":2,", ""),
      changed("\"number\":2,", "\"number\":2.0,"),
      changed("\"number\":2,", "\"number\":02,"),
      changed("\"number\":2,", "\"number\":0,"),
      changed("\"number\":2,", "\"number\":-2,"),
      changed("\"number\":2,", "\"number\":\"2\","),
      changed("\"number\":2,", "\"number\":2,\"number\":2,"),
      changed("\"kind\":\"act\",", "\"kind\":\"\","),
      changed("\"kind\":\"act\",", "\"kind\":\"\\u0061ct\","),
      changed("\"kind\":\"act\",", "\"kind\":\"act\",\"more\":\"\","),
      changed("\"result\":\"done\",", "\"result\":\"\","),
      changed("\"result\":\"done\",", "\"result\":7,"),
      changed("\"rpc\"", "\"RPC\""),
      changed("bbbb", "BBBB"),
      changed("\"begun\":\"1\"", "\"begun\":1"),
      changed("{\"begun\":\"1\",\"revision\":\"7\"}", "{}"),
      changed("{\"begun\":\"1\",\"revision\":\"7\"}", "[]"),
      kExample + " ",
      "null",
      "",
  };
  for (const std::string& text : others) EXPECT_FALSE(decode(text)) << text;
  for (std::size_t i = 0; i < kExample.size(); ++i) EXPECT_FALSE(decode(kExample.substr(0, i)));
}

TEST(Record, TextsAreBoundedAndPrintable) {
  Entry entry{.kind = "refused", .text = "a\nb\x1b[31m\xff \xe2\x80\xae"};
  EXPECT_EQ(bounded(entry).text, "a\\x0ab\\x1b[31m\\xff \\u202e");
  entry.text = std::string(kTextBytesMax, 'x');
  EXPECT_EQ(bounded(entry).text, entry.text);
  entry.text += 'x';
  EXPECT_EQ(bounded(entry).text, std::string(kTextBytesMax - 32, 'x') + " [33 bytes more]");
  entry.text = std::string(kTextBytesMax - 33, 'x') + "\xc3\xa9" + std::string(40, 'y');
  EXPECT_EQ(bounded(entry).text, std::string(kTextBytesMax - 33, 'x') + " [42 bytes more]");
  for (std::size_t i = 0; i < 2 * kDetailsMax; ++i) entry.details.emplace_back("key", "value");
  const Entry fewer = bounded(entry);
  ASSERT_EQ(fewer.details.size(), kDetailsMax);
  EXPECT_EQ(fewer.details.back(), std::make_pair(std::string("details_more"), std::string("13")));
}

// Each member as long as it can be, of what JSON escapes.
TEST(Record, LongestFitsALine) {
  const std::string long_text(2 * kTextBytesMax, '"');
  Entry entry{.kind = long_text,
              .caller = {long_text, long_text, long_text, long_text},
              .rpc = long_text,
              .result = long_text,
              .text = long_text};
  for (std::size_t i = 0; i < kDetailsMax; ++i) {
    entry.details.emplace_back(std::to_string(i) + long_text, long_text);
  }
  const std::string object =
      encode({UINT64_MAX, kNoHash, {UINT64_MAX, fixed_stamp().boot, UINT64_MAX}, bounded(entry)});
  EXPECT_LE(line_of(object).size(), kLineBytesMax);
  EXPECT_TRUE(decode(object));
}

TEST(Head, HasOneText) {
  const Head head{57, std::string(kHashDigits, 'd')};
  EXPECT_EQ(text_of(head), "57:" + head.hash);
  EXPECT_EQ(parse_head(text_of(head)), head);
  for (const std::string text :
       {"57", "", ":", "057:", "57:d", "-1:", "57 :", "99999999999999999999:"}) {
    EXPECT_FALSE(parse_head(text + head.hash)) << text;
  }
  EXPECT_FALSE(parse_head("57:" + std::string(kHashDigits, 'D')));
  EXPECT_FALSE(parse_head("57:" + head.hash + "0"));
}

}  // namespace
}  // namespace bulkhead::audit
