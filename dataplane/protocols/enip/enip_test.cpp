// Messages built from the layouts of the CIP Networks Library: commands, every service, services in
// services, tags, connections, pairing, and the refusal.
#include "dataplane/protocols/enip/implicit.h"
#include "dataplane/protocols/enip/pairing.h"
#include "tests/support/cip_messages.h"
#include "tests/support/field_mutation.h"
#include "tests/support/protocol_rows.h"

namespace bulkhead::enip {
namespace {

using protocols::Direction;
using protocols::Fault;
using namespace support::cip;
using support::bytes_of;
using support::join;
using support::le16;
using support::Message;
using support::Row;

constexpr auto kAsk = Direction::request;
constexpr auto kBack = Direction::response;

const protocols::Protocol& module() { return support::module_of("enip"); }

Message symbol(std::string_view name) {
  Message segment = join({{0x91, static_cast<std::uint8_t>(name.size())}, bytes_of(name)});
  if (name.size() % 2 != 0) segment.push_back(0);
  return segment;
}

const Message kIdentity = {0x20, 1, 0x24, 1};
const Message kRouter = {0x20, 2, 0x24, 1};

Message packet(const std::vector<Message>& services) {
  Message offsets = le16(services.size());
  Message all;
  for (const Message& each : services) {
    offsets = join({offsets, le16(2 + 2 * services.size() + all.size())});
    all = join({all, each});
  }
  return service(kMultipleServicePacket, kRouter, join({offsets, all}));
}

Message unconnected_send(const Message& message) {
  const bool odd = message.size() % 2 != 0;
  return service(
      kUnconnectedSend, kManager,
      join({{5, 0x99}, le16(message.size()), message, Message(odd ? 1 : 0, 0), {1, 0, 1, 0}}));
}

const std::vector<Row> kRows = {
    {"nop", kAsk, encapsulated(kNop, {1, 2}), "nop"},
    {"list services", kAsk, encapsulated(kListServices, {}), "list_services"},
    {"list identity", kAsk, encapsulated(kListIdentity, {}), "list_identity"},
    {"list interfaces", kAsk, encapsulated(kListInterfaces, {}), "list_interfaces"},
    {"register", kAsk, encapsulated(kRegisterSession, {1, 0, 0, 0}), "register_session"},
    {"unregister", kAsk, encapsulated(kUnregisterSession, {}), "unregister_session"},
    {"an error of the encapsulation", kBack, encapsulated(kSendRRData, {}, 1, 7, 3),
     "send_rr_data"},
    {"an error of the encapsulation", kBack, encapsulated(kSendUnitData, {}, 1, 7, 3),
     "send_unit_data"},
    {"status", kAsk, encapsulated(kIndicateStatus, {}), "indicate_status"},
    {"cancel", kAsk, encapsulated(kCancel, {}), "cancel"},
    {"EIP 2-6.4: implicit data",
     kAsk,
     {2, 0, 2, 0x80, 8, 0, 1, 0, 0, 0, 9, 0, 0, 0, 0xb1, 0, 4, 0, 1, 0, 7, 7},
     "io_data"},
    {"attribute", kAsk, unconnected(service(kGetAttributeSingle, {0x20, 1, 0x24, 1, 0x30, 7})),
     "get_attribute_single service=14 class=1 instance=1 attribute=7"},
    {"16-bit segments", kAsk,
     unconnected(
         service(kSetAttributeSingle, {0x21, 0, 0x34, 1, 0x25, 0, 1, 2, 0x31, 0, 3, 0}, {1})),
     "set_attribute_single service=16 class=308 instance=513 attribute=3"},
    {"each attribute of a list", kAsk,
     unconnected(service(kGetAttributeList, kIdentity, {2, 0, 1, 0, 5, 0})),
     "get_attribute_list service=3 class=1 instance=1 attribute=1\n"
     "get_attribute_list service=3 class=1 instance=1 attribute=5"},
    {"an attribute that is set", kAsk,
     unconnected(service(kSetAttributeList, kIdentity, {1, 0, 6, 0, 9})),
     "set_attribute_list service=4 class=1 instance=1 attribute=6"},
    {"a tag", kAsk, unconnected(service(kReadTag, symbol("Level"), {1, 0})),
     "read_tag service=76 member=0 tag=Level elements=1"},
    {"ten elements from the fifth of a member", kAsk,
     connected(
         service(kReadTag, join({symbol("Tank"), {0x28, 2}, symbol("Level"), {0x28, 5}}), {10, 0}),
         5),
     "read_tag service=76 member=5-14 tag=Tank[2].Level elements=10"},
    {"two dimensions", kAsk,
     unconnected(service(kReadTag, join({symbol("Grid"), {0x28, 3, 0x29, 0, 0, 1}}), {1, 0})),
     "read_tag service=76 member=256 tag=Grid[3] elements=1"},
    {"a DINT", kAsk,
     unconnected(service(kWriteTag, symbol("Set"), {0xc4, 0, 1, 0, 0xff, 0xff, 0xff, 0xff})),
     "write_tag service=77 member=0 tag=Set elements=1 value=-1"},
    {"a REAL", kAsk,
     unconnected(service(kWriteTag, symbol("Set"), {0xca, 0, 1, 0, 0, 0, 0xc0, 0x3f})),
     "write_tag service=77 member=0 tag=Set elements=1 value=1.5"},
    {"by instance of the symbol object", kAsk,
     unconnected(service(kReadTag, {0x20, 0x6b, 0x25, 0, 9, 1}, {1, 0})),
     "read_tag service=76 class=107 instance=265 member=0 elements=1"},
    {"fragments", kAsk,
     unconnected(service(kReadTagFragmented, symbol("Tags"), {9, 0, 0, 1, 0, 0})),
     "read_tag_fragmented service=82 member=0-8 tag=Tags elements=9"},
    {"fragments", kAsk,
     unconnected(service(kWriteTagFragmented, symbol("Tags"), {0xc4, 0, 9, 0, 0, 0, 0, 0, 1})),
     "write_tag_fragmented service=83 member=0-8 tag=Tags elements=9"},
    {"masks", kAsk,
     unconnected(service(kReadModifyWriteTag, symbol("Bits"), {2, 0, 1, 0, 0xff, 0xff})),
     "read_modify_write_tag service=78 member=0 tag=Bits elements=1"},
    {"list of tags", kAsk, unconnected(service(0x55, {0x20, 0x6b, 0x25, 0, 0, 0}, {1, 0, 1, 0})),
     "get_instance_attribute_list service=85 class=107 instance=0"},
    {"A-4.9: a write hidden among reads", kAsk,
     connected(packet({service(kReadTag, symbol("A"), {1, 0}),
                       service(kWriteTag, symbol("B"), {0xc1, 0, 1, 0, 1, 0}),
                       service(kGetAttributeSingle, kIdentity)}),
               5),
     "multiple_service_packet service=10 class=2 instance=1\n"
     "read_tag service=76 member=0 tag=A elements=1\n"
     "write_tag service=77 member=0 tag=B elements=1 value=1\n"
     "get_attribute_single service=14 class=1 instance=1"},
    {"3-5.5.4: a reset inside an unconnected send", kAsk,
     unconnected(unconnected_send(service(0x05, kIdentity, {1}))),
     "unconnected_send service=82 class=6 instance=1\n"
     "reset service=5 class=1 instance=1"},
    {"a forward open with an electronic key and two connection points", kAsk,
     unconnected(forward_open(
         {0x34, 4, 1, 0, 12, 0, 5, 0, 0, 0, 0x20, 4, 0x24, 0x97, 0x2c, 0x96, 0x2c, 0x64})),
     "forward_open service=84 class=4 instance=151 connection_point=150 connection_size=100 "
     "rpi=10000 vendor=1 device=12\n"
     "forward_open service=84 class=4 instance=151 connection_point=100 connection_size=100 "
     "rpi=10000 vendor=1 device=12"},
    {"a connection whose data travels in datagrams", kAsk,
     unconnected(
         Opening{.path = {0x20, 4, 0x24, 0x97, 0x2c, 0x96, 0x2c, 0x64}, .trigger = 1}.request()),
     "forward_open_implicit service=84 class=4 instance=151 connection_point=150 "
     "connection_size=100 rpi=10000\n"
     "forward_open_implicit service=84 class=4 instance=151 connection_point=100 "
     "connection_size=100 rpi=10000"},
    {"the same with large sizes", kAsk,
     unconnected(Opening{.path = kRouter, .size = 4000, .trigger = 1, .large = true}.request()),
     "large_forward_open_implicit service=91 class=2 instance=1 connection_size=4000 rpi=10000"},
    {"to the message router", kAsk, unconnected(forward_open({1, 0, 0x20, 2, 0x24, 1})),
     "forward_open service=84 class=2 instance=1 connection_size=100 rpi=10000"},
    {"large", kAsk, unconnected(Opening{.path = kRouter, .size = 4000, .large = true}.request()),
     "large_forward_open service=91 class=2 instance=1 connection_size=4000 rpi=10000"},
    {"close", kAsk,
     unconnected(service(kForwardClose, kManager,
                         join({{5, 0x99, 1, 0, 2, 0, 3, 0, 0, 0, 2, 0}, kRouter}))),
     "forward_close service=78 class=6 instance=1 vendor=2"},
    {"connection data", kAsk, unconnected(service(0x56, kManager)),
     "get_connection_data service=86 class=6 instance=1"},
    {"connection data", kAsk, unconnected(service(0x57, kManager)),
     "search_connection_data service=87 class=6 instance=1"},
    {"connection owner", kAsk, unconnected(service(0x5a, kManager)),
     "get_connection_owner service=90 class=6 instance=1"},
    {"PCCC: protected typed logical write with three address fields", kAsk,
     unconnected(service(kExecutePccc, {0x20, 0x67, 0x24, 1},
                         {7, 1, 0, 2, 0, 0, 0, 0x0f, 0, 1, 0, 0xaa, 2, 7, 0x89, 3, 0, 1, 0})),
     "execute_pccc service=75 class=103 instance=1 elements=2 pccc_command=15 pccc_function=170 "
     "file_type=137 file_number=7 element=3"},
    {"PCCC: set processor mode", kAsk,
     unconnected(service(kExecutePccc, {0x20, 0x67, 0x24, 1},
                         {7, 1, 0, 2, 0, 0, 0, 0x0f, 0, 1, 0, 0x80, 6})),
     "execute_pccc service=75 class=103 instance=1 pccc_command=15 pccc_function=128"},
    {"a reply", kBack, unconnected(reply(kReadTag, 0, {0xc4, 0, 1, 0, 0, 0})),
     "read_tag service=76 status=0"},
    {"an error", kBack, unconnected(reply(kReadTag, 5)), "read_tag service=76 status=5"},
    {"replies of a packet", kBack,
     connected(reply(kMultipleServicePacket, 0,
                     join({{2, 0, 6, 0, 10, 0}, reply(kReadTag), reply(kWriteTag)})),
               5),
     "multiple_service_packet service=10 status=0\n"
     "read_tag service=76 status=0\nwrite_tag service=77 status=0"},
};

TEST(Decode, EachFunction) {
  support::expect_rows(module(), kRows);
  std::vector<Row> rows = kRows;
  std::vector<Row> others;
  for (const protocols::FunctionInfo& function : catalogue().functions) {
    if (function.sub_code == kOfTags || function.sub_code == kConnectionManager ||
        function.sub_code == kImplicitOpening) {
      continue;
    }
    if (function.fields == 0 || function.sub_code == kPcccObject) continue;
    const std::uint8_t object =
        function.sub_code > 0 ? static_cast<std::uint8_t>(function.sub_code) : 0x64;
    const bool list = function.code == kGetAttributeList || function.code == kSetAttributeList ||
                      function.code == kMultipleServicePacket;
    if (list || object == kSymbolObject) continue;
    others.push_back(
        {function.name.data(), kAsk,
         unconnected(service(static_cast<std::uint8_t>(function.code), {0x20, object, 0x24, 1})),
         std::string(function.name) + " service=" + std::to_string(function.code) +
             " class=" + std::to_string(object) + " instance=1"});
  }
  support::expect_rows(module(), others);
  rows.insert(rows.end(), others.begin(), others.end());
  for (Row& row : rows) row.expected += " ";
  support::expect_all_functions(module(), rows);
  support::expect_fields_decide(module(), rows);
}

TEST(Decode, WhatIsRefused) {
  Message hidden = packet({service(kReadTag, symbol("A"), {1, 0})});
  hidden[8] = 6;  // a gap between the offsets and the first service
  Message deep = service(kGetAttributeSingle, kIdentity);
  for (unsigned i = 1; i < kDepthMax; ++i) deep = unconnected_send(deep);
  EXPECT_NE(support::decoded_text(module(), unconnected(deep), kAsk).substr(0, 5), "fault");
  support::expect_rows(
      module(),
      {{"too deep", kAsk, unconnected(unconnected_send(deep)), "fault too_deep"},
       {"bytes that no service owns", kAsk, connected(hidden, 5), "fault bad_value"},
       {"no service in a packet", kAsk,
        connected(service(kMultipleServicePacket, kRouter, {0, 0}), 5), "fault bad_quantity"},
       {"service 0x63", kAsk, unconnected(service(0x63, kIdentity)), "fault unknown_function"},
       {"a path longer than the message", kAsk, unconnected({kGetAttributeSingle, 9, 0x20, 1}),
        "fault truncated"},
       {"a segment of no known length", kAsk,
        unconnected(service(kGetAttributeSingle, {0xa0, 1, 0x24, 1})), "fault unknown_object"},
       {"a tag without a name", kAsk, unconnected(service(kReadTag, {0x91, 0}, {1, 0})),
        "fault bad_value"},
       {"no element", kAsk, unconnected(service(kReadTag, symbol("A"), {0, 0})),
        "fault bad_quantity"},
       {"less than its elements", kAsk,
        unconnected(service(kWriteTag, symbol("A"), {0xc4, 0, 2, 0, 1, 2, 3, 4})),
        "fault bad_byte_count"},
       {"two attributes that are set", kAsk,
        unconnected(service(kSetAttributeList, kIdentity, {2, 0, 6, 0, 9, 7, 0, 9})),
        "fault unknown_object"},
       {"a reply from the client", kAsk, unconnected(reply(kReadTag)), "fault wrong_direction"},
       {"a request from the device", kBack, unconnected(service(kReadTag, symbol("A"), {1, 0})),
        "fault wrong_direction"},
       {"connected data without a connection", kAsk,
        encapsulated(kSendUnitData, {0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0xb1, 0, 2, 0, 1, 0}),
        "fault bad_value"},
       {"one item", kAsk, encapsulated(kSendRRData, {0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0}),
        "fault bad_quantity"},
       {"registration of another length", kAsk, encapsulated(kRegisterSession, {1, 0}),
        "fault bad_length"},
       {"a request with a status", kAsk, encapsulated(kListServices, {}, 1, 7, 1),
        "fault bad_value"}});
  EXPECT_EQ(module().frame(Message{0x01, 0, 0, 0}, kAsk).fault, Fault::not_this_protocol);
  EXPECT_EQ(module().frame(Message{0x6f, 0, 0xe8, 0xff}, kAsk).fault, Fault::bad_length);
  EXPECT_EQ(module().frame(Message{0x6f, 0, 0xe7, 0xff}, kAsk).length, 24U + 65511U);
}

class Registered : public ::testing::Test {
 protected:
  Registered() : session(module()) {
    EXPECT_EQ(session.ask(encapsulated(kRegisterSession, {1, 0, 0, 0}, 9, 0)), Fault::none);
    EXPECT_EQ(session.answer(encapsulated(kRegisterSession, {1, 0, 0, 0}, 9)), Fault::none);
  }

