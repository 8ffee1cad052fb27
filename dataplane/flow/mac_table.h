// Learns the zone ports of MAC addresses from frames that were passed, and which MAC address each
// host has announced; shared by all workers without locks. A bounded cache: it forgets, and never
// blocks. Each port has its share of every set of entries, so that invented addresses on one port
// displace none of another.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>

#include "dataplane/base/clock.h"
#include "dataplane/wire/address.h"

namespace bulkhead::flow {

// Evidence for a MAC address on a port: anybody can write a source address into a frame
// (`claimed`); `spoken`: a frame of a session in which the other end has answered, or from a bound
// address.
enum class Evidence : std::uint8_t { claimed, spoken };

class MacTable {
 public:
  static constexpr std::uint32_t kSlots = 8192;
  static constexpr TimeNs kAgeNs = 300 * kSecondNs;  // IEEE 802.1Q, 8.8.3: the default

  MacTable() : slots_(new Slot[kSlots]), announced_(new Announced[kSlots]) {}

  // A claim does not move a MAC address that has spoken on another port within the ageing time.
  void learn(const wire::Mac& mac, std::uint16_t port, TimeNs now_ns, Evidence evidence);
  // Whether the MAC address has spoken on another port within the ageing time.
  bool speaks_elsewhere(const wire::Mac& mac, std::uint16_t port, TimeNs now_ns) const;
  // Whether it has spoken on this port within the ageing time.
  bool speaks_at(const wire::Mac& mac, std::uint16_t port, TimeNs now_ns) const;
  // Whether it was seen on the port within the ageing time and nothing contradicts that.
  bool stands_at(const wire::Mac& mac, std::uint16_t port, TimeNs now_ns) const;
  // How many were seen within the ageing time.
  std::uint32_t count(TimeNs now_ns) const;

  // A host on the port has announced its MAC address (ARP or neighbour discovery).
  void announce(const wire::IpAddress& host, const wire::Mac& mac, std::uint16_t port,
                TimeNs now_ns);
  // The MAC address that the host announced last on the port, within the ageing time.
  std::optional<wire::Mac> announced(const wire::IpAddress& host, std::uint16_t port,
                                     TimeNs now_ns) const;
  bool is_announced(const wire::IpAddress& host, const wire::Mac& mac, std::uint16_t port,
                    TimeNs now_ns) const {
    return announced(host, port, now_ns) == mac;
  }

  // Incremented when a MAC address has spoken that is new or has moved.
  std::uint32_t changes() const { return changes_.load(std::memory_order_relaxed); }
  // Calls `take(mac, port)` for each MAC address that has spoken within the ageing time.
  template <typename Take>
  void each(TimeNs now_ns, Take take) const {
    for (std::uint32_t i = 0; i < kSlots; ++i) {
      const Location location = slots_[i].location();
      if (!location.has(kSpoken) || !slots_[i].is_fresh(now_ns)) continue;
      take(location.mac(), location.port());
    }
  }

 private:
  static constexpr std::uint64_t kSpoken = 0x8000;
  static constexpr std::uint64_t kContested = 0x4000;  // claims from two ports, none has spoken
  static constexpr std::uint64_t kPortMask = 0x3fff;
  static constexpr std::uint32_t kWays = 4;

  // The MAC address in the upper 48 bits, port and state in the lower 16.
  struct Location {
    std::uint64_t word = 0;

    static Location of(const wire::Mac& mac, std::uint16_t port, std::uint64_t flags) {
      return {(mac.to_integer() << 16) | flags | port};
    }
    bool is_of(const wire::Mac& mac) const { return word >> 16 == mac.to_integer(); }
    bool has(std::uint64_t flag) const { return (word & flag) != 0; }
    wire::Mac mac() const { return wire::Mac::from_integer(word >> 16); }
    std::uint16_t port() const { return static_cast<std::uint16_t>(word & kPortMask); }
  };

  // MAC address and port are one word, so that a reader never sees half an entry. The time is
  // beside it; a reader that sees them apart errs by one refresh.
  struct Slot {
    std::atomic<std::uint64_t> word{0};
    std::atomic<TimeNs> seen_ns{0};

    Location location() const { return {word.load(std::memory_order_relaxed)}; }
    bool is_fresh(TimeNs now_ns) const {
      return location().word != 0 && now_ns - seen_ns.load(std::memory_order_relaxed) <= kAgeNs;
    }
    // Spares the shared line most writes.
    bool is_recent(TimeNs now_ns) const {
      return now_ns - seen_ns.load(std::memory_order_relaxed) <= kSecondNs;
    }
  };

  struct Announced : Slot {
    std::atomic<std::uint64_t> host{0};  // its hash
  };

  template <typename Entry>
  static Entry* place_for(Entry* set, std::uint16_t port, TimeNs now_ns, Evidence evidence);
  static std::uint32_t first_slot(const wire::Mac& mac);
  const Slot* find(const wire::Mac& mac) const;
  void meet_again(Slot& slot, Location next, TimeNs now_ns);
  Announced* announced_set(std::uint64_t host) const;

  std::unique_ptr<Slot[]> slots_;
  std::unique_ptr<Announced[]> announced_;
  std::atomic<std::uint32_t> changes_{0};
};

}  // namespace bulkhead::flow
