// Messages byte by byte against golden files, and what foreign text can do to them.
#include "controlplane/siem/syslog_message.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <vector>

namespace bulkhead::siem {
namespace {

constexpr TimeNs kNoon = 1'796'040'000'123'456'789;  // 2026-11-30T12:00:00.123456789Z

v1::Event refusal() {
  v1::Event event;
  event.set_number(17);
  event.set_wall_time_ns(kNoon);
  event.set_kind("deny");
  event.set_appliance("alpha");
  event.set_role("active");
  event.set_conduit("scada");
  event.set_rule(3);
  event.set_reason("values_not_granted");
  event.set_action("reject");
  event.set_protocol("modbus");
  event.set_function("write_single_register");
  event.set_direction("request");
  event.set_transport("tcp");
  event.set_source("10.20.0.10:49152");
  event.set_destination("10.10.0.20:502");
  event.set_source_mac("02:00:00:00:20:10");
  event.set_destination_mac("02:00:00:00:10:20");
  event.set_source_zone("supervision");
  event.set_destination_zone("control");
  event.set_policy_generation(4);
  event.set_policy_sha256("ab12");
  v1::FieldSpan* field = event.add_fields();
  field->set_name("value");
  field->set_low(1001);
  field->set_high(1001);
  return event;
}

// Many of a kind, over IPv6, with a fault.
v1::Event flood() {
  v1::Event event = refusal();
  event.set_number(18);
  event.set_reason("protocol_fault");
  event.set_fault("bad_length");
  event.set_source("[2001:db8::10]:49152");
  event.set_destination("[2001:db8::20]:502");
  event.set_count(1200);
  event.set_last_wall_time_ns(kNoon + 999 * kMillisecondNs);
  event.clear_fields();
  return event;
}

// Names from the wire: ends of lines, ESC, the formats' own signs, right-to-left, no UTF-8.
v1::Event hostile() {
  v1::Event event = refusal();
  event.set_number(19);
  event.clear_fields();
  v1::FieldSpan* field = event.add_fields();
  field->set_name("topic");
  field->set_kind(v1::FIELD_KIND_NAME);
  field->set_text("a\n<34>1 b\r\x1b[2J|=]\"\\ \xe2\x80\xae K\xc3\xb6ln");
  field = event.add_fields();
  field->set_name("client");
  field->set_kind(v1::FIELD_KIND_NAME);
  field->set_text("\xff\xfe");
  event.set_conduit("x\"] [y=1|\\");
  return event;
}

v1::Event alarm() {
  v1::Event event;
  event.set_number(20);
  event.set_wall_time_ns(kNoon);
  event.set_kind("alarm");
  event.set_alarm("disk_full");
  event.set_severity("critical");
  event.set_text("the disk of the state folder is full\nfree space: K\xc3\xb6ln|=");
  return event;
}

audit::Record act() {
  audit::Record record;
  record.number = 7;
  record.previous = audit::kNoHash;
  record.stamp = {kNoon, "0f3c", 5 * kSecondNs};
  record.entry.kind = "act";
  record.entry.caller = {"alice", "cd34", "engineer, operator", "192.0.2.9"};
  record.entry.rpc = "/bulkhead.v1.PolicyService/CommitPolicy";
  record.entry.result = "done";
  record.entry.details = {{"revision", "4"}};
  return record;
}

std::vector<Entry> examples() {
  return {entry_of(refusal()),
          entry_of(flood()),
          entry_of(hostile()),
          entry_of(alarm()),
          entry_of(act(), std::string(64, 'e')),
          gap_entry(Stream::events, 21, 40, kNoon),
          restart_entry(Stream::audit, 99, kNoon)};
}

Collector with(Format format) {
  Collector collector;
  collector.name = "soc";
  collector.format = format;
  return collector;
}

std::string lines_of(Format format) {
  std::string text;
  for (const Entry& entry : examples()) {
    text += syslog_message(entry, with(format), "bravo", 16) + "\n";
  }
  return text;
}

void expect_golden(const std::string& name, std::string text) {
  const std::string version = std::string("|") + BULKHEAD_VERSION + "|";
  for (std::size_t at; (at = text.find(version)) != std::string::npos;) {
    text.replace(at, version.size(), "|VERSION|");
  }
  const std::string path = std::string(BULKHEAD_GOLDEN) + "/" + name;
  if (std::getenv("BULKHEAD_WRITE_GOLDEN") != nullptr) std::ofstream(path) << text;
  std::ifstream file(path, std::ios::binary);
  std::stringstream golden;
  golden << file.rdbuf();
  EXPECT_EQ(text, golden.str()) << "of " << path;
}

TEST(Golden, Cef) { expect_golden("cef.txt", lines_of(Format::cef)); }
TEST(Golden, Json) { expect_golden("json.txt", lines_of(Format::json)); }
TEST(Golden, Text) { expect_golden("text.txt", lines_of(Format::text)); }

TEST(Message, HasPriorityOfFacilityAndSeverity) {
  Collector collector = with(Format::cef);
  collector.facility = kFacilityLocal0 + 7;
  // RFC 5424, 6.2.1: 23 * 8 + 4.
  EXPECT_TRUE(syslog_message(entry_of(refusal()), collector, "h", 0).starts_with("<188>1 "));
  collector.facility = kFacilityAudit;
  EXPECT_TRUE(syslog_message(entry_of(alarm()), collector, "h", 0).starts_with("<106>1 "));
}

// RFC 5424, 6.4: MSG-UTF8 begins with a byte order mark; JSON is ASCII and needs none.
TEST(Message, MarksUtf8) {
  const auto has_mark = [](const std::string& message) {
    return message.find("\xef\xbb\xbf") != std::string::npos;
  };
  EXPECT_TRUE(has_mark(syslog_message(entry_of(alarm()), with(Format::cef), "h", 0)));
  EXPECT_TRUE(has_mark(syslog_message(entry_of(alarm()), with(Format::text), "h", 0)));
  EXPECT_FALSE(has_mark(syslog_message(entry_of(alarm()), with(Format::json), "h", 0)));
  EXPECT_FALSE(has_mark(syslog_message(entry_of(refusal()), with(Format::cef), "h", 0)));
}

TEST(Message, IsOneLineWithoutControlCharacters) {
  for (const Format format : {Format::cef, Format::json, Format::text}) {
    for (const Entry& entry : examples()) {
      const std::string message = syslog_message(entry, with(format), "bravo", 16);
      EXPECT_TRUE(std::none_of(message.begin(), message.end(), [](char c) {
        return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
      })) << message;
    }
  }
}

// Whatever the entry has, each limit holds and the number is there.
TEST(Message, IsNeverLongerThanItsLimit) {
  v1::Event event = hostile();
  event.set_text("");
  for (int i = 0; i < 64; ++i) {
    v1::FieldSpan* field = event.add_fields();
    field->set_name("name" + std::to_string(i));
    field->set_kind(v1::FIELD_KIND_NAME);
    field->set_text(std::string(static_cast<std::size_t>(i) * 40, i % 2 == 0 ? '\x1b' : '='));
  }
  event.set_conduit(std::string(3000, '"'));
  for (const Format format : {Format::cef, Format::json, Format::text}) {
    for (const std::size_t limit : {kMessageBytesLeast, kMessageBytesUsual, kMessageBytesMost}) {
      Collector collector = with(format);
      collector.message_bytes_max = limit;
      const std::string message = syslog_message(entry_of(event), collector, "bravo", 16);
      EXPECT_LE(message.size(), limit);
      EXPECT_NE(message.find(" number=\"19\""), std::string::npos);
      const bool says_so = message.find("bytes more]") != std::string::npos ||
                           message.find("cut") != std::string::npos;
      EXPECT_TRUE(says_so || limit == kMessageBytesMost) << message;
    }
  }
}

TEST(Message, IsCutAtItsLimitAlone) {
  const Entry entry = entry_of(refusal());
  Collector collector = with(Format::json);
  collector.message_bytes_max = kMessageBytesMost;
  const std::string whole = syslog_message(entry, collector, "bravo", 16);
  for (const int more : {1, 0, -1}) {
    collector.message_bytes_max = whole.size() + static_cast<std::size_t>(more);
    const std::string message = syslog_message(entry, collector, "bravo", 16);
    EXPECT_EQ(message == whole, more >= 0);
    EXPECT_LE(message.size(), collector.message_bytes_max);
  }
}

TEST(Message, IsFramed) {
  EXPECT_EQ(framed("<1>1 a", Framing::octet_counting), "6 <1>1 a");  // RFC 6587, 3.4.1
  EXPECT_EQ(framed("<1>1 a", Framing::newline), "<1>1 a\n");         // RFC 6587, 3.4.2
}

TEST(Message, HasAnotherEnterprisesNumber) {
  Collector collector = with(Format::text);
  collector.pen = 4711;
  const std::string message = syslog_message(entry_of(refusal()), collector, "h", 0);
  EXPECT_NE(message.find(" [bulkhead@4711 stream=\"events\""), std::string::npos);
}

}  // namespace
}  // namespace bulkhead::siem