  support::PairedSession session;
};

TEST_F(Registered, TheHandleIsTheSessionsOwn) {
  const Message read = service(kReadTag, symbol("A"), {1, 0});
  EXPECT_EQ(session.ask(unconnected(read, 1, 8)), Fault::not_started);
  EXPECT_EQ(session.ask(unconnected(read)), Fault::none);
  support::PairedSession other(module());
  EXPECT_EQ(other.ask(unconnected(read)), Fault::not_started);
  module().begin_unseen(other.block());
  EXPECT_EQ(other.ask(unconnected(read)), Fault::none);
}

TEST_F(Registered, AReplyNeedsItsRequest) {
  const Message read = service(kReadTag, symbol("A"), {1, 0});
  EXPECT_EQ(session.answer(unconnected(reply(kReadTag))), Fault::unrequested_response);
  EXPECT_EQ(session.ask(unconnected(read, 3)), Fault::none);
  EXPECT_EQ(session.outstanding(), 1U);
  EXPECT_EQ(session.answer(unconnected(reply(kReadTag), 4)), Fault::unrequested_response);
  EXPECT_EQ(session.answer(unconnected(reply(kWriteTag), 3)), Fault::mismatched_response);
  EXPECT_EQ(session.answer(unconnected(reply(kReadTag), 3)), Fault::none);
  EXPECT_EQ(session.answer(unconnected(reply(kReadTag), 3)), Fault::unrequested_response);
  EXPECT_EQ(session.ask(unconnected(unconnected_send(read), 5)), Fault::none);
  EXPECT_EQ(session.answer(unconnected(reply(kReadTag), 5)), Fault::none) << "of what it carried";
  EXPECT_EQ(session.ask(connected(read, 5, 77)), Fault::none);
  EXPECT_EQ(session.answer(connected(reply(kReadTag), 9, 78)), Fault::unrequested_response);
  EXPECT_EQ(session.answer(connected(reply(kReadTag), 9, 77)), Fault::none);
}

TEST_F(Registered, ARefusalGoesBackOnItsConnection) {
  std::array<std::uint8_t, protocols::kRefusalBytesMax> buffer{};
  const auto refuse = [&](const Message& request, protocols::Denial denial) {
    const std::size_t length = module().refuse(request, denial, buffer);
    return Message(buffer.begin(), buffer.begin() + static_cast<std::ptrdiff_t>(length));
  };
  const Message write = service(kWriteTag, symbol("A"), {0xc1, 0, 1, 0, 1, 0});
  EXPECT_EQ(refuse(unconnected(write, 6), protocols::Denial::value),
            unconnected(reply(kWriteTag, 9), 6));
  EXPECT_EQ(refuse(unconnected(unconnected_send(write), 6), protocols::Denial::address),
            unconnected(reply(kWriteTag, 5), 6));
  EXPECT_EQ(refuse(encapsulated(kListIdentity, {}), protocols::Denial::function),
            encapsulated(kListIdentity, {}, 1, 7, 1));
  EXPECT_TRUE(refuse(encapsulated(kNop, {}), protocols::Denial::function).empty());
  // 3-5.5.2: the device's identifier is 0x11, the client's 0x22.
  EXPECT_FALSE(module().take_out(session.block(), connected(write, 0x11)));
  EXPECT_EQ(session.ask(unconnected(forward_open(kRouter), 2)), Fault::none);
  EXPECT_EQ(session.answer(unconnected(
                reply(kForwardOpen, 0, {0x11, 0, 0, 0, 0x22, 0, 0, 0, 1, 0, 2, 0, 3, 0, 0, 0}), 2)),
            Fault::none);
  const Message request = connected(write, 0x11, 40);
  EXPECT_TRUE(module().take_out(session.block(), request));
  Message refusal = refuse(request, protocols::Denial::function);
  module().put_in(session.block(), refusal);
  Message expected = connected(reply(kWriteTag, 8), 0x22, 40);
  EXPECT_EQ(refusal, expected);
}

// CIP 3-4: connections that a forward open asked for.
class Implicit : public ::testing::Test {
 protected:
  static constexpr std::uint32_t kToTarget = 0x11;
  static constexpr std::uint32_t kToOriginator = 0x22;
  static constexpr std::uint32_t kOneHost = protocols::RelatedTraffic::kOneHost;
  static constexpr std::uint32_t kGroup = 0xefc00120;  // 239.192.1.32

