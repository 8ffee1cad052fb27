// What operators read of an event, a counter and a session; and that no index, whatever it is,
// reads beyond a table.
#include "dataplane/service/naming.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string_view>

#include "dataplane/protocols/registry.h"

namespace bulkhead::service {
namespace {

policy::Tables tables() {
  policy::Tables tables;
  tables.conduits.emplace_back().name = "scada";
  return tables;
}

std::size_t field_of(std::uint8_t protocol, std::string_view name) {
  const auto fields = protocols::registry()[protocol]->catalogue().fields;
  const auto found = std::find_if(fields.begin(), fields.end(),
                                  [&](const auto& field) { return field.name == name; });
  return static_cast<std::size_t>(found - fields.begin());
}

void put_name(pipeline::Event& event, std::string_view name) {
  event.names[0] = static_cast<std::uint8_t>(name.size());
  std::copy(name.begin(), name.end(), event.names.begin() + 1);
}

// A write of 1.5 to a tag, refused.
pipeline::Event refusal() {
  pipeline::Event event;
  event.protocol = *protocols::find_protocol("enip");
  const std::size_t value = field_of(event.protocol, "value");
  const std::size_t elements = field_of(event.protocol, "elements");
  const std::size_t tag = field_of(event.protocol, "tag");
  event.reason = Reason::values_not_granted;
  event.conduit = 0;
  event.rule = 3;
  event.function = 0;
  event.is_message = true;
  event.present = 1U << value | 1U << elements | 1U << tag;
  event.fields[value] = Range::point(*float64_order(1.5));
  event.fields[elements] = {1, 4};
  put_name(event, "Setpoint");
  return event;
}

const v1::FieldSpan& field_in(const v1::Event& event, std::string_view name) {
  static const v1::FieldSpan kNone;
  for (const v1::FieldSpan& field : event.fields()) {
    if (field.name() == name) return field;
  }
  ADD_FAILURE() << name;
  return kNone;
}

TEST(Naming, AnEventHasTheBytesThatWereKept) {
  pipeline::Event event = refusal();
  EXPECT_FALSE(name_event(tables(), event).has_message());
  event.message[0] = 0x0a;
  event.message[1] = 0xff;
  event.message_count = 2;
  event.message_length = 300;
  const v1::Event named = name_event(tables(), event);
  EXPECT_EQ(named.message().bytes(), "\x0a\xff");
  EXPECT_EQ(named.message().length(), 300U);
  event.message_count = 0xffff;  // no count reads beyond the array
  EXPECT_EQ(name_event(tables(), event).message().bytes().size(),
            pipeline::Event::kMessageBytesMax);
}

TEST(Naming, AFrameThatIsNoIpHasItsEtherType) {
  pipeline::Event event = refusal();
  event.ethertype = 0x88b8;
  EXPECT_EQ(name_event(tables(), event).ethertype(), 0x88b8U);
  event.has_addresses = true;
  event.source = wire::IpAddress::from_mac({{2, 0, 0, 0, 0, 1}});
  EXPECT_EQ(name_event(tables(), event).ethertype(), 0x88b8U);
  event.source = wire::IpAddress::from_v4_number(0x0a140001);
  EXPECT_EQ(name_event(tables(), event).ethertype(), 0U);
}

TEST(Naming, AnEventHasThePolicysAndTheProtocolsNames) {
  const v1::Event named = name_event(tables(), refusal());
  EXPECT_EQ(named.kind(), "deny");
  EXPECT_EQ(named.action(), "drop");
  EXPECT_EQ(named.conduit(), "scada");
  EXPECT_EQ(named.rule(), 3U);
  EXPECT_EQ(named.reason(), "values_not_granted");
  EXPECT_EQ(named.fault(), "");
  EXPECT_EQ(named.fallback(), "");
  EXPECT_EQ(named.protocol(), "enip");
  EXPECT_EQ(named.direction(), "request");
  EXPECT_EQ(named.source(), "") << "it has no addresses";
  ASSERT_EQ(named.fields_size(), 3);
  EXPECT_EQ(field_in(named, "value").kind(), v1::FIELD_KIND_REAL);
  EXPECT_EQ(field_in(named, "value").real_low(), 1.5);
  EXPECT_EQ(field_in(named, "elements").low(), 1);
  EXPECT_EQ(field_in(named, "elements").high(), 4);
  EXPECT_EQ(field_in(named, "tag").text(), "Setpoint");
}

TEST(Naming, AFallbackAndADifferenceAreOfRefusalsAlone) {
  pipeline::Event event = refusal();
  event.action = pipeline::Action::reset;
  event.unsound = pipeline::Unsound::numbering;
  event.difference = {"transaction", 7, 8};
  v1::Event named = name_event(tables(), event);
  EXPECT_EQ(named.action(), "reset");
  EXPECT_EQ(named.fallback(), "numbering");
  EXPECT_EQ(named.difference().what(), "transaction");
  EXPECT_EQ(named.difference().expected(), 7U);
  EXPECT_EQ(named.difference().received(), 8U);
  event.reason = Reason::granted;
  named = name_event(tables(), event);
  EXPECT_EQ(named.kind(), "allow");
  EXPECT_EQ(named.action() + named.fallback(), "");
  EXPECT_FALSE(named.has_difference());
}

wire::IpAddress host(std::uint8_t network, std::uint8_t number) {
  const std::uint8_t bytes[] = {10, network, 0, number};
  return wire::IpAddress::from_v4(bytes);
}

// Two zones on ports 0 and 1, and a conduit from the first to the second.
policy::Tables two_zones() {
  policy::Tables tables;
  tables.digest = "d1";
  for (const std::uint8_t zone : {std::uint8_t{0}, std::uint8_t{1}}) {
    policy::Zone& made = tables.zones.emplace_back();
    made.name = zone == 0 ? "supervision" : "control";
    made.port = zone;
    made.networks.push_back({host(zone, 0), 120});
  }
  tables.conduits.emplace_back().to = 1;
  policy::finish(tables);
  return tables;
}

TEST(Naming, AnEventHasItsZonesAndMacAddresses) {
  const policy::Tables tables = two_zones();
  pipeline::Event event = refusal();
  event.source_mac = {{2, 0, 0, 0, 0, 1}};
  event.destination_mac = {{2, 0, 0, 0, 0, 2}};
  v1::Event named = name_event(tables, event);  // no IP
  EXPECT_EQ(named.source_zone() + " " + named.destination_zone(), "supervision control");
  EXPECT_EQ(named.source_mac() + " " + named.destination_mac(),
            "02:00:00:00:00:01 02:00:00:00:00:02");
  EXPECT_EQ(named.policy_sha256(), "d1");
  event.port = 1;
  named = name_event(tables, event);
  EXPECT_EQ(named.source_zone() + " " + named.destination_zone(), "control supervision");
  event.has_addresses = true;
  event.source = host(1, 7);
  event.destination = host(0, 7);
  event.conduit = policy::kNoConduit;
  named = name_event(tables, event);
  EXPECT_EQ(named.source_zone() + " " + named.destination_zone(), "control supervision");
  event.destination = host(9, 7);
  event.port = 5;
  named = name_event(tables, event);
  EXPECT_EQ(named.source_zone() + named.destination_zone(), "") << "in no zone";
}

TEST(Naming, AnEventCountsRefusals) {
  pipeline::Event event = refusal();
  event.wall_ns = 5;
  event.last_wall_ns = 9;
  v1::Event named = name_event(tables(), event);
  EXPECT_EQ(named.count(), 1U);
  EXPECT_EQ(named.last_wall_time_ns(), 0U);
  event.count = 3;
  named = name_event(tables(), event);
  EXPECT_EQ(named.count(), 3U);
  EXPECT_EQ(named.wall_time_ns(), 5U);
  EXPECT_EQ(named.last_wall_time_ns(), 9U);
  EXPECT_EQ(named.conduit(), "scada");
  event.is_rest = true;
  event.port = 4;
  named = name_event(tables(), event);
  EXPECT_EQ(named.count(), 3U);
  EXPECT_EQ(named.port(), 4U);
  EXPECT_EQ(named.reason(), "values_not_granted");
  EXPECT_EQ(named.conduit() + named.source_mac() + named.protocol() + named.action(), "");
  EXPECT_EQ(named.fields_size(), 0);
}

TEST(Naming, NoIndexReadsBeyondATable) {
  pipeline::Event event = refusal();
  for (const std::uint16_t number : {std::uint16_t{1}, std::uint16_t{0xffff}}) {
    event.conduit = number;
    event.function = 0xffff;
    const v1::Event named = name_event(tables(), event);
    EXPECT_EQ(named.conduit() + named.function(), "") << number;
  }
  // Names are as long as they say, and no longer than there is room.
  for (unsigned length = 0; length < 256; ++length) {
    event.names.fill('n');
    event.names[0] = static_cast<std::uint8_t>(length);
    const v1::Event named = name_event(tables(), event);
    EXPECT_EQ(field_in(named, "tag").text().size(),
              std::min<std::size_t>(length, event.names.size() - 1));
  }
  event.present = 0xffffffff;
  event.names.fill(0xff);
  EXPECT_LE(name_event(tables(), event).fields_size(), static_cast<int>(protocols::kFieldsMax));
  event.protocol = protocols::kNoProtocol;
  EXPECT_EQ(name_event(tables(), event).fields_size(), 0);
  const v1::Counter counter =
      name_counter(tables(), {9, 1, 0xffff, 0xff, Reason::no_rule, protocols::Fault::none});
  EXPECT_EQ(counter.conduit() + counter.protocol() + counter.function(), "");
  EXPECT_EQ(counter.verdict(), "deny");
}

TEST(Naming, ASessionHasItsState) {
  flow::Flow flow;
  flow.standing.conduit = 0;
  flow.created_ns = kSecondNs;
  flow.last_seen_ns = 3 * kSecondNs;
  flow.transport = policy::Transport::udp;
  v1::Flow named = name_flow(tables(), flow, 4 * kSecondNs);
  EXPECT_EQ(named.conduit(), "scada");
  EXPECT_EQ(named.state(), "open");
  EXPECT_EQ(named.age_ms(), 3000U);
  EXPECT_EQ(named.idle_ms(), 1000U);
  flow.transport = policy::Transport::tcp;
  flow.phase = flow::TcpPhase::established;
  EXPECT_EQ(name_flow(tables(), flow, 0).state(), "established");
  flow.sides[flow::kServer].fin_released = true;
  EXPECT_EQ(name_flow(tables(), flow, 0).state(), "closing");
  flow.unjudged = true;
  EXPECT_EQ(name_flow(tables(), flow, 0).state(), "unjudged");
  flow.refused = true;
  EXPECT_EQ(name_flow(tables(), flow, 0).state(), "refused");
}

}  // namespace
}  // namespace bulkhead::service
