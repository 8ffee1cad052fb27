// Paths: the whole of what is addressed is told, or the message is refused.
#include "tests/support/cip_messages.h"

namespace bulkhead::enip {
namespace {

using protocols::Direction;
using namespace support::cip;
using support::bytes_of;
using support::join;
using support::Message;

const protocols::Protocol& module() { return support::module_of("enip"); }

std::string asked(std::uint8_t code, const Message& path, const Message& data = {}) {
  return support::decoded_text(module(), unconnected(service(code, path, data)),
                               Direction::request);
}
std::string read(const Message& path) { return asked(kReadTag, path, {1, 0}); }
std::string attribute(const Message& path) { return asked(kGetAttributeSingle, path); }

// C-1.6: what stands inside an object, or has its name there, is not what a grant on that name or
// on that class and instance means.
TEST(Path, OfSeveralPartsIsToldWhole) {
  const Message symbol5 = {0x20, 0x6b, 0x24, 5};
  const Message program2 = {0x20, 0x68, 0x24, 2};
  EXPECT_EQ(read(symbol5), "read_tag service=76 class=107 instance=5 member=0 elements=1");
  EXPECT_EQ(read(join({symbol5, {0x28, 3}})),
            "read_tag service=76 class=107 instance=5 member=3 elements=1");
  EXPECT_EQ(read(join({symbol5, symbol("Speed")})),
            "read_tag service=76 member=0 tag=107/5.Speed elements=1");
  EXPECT_EQ(read(join({symbol5, {0x28, 3}, symbol("Speed"), {0x28, 4}})),
            "read_tag service=76 member=4 tag=107/5[3].Speed elements=1");
  EXPECT_EQ(read(join({symbol5, {0x28, 3, 0x28, 4}})),
            "read_tag service=76 member=4 tag=107/5[3] elements=1");
  EXPECT_EQ(read(join({program2, symbol("Speed")})),
            "read_tag service=76 member=0 tag=104/2.Speed elements=1");
  EXPECT_EQ(read(join({program2, symbol5})),
            "read_tag service=76 member=0 elements=1 object=104/2/107/5");
  EXPECT_EQ(read(join({program2, symbol5, symbol("Speed")})),
            "read_tag service=76 member=0 tag=104/2/107/5.Speed elements=1");
  EXPECT_EQ(read(join({symbol("Program:Main"), symbol5})),
            "read_tag service=76 member=0 elements=1 object=Program:Main/107/5");
  EXPECT_EQ(asked(0x55, join({symbol("Program:Main"), {0x20, 0x6b, 0x25, 0, 0, 0}}), {1, 0, 1, 0}),
            "get_instance_attribute_list service=85 object=Program:Main/107/0");
  EXPECT_EQ(attribute(join({program2, {0x20, 0x6d, 0x25, 0, 0x34, 0x12, 0x30, 7}})),
            "get_attribute_single service=14 attribute=7 object=104/2/109/4660");
}

// Receivers take the last class and instance for all (OpENer), so that this would set an assembly.
TEST(Path, OnlyVendorsObjectsContainOthers) {
  const Message assembly = {0x20, 4, 0x24, 0x64};
  const auto set = [](const Message& path) { return asked(kSetAttributeSingle, path, {1, 2}); };
  EXPECT_EQ(set(join({kIdentity, assembly, {0x30, 3}})), "fault unknown_object");
  EXPECT_EQ(set(join({{0x20, 0x68, 0x24, 2}, assembly, {0x30, 3}})), "fault unknown_object");
  EXPECT_EQ(set(join({assembly, {0x20, 0x68, 0x24, 2}})), "fault unknown_object");
  EXPECT_EQ(read(join({assembly, symbol("A")})), "fault unknown_object");
  EXPECT_EQ(read(join({symbol("A"), assembly})), "fault unknown_object");
  EXPECT_EQ(read(join({symbol("A"), {0x20, 0x63, 0x24, 1}})), "fault unknown_object");
  EXPECT_EQ(read(join({symbol("A"), {0x20, 0x64, 0x24, 1}})),
            "object_service_4c service=76 object=A/100/1");
  EXPECT_EQ(set(join({{0x20, 0x68, 0x24, 2, 0x21, 0, 0, 3, 0x24, 1, 0x30, 9}})),
            "set_program_attribute_single service=16 attribute=9 object=104/2/768/1");
}

// CIP, appendix A: receivers skip an attribute or a member that a service is not for (OpENer), and
// do to all what a rule grants for one.
TEST(Path, NamesOnlyWhatItsServiceIsFor) {
  const Message link = {0x20, 0xf6, 0x24, 1};
  const auto at = [&](std::uint8_t code, const Message& rest) {
    return asked(code, join({link, rest}), {});
  };
  for (const std::uint8_t code : Message{1, 2, 5, 6, 7, 8, 9, 0x0d, 0x11, 0x15, 0x16, 0x17, 0x1c}) {
    EXPECT_NE(at(code, {}).substr(0, 5), "fault") << int{code};
    EXPECT_EQ(at(code, {0x30, 6}), "fault unknown_object") << int{code};
    EXPECT_EQ(at(code, {0x28, 1}), "fault unknown_object") << int{code};
  }
  for (const std::uint8_t code : Message{0x0e, 0x10}) {
    EXPECT_NE(at(code, {0x30, 6}).substr(0, 5), "fault") << int{code};
    EXPECT_EQ(at(code, {0x30, 6, 0x28, 1}), "fault unknown_object") << int{code};
  }
  for (const std::uint8_t code : Message{0x18, 0x19, 0x1a, 0x1b, 0x32, 0x4b, 0x62}) {
    EXPECT_NE(at(code, {0x30, 6, 0x28, 1}).substr(0, 5), "fault") << int{code};
  }
  const Message whole_list = {1, 0, 6, 0, 0, 0, 0, 0};
  EXPECT_EQ(asked(4, join({link, {0x28, 1}}), whole_list), "fault unknown_object");
  // Of a tag the index is part of the name.
  EXPECT_EQ(asked(1, join({symbol("A"), {0x28, 3}})),
            "get_attributes_all service=1 member=3 tag=A");
}

TEST(Path, OfAnyFormIsToldAlike) {
  const std::string expected = "get_attribute_single service=14 class=4 instance=100 attribute=3";
  EXPECT_EQ(attribute({0x20, 4, 0x24, 0x64, 0x30, 3}), expected);
  EXPECT_EQ(attribute({0x21, 0, 4, 0, 0x25, 0, 0x64, 0, 0x31, 0, 3, 0}), expected);
  EXPECT_EQ(attribute({0x20, 4, 0x26, 0, 0x64, 0, 0, 0, 0x30, 3}), "fault bad_value");
  EXPECT_EQ(attribute({0x20, 4, 0x26, 0, 0x64, 0, 1, 0, 0x30, 3}),
            "get_attribute_single service=14 class=4 instance=65636 attribute=3");
}

TEST(Path, ThatIsNotToldIsRefused) {
  EXPECT_EQ(attribute({}), "fault bad_value");
  EXPECT_EQ(attribute({0x20, 4}), "fault bad_value") << "no instance";
  EXPECT_EQ(attribute({0x24, 4}), "fault unknown_object") << "no class";
  EXPECT_EQ(attribute({0x20, 4, 0x20, 5, 0x24, 1}), "fault unknown_object") << "two classes";
  EXPECT_EQ(attribute({0x20, 4, 0x24, 1, 0x24, 2}), "fault unknown_object") << "two instances";
  EXPECT_EQ(attribute({0x20, 4, 0x30, 3, 0x24, 1}), "fault unknown_object") << "another order";
  EXPECT_EQ(attribute({0x20, 4, 0x24, 1, 0x30, 3, 0x30, 4}), "fault unknown_object");
  EXPECT_EQ(attribute({0x20, 4, 0x24, 1, 0x30, 3, 0x20, 1, 0x24, 1}), "fault unknown_object");
  EXPECT_EQ(attribute({0x20, 4, 0x24, 1, 0x28, 3, 0x28, 4}), "fault unknown_object");
  EXPECT_EQ(attribute({0x20, 4, 0x24, 1, 0x2c, 3}), "fault unknown_object") << "a point";
  EXPECT_EQ(attribute(join({{0x20, 4}, symbol("A"), {0x24, 1}})), "fault unknown_object");
  EXPECT_EQ(attribute({0x21, 1, 4, 0, 0x24, 1}), "fault bad_value") << "a pad";
  EXPECT_EQ(attribute({0x22, 0, 4, 0, 0, 0, 0x24, 1}), "fault unknown_object") << "a long class";
  EXPECT_EQ(attribute({0x23, 0, 0x24, 1}), "fault unknown_object") << "a reserved format";
  EXPECT_EQ(attribute({0x34, 4, 1, 0, 2, 0, 3, 0, 4, 5, 0x20, 4, 0x24, 1}), "fault unknown_object");
  EXPECT_EQ(attribute({1, 0, 0x20, 4, 0x24, 1}), "fault unknown_object") << "a route";
  EXPECT_EQ(attribute({0x43, 1, 0x20, 4, 0x24, 1}), "fault unknown_object");
  EXPECT_EQ(attribute({0x20, 4, 0x24, 1, 0x80, 0}), "fault unknown_object");
  EXPECT_EQ(attribute({0xa0, 1, 0x24, 1}), "fault unknown_object");
  EXPECT_EQ(attribute({0x20, 4, 0x25, 0}), "fault truncated");
}

// C-1.4.4.2: names that end earlier, or are spelled as an index or an object is.
TEST(Path, SymbolsAreVisible) {
  EXPECT_EQ(read(symbol("A.B")), "read_tag service=76 member=0 tag=A.B elements=1");
  EXPECT_EQ(read({0x91, 0}), "fault bad_value");
  EXPECT_EQ(read({0x91, 3, 'A', 'B', 'C', 1}), "fault bad_value") << "a pad";
  for (const std::string& name :
       {std::string("A\0B", 3), std::string("A\x1f"), std::string("A\x7f"), std::string("A\x80"),
        std::string("A[1]"), std::string("107/5.A"), std::string(".A"), std::string("A."),
        std::string("A..B")}) {
    EXPECT_EQ(read(symbol(name)), "fault bad_value") << name;
  }
}

std::string sent(const Message& route) {
  const std::string text = support::decoded_text(
      module(), unconnected(unconnected_send(service(0x17, kIdentity), route)), Direction::request);
  constexpr std::string_view kFront =
      "unconnected_send service=82 class=6 instance=1\nno_operation service=23 class=1 instance=1";
  return text.substr(0, kFront.size()) == kFront ? text.substr(kFront.size()) : text;
}

Message to_host(std::uint8_t port, std::string_view host) {
  Message hop =
      join({{static_cast<std::uint8_t>(0x10 | port), static_cast<std::uint8_t>(host.size())},
            bytes_of(host)});
  if (host.size() % 2 != 0) hop.push_back(0);
  return hop;
}

// C-1.4.1.
TEST(Route, IsToldHopByHop) {
  EXPECT_EQ(sent({1, 0}), " port=1 link=0");
  EXPECT_EQ(sent({2, 255}), " port=2 link=255");
  EXPECT_EQ(sent({0x0f, 15, 0, 9, 0x20, 1}), "fault unknown_object") << "an object is no hop";
  EXPECT_EQ(sent({1, 0, 2, 9}), " path=1/0/2/9");
  EXPECT_EQ(sent(to_host(2, "10.99.99.99")), " path=2/10.99.99.99");
  EXPECT_EQ(sent(join({{1, 1}, to_host(2, "plc.plant"), {1, 0}})), " path=1/1/2/plc.plant/1/0");
}

TEST(Route, HasOneForm) {
  EXPECT_EQ(sent({}), "fault bad_value") << "it leads nowhere";
  EXPECT_EQ(sent({0, 1}), "fault bad_value") << "port 0 is reserved";
  EXPECT_EQ(sent(to_host(2, "5")), "fault bad_value") << "one octet stands in its place";
  EXPECT_EQ(sent(to_host(2, "55")), "fault bad_value") << "it would be told as a number";
  EXPECT_EQ(sent(to_host(2, "a/1")), "fault bad_value");
  EXPECT_EQ(sent(to_host(2, "a b")), "fault bad_value");
  EXPECT_EQ(sent(to_host(2, std::string("10.1\0", 5) + "x")), "fault bad_value");
  Message pad = to_host(2, "abc");
  pad.back() = 1;
  EXPECT_EQ(sent(pad), "fault bad_value");
  Message far;
  for (int i = 0; i < 24; ++i) far = join({far, {1, 0}});
  EXPECT_EQ(sent(far), "fault bad_length");
}

// CIP 3-5.5.4: each octet that is neither time nor content.
TEST(Route, UnconnectedSendHasOneForm) {
  const Message odd = service(kReset, kIdentity, {1});
  const Message whole = unconnected_send(odd);
  const auto changed = [&](std::size_t at, std::uint8_t value) {
    Message message = whole;
    message[at] = value;
    return support::decoded_text(module(), unconnected(message), Direction::request);
  };
  const std::size_t pad = 6 + 4 + odd.size();
  EXPECT_EQ(changed(7, 0x98).substr(0, 5), "uncon") << "ticks";
  EXPECT_EQ(changed(6, 0x15), "fault bad_value") << "reserved bits of the time";
  EXPECT_EQ(changed(pad, 1), "fault bad_value");
  EXPECT_EQ(changed(pad + 2, 1), "fault bad_value") << "reserved";
  EXPECT_EQ(changed(8, static_cast<std::uint8_t>(odd.size() - 1)).substr(0, 5), "fault");
}

std::string opened(const Message& path, std::uint8_t trigger = 1) {
  const Opening opening{.path = path, .to_originator_us = 10'000, .trigger = trigger};
  return support::decoded_text(module(), unconnected(opening.request()), Direction::request);
}

// CIP 3-5.5.2: each bit of an opening is told, or refused.
TEST(Opening, HasOneForm) {
  const Message points = {0x20, 4, 0x24, 0x97, 0x2c, 0x96, 0x2c, 0x64};
  EXPECT_EQ(opened(points).substr(0, 5), "forwa");
  for (const std::uint8_t trigger : Message{0x02, 0x04, 0x06, 0x0f, 0x31, 0x71, 0x81, 0x82}) {
    EXPECT_EQ(opened(points, trigger), "fault bad_value") << int{trigger};
  }
  EXPECT_EQ(opened(points, 0xa3), "fault unknown_object") << "messages to an assembly";
  EXPECT_EQ(opened(kRouter, 0x23), "fault bad_value") << "nobody answers";
  EXPECT_EQ(opened(kRouter, 0x82), "fault bad_value") << "class 2";
  EXPECT_EQ(opened({0x20, 2, 0x24, 2}, 0xa3), "fault unknown_object");
  EXPECT_EQ(opened(join({kRouter, {0x80, 1, 1, 1}}), 0xa3), "fault unknown_object");
  EXPECT_EQ(opened(join({points, {0x2c, 0x65}})), "fault unknown_object") << "three points";
  EXPECT_EQ(opened(join({points, {0x20, 4}})), "fault unknown_object") << "another class";
  EXPECT_EQ(opened(join({points, {0x30, 3}})), "fault unknown_object");
  EXPECT_EQ(opened({0x20, 4}), "fault bad_value");
  // Some receivers take instances for points, others for what they say.
  EXPECT_EQ(opened({0x20, 4, 0x24, 0x97, 0x24, 0x96, 0x2c, 0x64}), "fault unknown_object");
  EXPECT_EQ(opened({0x20, 4, 0x24, 0x97, 0x2c, 0x96, 0x24, 0x64}), "fault unknown_object");
  EXPECT_EQ(opened({0x20, 4, 0x2c, 0x64}), "fault bad_value") << "which way?";
  EXPECT_EQ(opened({1, 0}), "fault bad_value") << "a route alone";
  EXPECT_EQ(opened(join({points, {0x80, 1, 1, 1, 0x80, 1, 1, 1}})), "fault unknown_object");
  EXPECT_EQ(opened(join({points, {0x50, 0}})), "fault unknown_object") << "a safety segment";
  EXPECT_EQ(opened(join({points, {0x42, 1}})), "fault unknown_object");
  const Message key = {0x34, 4, 1, 0, 12, 0, 5, 0, 0, 0};
  EXPECT_EQ(opened(join({key, key, points})), "fault unknown_object");
  EXPECT_EQ(opened(join({{0x34, 5, 1, 0, 12, 0, 5, 0, 0, 0}, points})), "fault unknown_object");
  const auto raw = [&](std::size_t at, std::uint8_t value) {
    const Opening opening{.path = points, .to_originator_us = 10'000, .trigger = 1};
    Message request = opening.request();
    request[6 + at] = value;
    return support::decoded_text(module(), unconnected(request), Direction::request);
  };
  EXPECT_EQ(raw(0, 0x15), "fault bad_value") << "reserved bits of the time";
  EXPECT_EQ(raw(18, 8), "fault bad_value") << "a time-out multiplier of the future";
  EXPECT_EQ(raw(19, 9).substr(0, 5), "forwa") << "reserved, and sent as they are";
  EXPECT_EQ(raw(27, 0xc2), "fault bad_value") << "a redundant owner";
  EXPECT_EQ(raw(27, 0x52), "fault bad_value") << "a reserved bit";
  EXPECT_EQ(raw(27, 0x62), "fault bad_value") << "a reserved type";
  EXPECT_NE(raw(27, 0x4a).find("priority=2 variable=1"), std::string::npos);
  EXPECT_NE(raw(27, 0x40).find("variable=0"), std::string::npos);
  EXPECT_EQ(raw(33, 0x02), "fault bad_value") << "two points, and data one way";
  const Opening renewal{.path = points,
                        .size = 0,
                        .to_originator_us = 10'000,
                        .trigger = 1,
                        .type = 0,
                        .type_back = 0};
  EXPECT_NE(support::decoded_text(module(), unconnected(renewal.request()), Direction::request)
                .find("connection_point=150 connection_size=0 rpi=10000 transport=1 "
                      "connection_type=0"),
            std::string::npos);
  EXPECT_NE(raw(33, 0x22).find("connection_type=1"), std::string::npos);
}

}  // namespace
}  // namespace bulkhead::enip
