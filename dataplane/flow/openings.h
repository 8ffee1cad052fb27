// TCP sessions that are opening: counted by host, conduit, zone port and server, and kept in order
// of age for each port.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "dataplane/flow/shares.h"
#include "dataplane/policy/tables.h"

namespace bulkhead::flow {

struct Opening {
  ShareIds ids;              // of the one that opens it
  std::uint16_t server = 0;  // see Openings::server_id()
  std::uint16_t port = 0;    // zone port of the opener
  bool proven = false;       // see Proofs
  // It may be dropped for a newer one. One that follows an ended session has to keep what it
  // knows of that.
  bool replaceable = true;
};

class Openings {
 public:
  static constexpr std::uint32_t kNone = 0xffffffff;
  static constexpr std::uint32_t kServers = 4096;

  explicit Openings(std::uint32_t flows) : links_(flows) { forget_lists(); }

  static std::uint16_t server_id(const HashKey& key, const wire::IpAddress& server) {
    return static_cast<std::uint16_t>(HostAt{server, {}, 0}.hash(key) % kServers);
  }

  void add(std::uint32_t slot, const Opening& opening);
  void remove(std::uint32_t slot);
  void clear();

  const Shares& shares() const { return shares_; }
  std::uint32_t count() const { return count_; }
  std::uint32_t of_server(std::uint16_t server) const { return servers_[server]; }
  std::uint32_t of_port(std::uint16_t port) const { return ports_[port % policy::kPortsMax]; }
  // The oldest replaceable opening of the port, unproven ones first; kNone if there is none.
  std::uint32_t oldest(std::uint16_t port) const;
  std::uint16_t host_of(std::uint32_t slot) const { return links_[slot].opening.ids.host; }

 private:
  struct Link {
    std::uint32_t next = kNone;
    std::uint32_t previous = kNone;
    Opening opening;
    bool added = false;
  };
  static constexpr std::size_t kLists = std::size_t{policy::kPortsMax} * 2;

  static std::size_t list_of(std::uint16_t port, bool proven) {
    return port % policy::kPortsMax * std::size_t{2} + (proven ? 1 : 0);
  }
  void forget_lists() {
    first_.fill(kNone);
    last_.fill(kNone);
  }
  void count(const Opening& opening, std::uint32_t more);

  Shares shares_;
  std::array<std::uint32_t, kServers> servers_{};
  std::array<std::uint32_t, policy::kPortsMax> ports_{};
  std::vector<Link> links_;  // one for each slot of the flow table
  std::array<std::uint32_t, kLists> first_{};
  std::array<std::uint32_t, kLists> last_{};
  std::uint32_t count_ = 0;
};

}  // namespace bulkhead::flow
