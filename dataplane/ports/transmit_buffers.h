// Frames of one worker on their way out, gathered into bursts by port.
#pragma once

#include <array>
#include <cstdint>

#include "dataplane/ports/shared.h"
#include "dataplane/ports/worker_stats.h"

struct rte_mbuf;

namespace bulkhead::ports {

class TransmitBuffers {
 public:
  TransmitBuffers(Shared& shared, std::uint16_t queue, WorkerStats& stats)
      : shared_(shared), queue_(queue), stats_(stats) {}

  // Takes the buffer. One for a port that the appliance does not have is freed.
  void add(rte_mbuf* mbuf, std::uint16_t port);
  // Sends everything. What a port does not take is freed and counted as transmit_lost.
  void flush();

 private:
  static constexpr std::uint16_t kBurst = 64;
  struct Buffer {
    std::array<rte_mbuf*, kBurst> mbufs{};
    std::uint16_t count = 0;
  };
  void flush(std::uint16_t port);

  Shared& shared_;
  std::uint16_t queue_;
  WorkerStats& stats_;
  std::array<Buffer, policy::kPortsMax> buffers_;
};

}  // namespace bulkhead::ports
