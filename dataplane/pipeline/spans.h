// Tracks servers that were sent a message in several datagrams, and when: a receiver may keep the
// beginning of a message whose end was lost, whichever session it came in, and take the next
// datagram that fits for the rest. Shared by all workers; servers may share a counter.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>

#include "dataplane/flow/keyed_hash.h"
#include "dataplane/wire/address.h"

namespace bulkhead::pipeline {

class Spans {
 public:
  // Starts at a random number: values that a peer noted are void here.
  Spans();

  // Changes with each message that leaves for the server in parts, and while one does.
  std::uint32_t now(const wire::IpAddress& server) const { return counter(server).load(); }
  // Begins sending a message in parts; false if another has begun since now() was `seen`.
  bool begin(const wire::IpAddress& server, std::uint32_t seen) {
    return (seen & 1) == 0 && counter(server).compare_exchange_strong(seen, seen + 1);
  }
  // Ends it; returns now().
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
