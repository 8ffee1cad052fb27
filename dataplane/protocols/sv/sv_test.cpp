// Messages in the encoding of IEC 61850-9-2, 8.5, and the count of samples.
#include "dataplane/protocols/sv/layout.h"
#include "tests/support/ber_elements.h"
#include "tests/support/field_mutation.h"
#include "tests/support/protocol_rows.h"
#include "tests/support/published_frames.h"

namespace bulkhead::sv {
namespace {

using protocols::Direction;
using protocols::Fault;
using support::announcing;
using support::bytes_of;
using support::element;
using support::join;
using support::Message;
using support::Row;

constexpr auto kSent = Direction::request;

const protocols::Protocol& module() { return support::module_of("sv"); }

Message frame(const Message& apdu, std::uint16_t reserved = 0, const Message& extension = {}) {
  return support::published_frame(0x4001, apdu, reserved, extension);
}

Message asdu(std::uint16_t count, std::string_view id = "MU01", const Message& more = {},
             const Message& behind = {}, const Message& last = {}) {
  return element(
      0x30,
      join({element(0x80, bytes_of(id)),
            more,
            {0x82, 2, static_cast<std::uint8_t>(count >> 8), static_cast<std::uint8_t>(count)},
            {0x83, 4, 0, 0, 0, 1, 0x85, 1, 2},
            behind,
            element(0x87, Message(64, 0x11)),
            last}));
}

Message samples(const Message& asdus, std::uint8_t count) {
  return frame(element(0x60, join({{0x80, 1, count}, element(0xa2, asdus)})));
}

const std::string kText =
    "publish appid=16385 sv_id=MU01 conf_rev=1 smp_synch=2 asdu_count=1 simulation=0 extension=0";

std::vector<Row> on_ethernet(std::vector<Row> rows) {
  for (Row& row : rows) row.carrier = protocols::Carrier::ethernet;
  return rows;
}

TEST(Decode, Rows) {
  const std::vector<Row> rows = {
      {"a sample", kSent, samples(asdu(7), 1), kText},
      {"all that may stand", kSent,
       samples(asdu(7, "MU01", element(0x81, bytes_of("D/LLN0$ph")), {0x86, 2, 0x0f, 0xa0}), 1),
       "publish appid=16385 sv_id=MU01 dataset=D/LLN0$ph conf_rev=1 smp_rate=4000 smp_synch=2 "
       "asdu_count=1 simulation=0 extension=0"},
      {"what its rate counts by, and whose clock", kSent,
       samples(asdu(7, "MU01", {}, {}, {0x88, 2, 0, 1, 0x89, 8, 1, 2, 3, 4, 5, 6, 7, 8}), 1),
       "publish appid=16385 sv_id=MU01 conf_rev=1 smp_synch=2 asdu_count=1 simulation=0 smp_mod=1 "
       "extension=0"},
      {"with a security extension", kSent,
       frame(element(0x60, join({{0x80, 1, 1}, element(0xa2, asdu(7))})), 0x8000,
             Message(20, 0x5a)),
       "publish appid=16385 sv_id=MU01 conf_rev=1 smp_synch=2 asdu_count=1 simulation=1 "
       "extension=20"},
      {"two samples", kSent, samples(join({asdu(7), asdu(8, "MU02")}), 2),
       "publish appid=16385 sv_id=MU01 conf_rev=1 smp_synch=2 asdu_count=2 simulation=0 "
       "extension=0\n"
       "publish appid=16385 sv_id=MU02 conf_rev=1 smp_synch=2 asdu_count=2 simulation=0 "
       "extension=0"}};
  support::expect_rows(module(), on_ethernet(rows));
  support::expect_fields_decide(module(), on_ethernet(rows));
}

TEST(Decode, WhatIsRefused) {
  const std::vector<Row> rows = {
      {"fewer than it says", kSent, samples(asdu(7), 2), "fault bad_quantity"},
      {"more than it says", kSent, samples(join({asdu(7), asdu(8)}), 1), "fault bad_quantity"},
      {"none", kSent, samples({}, 0), "fault bad_quantity"},
      {"no identifier", kSent, samples(asdu(7, ""), 1), "fault bad_value"},
      {"a rate of one octet", kSent, samples(asdu(7, "MU01", {}, {0x86, 1, 1}), 1),
       "fault bad_value"},
      {"members out of order", kSent, samples(asdu(7, "MU01", {0x86, 2, 0, 1}), 1),
       "fault bad_value"},
      {"members that are constructed", kSent,
       samples(asdu(7, "MU01", element(0xa1, element(0x1a, "D"))), 1), "fault bad_value"},
      {"an identifier that ends early", kSent, samples(asdu(7, std::string_view("MU01\0x", 6)), 1),
       "fault bad_value"},
      {"a data set's that does", kSent,
       samples(asdu(7, "MU01", element(0x81, std::string_view("D\0", 2))), 1), "fault bad_value"},
      {"a count that is padded", kSent,
       frame(element(0x60, join({{0x80, 2, 0, 1}, element(0xa2, asdu(7))}))), "fault bad_quantity"},
      {"a length that is longer than it needs", kSent,
       frame(element(0x60, join({{0x80, 1, 1, 0xa2, 0x82, 0, 0x5d}, asdu(7)}))), "fault bad_value"},
      {"reserved bits", kSent,
       frame(element(0x60, join({{0x80, 1, 1}, element(0xa2, asdu(7))})), 0x2000),
       "fault bad_value"},
      {"another PDU", kSent, frame(element(0x61, {0x80, 1, 1})), "fault unknown_function"},
      {"an extension that the length does not count", kSent, announcing(samples(asdu(7), 1), 20),
       "fault bad_length"},
      {"one that is not announced", kSent,
       announcing(
           frame(element(0x60, join({{0x80, 1, 1}, element(0xa2, asdu(7))})), 0, Message(20, 0x5a)),
           0),
       "fault bad_length"},
      {"a security member", kSent,
       frame(element(0x60, join({{0x80, 1, 1, 0x81, 0}, element(0xa2, asdu(7))}))),
       "fault bad_value"}};
  support::expect_rows(module(), on_ethernet(rows));
  EXPECT_EQ(support::decoded_text(module(), samples(asdu(7), 1), kSent), "fault not_this_protocol")
      << "by TCP";
}

TEST(Stream, SamplesFollowEachOther) {
  support::PairedSession session(module());
  const auto take = [&](std::uint16_t count) { return session.ask(samples(asdu(count), 1)); };
  EXPECT_EQ(take(3990), Fault::none);
  EXPECT_EQ(take(3990), Fault::bad_sequence) << "twice";
  EXPECT_EQ(take(3989), Fault::bad_sequence);
  EXPECT_EQ(take(3991), Fault::none);
  EXPECT_EQ(take(3991 + 251), Fault::bad_sequence);
  EXPECT_EQ(take(3991 + 250), Fault::none) << "some were lost";
  EXPECT_EQ(take(250), Fault::bad_sequence);
  EXPECT_EQ(take(249), Fault::none) << "a second is over";
  EXPECT_EQ(take(0), Fault::bad_sequence) << "but not so soon again";
  session.now_ms += 1001;
  EXPECT_EQ(take(0), Fault::none) << "after a silence";
  EXPECT_EQ(session.ask(samples(join({asdu(1), asdu(2), asdu(3)}), 3)), Fault::none);
  EXPECT_EQ(session.ask(samples(join({asdu(4), asdu(4)}), 2)), Fault::bad_sequence);
  EXPECT_EQ(take(4), Fault::none) << "what was refused as a whole has left no trace";
}

TEST(Stream, WhatFindsNoRoomIsPutAgain) {
  std::array<std::uint64_t, 16> usual{};
  const auto block = std::as_writable_bytes(std::span(usual)).first(module().state_layout().bytes);
  Message many;
  for (int i = 0; i < 7; ++i) many = join({many, asdu(1, "MU" + std::to_string(i))});
  const Message message = samples(many, 7);
  EXPECT_EQ(support::accept(module(), block, message, kSent, 0), Fault::too_many_outstanding);
  std::vector<std::uint64_t> deep(module().state_layout().bytes_max / 8 + 1);
  const auto larger =
      std::as_writable_bytes(std::span(deep)).first(module().state_layout().bytes_max);
  std::copy(block.begin(), block.end(), larger.begin());
  EXPECT_EQ(support::accept(module(), larger, message, kSent, 0), Fault::none);
}

}  // namespace
}  // namespace bulkhead::sv
