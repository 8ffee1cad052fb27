// Limits the events of refusals: a number per second, shared among hosts, zone ports and kinds of
// sender, so that no sender hides another's refusals. Half is reserved for hosts that have proved
// their address (flow/proofs.h). Unproven senders are counted by port and MAC address: IP addresses
// can be invented.
#pragma once

#include <array>
#include <cstdint>

#include "dataplane/base/clock.h"
#include "dataplane/policy/tables.h"

namespace bulkhead::ports {

class EventBudget {
 public:
  static constexpr std::uint32_t kPerSecond = 2000;  // of one worker; the rest is only counted

  // `host`: a hash of the sender. Whether one more event may be sent; if so it is charged.
  bool spend(std::uint64_t host, std::uint16_t port, bool proven, TimeNs now_ns) {
    if (now_ns >= refill_ns_) begin(now_ns);
    const std::uint32_t kept = proven ? 0 : kPerSecond / 2;
    if (left_ <= kept) return false;
    const std::uint32_t free = left_ - kept;
    std::uint16_t& of_host = hosts_[proven ? 1 : 0][host % kHosts];
    std::uint32_t& of_port = ports_[proven ? 1 : 0][port % policy::kPortsMax];
    if (of_host > free / 2 || of_port > 3 * free) return false;
    ++of_host;
    ++of_port;
    --left_;
    return true;
  }
  bool is_spent(TimeNs now_ns) const { return left_ == 0 && now_ns < refill_ns_; }

 private:
  static constexpr std::uint32_t kHosts = 4096;

  void begin(TimeNs now_ns) {
    refill_ns_ = now_ns + kSecondNs;
    left_ = kPerSecond;
    for (auto& hosts : hosts_) hosts.fill(0);
    for (auto& ports : ports_) ports.fill(0);
  }

  std::uint32_t left_ = 0;
  TimeNs refill_ns_ = 0;
  std::array<std::array<std::uint16_t, kHosts>, 2> hosts_{};
  std::array<std::array<std::uint32_t, policy::kPortsMax>, 2> ports_{};
};

}  // namespace bulkhead::ports
