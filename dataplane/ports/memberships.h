// Says on the ports of the zones that may send to a group that there is who listens, so that
// switches which watch IGMP let the group reach the firewall. As a host does: unasked, twice, when
// that begins, and whenever a querier asks. Only while the appliance forwards, so that of a pair
// the active one gets the group.
#pragma once

#include <cstdint>

#include "dataplane/pipeline/pipeline.h"
#include "dataplane/policy/tables.h"
#include "dataplane/ports/port_set.h"

namespace bulkhead::ports {

class Memberships {
 public:
  // The next turn begins anew, as after a change of policy.
  void begin() { unasked_ = 0; }
  // A querier asked at a port.
  void hear_query(std::uint16_t port) { asked_ |= 1U << port; }
  // For the one worker that speaks for the appliance, in each of its turns in which it forwards.
  // `generation` is of the policy.
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
