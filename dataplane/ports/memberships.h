// Says on the ports of the zones that may send to a group that there is who listens, so that
// switches which watch IGMP let the group reach the firewall. Of every policy, each minute, in
// portions; only of what forwards, so that of a pair the active one gets it.
#pragma once

#include <cstdint>

#include "dataplane/pipeline/pipeline.h"
#include "dataplane/policy/tables.h"
#include "dataplane/ports/port_set.h"

namespace bulkhead::ports {

class Memberships {
 public:
  // The next turn begins anew, as after a change of policy.
  void begin() { rounds_ = 0; }
  // For the one worker that speaks for the appliance, in each of its turns in which it forwards.
  // `generation` is of the policy.
  void turn(const policy::Tables& tables, std::uint32_t generation, TimeNs now_ns,
            const PortSet& ports, pipeline::Output& output);

 private:
  void tell(const policy::Tables& tables, std::uint16_t of_zone, std::uint16_t on_zone,
            const PortSet& ports, pipeline::Output& output);

  std::uint32_t generation_ = 0;
  std::uint32_t rounds_ = 0;  // that were begun of this policy
  TimeNs next_round_ns_ = 0;
  std::size_t conduit_ = 0;  // of this round: the next, past the last when it is over
};

}  // namespace bulkhead::ports
