// Observed conduits (`mode: observe`): which frames are theirs. Such a frame leaves as it came;
// what enforcing would make of it is judged beside. Nothing here trusts a frame to be well-formed:
// what cannot be read is of a conduit as well.
#pragma once

#include <cstdint>
#include <optional>

#include "dataplane/base/bytes.h"
#include "dataplane/policy/containment.h"

namespace bulkhead::policy {

// When a conduit is asked about. `now_s`: seconds since 1970, UTC.
struct ObservedAt {
  std::uint64_t now_s = 0;
  const Containment* contained = nullptr;  // of the tables
};

// Whether the conduit observes now: until its end, and while no containment stands for it.
bool observes(const Tables& tables, std::uint16_t conduit, const ObservedAt& at);
// The same of the conduits between two zones, whichever way they lead.
bool observes_between(const Tables& tables, std::uint16_t zone, std::uint16_t other,
                      const ObservedAt& at);

// Where a frame goes as it came.
struct ObservedFrame {
  std::uint32_t ports = 0;             // zone ports, a bit each; 0: it is of no observed conduit
  std::uint16_t conduit = kNoConduit;  // one of those that it is of
  bool is_enforced_too = false;        // it may also be for zones whose conduits enforce
};

// Why neighbours of an observed conduit could not go on to enforce.
struct ObservedConflict {
  std::uint16_t conduit = 0;  // that observes
  std::uint16_t other = 0;    // a conduit back that does not alike; or a zone, see below
  bool is_zone = false;       // one on the same port and VLAN as an end, which frames would reach
};
// The first conflict, if any. Needs nothing of what finish() derives; trusts only the zones'
// numbers.
std::optional<ObservedConflict> find_conflict(const Tables& tables);

// What is read of a frame, as far as it can be.
struct FrameEnds {
  wire::VlanIds vlan;
  wire::IpAddress source;
  wire::IpAddress destination;
  // To one host, by an address that names its zone; else to many, or to whom is not known.
  bool names_destination = false;
};
FrameEnds read_ends(ByteView frame);

// `port`: where the frame arrived. See README.md of pipeline for the definition.
ObservedFrame find_observed(const Tables& tables, std::uint16_t port, ByteView frame,
                            const ObservedAt& at);

}  // namespace bulkhead::policy
