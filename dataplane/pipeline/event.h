// The event of one refusal or of several alike: plain data of fixed size, self-contained.
#pragma once

#include <array>
#include <cstdint>

#include "dataplane/base/clock.h"
#include "dataplane/pipeline/verdict.h"

namespace bulkhead::pipeline {

struct Event {
  // As much as the longest Modbus message (260), in whole words.
  static constexpr std::size_t kMessageBytesMax = 264;

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
  bool observed = false;  // foretold: it has passed
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
  // The message's length, as far as it is known, and its first bytes; none of what may bring a
  // password, see describe_verdict().
  std::uint32_t message_length = 0;
  std::uint16_t message_count = 0;
  std::array<std::uint8_t, kMessageBytesMax> message{};
};

// Whether the frame has IP addresses, its own or those that its ARP message names.
bool has_addresses(const flow::Packet& packet);

// Fills the event from a verdict; the span of an operation's elements becomes the value's. Bytes
// are taken of messages alone whose function is known to be of a class that carries no passwords:
// discover, read, publish, write, operate or diagnose.
void describe_verdict(const Verdict& verdict, const flow::Packet& packet, Event& event);

}  // namespace bulkhead::pipeline
