// Captured streams: out of order, sent twice, with holes, and the frame that completes a message.
#include "controlplane/cli/reassembly.h"

#include <gtest/gtest.h>

#include <string>

namespace bulkhead::controlplane {
namespace {

void add(Reassembly& stream, std::uint32_t sequence, const std::string& text, std::uint32_t frame) {
  stream.add(sequence, {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()}, frame);
}

std::string standing(const Reassembly& stream) {
  return {stream.bytes().begin(), stream.bytes().end()};
}

TEST(Reassembly, OrderAndRepetition) {
  Reassembly stream;
  stream.begin(0xfffffffe);  // the numbers wrap
  add(stream, 0xffffffff, "ab", 1);
  add(stream, 3, "ef", 2);
  EXPECT_EQ(standing(stream), "ab");
  add(stream, 0xffffffff, "abcd", 3);
  EXPECT_EQ(standing(stream), "abcdef");
  EXPECT_EQ(stream.completed_in(2), 1U);
  EXPECT_EQ(stream.completed_in(6), 3U);
  stream.consume(3);
  EXPECT_EQ(standing(stream), "def");
  EXPECT_EQ(stream.completed_in(1), 3U);
}

TEST(Reassembly, WhatTheReceiverHasIsNotWaitedFor) {
  Reassembly stream;
  add(stream, 100, "ab", 1);
  add(stream, 110, "xy", 2);
  stream.acknowledged(102);
  EXPECT_EQ(standing(stream), "ab");
  stream.acknowledged(112);
  EXPECT_EQ(standing(stream), "xy");
  EXPECT_EQ(stream.completed_in(2), 2U);
}

TEST(Reassembly, ANewSynBeginsANewStream) {
  Reassembly stream;
  add(stream, 100, "old", 1);
  stream.begin(499);
  EXPECT_EQ(standing(stream), "");
  add(stream, 500, "new", 2);
  EXPECT_EQ(standing(stream), "new");
  add(stream, 499, "k", 3);  // a keep-alive's byte
  EXPECT_EQ(standing(stream), "new");
}

// RFC 1122, 4.2.3.6. A capture begins anywhere.
TEST(Reassembly, AKeepAliveThatComesFirstIsNoMessage) {
  Reassembly stream;
  add(stream, 99, std::string(1, '\0'), 1);
  EXPECT_EQ(standing(stream), "");
  add(stream, 99, std::string(1, '\0'), 2);
  add(stream, 100, "ab", 3);
  EXPECT_EQ(standing(stream), "ab");
  EXPECT_EQ(stream.completed_in(2), 3U);
}

TEST(Reassembly, TheEndOfTheCaptureReleasesTheRest) {
  Reassembly stream;
  stream.begin(0);
  add(stream, 1, "a", 1);
  add(stream, 9, "z", 2);
  stream.finish();
  EXPECT_EQ(standing(stream), "z");
}

}  // namespace
}  // namespace bulkhead::controlplane
