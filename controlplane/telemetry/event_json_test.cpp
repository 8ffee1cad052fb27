// The keys of an event: the list, the message and what is written agree.
#include "controlplane/telemetry/event_json.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>
#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

#include "controlplane/telemetry/event_schema.h"

namespace bulkhead::controlplane {
namespace {

// Every field of the message has a value.
v1::Event full_event() {
  v1::Event event;
  const google::protobuf::Descriptor& type = *v1::Event::descriptor();
  const google::protobuf::Reflection& reflection = *v1::Event::GetReflection();
  using Field = google::protobuf::FieldDescriptor;
  for (int i = 0; i < type.field_count(); ++i) {
    const Field* field = type.field(i);
    if (field->is_repeated()) {
      reflection.AddMessage(&event, field);
    } else if (field->cpp_type() == Field::CPPTYPE_MESSAGE) {
      reflection.MutableMessage(&event, field);
    } else if (field->cpp_type() == Field::CPPTYPE_STRING) {
      reflection.SetString(&event, field, field->name());
    } else if (field->cpp_type() == Field::CPPTYPE_UINT64) {
      reflection.SetUInt64(&event, field, 7);
    } else if (field->cpp_type() == Field::CPPTYPE_UINT32) {
      reflection.SetUInt32(&event, field, 7);
    } else {
      reflection.SetBool(&event, field, true);
    }
  }
  event.mutable_fields(0)->set_name("address");
  return event;
}

// Bytes of a message go to nobody who follows events, nor to collectors.
bool is_kept_back(const std::string& field) { return field == "message"; }

TEST(EventJson, HasEveryFieldOfTheMessageUnderItsKeyInOrder) {
  std::vector<std::string> keys;
  const Json json = event_json(full_event());
  for (const auto& [key, value] : json.items()) keys.push_back(key);
  std::vector<std::string> listed;
  std::set<std::string> fields;
  for (const EventKey& key : event_keys()) {
    listed.emplace_back(key.name);
    fields.emplace(key.field);
  }
  EXPECT_EQ(keys, listed);
  const google::protobuf::Descriptor& type = *v1::Event::descriptor();
  EXPECT_EQ(fields.size(), static_cast<std::size_t>(type.field_count()) - 1);
  EXPECT_FALSE(fields.contains("message"));
  for (int i = 0; i < type.field_count(); ++i) {
    if (is_kept_back(type.field(i)->name())) continue;
    EXPECT_TRUE(fields.contains(type.field(i)->name())) << type.field(i)->name();
  }
}

TEST(EventJson, AnEmptyEventHasWhatIsInEach) {
  std::set<std::string> keys;
  const Json json = event_json({});
  for (const auto& [key, value] : json.items()) keys.insert(key);
  std::set<std::string> always;
  for (const EventKey& key : event_keys()) {
    if (key.always) always.emplace(key.name);
  }
  EXPECT_EQ(keys, always);
}

// The literal form, which scripts and collectors rely on.
TEST(EventJson, Refusal) {
  v1::Event event;
  event.set_number(12);
  event.set_wall_time_ns(1'796'000'000'123'000'000);
  event.set_last_wall_time_ns(1'796'000'000'923'000'000);
  event.set_kind("deny");
  event.set_reason("values_not_granted");
  event.set_count(3);
  event.set_conduit("scada");
  event.set_rule(2);
  event.set_source("10.20.0.10:40000");
  v1::FieldSpan* address = event.add_fields();
  address->set_name("address");
  address->set_low(40);
  address->set_high(41);
  v1::FieldSpan* tag = event.add_fields();
  tag->set_name("tag");
  tag->set_kind(v1::FIELD_KIND_NAME);
  tag->set_text("Pump\x1b\xff");
  EXPECT_EQ(json_line(event_json(event)),
            R"({"number":12,"time":"2026-11-30T00:53:20.123Z","kind":"deny","severity":"warning",)"
            R"("reason":"values_not_granted","count":3,"last_time":"2026-11-30T00:53:20.923Z",)"
            R"("conduit":"scada","rule":2,"fields":{"address":[40,41],"tag":"Pump\\x1b\\xff"},)"
            R"("source":"10.20.0.10:40000","port":0,"policy_generation":0})");
}

TEST(EventSchema, SeverityIsTheEventsOrThatOfItsKind) {
  v1::Event event;
  event.set_kind("policy");
  EXPECT_EQ(severity_of(event), "info");
  event.set_kind("alarm");
  event.set_severity("critical");
  EXPECT_EQ(severity_of(event), "critical");
  event.clear_severity();
  event.set_kind("something new");
  EXPECT_EQ(severity_of(event), "warning");
  for (const EventKind& kind : event_kinds()) {
    const std::set<std::string_view> severities{"info", "warning", "critical"};
    EXPECT_TRUE(severities.contains(kind.severity)) << kind.name;
  }
}

}  // namespace
}  // namespace bulkhead::controlplane
