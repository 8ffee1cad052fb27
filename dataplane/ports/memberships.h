// Sends IGMP reports to the zones that may send to a group, so that switches with IGMP snooping
// forward the group to the firewall: twice unasked when that begins, and at each query, as a host
// does. Only while the appliance forwards, so that the active one of a pair receives the group.
#pragma once

#include <cstdint>

#include "dataplane/pipeline/pipeline.h"
#include "dataplane/policy/tables.h"
#include "dataplane/ports/port_set.h"

namespace bulkhead::ports {

class Memberships {
 public:
  // Starts over at the next turn, as after a change of policy.
  void begin() { unasked_ = 0; }
  // A query arrived on a port.
  void hear_query(std::uint16_t port) { asked_ |= 1U << port; }
  // For worker 0, in each turn while the appliance forwards. `generation`:
  // the policy's.
  void turn(const policy::Tables& tables, std::uint32_t generation, TimeNs now_ns,
            const PortSet& ports, pipeline::Output& output);

 private:
  static_assert(policy::kPortsMax <= 32);
  static constexpr std::uint32_t kAllPorts = 0xffffffff;

  void begin_round(std::uint32_t on_ports, TimeNs now_ns);
  void tell(const policy::Tables& tables, std::uint16_t of_zone, std::uint16_t on_zone,
            const PortSet& ports, pipeline::Output& output) const;

  std::uint32_t generation_ = 0;
  std::uint32_t unasked_ = 0;  // rounds of this policy that nobody asked for
  std::uint32_t asked_ = 0;    // ports, a bit each
  std::uint32_t on_ports_ = 0;
  TimeNs begun_ns_ = 0;      // this round
  std::size_t conduit_ = 0;  // of this round: the next, past the last when it is over
};

}  // namespace bulkhead::ports
