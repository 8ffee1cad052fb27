// Which datagrams are parts of one message (IEEE 1815, 8.2): frames of user data between the same
// stations, numbered one up, from a first to a final one.
#include <gtest/gtest.h>

#include "tests/support/dnp3_frames.h"

namespace bulkhead::dnp3 {
namespace {

using protocols::Part;
using support::Ends;
using support::join;
using support::link_frame;
using support::Message;

const protocols::Protocol& module() { return support::module_of("dnp3"); }

constexpr std::uint8_t kFirst = 0x40;
constexpr std::uint8_t kFinal = 0x80;

Message frame(std::uint8_t transport, std::uint8_t control = 0x44, Ends ends = {4, 3}) {
  return link_frame(control, {transport, 1, 2, 3}, ends);
}

TEST(Parts, BeginGoOnAndEnd) {
  EXPECT_EQ(module().spanning_messages()->part_of({}, frame(kFirst | 7)), Part::first);
  EXPECT_EQ(module().spanning_messages()->part_of(frame(kFirst | 7), frame(8)), Part::next);
  EXPECT_EQ(module().spanning_messages()->part_of(frame(8), frame(9)), Part::next);
  EXPECT_EQ(module().spanning_messages()->part_of(frame(9), frame(kFinal | 10)), Part::last);
  EXPECT_EQ(module().spanning_messages()->part_of(frame(63), frame(kFinal | 0)), Part::last);
}

TEST(Parts, MayBeSeveralFrames) {
  const Message two = join({frame(kFirst | 7), frame(8)});
  EXPECT_EQ(module().spanning_messages()->part_of({}, two), Part::first);
  EXPECT_EQ(module().spanning_messages()->part_of(two, join({frame(9), frame(kFinal | 10)})),
            Part::last);
  EXPECT_EQ(module().spanning_messages()->part_of(join({frame(8), frame(9)}), frame(10)),
            Part::next);
  EXPECT_EQ(module().spanning_messages()->part_of(two, frame(8)), Part::none);
}

TEST(Parts, WhatIsWholeOrMixedIsNone) {
  const Message whole = frame(kFirst | kFinal | 7);
  for (const Message& alone :
       {whole, frame(7), frame(kFinal | 7), Message{}, join({frame(kFirst | 7), frame(kFinal | 8)}),
        join({whole, frame(kFirst | 8)}), join({frame(kFirst | 7), whole}),
        join({frame(kFirst | 7), frame(9)}), join({frame(kFirst | 7), Message{0x05}}),
        // Confirmed, and no user data at all.
        frame(kFirst | 7, 0x53), link_frame(0x49, {}, {4, 3})}) {
    EXPECT_EQ(module().spanning_messages()->part_of({}, alone), Part::none);
  }
  const Message first = frame(kFirst | 7);
  for (const Message& other :
       {whole, first, frame(kFirst | 8), frame(7), frame(9), frame(8, 0xc4), frame(8, 0x44, {5, 3}),
        frame(8, 0x44, {4, 2}), frame(8, 0x53), link_frame(0x44, {8}, {4, 3}),
        join({frame(kFinal | 8), whole}), join({frame(8), frame(8)}), Message{}}) {
    EXPECT_EQ(module().spanning_messages()->part_of(first, other), Part::none);
  }
  EXPECT_EQ(module().spanning_messages()->part_of(frame(kFinal | 7), frame(8)), Part::none)
      << "it has ended";
}

TEST(Parts, EveryPrefixIsNone) {
  const Message first = frame(kFirst | 7);
  const Message next = frame(8);
  for (std::size_t bytes = 0; bytes < next.size(); ++bytes) {
    EXPECT_EQ(module().spanning_messages()->part_of({}, ByteView(first).first(bytes)), Part::none)
        << bytes;
    EXPECT_EQ(module().spanning_messages()->part_of(first, ByteView(next).first(bytes)), Part::none)
        << bytes;
  }
}

// 8.2.1.1: numbers are of 6 bits. Over UDP no message may have a number twice, either way.
TEST(Parts, NoNumberStandsTwice) {
  const Message most = support::frames_of(Message(kNumberedFramesMax, 0), 0x44, 1, {4, 3});
  const Message more = support::frames_of(Message(kNumberedFramesMax + 1, 0), 0x44, 1, {4, 3});
  const protocols::MessageContext udp(protocols::Direction::response, protocols::Carrier::udp);
  const protocols::MessageContext tcp(protocols::Direction::response);
  EXPECT_EQ(module().frame(most, udp).length, most.size());
  EXPECT_EQ(module().frame(more, udp).fault, protocols::Fault::bad_length);
  EXPECT_EQ(module().frame(more, tcp).length, more.size());
  EXPECT_EQ(numbers_awaited(most), ~std::uint64_t{1});
  EXPECT_EQ(numbers_awaited(frame(kFirst | kFinal | 7)), 0U);
}

}  // namespace
}  // namespace bulkhead::dnp3
