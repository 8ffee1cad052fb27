// The event of one refusal or of several alike: plain data of fixed size, self-contained.
#pragma once

#include <array>
#include <cstdint>

#include "dataplane/base/clock.h"
#include "dataplane/pipeline/verdict.h"

namespace bulkhead::pipeline {

struct Event {
  TimeNs wall_ns = 0;       // of the first
  TimeNs last_wall_ns = 0;  // of the last, where there are several
  std::uint64_t count = 1;
  std::uint32_t generation = 0;
  Reason reason{};
  protocols::Fault fault{};
  protocols::Direction direction{};
  std::uint8_t protocol = protocols::kNoProtocol;
  std::uint16_t conduit = policy::kNoConduit;
  std::uint16_t rule = policy::kNoRule;
  std::uint16_t function = kNoFunction;
  std::uint16_t port = 0;
  std::uint16_t source_port = 0;
  std::uint16_t destination_port = 0;
  std::uint16_t ethertype = 0;
  wire::VlanIds vlan;
  std::uint8_t ip_protocol = 0;
  Action action = Action::drop;
  Unsound unsound = Unsound::none;
  bool is_message = false;
  bool has_addresses = false;
  bool is_rest = false;  // of several senders: port, reason, count and times are all it has
  std::uint32_t frame = 0;
  wire::Mac source_mac;
  wire::Mac destination_mac;
  wire::IpAddress source;
  wire::IpAddress destination;
  protocols::Difference difference;
  std::uint32_t present = 0;  // fields of the operation, by catalogue index
  std::array<Range, protocols::kFieldsMax> fields{};
  // For each name that is present, in catalogue order: its length here, and its bytes.
  std::array<std::uint8_t, 128> names{};
};

// Whether the frame has IP addresses, its own or those that its ARP message names.
bool has_addresses(const flow::Packet& packet);

// Fills the event from a verdict; the span of an operation's elements becomes the value's.
void describe_verdict(const Verdict& verdict, const flow::Packet& packet, Event& event);

}  // namespace bulkhead::pipeline
