// Limits the events of single refusals: a number per second, shared among hosts, zone ports and
// kinds of sender, so that no sender hides another's refusals; what is beyond it is summed up
// (refusal_sums.h). Half is reserved for hosts that have proved their address (flow/proofs.h).
// Unproven senders are counted by port and MAC address: IP addresses can be invented.
#pragma once

#include <array>
#include <cstdint>

#include "dataplane/base/clock.h"
#include "dataplane/policy/tables.h"

namespace bulkhead::ports {

class EventBudget {
 public:
  static constexpr std::uint32_t kPerSecond = 2000;  // of one worker
  // Of one sender. One that had more than that in the second before is flooding, and what it sends
  // alike tells no more than its sum.
  static constexpr std::uint32_t kOfHost = 250;
  static constexpr std::uint32_t kOfFloodingHost = 10;

  // `host`: a hash of the sender. Whether one more event may be sent; if so it is charged.
  bool spend(std::uint64_t host, std::uint16_t port, bool proven, TimeNs now_ns) {
    if (now_ns >= refill_ns_) begin(now_ns);
    const std::uint32_t kept = proven ? 0 : kPerSecond / 2;
    std::uint16_t& of_host = hosts_[proven ? 1 : 0][host % kHosts];
    const std::uint32_t host_max = (of_host & kFlooding) != 0 ? kOfFloodingHost : kOfHost;
    if (static_cast<std::uint32_t>(of_host & kCount) >= host_max) {
      of_host |= kBeyond;
      return false;
    }
    if (left_ <= kept) return false;
    std::uint32_t& of_port = ports_[proven ? 1 : 0][port % policy::kPortsMax];
    if (of_port > 3 * (left_ - kept)) return false;
    ++of_host;
    ++of_port;
    --left_;
    return true;
  }

 private:
  static constexpr std::uint32_t kHosts = 4096;
  // Of a host: how many in this second, whether it had too many now, and in the one before.
  static constexpr std::uint16_t kCount = 0x3fff;
  static constexpr std::uint16_t kBeyond = 0x4000;
  static constexpr std::uint16_t kFlooding = 0x8000;

  // A second without a refusal ends a flood too.
  void begin(TimeNs now_ns) {
    const bool follows = now_ns < refill_ns_ + kSecondNs;
    refill_ns_ = now_ns + kSecondNs;
    left_ = kPerSecond;
    for (auto& hosts : hosts_) {
      for (std::uint16_t& host : hosts) {
        host = follows && (host & kBeyond) != 0 ? kFlooding : std::uint16_t{0};
      }
    }
    for (auto& ports : ports_) ports.fill(0);
  }

  std::uint32_t left_ = 0;
  TimeNs refill_ns_ = 0;
  std::array<std::array<std::uint16_t, kHosts>, 2> hosts_{};
  std::array<std::array<std::uint32_t, policy::kPortsMax>, 2> ports_{};
};

}  // namespace bulkhead::ports
