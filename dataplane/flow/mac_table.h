// Where MAC addresses were last seen, and which of them hosts have announced as theirs: learned
// from frames that were let through, shared by all workers without locks. A bounded cache: what
// does not fit is forgotten, never blocked on.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>

#include "dataplane/base/clock.h"
#include "dataplane/wire/address.h"

namespace bulkhead::flow {

class MacTable {
 public:
  static constexpr std::uint32_t kSlots = 8192;
  static constexpr TimeNs kAgeNs = 300 * kSecondNs;  // IEEE 802.1Q, 8.8.3: the default

  MacTable() : slots_(new Slot[kSlots]), announced_(new Announced[kSlots]) {}

  void learn(const wire::Mac& mac, std::uint16_t port, TimeNs now_ns);
  // The port behind which the station was seen within the ageing time.
  std::optional<std::uint16_t> find(const wire::Mac& mac, TimeNs now_ns) const;
  std::uint32_t count(TimeNs now_ns) const;

  // A host behind the port has announced its MAC address (ARP or neighbour discovery).
  void announce(const wire::IpAddress& host, const wire::Mac& mac, std::uint16_t port,
                TimeNs now_ns);
  // Whether that is what it announced last, within the ageing time.
  bool is_announced(const wire::IpAddress& host, const wire::Mac& mac, std::uint16_t port,
                    TimeNs now_ns) const;

  // Goes up when a station is new or has moved.
  std::uint32_t changes() const { return changes_.load(std::memory_order_relaxed); }
  // Calls `take(mac, port)` for each station that was seen within the ageing time.
  template <typename Take>
  void each(TimeNs now_ns, Take take) const {
    for (std::uint32_t i = 0; i < kSlots; ++i) {
      const std::uint64_t station = slots_[i].station.load(std::memory_order_relaxed);
      const TimeNs seen_ns = slots_[i].seen_ns.load(std::memory_order_relaxed);
      if (station == 0 || now_ns - seen_ns > kAgeNs) continue;
      take(wire::Mac::from_integer(station >> 16), static_cast<std::uint16_t>(station));
    }
  }

 private:
  // The station and its port are one word, so that a reader never sees half an entry. The time is
  // beside it; a reader that catches the two apart errs by one refresh.
  struct Slot {
    std::atomic<std::uint64_t> station{0};  // MAC in the upper 48 bits, port below
    std::atomic<TimeNs> seen_ns{0};
  };

  // Of the hosts that share a slot only the newest announcement is known. Two hosts of one hash are
  // told apart by their ports, if at all: whoever announces for another stands on its side.
  struct Announced {
    std::atomic<std::uint64_t> host{0};     // its hash
    std::atomic<std::uint64_t> station{0};  // as in Slot
    std::atomic<TimeNs> at_ns{0};
  };

  static constexpr std::uint32_t kWays = 4;
  static std::uint32_t first_slot(const wire::Mac& mac);
  Announced& announced_by(std::uint64_t host) const { return announced_[host >> 51]; }

  std::unique_ptr<Slot[]> slots_;
  std::unique_ptr<Announced[]> announced_;
  std::atomic<std::uint32_t> changes_{0};
};

}  // namespace bulkhead::flow
