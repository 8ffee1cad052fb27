// Which servers were sent a message in several datagrams, and when: a receiver may keep the
// beginning of one whose end was lost, in whichever session it came, and take the next datagram
// that fits for the rest. Shared by all workers; a server's counter may be another's too.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>

#include "dataplane/flow/keyed_hash.h"
#include "dataplane/wire/address.h"

namespace bulkhead::pipeline {

class Spans {
 public:
  // Begins at a number that no other process knows: what a peer noted says nothing here.
  Spans();

  // Changes with each message that leaves for the server in parts, and while one does.
  std::uint32_t now(const wire::IpAddress& server) const { return counter(server).load(); }
  // A message begins to leave; false if one has, or does, since now() was `seen`.
  bool begin(const wire::IpAddress& server, std::uint32_t seen) {
    return (seen & 1) == 0 && counter(server).compare_exchange_strong(seen, seen + 1);
  }
  // All of it has left; what now() is.
  std::uint32_t end(const wire::IpAddress& server) { return counter(server).fetch_add(1) + 1; }

 private:
  static constexpr std::size_t kServers = 1024;

  std::size_t place(const wire::IpAddress& server) const;
  std::atomic<std::uint32_t>& counter(const wire::IpAddress& server) {
    return counters_[place(server)];
  }
  const std::atomic<std::uint32_t>& counter(const wire::IpAddress& server) const {
    return counters_[place(server)];
  }

  flow::HashKey key_;
  std::array<std::atomic<std::uint32_t>, kServers> counters_;
};

}  // namespace bulkhead::pipeline
