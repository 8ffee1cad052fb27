// collectors.yaml: what it can say, and each mistake with its place.
#include "controlplane/siem/collectors_config.h"

#include <gtest/gtest.h>

#include "controlplane/siem/place.h"

namespace bulkhead::siem {
namespace {

std::vector<Collector> parse(const std::string& text, std::string& errors) {
  controlplane::Diagnostics diagnostics("c.yaml");
  auto collectors = parse_collectors(text, diagnostics);
  for (const auto& each : diagnostics.list()) errors += diagnostics.to_text(each) + "\n";
  return collectors;
}

TEST(CollectorsConfig, HasSafeDefaults) {
  std::string errors;
  const auto collectors = parse(
      "siem: v1\ncollectors:\n  soc: {address: \"192.0.2.50:6514\", ca: /etc/ca.crt}\n", errors);
  EXPECT_EQ(errors, "");
  ASSERT_EQ(collectors.size(), 1U);
  Collector expected;
  expected.name = "soc";
  expected.address = "192.0.2.50";
  expected.port = 6514;
  expected.ca = "/etc/ca.crt";
  EXPECT_EQ(collectors[0], expected);
  EXPECT_EQ(collectors[0].transport, Transport::tls);
}

TEST(CollectorsConfig, ReadsEveryKey) {
  std::string errors;
  const auto collectors = parse(R"(siem: v1
collectors:
  soc:
    address: "[2001:db8::50]:6514"
    ca: /a
    name: siem.example.org
    certificate: /b
    key: /c
    format: json
    facility: local4
    kinds: [deny, alarm]
    severity: warning
    audit: true
    begin: now
    pen: 4711
    length: 65536
  plain: {address: 127.0.0.1:514, transport: tcp, framing: newline, format: text, facility: audit}
)",
                                errors);
  EXPECT_EQ(errors, "");
  ASSERT_EQ(collectors.size(), 2U);
  Collector soc;
  soc.name = "soc";
  soc.address = "2001:db8::50";
  soc.port = 6514;
  soc.ca = "/a";
  soc.server_name = "siem.example.org";
  soc.certificate = "/b";
  soc.key = "/c";
  soc.format = Format::json;
  soc.facility = kFacilityLocal0 + 4;
  soc.kinds = {"deny", "alarm"};
  soc.level = Level::warning;
  soc.audit = true;
  soc.from_now = true;
  soc.pen = 4711;
  soc.message_bytes_max = 65536;
  EXPECT_EQ(collectors[0], soc);
  EXPECT_EQ(collectors[1].transport, Transport::tcp);
  EXPECT_EQ(collectors[1].framing, Framing::newline);
  EXPECT_EQ(collectors[1].facility, kFacilityAudit);
}

TEST(CollectorsConfig, MayHaveNone) {
  std::string errors;
  EXPECT_TRUE(parse("siem: v1\ncollectors: {}\n", errors).empty());
  EXPECT_TRUE(parse("siem: v1\ncollectors:\n", errors).empty());
  EXPECT_EQ(errors, "");
}

TEST(CollectorsConfig, ReportsEveryMistakeWithItsPlace) {
  std::string errors;
  parse(R"(siem: v1
collectors:
  soc:
    address: siem.example.org:6514
    transport: tsl
    name: "not a name"
    key: /c
    format: xml
    kinds: [deny, deni, deny]
    severity: loud
    length: 2047
    pen: 0
    colour: red
  b: {address: "192.0.2.1:65536", transport: tcp, ca: /x}
  "c d": {}
  e: {ca: relative, framing: newline}
)",
        errors);
  for (const char* expected :
       {"c.yaml:4:14: error: siem.example.org:6514 is no numeric address and port, such as",
        "c.yaml:5:16: error: unknown transport tsl: did you mean tls?",
        "c.yaml:6:11: error: name must be the DNS name",
        "c.yaml:7:10: error: certificate and key stand together",
        "c.yaml:8:13: error: unknown format xml",
        "c.yaml:9:19: error: unknown kind deni: did you mean deny?",
        "c.yaml:9:25: error: the kind deny stands twice",
        "c.yaml:10:15: error: unknown severity loud: known are critical, error, warning, notice",
        "c.yaml:11:13: error: length must be a number from 2048 to 65536",
        "c.yaml:12:10: error: pen must be a number from 1",
        "c.yaml:13:5: error: collector soc: unknown key colour",
        "c.yaml:14:16: error: 192.0.2.1:65536 is no numeric address",
        "c.yaml:14:55: error: ca is of transport tls", "c.yaml:15:3: error: a collector's name has",
        "c.yaml:16:3: error: collector e: address is missing",
        "c.yaml:16:11: error: ca must be the whole path",
        "c.yaml:16:30: error: over TLS messages are counted"}) {
    EXPECT_NE(errors.find(expected), std::string::npos) << expected << "\nnot in\n" << errors;
  }
}

TEST(CollectorsConfig, BoundsTheirNumber) {
  const auto of = [](std::size_t count) {
    std::string text = "siem: v1\ncollectors:\n";
    for (std::size_t i = 0; i < count; ++i) {
      text += "  c" + std::to_string(i) + ": {address: 192.0.2.1:514, transport: tcp}\n";
    }
    return text;
  };
  std::string errors;
  EXPECT_EQ(parse(of(kCollectorsMax), errors).size(), kCollectorsMax);
  EXPECT_EQ(errors, "");
  parse(of(kCollectorsMax + 1), errors);
  EXPECT_NE(errors.find("c.yaml:11:3: error: more than 8 collectors"), std::string::npos) << errors;
}

TEST(Places, AreReadAsTheyAreWritten) {
  AllPlaces all;
  all["soc"] = {Place{true, 17, 12, 5}, Place{}};
  all["b"] = {Place{true, UINT64_MAX, 0, 0}, Place{true, 3, 3, 1}};
  EXPECT_EQ(decode_places(encode_places(all)), all);
  EXPECT_EQ(decode_places("{}"), AllPlaces());
  const std::string text = encode_places(all);
  for (std::size_t length = 0; length + 1 < text.size(); ++length) {
    EXPECT_EQ(decode_places(text.substr(0, length)), std::nullopt) << length;
  }
  for (const char* wrong :
       {"[]", "{\"a\": 1}", "{\"a\": {\"events\": 1}}", "{\"a\": {\"events\": {\"after\": 1}}}",
        "{\"a\": {\"events\": {\"after\": -1, \"sent\": 0, \"wall_ns\": 0}}}"}) {
    EXPECT_EQ(decode_places(wrong), std::nullopt) << wrong;
  }
}

}  // namespace
}  // namespace bulkhead::siem
