// What a receiver may read otherwise is refused: forms of encoding, names that end earlier or lose
// a part, what stands in the lower layers beside the association and its one value.
#include "dataplane/protocols/mms/pairing.h"
#include "tests/support/mms_messages.h"

namespace bulkhead::mms {
namespace {

using namespace support::mms;
using protocols::Direction;
using protocols::Fault;
using support::data_unit;
using support::element;
using support::join;
using support::Message;
using support::Row;

constexpr auto kAsk = Direction::request;
constexpr auto kBack = Direction::response;

const protocols::Protocol& module() { return support::module_of("mms"); }

std::string decoded(const Message& message, Direction direction = kAsk) {
  return support::decoded_text(module(), message, direction);
}

// X.690, 8.1.2 and 8.1.3: libiec61850 reads one octet of a long identifier's number, and skips an
// unknown service: bf 81 1f is to it a short element, and a file's deletion stands behind it.
TEST(Canonical, IdentifiersAndLengths) {
  const Message read_it = element(0xa4, element(0xa1, element(0xa0, variable("A$ST$x"))));
  support::expect_rows(
      module(),
      {{"an identifier of three octets", kAsk,
        request(join({{0xbf, 0x81, 0x04}, {static_cast<std::uint8_t>(read_it.size())}, read_it})),
        "fault bad_value"},
       {"a long identifier of a small number", kAsk,
        request(element(Message{0xbf, 0x04}, element(0xa1, element(0xa0, variable("A"))))),
        "fault bad_value"},
       {"a length that is longer than it needs", kAsk,
        request(join({{0xa4, 0x81, static_cast<std::uint8_t>(read_it.size() - 2)},
                      {read_it.begin() + 2, read_it.end()}})),
        "fault bad_value"},
       {"an indefinite length", kAsk,
        request(join({{0xa4, 0x80}, {read_it.begin() + 2, read_it.end()}, {0, 0}})),
        "fault bad_value"},
       {"an end of contents behind the service", kAsk, request(join({read_it, {0, 0}})),
        "fault bad_value"},
       {"a service of another kind of encoding", kAsk,
        request(join({{0x84}, {read_it.begin() + 1, read_it.end()}})), "fault bad_value"},
       {"an invoke identifier that is padded", kAsk,
        data(element(0xa0, join({{2, 2, 0, 7}, read_it}))), "fault bad_value"},
       {"one of no number", kAsk, data(element(0xa0, join({{2, 1, 0xff}, read_it}))),
        "fault bad_value"},
       {"a request that is primitive", kAsk, data(element(0x80, join({{2, 1, 7}, read_it}))),
        "fault bad_value"},
       {"two services", kAsk, request(join({read_it, {0x82, 0}})), "fault bad_value"}});
}

// X.690, 8.14 and 8.23: asn1c joins the pieces of a constructed string, BerDecoder does not.
TEST(Canonical, StringsAreInOnePiece) {
  const Message pieces =
      element(0x3a, join({element(0x1a, "GGIO1$C"), element(0x1a, "O$SPCSO1$Oper")}));
  const auto item = [](const Message& name) {
    return read({element(0x30, element(0xa0, element(0xa1, join({element(0x1a, "D"), name}))))});
  };
  EXPECT_EQ(decoded(item(pieces)), "fault bad_value");
  EXPECT_EQ(decoded(item(element(0x0c, "A$ST$x"))), "fault bad_value") << "a UTF8String";
  EXPECT_EQ(decoded(item(element(0x1a, "A$ST$x"))).substr(0, 4), "read");
  EXPECT_EQ(decoded(read({element(0x30, element(0xa0, element(0xa0, element(0x1a, "A"))))})),
            "fault bad_value");
  EXPECT_EQ(decoded(named(76, element(0x39, element(0x19, "a")))), "fault bad_value");
}

// Names are C strings to many a receiver.
TEST(Canonical, NamesEndWhereTheyEnd) {
  using namespace std::string_view_literals;
  for (const std::string_view bad :
       {"A$CO$x$SBO\0$Oper"sv, "A$ST$x\0"sv, "A\nB"sv, "A\x7f"sv, "A\x80"sv, ""sv, "$ST$x"sv,
        "A$ST$"sv, "A$$x"sv, "A$ST$x(3)"sv}) {
    EXPECT_EQ(decoded(read({variable(bad)})), "fault bad_value") << bad;
    EXPECT_EQ(decoded(named(12, in_domain("CTRL", bad))), "fault bad_value") << bad;
  }
  EXPECT_EQ(decoded(read({variable(std::string(64, 'a'))})).substr(0, 4), "read");
  EXPECT_EQ(decoded(read({variable(std::string(65, 'a'))})), "fault bad_value");
  EXPECT_EQ(decoded(named(12, in_domain("@", "x"))), "fault bad_value")
      << "what stands for the association";
}

// ISO 9506-2, 18.1: a rule for a directory must not reach out of it.
TEST(Canonical, FilesAreNamedStraight) {
  for (const std::string_view bad :
       {"/COMTRADE/../users", "..", "COMTRADE\\..\\x", "a/./b", "a//b", "//host/x", "a\tb",
        "COMTRADE/.. /users", "COMTRADE/.../users", "users.", "users "}) {
    EXPECT_EQ(decoded(named(76, file(bad))), "fault bad_value") << bad;
  }
  for (const std::string_view good : {"/COMTRADE/1.cfg", "a..b", "C:\\LOG\\x", "dir/", "/", ""}) {
    EXPECT_EQ(decoded(named(76, file(good))), "file_delete file=" + std::string(good));
  }
  EXPECT_EQ(decoded(named(76, join({file("a"), file("b")}))), "fault bad_quantity");
  EXPECT_EQ(decoded(named(76, element(0x1a, "a"))), "fault bad_value") << "another string";
  EXPECT_EQ(decoded(named(76, file(std::string(256, 'a')))), "fault bad_value");
}

// ISO 9506-2, 14.5.3: one selection, which is part of the name. libiec61850 reads the first of
// several, and writes the whole element where a component of one is chosen.
TEST(Canonical, WhatIsChosenIsPartOfTheName) {
  const auto chosen_of = [](const Message& selection) {
    return read({variable("A$MX$x", chosen(selection))});
  };
  const auto written = [](const Message& selection) {
    return write(variable("A$SP$x", chosen(selection)), {0x85, 1, 5});
  };
  EXPECT_EQ(decoded(chosen_of(join({component("a"), component("b")}))), "fault bad_quantity");
  EXPECT_EQ(decoded(chosen_of({})), "fault bad_quantity");
  EXPECT_EQ(decoded(chosen_of({0x84, 0})), "fault bad_value") << "all elements";
  EXPECT_EQ(decoded(chosen_of(element(0xa5, join({element(0x80, "n"), component("a")})))),
            "fault bad_value")
      << "a selection with a name of its own";
  EXPECT_EQ(decoded(chosen_of(component("a$b"))), "fault bad_value");
  EXPECT_EQ(decoded(chosen_of(range(3, 0))), "fault bad_value");
  EXPECT_EQ(decoded(written(index_of(3, component("a")))), "fault bad_value");
  EXPECT_EQ(decoded(written(component_of("a", index(3)))),
            "write domain=CTRL item=A$SP$x$a(3) logical_node=A functional_constraint=SP value=5");
  EXPECT_EQ(decoded(chosen_of(component(std::string(57, 'a')))).substr(0, 4), "read");
  EXPECT_EQ(decoded(chosen_of(component(std::string(58, 'a')))), "fault bad_value")
      << "a name that is longer than any";
}

// X.690, 8.6.2 and 11: values that are written are in canonical form.
TEST(Canonical, ValuesThatAreWritten) {
  const auto written = [](const Message& value) {
    return decoded(write(variable("A$SP$x"), value));
  };
  const std::string to = "write domain=CTRL item=A$SP$x logical_node=A functional_constraint=SP";
  EXPECT_EQ(written({0x83, 1, 0xff}), to + " value=1");
  EXPECT_EQ(written({0x84, 2, 6, 0x80}), to + " value=2") << "a step of a tap changer";
  EXPECT_EQ(written({0x84, 5, 0, 0xff, 0xff, 0xff, 0xff}), to + " value=4.29497e+09");
  EXPECT_EQ(written({0x84, 6, 0, 0xff, 0xff, 0xff, 0xff, 0xff}), to);
  EXPECT_EQ(written({0x8a, 1, 'x'}), to);
  EXPECT_EQ(written({0xa2, 0}), to);
  EXPECT_EQ(written({0x87, 5, 8, 0x7f, 0xc0, 0, 0}), to) << "not a number";
  for (const Message& bad :
       {Message{0x83, 1, 2}, Message{0x83, 0}, Message{0x85, 2, 0, 5}, Message{0x86, 1, 0x80},
        Message{0x84, 2, 6, 0x81}, Message{0x87, 5, 11, 0, 0, 0, 0}, Message{0x8a, 2, 'x', 0},
        Message{0x90, 2, 0xc0, 0x80}, Message{0x8c, 5, 0, 0, 0, 0, 0},
        Message{0x91, 7, 0, 0, 0, 0, 0, 0, 0}, Message{0xa5, 3, 2, 1, 5}, Message{0x8d, 1, 5},
        Message{0xa9, 3, 4, 1, 5}}) {
    EXPECT_EQ(written(bad), "fault bad_value") << int{bad[0]};
  }
}

// What servers are known to send is read: no rule speaks of it.
TEST(Canonical, ValuesThatAreToldMayBePadded) {
  EXPECT_EQ(
      decoded(response(element(0xa4, element(0xa1, Message{0x85, 3, 0xff, 0xfc, 0xb8}))), kBack),
      "read");
  const auto report = [](const Message& options, const Message& behind) {
    return data(element(
        0xa3, element(0xa0, join({element(0xa1, element(0x80, "RPT")),
                                  element(0xa0, join({element(0x8a, "r"), options, behind}))}))));
  };
  EXPECT_EQ(decoded(report({0x84, 3, 6, 0x08, 0x1e}, {0x8a, 1, 'd', 0x84, 2, 7, 0x80}), kBack),
            "information_report dataset=d report_control_block=r");
  EXPECT_EQ(decoded(report({0x84, 3, 6, 0x08, 0}, {0x86, 1, 1, 0x84, 2, 7, 0x80}), kBack),
            "fault bad_value")
      << "no data set where OptFlds says that there is one";
  EXPECT_EQ(decoded(report({0x84, 3, 6, 0, 0}, {}), kBack), "fault bad_value") << "no inclusion";
}

TEST(Canonical, SpdusHaveTheirParametersInOrder) {
  const auto with = [](const Message& spdu) { return data_unit(spdu); };
  const Message release = {0x61, 12, 0x30, 10, 2, 1, 1, 0xa0, 5, 0x62, 3, 0x80, 1, 0};
  support::expect_rows(
      module(),
      {{"tokens with data", kAsk, with({1, 0, 1, 1, 0}), "fault bad_value"},
       {"data without the tokens' SPDU", kAsk, with({1, 0, 0x61, 0}), "fault bad_value"},
       {"a length of two octets that one would hold", kAsk,
        with(join({{9, 0xff, 0, 16, 0xc1, 14}, release})), "fault bad_length"},
       {"more behind it", kAsk, with(join({{9, 16, 0xc1, 14}, release, {0}})),
        "fault trailing_bytes"},
       {"a parameter of none", kAsk, with({9, 3, 0x55, 1, 0}), "fault unknown_object"},
       {"user data twice", kAsk, with(join({{9, 32, 0xc1, 14}, release, {0xc1, 14}, release})),
        "fault unknown_object"},
       {"a release that is an association", kAsk,
        with({9, 16, 0xc1, 14, 0x61, 12, 0x30, 10, 2, 1, 1, 0xa0, 5, 0x60, 3, 0x80, 1, 0}),
        "fault bad_value"},
       {"a release with something in it", kAsk,
        with({9, 18, 0xc1, 16, 0x61, 14, 0x30, 12, 2, 1, 1, 0xa0, 7, 0x62, 5, 0x80, 1, 0, 0xbe, 0}),
        "fault unknown_object"},
       {"a refusal's reason is an octet", kBack, with({12, 4, 0x32, 2, 2, 0}), "fault bad_value"},
       {"an acceptance of an abort says no more", kBack, with({26, 3, 0x11, 1, 1}),
        "fault unknown_object"}});
}

TEST(Canonical, OneValueInItsContext) {
  const Message identify = {0xa0, 5, 2, 1, 7, 0x82, 0};
  const auto unit = [](const Message& ppdu) {
    return decoded(data_unit(join({{1, 0, 1, 0}, ppdu})));
  };
  const auto value = [&](const Message& head) {
    return unit(element(0x61, element(0x30, join({head, element(0xa0, identify)}))));
  };
  EXPECT_EQ(value({2, 1, 3}), "identify");
  EXPECT_EQ(value({6, 2, 0x51, 1, 2, 1, 3}), "identify") << "with its transfer syntax";
  EXPECT_EQ(value({6, 2, 0x51, 2, 2, 1, 3}), "fault bad_value") << "another one";
  EXPECT_EQ(value({2, 1, 3, 6, 2, 0x51, 1}), "fault bad_value") << "in another order";
  EXPECT_EQ(value({2, 2, 0, 3}), "fault bad_value") << "libiec61850 reads the first octet";
  EXPECT_EQ(value({2, 2, 1, 3}), "fault bad_value");
  EXPECT_EQ(value({2, 1, 0x83}), "fault bad_value");
  EXPECT_EQ(value({2, 1, 3, 2, 1, 1}), "fault bad_value") << "two contexts";
  EXPECT_EQ(value({}), "fault bad_value");
  const auto in = [&](std::uint8_t tag) {
    return unit(element(0x61, element(0x30, join({{2, 1, 3}, element(tag, identify)}))));
  };
  EXPECT_EQ(in(0x80), "fault bad_value") << "a primitive one";
  EXPECT_EQ(in(0x81), "fault bad_value") << "octets";
  EXPECT_EQ(in(0xa1), "fault bad_value");
  EXPECT_EQ(unit(element(0x60, element(0x30, join({{2, 1, 3}, element(0xa0, identify)})))),
            "fault bad_value")
      << "simply encoded";
  EXPECT_EQ(unit(element(
                0x61, element(0x30, join({{2, 1, 3}, element(0xa0, join({identify, identify}))})))),
            "fault not_this_protocol")
      << "two PDUs";
}

// ICCP stacks of the 1990s: 82 00 xx in the presentation's headers, and nowhere else.
TEST(Canonical, ThePresentationsLengthsMayHaveTwoOctets) {
  const Message name = element(0x80, std::string(64, 'a'));
  const Message entry = element(0x30, element(0xa0, name));
  const Message list = join({entry, entry});
  const Message pdu =
      element(0xa0, join({{2, 1, 7}, element(0xa4, element(0xa1, element(0xa0, list)))}));
  const auto two = [](std::uint8_t tag, const Message& content) {
    return join({{tag, 0x82, 0, static_cast<std::uint8_t>(content.size())}, content});
  };
  const Message value = join({{2, 1, 3}, two(0xa0, pdu)});
  EXPECT_EQ(decoded(data_unit(join({{1, 0, 1, 0}, two(0x61, two(0x30, value))}))).substr(0, 4),
            "read");
  const Message inside = two(0xa0, {pdu.begin() + 3, pdu.end()});
  EXPECT_EQ(decoded(data(inside)), "fault not_this_protocol");
}

TEST(Canonical, AnAssociationIsOfAcseAndMms) {
  const auto of = [](const Association& association) { return decoded(association.bytes()); };
  const auto list = [](const Message& entries) { return element(0xa4, entries); };
  const Message acse = {0x30, 15, 2, 1, 1, 6, 4, 0x52, 1, 0, 1, 0x30, 4, 6, 2, 0x51, 1};
  const Message mms = {0x30, 16, 2, 1, 3, 6, 5, 0x28, 0xca, 0x22, 2, 1, 0x30, 4, 6, 2, 0x51, 1};
  const Message other = {0x30, 15, 2, 1, 5, 6, 4, 0x52, 1, 0, 2, 0x30, 4, 6, 2, 0x51, 1};
  Message per = mms;
  per.back() = 2;  // another transfer syntax
  EXPECT_EQ(of({.contexts = list(join({acse, mms}))}).substr(0, 8), "initiate");
  EXPECT_EQ(of({.contexts = list(acse)}), "fault bad_value");
  EXPECT_EQ(of({.contexts = list(join({acse, mms, other}))}), "fault bad_value");
  EXPECT_EQ(of({.contexts = list(join({acse, mms, mms}))}), "fault bad_value")
      << "libiec61850 believes the last";
  EXPECT_EQ(of({.contexts = list(join({acse, per}))}), "fault bad_value");
  EXPECT_EQ(of({.contexts = list(join({mms, acse}))}), "fault bad_value") << "another order";
  EXPECT_EQ(of({.context = 5, .contexts = list(join({acse, mms}))}), "fault bad_value")
      << "MMS in a context that is none of its own";
  EXPECT_EQ(of({.mode = {0xa0, 3, 0x80, 1, 0}}), "fault bad_value") << "X.410 mode";
  EXPECT_EQ(of({.mode = {}}), "fault bad_value");
  EXPECT_EQ(of({.connect_item = {5, 6, 0x13, 1, 0, 0x16, 1, 3}}), "fault bad_value");
  EXPECT_EQ(of({.connect_item = {5, 6, 0x16, 1, 2, 0x13, 1, 0}}), "fault bad_value");
  EXPECT_EQ(of({.connect_item = {}}), "fault bad_value");
  EXPECT_EQ(of({.requirements = {0x14, 2, 0, 3}}), "fault bad_value") << "half duplex too";
  EXPECT_EQ(of({.selectors = {0x34, 2, 0, 1, 0x33, 2, 0, 1}}), "fault bad_value");
  EXPECT_EQ(of({.application = {}}), "fault bad_value");
  EXPECT_EQ(of({.behind = {0xbe, 0}}), "fault unknown_object") << "user information twice";
  EXPECT_EQ(of({.titles = {0xad, 0}}), "fault unknown_object") << "what nobody knows";
}

// What ended up with no association, or with a bare one, does not change its kind.
TEST(Canonical, ASessionStaysAsItWasBegun) {
  const Message bare = data_unit({0xa0, 5, 2, 1, 7, 0x82, 0});
  support::PairedSession session(module());
  EXPECT_EQ(session.ask(association(true, 2000)), Fault::none);
  EXPECT_EQ(session.ask(bare), Fault::bad_value);
  support::PairedSession other(module());
  EXPECT_EQ(other.ask(bare), Fault::none);
  EXPECT_EQ(other.ask(request({0x82, 0}, 8)), Fault::bad_value);
}

// Answers are held against their types too.
TEST(Canonical, AnswersAreOfTheirType) {
  const auto answered = [](const Message& service) { return decoded(response(service), kBack); };
  EXPECT_EQ(answered({0xa5, 2, 0x81, 0}), "write");
  EXPECT_EQ(answered({0xa5, 3, 0x81, 1, 0}), "fault bad_value");
  EXPECT_EQ(answered({0xa5, 2, 0x82, 0}), "fault bad_value");
  EXPECT_EQ(answered({0xa4, 4, 0xa1, 0, 0xa2, 0}), "fault unknown_object");
  EXPECT_EQ(answered({0xa1, 9, 0xa0, 4, 0x1a, 2, 'a', 0, 0x81, 1, 0}), "fault bad_value");
  EXPECT_EQ(answered({0x9f, 0x4c, 0}), "file_delete");
  EXPECT_EQ(answered({0xbf, 0x4c, 0}), "fault bad_value");
  EXPECT_EQ(decoded(data({0xa2, 10, 0x80, 1, 7, 0xa2, 5, 0xa0, 3, 0x9f, 0x20, 0}), kBack),
            "fault bad_value");
}

}  // namespace
}  // namespace bulkhead::mms
