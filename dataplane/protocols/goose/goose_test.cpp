// Messages in the encoding of IEC 61850-8-1, annex A, and what a subscriber's state machine takes.
#include <functional>

#include "dataplane/protocols/goose/layout.h"
#include "tests/support/ber_elements.h"
#include "tests/support/field_mutation.h"
#include "tests/support/protocol_rows.h"
#include "tests/support/published_frames.h"

namespace bulkhead::goose {
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
constexpr protocols::MessageContext kOnEthernet{kSent, protocols::Carrier::ethernet};

const protocols::Protocol& module() { return support::module_of("goose"); }

Message number(std::uint8_t tag, std::uint32_t value) {
  return element(tag,
                 {0, static_cast<std::uint8_t>(value >> 24), static_cast<std::uint8_t>(value >> 16),
                  static_cast<std::uint8_t>(value >> 8), static_cast<std::uint8_t>(value)});
}

Message frame(const Message& apdu, std::uint16_t reserved = 0, const Message& extension = {}) {
  return support::published_frame(0x1001, apdu, reserved, extension);
}

struct Parts {
  std::string_view reference = "BAY1/LLN0$GO$trip";
  std::uint32_t state = 1;
  std::uint32_t sequence = 0;
  std::uint32_t time_allowed = 2000;
  Message go_id = element(0x83, bytes_of("trip"));
  Message simulation = {};
  std::uint32_t entries = 2;
  Message data = {0x83, 1, 1, 0x84, 3, 3, 0, 0};
  Message behind = {};
};

Message apdu(const Parts& parts) {
  return element(0x61, join({element(0x80, bytes_of(parts.reference)),
                             number(0x81, parts.time_allowed),
                             element(0x82, bytes_of("BAY1/LLN0$events")),
                             parts.go_id,
                             element(0x84, Message(8, 0)),
                             number(0x85, parts.state),
                             number(0x86, parts.sequence),
                             parts.simulation,
                             number(0x88, 7),
                             {0x89, 1, 0},
                             number(0x8a, parts.entries),
                             element(0xab, parts.data),
                             parts.behind}));
}

Message published_by(const Parts& parts) { return frame(apdu(parts)); }

std::string text_of(const std::string& id, int simulation, std::uint32_t entries = 2,
                    std::size_t extension = 0) {
  return "publish appid=4097 gocb_ref=BAY1/LLN0$GO$trip dataset=BAY1/LLN0$events go_id=" + id +
         " conf_rev=7 entries=" + std::to_string(entries) +
         " simulation=" + std::to_string(simulation) + " needs_commissioning=0 time_allowed=2000" +
         " extension=" + std::to_string(extension);
}

Parts with(const std::function<void(Parts&)>& change) {
  Parts parts;
  change(parts);
  return parts;
}

std::vector<Row> on_ethernet(std::vector<Row> rows) {
  for (Row& row : rows) row.carrier = protocols::Carrier::ethernet;
  return rows;
}

TEST(Decode, Rows) {
  const std::vector<Row> rows = {
      {"a message", kSent, published_by({}), text_of("trip", 0)},
      {"without an identifier it has that of its block", kSent,
       published_by(with([](Parts& p) { p.go_id = {}; })), text_of("BAY1/LLN0$GO$trip", 0)},
      {"simulated", kSent,
       frame(apdu(with([](Parts& p) { p.simulation = {0x87, 1, 0xff}; })), 0x8000),
       text_of("trip", 1)},
      {"with a security extension", kSent, frame(apdu({}), 0, Message(20, 0x5a)),
       text_of("trip", 0, 2, 20)},
      {"with one of an octet", kSent, frame(apdu({}), 0, {0x5a}), text_of("trip", 0, 2, 1)},
      {"no data", kSent, published_by(with([](Parts& p) {
         p.entries = 0;
         p.data = {};
       })),
       text_of("trip", 0, 0)}};
  support::expect_rows(module(), on_ethernet(rows));
  support::expect_fields_decide(module(), on_ethernet(rows));
}

TEST(Decode, WhatIsRefused) {
  const auto changed = [](const std::function<void(Parts&)>& change) {
    return published_by(with(change));
  };
  const std::vector<Row> rows = {
      {"one entry less than it says", kSent, changed([](Parts& p) { p.entries = 3; }),
       "fault bad_quantity"},
      {"one more", kSent, changed([](Parts& p) { p.entries = 1; }), "fault bad_quantity"},
      {"data of no kind", kSent, changed([](Parts& p) { p.data = {0x83, 1, 1, 0x92, 1, 0}; }),
       "fault bad_value"},
      {"it may not live", kSent, changed([](Parts& p) { p.time_allowed = 0; }), "fault bad_value"},
      {"no block", kSent, changed([](Parts& p) { p.reference = ""; }), "fault bad_value"},
      {"something behind the data", kSent, changed([](Parts& p) { p.behind = {0x8c, 1, 0}; }),
       "fault bad_value"},
      {"a simulation of two octets", kSent,
       changed([](Parts& p) { p.simulation = {0x87, 2, 0, 1}; }), "fault bad_value"},
      {"a reference that ends early", kSent,
       changed([](Parts& p) { p.reference = std::string_view("BAY1/LLN0$GO$trip\0", 18); }),
       "fault bad_value"},
      {"a simulation of another truth", kSent,
       changed([](Parts& p) { p.simulation = {0x87, 1, 2}; }), "fault bad_value"},
      {"a constructed identifier", kSent,
       changed([](Parts& p) { p.go_id = element(0xa3, element(0x1a, "trip")); }),
       "fault bad_value"},
      {"bits that are set where there are none", kSent,
       changed([](Parts& p) { p.data = {0x83, 1, 1, 0x84, 2, 6, 0x81}; }), "fault bad_value"},
      {"a length that is longer than it needs", kSent,
       changed([](Parts& p) { p.data = {0x83, 0x81, 1, 1, 0x84, 2, 6, 0x80}; }),
       "fault bad_length"},
      {"a number of six octets", kSent,
       changed([](Parts& p) { p.simulation = {0x88, 6, 0, 0, 0, 0, 0, 7}; }), "fault bad_value"},
      {"reserved bits in front", kSent, frame(apdu({}), 0x4000), "fault bad_value"},
      {"those of edition 1 of IEC 62351-6", kSent, frame(apdu({}), 20, Message(20, 0x5a)),
       "fault bad_value"},
      {"simulated, as the frame alone says", kSent, frame(apdu({}), 0x8000), "fault bad_value"},
      {"as it says against the PDU", kSent,
       frame(apdu(with([](Parts& p) { p.simulation = {0x87, 1, 0}; })), 0x8000), "fault bad_value"},
      {"simulated, as the PDU alone says", kSent,
       changed([](Parts& p) { p.simulation = {0x87, 1, 0xff}; }), "fault bad_value"},
      {"an extension that is longer than it says", kSent,
       announcing(frame(apdu({}), 0, Message(20, 0x5a)), 19), "fault bad_length"},
      {"one that is shorter", kSent, announcing(frame(apdu({}), 0, Message(20, 0x5a)), 21),
       "fault bad_length"},
      {"one that is not announced", kSent, announcing(frame(apdu({}), 0, Message(20, 0x5a)), 0),
       "fault bad_length"},
      {"one that the length does not count", kSent, announcing(frame(apdu({})), 20),
       "fault bad_length"},
      {"one longer than the frame", kSent, announcing(frame(apdu({})), 255), "fault bad_length"},
      {"a PDU that is primitive", kSent, frame(element(0x41, Message{0x80, 1, 1})),
       "fault bad_value"},
      {"a management PDU", kSent, frame(element(0x60, {2, 1, 1})), "fault unknown_function"},
      {"nothing", kSent, frame({}), "fault bad_length"}};
  support::expect_rows(module(), on_ethernet(rows));
  EXPECT_EQ(support::decoded_text(module(), published_by({}), kSent), "fault not_this_protocol")
      << "by TCP";
}

TEST(Frame, TheLengthCounts) {
  const auto length_of = [](std::uint16_t length) {
    return module().frame(
        Message{0, 1, static_cast<std::uint8_t>(length >> 8), static_cast<std::uint8_t>(length)},
        kOnEthernet);
  };
  EXPECT_EQ(length_of(7).fault, Fault::bad_length);
  EXPECT_EQ(length_of(8).length, 8U);
  EXPECT_EQ(length_of(1518).length, 1518U);
  EXPECT_EQ(length_of(1519).fault, Fault::bad_length);
}

TEST(Publisher, CountsItsMessages) {
  support::PairedSession session(module());
  const auto take = [&](std::uint32_t state, std::uint32_t sequence) {
    return session.ask(published_by(with([&](Parts& p) {
      p.state = state;
      p.sequence = sequence;
    })));
  };
  EXPECT_EQ(take(5, 10), Fault::none);
  EXPECT_EQ(take(5, 11), Fault::none);
  EXPECT_EQ(take(5, 13), Fault::none) << "one was lost";
  EXPECT_EQ(take(5, 13), Fault::bad_sequence) << "a replay";
  EXPECT_EQ(take(5, 12), Fault::bad_sequence);
  EXPECT_EQ(take(4, 14), Fault::bad_sequence) << "a state from the past";
  EXPECT_EQ(take(6, 0), Fault::none);
  EXPECT_EQ(take(6 + 1001, 0), Fault::bad_sequence) << "further than any publisher goes";
  EXPECT_EQ(take(6 + 1000, 0), Fault::none);
  session.now_ms += 2000;
  EXPECT_EQ(take(1, 1), Fault::bad_sequence) << "the last is still good";
  session.now_ms += 1;
  EXPECT_EQ(take(1, 1), Fault::none) << "the publisher began anew";
  EXPECT_EQ(take(0xffffffff, 0xffffffff), Fault::bad_sequence);
  session.now_ms += 2001;
  EXPECT_EQ(take(0xffffffff, 0xffffffff), Fault::none);
  EXPECT_EQ(take(0xffffffff, 1), Fault::none) << "the counter begins anew at 1";
  EXPECT_EQ(take(1, 0), Fault::none);
}

TEST(Publisher, BlocksAreApart) {
  support::PairedSession session(module());
  std::vector<std::string> names;
  for (int i = 0; i < 256; ++i) names.push_back("BAY/LLN0$GO$" + std::to_string(i));
  const auto take = [&](const std::string& name) {
    return session.ask(published_by(with([&](Parts& p) { p.reference = name; })));
  };
  for (const std::string& name : names) EXPECT_EQ(take(name), Fault::none);
  for (const std::string& name : names) EXPECT_EQ(take(name), Fault::bad_sequence);
  EXPECT_EQ(take("one more"), Fault::too_many_outstanding);
}

}  // namespace
}  // namespace bulkhead::goose
