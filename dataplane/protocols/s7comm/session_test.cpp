// What a session of S7 communication knows: jobs that wait, the agreed size, blocks that are
// loaded; and the refusal.
#include "dataplane/protocols/s7comm/pairing.h"
#include "tests/support/s7_messages.h"

namespace bulkhead::s7comm {
namespace {

TEST(Pairing, AnAnswerNeedsItsJob) {
  const Message read = job(join({{4, 1}, item(4, 1, 1, 0x84, 0)}));
  const auto answer = [](std::uint8_t items, std::uint16_t reference) {
    Message data;
    for (int i = 0; i < items; ++i) data = join({data, {0xff, 4, 0, 16, 1, 2}});
    return pdu(kAckData, {4, items}, data, reference);
  };
  support::PairedSession session(module());
  EXPECT_EQ(session.answer(answer(1, 1)), Fault::unrequested_response);
  EXPECT_EQ(session.ask(read), Fault::none);
  EXPECT_EQ(session.outstanding(), 1U);
  EXPECT_EQ(session.answer(answer(1, 2)), Fault::unrequested_response);
  EXPECT_EQ(session.answer(answer(2, 1)), Fault::mismatched_response);
  EXPECT_EQ(session.answer(pdu(kAckData, {5, 1}, {0xff})), Fault::mismatched_response);
  EXPECT_EQ(session.answer(answer(1, 1)), Fault::none);
  EXPECT_EQ(session.answer(answer(1, 1)), Fault::unrequested_response);
  EXPECT_EQ(session.ask(read), Fault::none);
  EXPECT_EQ(session.answer(pdu(kAck, {}, {}, 1, {0x85, 0})), Fault::none) << "an error";
  EXPECT_EQ(session.ask(user(4, 4, 1, {0, 0x1c, 0, 1}, 9)), Fault::none);
  EXPECT_EQ(session.answer(user(8, 4, 2, {}, 9)), Fault::mismatched_response);
  EXPECT_EQ(session.answer(user(8, 4, 1, {}, 9)), Fault::none);
  EXPECT_EQ(session.answer(user(0, 4, 6, {}, 0)), Fault::none) << "unasked";
}

// What goes on with an answer names only its number: it is judged as what was asked first.
TEST(Pairing, WhatGoesOnIsOfWhatWasAsked) {
  support::PairedSession session(module());
  const auto told = [&](const Message& request) {
    return support::decoded_text(module(), request,
                                 {kAsk, protocols::Carrier::tcp, session.block()});
  };
  const auto answered = [](std::uint8_t group, std::uint8_t sub, std::uint8_t sequence,
                           std::uint8_t more) {
    const auto kind = static_cast<std::uint8_t>(UserData::kAnswer << 4 | group);
    return pdu(kUserData, {0, 1, 0x12, 8, 0x12, kind, sub, sequence, 7, more, 0, 0},
               {0xff, 9, 0, 1, 5});
  };
  EXPECT_EQ(told(asks_long(4, 1, 9)), "read_szl");
  EXPECT_EQ(session.ask(user(4, 4, 1, {0, 0x1c, 0, 3})), Fault::none);
  EXPECT_EQ(told(asks_long(4, 1, 9)), "read_szl");
  EXPECT_EQ(session.answer(answered(4, 1, 9, 1)), Fault::none);
  EXPECT_EQ(told(asks_long(4, 1, 9)), "read_szl szl_id=28 szl_index=3");
  EXPECT_EQ(told(asks_long(4, 1, 8)), "read_szl") << "of another answer";
  EXPECT_EQ(told(asks_long(3, 2, 9)), "list_blocks_of_type");
  EXPECT_EQ(session.ask(asks_long(4, 1, 9)), Fault::none);
  EXPECT_EQ(session.answer(answered(4, 1, 9, 1)), Fault::none) << "and on";
  EXPECT_EQ(told(asks_long(4, 1, 9)), "read_szl szl_id=28 szl_index=3");
  EXPECT_EQ(session.ask(asks_long(4, 1, 9)), Fault::none);
  EXPECT_EQ(session.answer(answered(4, 1, 9, 0)), Fault::none);
  EXPECT_EQ(told(asks_long(4, 1, 9)), "read_szl") << "it is over";
  EXPECT_EQ(session.ask(user(4, 3, 2, bytes_of("0A"))), Fault::none);
  EXPECT_EQ(session.answer(answered(3, 2, 9, 1)), Fault::none);
  EXPECT_EQ(told(asks_long(3, 2, 9, {}, 0x11)), "list_blocks_of_type block_type=10");
  EXPECT_TRUE(support::verdict_key(module(), asks_long(3, 2, 9)).empty());
}

// One number has several functions: an answer is told as what was asked.
TEST(Pairing, AnAnswerIsOfTheFunctionThatWasAsked) {
  support::PairedSession session(module());
  const auto answered = [&](const Message& request) {
    const Message answer = pdu(kAckData, {0x28});
    EXPECT_EQ(session.ask(request), Fault::none);
    const std::string text =
        support::decoded_text(module(), answer, {kBack, protocols::Carrier::tcp, session.block()});
    EXPECT_EQ(session.answer(answer), Fault::none);
    return text;
  };
  EXPECT_EQ(answered(pi_service(bytes_of("C "), "P_PROGRAM")), "cold_start");
  EXPECT_EQ(answered(pi_service({}, "P_PROGRAM")), "pi_service");
  EXPECT_EQ(answered(pi_service(bytes_of("EP"), "_MODU")), "pi_service_program");
}

TEST(Pairing, ThePlcAsksForBlocks) {
  support::PairedSession session(module());
  const Message answer = pdu(kAckData, {0x1b, 0}, {0, 2, 0, 0xfb, 1, 2});
  EXPECT_EQ(session.ask(answer), Fault::unrequested_response);
  EXPECT_EQ(session.answer(load(0x1b, "_0A00001P")), Fault::none);
  EXPECT_EQ(session.outstanding(), 0U) << "the server waits, not the client";
  EXPECT_EQ(session.ask(answer), Fault::none);
}

// The identifier that the answer to a start gave stands for its block.
TEST(Pairing, AnUploadIsThatOfItsBlock) {
  support::PairedSession session(module());
  const auto told = [&](std::uint8_t code, std::uint8_t id) {
    return support::decoded_text(module(), job({code, 0, 0, 0, 0, 0, 0, id}),
                                 {kAsk, protocols::Carrier::tcp, session.block()});
  };
  const auto start = [&](std::string_view name, std::uint8_t id) {
    EXPECT_EQ(session.ask(load(0x1d, name)), Fault::none);
    EXPECT_EQ(session.answer(pdu(
                  kAckData, {0x1d, 0, 1, 0, 0, 0, 0, id, 7, '0', '0', '0', '0', '0', '9', '0'})),
              Fault::none);
  };
  EXPECT_EQ(told(0x1e, 7), "upload");
  start("_0A00001A", 7);
  EXPECT_EQ(told(0x1e, 7), "upload block_type=10 block_number=1 file_system=A");
  EXPECT_EQ(told(0x1f, 7), "end_upload block_type=10 block_number=1 file_system=A");
  EXPECT_EQ(told(0x1e, 8), "upload") << "of somebody else";
  start("_0800002A", 7);
  EXPECT_EQ(told(0x1e, 7), "upload block_type=8 block_number=2 file_system=A");
  start("_0800003A", 8);
  start("_0800004A", 9);
  EXPECT_EQ(told(0x1e, 9), "upload block_type=8 block_number=4 file_system=A");
  EXPECT_EQ(told(0x1e, 8), "upload block_type=8 block_number=3 file_system=A");
  EXPECT_EQ(told(0x1e, 7), "upload") << "forgotten";
  EXPECT_TRUE(support::verdict_key(module(), job({0x1e, 0, 0, 0, 0, 0, 0, 7})).empty());
  EXPECT_FALSE(
      support::verdict_key(module(), job({4, 1, 0x12, 10, 0x10, 2, 0, 1, 0, 1, 0x84, 0, 0, 0}))
          .empty());
}

TEST(Pairing, PdusFitTheAgreedSize) {
  support::PairedSession session(module());
  EXPECT_EQ(session.ask(job({0xf0, 0, 0, 1, 0, 1, 1, 0xe0})), Fault::none);
  EXPECT_EQ(session.answer(pdu(kAckData, {0xf0, 0, 0, 1, 0, 1, 0, 240})), Fault::none);
  const auto sized = [](std::uint16_t bytes) {  // a write of what fills the PDU
    const auto octets = static_cast<std::uint16_t>(bytes - kHeaderBytes - 14 - 4);
    const Message head = {0, 4, static_cast<std::uint8_t>(octets >> 5),
                          static_cast<std::uint8_t>(octets << 3)};
    return pdu(kJob, join({{5, 1}, item(2, octets, 1, 0x84, 0)}), join({head, Message(octets, 0)}));
  };
  EXPECT_EQ(session.ask(sized(240)), Fault::none);
  EXPECT_EQ(session.ask(sized(241)), Fault::bad_length);
}

// Snap7's server writes behind its buffer where an answer does not fit.
TEST(Pairing, AnswersFitTheAgreedSize) {
  support::PairedSession session(module());
  const auto read = [](std::uint16_t bytes) {
    return job(join({{4, 2}, item(2, 3, 1, 0x84, 0), item(2, bytes, 1, 0x84, 0)}));
  };
  // 14 octets of heads, and in front of the second item 4, 3 and one to fill up, and 4 again.
  EXPECT_EQ(session.ask(read(2000)), Fault::none) << "nothing is agreed on";
  EXPECT_EQ(session.ask(job({0xf0, 0, 0, 1, 0, 1, 1, 0xe0})), Fault::none);
  EXPECT_EQ(session.answer(pdu(kAckData, {0xf0, 0, 0, 1, 0, 1, 0, 240})), Fault::none);
  EXPECT_EQ(session.ask(read(240 - 26)), Fault::none);
  EXPECT_EQ(session.ask(read(240 - 25)), Fault::bad_length);
  const auto subscribe = [](std::uint16_t bytes) {
    return user(4, 2, 1, join({{0, 1, 1, 1}, item(2, bytes, 1, 0x84, 0)}));
  };
  EXPECT_EQ(session.ask(subscribe(240 - 32)), Fault::none);
  EXPECT_EQ(session.ask(subscribe(240 - 31)), Fault::bad_length);
  EXPECT_EQ(session.ask(job(join({{4, 2}, symbol(), item(19, 1, 4, 0x84, 0)}))), Fault::none);
}

TEST(Refusal, AckDataWithAnErrorClass) {
  std::array<std::uint8_t, protocols::kRefusalBytesMax> reply{};
  const auto refuse = [&](const Message& request) {
    const std::size_t length =
        support::refuse(module(), request, protocols::DeniedPart::address, reply);
    return Message(reply.begin(), reply.begin() + static_cast<std::ptrdiff_t>(length));
  };
  const Message write = job(join({{5, 1}, item(2, 1, 1, 0x84, 0)}), {0, 4, 0, 8, 1});
  EXPECT_EQ(refuse(write), pdu(kAckData, {5, 1}, {}, 1, {0x81, 4}));
  support::PairedSession session(module());
  EXPECT_EQ(session.ask(write), Fault::none);
  EXPECT_EQ(session.answer(refuse(write)), Fault::none);
  EXPECT_EQ(refuse(job(join({{0x29, 0, 0, 0, 0, 0, 9}, bytes_of("P_PROGRAM")}))),
            pdu(kAckData, {0x29}, {}, 1, {0x81, 4}));
  const Message szl = user(4, 4, 1, {0, 0x1c, 0, 1});
  EXPECT_EQ(support::decoded_text(module(), refuse(szl), kBack), "read_szl");
  EXPECT_EQ(session.ask(szl), Fault::none);
  EXPECT_EQ(session.answer(refuse(szl)), Fault::none);
  EXPECT_TRUE(refuse(data_unit({}, 0)).empty());
  EXPECT_TRUE(refuse({3, 0, 0, 11, 6, 0xe0, 0, 0, 0, 1, 0}).empty());
}

}  // namespace
}  // namespace bulkhead::s7comm