  Implicit() { cyclic.trigger = 0x01; }

  std::span<std::byte> block() { return std::as_writable_bytes(std::span(block_)); }
  Fault note(const Message& cip, protocols::Direction direction) {
    return note_message(unconnected(cip), direction);
  }
  Fault note_message(const Message& message, protocols::Direction direction) {
    EXPECT_TRUE(related.concerns(message, direction));
    return related.note(block(), message, direction, now_ms);
  }
  Fault open(const Opening& opening, std::uint32_t to_target = kToTarget,
             std::uint32_t to_originator = kToOriginator) {
    const Fault fault = note(opening.request(), kAsk);
    EXPECT_EQ(note(opening.accepted(to_target, to_originator), kBack), Fault::none);
    return fault;
  }
  Fault send(std::uint32_t connection, std::size_t bytes, protocols::Direction direction = kAsk,
             std::uint32_t group = kOneHost) {
    return related.admit(block(), io_packet(connection, bytes), direction, group, now_ms);
  }
  // How many of a burst pass.
  unsigned burst(unsigned packets, std::uint32_t connection = kToTarget) {
    unsigned passed = 0;
    for (unsigned i = 0; i < packets; ++i) passed += send(connection, 100) == Fault::none ? 1 : 0;
    return passed;
  }

  const protocols::RelatedTraffic& related = implicit_connections();
  std::vector<std::uint64_t> block_ = std::vector<std::uint64_t>(related.bytes() / 8);
  std::uint32_t now_ms = 0xffffff00U;
  Opening cyclic{{0x20, 4, 0x24, 0x97, 0x2c, 0x96, 0x2c, 0x64}};
};

TEST_F(Implicit, AreOpenFromTheirReplyToTheirClose) {
  EXPECT_EQ(send(kToTarget, 100), Fault::not_started);
  EXPECT_EQ(note(cyclic.request(), kAsk), Fault::none);
  EXPECT_EQ(send(kToTarget, 100), Fault::not_started) << "asked for, not open";
  EXPECT_EQ(note(cyclic.accepted(kToTarget, kToOriginator), kBack), Fault::none);
  EXPECT_EQ(send(kToTarget, 100), Fault::none);
  EXPECT_EQ(send(kToOriginator, 100, kBack), Fault::none);
  EXPECT_EQ(send(kToOriginator, 100), Fault::not_started) << "of the other way";
  EXPECT_EQ(send(0x33, 100), Fault::not_started);
  Opening other = cyclic;
  other.serial = 2;
  EXPECT_EQ(note(reply(kForwardClose, 0, other.name()), kBack), Fault::none);
  EXPECT_EQ(send(kToOriginator, 100, kBack), Fault::none) << "another was closed";
  EXPECT_EQ(note(reply(kForwardClose, 1, cyclic.name()), kBack), Fault::none);
  EXPECT_EQ(send(kToOriginator, 100, kBack), Fault::none) << "the close failed";
  EXPECT_EQ(note(reply(kForwardClose, 0, cyclic.name()), kBack), Fault::none);
  EXPECT_EQ(send(kToTarget, 100), Fault::not_started);
  EXPECT_EQ(send(kToOriginator, 100, kBack), Fault::not_started);
}

TEST_F(Implicit, AreNoneWithoutTheRequest) {
  EXPECT_EQ(note(cyclic.accepted(kToTarget, kToOriginator), kBack), Fault::none);
  EXPECT_EQ(send(kToTarget, 100), Fault::not_started);
  EXPECT_EQ(note(cyclic.request(), kAsk), Fault::none);
  EXPECT_EQ(note(reply(kForwardOpen, 1, join({cyclic.name(), {0, 0}})), kBack), Fault::none);
  EXPECT_EQ(note(cyclic.accepted(kToTarget, kToOriginator), kBack), Fault::none);
  EXPECT_EQ(send(kToTarget, 100), Fault::not_started) << "it was refused";
  EXPECT_EQ(note(cyclic.request(), kAsk), Fault::none);
  now_ms += 30'001;
  Opening other = cyclic;
  other.serial = 2;
  EXPECT_EQ(note(other.request(), kAsk), Fault::none);
  EXPECT_EQ(note(cyclic.accepted(kToTarget, kToOriginator), kBack), Fault::none);
  EXPECT_EQ(send(kToTarget, 100), Fault::not_started) << "long ago";
  Opening explicit_one = cyclic;
  explicit_one.trigger = 0xa3;
  EXPECT_EQ(open(explicit_one), Fault::none);
  EXPECT_EQ(send(kToTarget, 100), Fault::not_started) << "its messages travel on TCP";
}

TEST_F(Implicit, PacketsHaveTheSizeThatWasAsked) {
  EXPECT_EQ(open(cyclic), Fault::none);
  EXPECT_EQ(send(kToTarget, 100), Fault::none);
  EXPECT_EQ(send(kToTarget, 101), Fault::bad_length);
  EXPECT_EQ(send(kToTarget, 2), Fault::none) << "an idle scanner sends its count alone";
}

TEST_F(Implicit, PacketsComeAtTheirIntervalAtMost) {
  EXPECT_EQ(open(cyclic), Fault::none);  // 10 ms
  EXPECT_EQ(burst(20), 6U) << "four intervals and 10 ms ahead";
  now_ms += 10;
  EXPECT_EQ(burst(20), 1U);
  unsigned passed = 0;
  for (int i = 0; i < 100; ++i) {
    now_ms += 5;
    passed += burst(1);
  }
  EXPECT_EQ(passed, 50U) << "twice as often as was granted";
  now_ms += 1000;
  EXPECT_EQ(burst(20), 6U) << "what was not sent is not saved up";
  Opening on_change = cyclic;
  on_change.serial = 2;
  on_change.trigger = 0x11;
  EXPECT_EQ(open(on_change, 0x51, 0x52), Fault::none);
  EXPECT_EQ(burst(40, 0x51), 9U) << "a quarter of the interval: 2.5 ms";
}

// CIP 3-5.5.2: the actual interval may be shorter, but not by much.
TEST_F(Implicit, ATargetMayBeFasterThanAsked) {
  EXPECT_EQ(note(cyclic.request(), kAsk), Fault::none);
  Opening faster = cyclic;
  faster.to_target_us = 8'000;
  faster.to_originator_us = 1;
  EXPECT_EQ(note(faster.accepted(kToTarget, kToOriginator), kBack), Fault::none);
  unsigned to_target = 0;
  unsigned to_originator = 0;
  for (int i = 0; i < 1000; ++i) {
    now_ms += 1;
    to_target += send(kToTarget, 100) == Fault::none ? 1 : 0;
    to_originator += send(kToOriginator, 100, kBack) == Fault::none ? 1 : 0;
  }
  EXPECT_NEAR(to_target, 1000 / 8, 7);
  EXPECT_NEAR(to_originator, 1000 / 10, 7) << "half of 20 ms";
}

TEST_F(Implicit, EndWhenASideIsSilent) {
  EXPECT_EQ(open(cyclic), Fault::none);
  now_ms += 10'000;
  EXPECT_EQ(send(kToTarget, 100), Fault::none);
  now_ms += 1;
  EXPECT_EQ(send(kToTarget, 100), Fault::not_started) << "the other side was silent for too long";
  Opening slow = cyclic;
  slow.to_target_us = slow.to_originator_us = 2'000'000;
  slow.multiplier = 2;  // 16 packets
  EXPECT_EQ(open(slow), Fault::none);
  now_ms += 32'000;
  EXPECT_EQ(send(kToTarget, 100), Fault::none);
  EXPECT_EQ(send(kToOriginator, 100, kBack), Fault::none);
  now_ms += 32'001;
  EXPECT_EQ(send(kToTarget, 100), Fault::not_started);
}

TEST_F(Implicit, TheWayBackMayBeToMany) {
  const Message named = {239, 192, 1, 32};
  Opening listening = cyclic;
  listening.type_back = 1;
  const auto answer = [&](const Message& address, std::uint16_t port = 2222) {
    EXPECT_EQ(note(listening.request(), kAsk), Fault::none);
    const Message message =
        unconnected_to_group(listening.accepted(kToTarget, kToOriginator), address, port);
    EXPECT_EQ(note_message(message, kBack), Fault::none);
    return related.group_of(message);
  };
  EXPECT_EQ(answer(named), kGroup);
  EXPECT_EQ(send(kToTarget, 100), Fault::none);
  EXPECT_EQ(send(kToOriginator, 100, kBack, kGroup), Fault::none);
  EXPECT_EQ(send(kToOriginator, 101, kBack, kGroup), Fault::bad_length);
  EXPECT_EQ(send(kToOriginator, 100, kBack), Fault::not_started) << "it goes to the group";
  EXPECT_EQ(send(kToTarget, 100, kAsk, kGroup), Fault::not_started);
  EXPECT_EQ(send(kToOriginator, 100, kBack, kGroup + 1), Fault::not_started);
  now_ms += 10'001;
  EXPECT_EQ(send(kToOriginator, 100, kBack, kGroup), Fault::not_started) << "it was silent";
  // The reply names no group that can be.
  EXPECT_EQ(answer({10, 10, 0, 20}), kOneHost);
  EXPECT_EQ(answer(named, 2223), kOneHost);
  EXPECT_EQ(send(kToOriginator, 100, kBack, kGroup), Fault::not_started);
  EXPECT_EQ(send(kToTarget, 100), Fault::none) << "the other way stands";
  // Nobody asked for a group.
  listening.type_back = 2;
  EXPECT_EQ(answer(named), kGroup);
  EXPECT_EQ(send(kToOriginator, 100, kBack, kGroup), Fault::not_started);
  EXPECT_EQ(send(kToOriginator, 100, kBack), Fault::none);
}

TEST_F(Implicit, AWayToTheTargetIsNeverToMany) {
  Opening listening = cyclic;
  listening.type = listening.type_back = 1;
  EXPECT_EQ(open(listening), Fault::none);
  EXPECT_EQ(send(kToTarget, 100), Fault::not_started);
  EXPECT_EQ(send(kToTarget, 100, kAsk, kGroup), Fault::not_started);
  EXPECT_EQ(send(kToOriginator, 100, kBack), Fault::not_started);
}

TEST_F(Implicit, AreBoundedAndJudgedAnew) {
  protocols::OperationList* const operations = new protocols::OperationList;
  const std::unique_ptr<protocols::OperationList> owner(operations);
  for (std::uint16_t i = 0; i < kImplicitMax; ++i) {
    cyclic.serial = i;
    cyclic.size = static_cast<std::uint16_t>(10 + i);
    EXPECT_EQ(open(cyclic, 100U + i, 200U + i), Fault::none);
  }
  cyclic.serial = 999;
  EXPECT_EQ(note(cyclic.request(), kAsk), Fault::too_many_outstanding);
  EXPECT_TRUE(related.opening(block(), 3, *operations));
  ASSERT_EQ(operations->size(), 2U);
  EXPECT_EQ(support::operation_text(catalogue(), (*operations)[1]),
            "forward_open_implicit service=84 class=4 instance=151 connection_point=100 "
            "connection_size=13 rpi=10000");
  related.end(block(), 3);
  EXPECT_EQ(send(103, 10), Fault::not_started);
  EXPECT_EQ(send(104, 10), Fault::none);
  EXPECT_FALSE(related.opening(block(), kImplicitMax - 1, *operations));
  Opening of_tag = cyclic;
  of_tag.path = symbol("Line.Speed");
  EXPECT_EQ(open(of_tag, 103, 203), Fault::none);
  EXPECT_TRUE(related.opening(block(), kImplicitMax - 1, *operations));
  EXPECT_EQ(support::operation_text(catalogue(), (*operations)[0]),
            "forward_open_implicit service=84 class=6 instance=1 tag=Line.Speed connection_size=33 "
            "rpi=10000");
  of_tag.path = symbol(std::string(65, 'a'));
  EXPECT_EQ(note(of_tag.request(), kAsk), Fault::bad_length);
}

}  // namespace
}  // namespace bulkhead::enip
