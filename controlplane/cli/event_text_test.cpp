// Events as people read them, on terminals of any width.
#include "controlplane/cli/event_text.h"

#include <gtest/gtest.h>

#include <sstream>

namespace bulkhead::controlplane {
namespace {

v1::Event refusal() {
  v1::Event event;
  event.set_number(123'456);
  event.set_wall_time_ns(1'796'000'000'000'000'000);
  event.set_kind("deny");
  event.set_reason("protocol_fault");
  event.set_fault("bad_quantity");
  event.set_action("reject");
  event.set_count(1200);
  event.set_transport("tcp");
  event.set_source("[2001:db8:1111:2222::10]:40000");
  event.set_destination("[2001:db8:1111:3333::20]:502");
  event.set_conduit("supervision-to-control");
  event.set_rule(3);
  event.set_function("write_multiple_registers");
  v1::FieldSpan* address = event.add_fields();
  address->set_name("address");
  address->set_low(40);
  address->set_high(49);
  v1::FieldSpan* tag = event.add_fields();
  tag->set_name("tag");
  tag->set_kind(v1::FIELD_KIND_NAME);
  tag->set_text("a b\x1b");
  return event;
}

std::string without_time(std::string text) { return text.replace(9, 19, "TIME"); }

TEST(EventText, IsOneLineWhereThereIsNoTerminal) {
  EXPECT_EQ(without_time(event_text(refusal(), 0).text),
            " 123456  TIME  deny  protocol_fault:bad_quantity  reject  x1,200  tcp "
            "[2001:db8:1111:2222::10]:40000 > [2001:db8:1111:3333::20]:502  conduit "
            "supervision-to-control rule 3  write_multiple_registers address=40-49 "
            "tag=\"a b\\u001b\"");
}

TEST(EventText, FitsTheTerminal) {
  v1::Event notice;
  notice.set_kind("policy");
  notice.set_wall_time_ns(1);
  for (int i = 0; i < 40; ++i) notice.set_text(notice.text() + "word ");
  for (const v1::Event& event : {refusal(), notice}) {
    for (const std::size_t columns : {60, 80, 132}) {
      std::istringstream lines(event_text(event, columns).text);
      std::string whole;
      for (std::string line; std::getline(lines, line);) {
        EXPECT_LE(line.size(), columns) << line;
        if (!whole.empty()) {
          EXPECT_TRUE(line.starts_with("    ")) << line;
        }
        whole += line;
      }
      EXPECT_GT(whole.size(), columns);
    }
  }
}

TEST(EventText, NothingControlsTheTerminal) {
  v1::Event event;
  event.set_kind("policy\x1b[2J");
  event.set_text("a\nb \x1b]0;title\x07 c");
  const std::string text = event_text(event, 80).text;
  EXPECT_EQ(text.find('\x1b'), std::string::npos) << text;
  EXPECT_EQ(text.find('\n'), std::string::npos) << text;
}

}  // namespace
}  // namespace bulkhead::controlplane
