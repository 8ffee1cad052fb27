// Which events match, and that the look at bytes drops none of them.
#include "controlplane/telemetry/event_filter.h"

#include <gtest/gtest.h>

namespace bulkhead::controlplane {
namespace {

v1::Event refusal() {
  v1::Event event;
  event.set_wall_time_ns(1000);
  event.set_kind("deny");
  event.set_conduit("scada");
  event.set_reason("protocol_fault");
  event.set_fault("bad_quantity");
  event.set_function("write_single_register");
  event.set_source("10.20.0.10:40000");
  event.set_source_mac("02:00:00:00:00:10");
  return event;
}

bool passes(const EventFilter& filter, const v1::Event& event) {
  const bool matches = filter.matches(event);
  if (matches) {
    EXPECT_TRUE(filter.may_match(event.SerializeAsString()));
  }
  return matches;
}

TEST(EventFilter, EachPartMustMatch) {
  const v1::Event event = refusal();
  EXPECT_TRUE(passes({}, event));
  EXPECT_TRUE(passes({.conduit = "scada"}, event));
  EXPECT_FALSE(passes({.conduit = "scad"}, event));
  EXPECT_TRUE(passes({.reason = "protocol_fault"}, event));
  EXPECT_TRUE(passes({.reason = "protocol_fault:bad_quantity"}, event));
  EXPECT_FALSE(passes({.reason = "protocol_fault:bad_length"}, event));
  EXPECT_FALSE(passes({.reason = "protocol"}, event));
  EXPECT_TRUE(passes({.function = "write_single_register"}, event));
  EXPECT_FALSE(passes({.function = "read_coils"}, event));
  EXPECT_TRUE(passes({.kind = "deny"}, event));
  EXPECT_FALSE(passes({.conduit = "scada", .kind = "policy"}, event));
}

TEST(EventFilter, ASourceIsAHostASocketOrAMacAddress) {
  v1::Event event = refusal();
  for (const char* text : {"10.20.0.10", "10.20.0.10:40000", "02:00:00:00:00:10"}) {
    EXPECT_TRUE(passes({.source = text}, event)) << text;
  }
  for (const char* text : {"10.20.0.1", "10.20.0.10:4000", "40000", "02:00:00:00:00:11"}) {
    EXPECT_FALSE(passes({.source = text}, event)) << text;
  }
  event.set_source("[2001:db8::10]:502");
  EXPECT_TRUE(passes({.source = "2001:db8::10"}, event));
  EXPECT_FALSE(passes({.source = "2001:db8::1"}, event));
  event.set_source("2001:db8::10");
  EXPECT_TRUE(passes({.source = "2001:db8::10"}, event));
}

TEST(EventFilter, TimesBound) {
  v1::Event event = refusal();
  EXPECT_TRUE(passes({.since_ns = 1000, .until_ns = 1001}, event));
  EXPECT_FALSE(passes({.since_ns = 1001}, event));
  EXPECT_FALSE(passes({.until_ns = 1000}, event));
  event.set_last_wall_time_ns(2000);  // several refusals
  EXPECT_TRUE(passes({.since_ns = 2000}, event));
  EXPECT_FALSE(passes({.since_ns = 2001}, event));
}

TEST(EventFilter, AsARequestHasIt) {
  v1::WatchEventsRequest request;
  EXPECT_EQ(filter_of(request).until_ns, UINT64_MAX);
  request.set_since_wall_time_ns(1);
  request.set_until_wall_time_ns(2);
  request.set_conduit("c");
  request.set_reason("r");
  request.set_source("s");
  request.set_function("f");
  request.set_kind("k");
  const EventFilter filter = filter_of(request);
  EXPECT_EQ(filter.since_ns, 1U);
  EXPECT_EQ(filter.until_ns, 2U);
  EXPECT_EQ(filter.conduit + filter.reason + filter.source + filter.function + filter.kind,
            "crsfk");
}

}  // namespace
}  // namespace bulkhead::controlplane
