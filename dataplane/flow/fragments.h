// Fragmented packets: reassembled before they are judged, and fragmented again where they exceed
// the MTU. Bounded in packets, fragments (eight a packet) and time. A packet is dropped as soon as
// two of its fragments do not match exactly (RFC 5722; RFC 8200, 4.5). If there is no room, a new
// packet displaces the oldest of the zone port and MAC address that have most.
#pragma once

#include <rte_mbuf.h>

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "dataplane/base/clock.h"
#include "dataplane/base/result.h"
#include "dataplane/flow/keyed_hash.h"
#include "dataplane/flow/limits.h"
#include "dataplane/policy/tables.h"

namespace bulkhead::flow {

class Reassembler {
 public:
  static constexpr std::size_t kFragmentsMax = 8;

  // `name` must be unique in the process.
  static Result<std::unique_ptr<Reassembler>, std::string> make(const std::string& name,
                                                                const Limits& limits);
  ~Reassembler();
  Reassembler(const Reassembler&) = delete;
  Reassembler& operator=(const Reassembler&) = delete;

  enum class Outcome : std::uint8_t { held, whole, conflict, no_room };

  // Consumes the buffer of a fragment, in one segment, whose IP header at `ip_offset` was parsed:
  // IPv4 without options, or IPv6 with the fragment header first. `port`: the zone port that it
  // arrived on. On `whole`, `packet` is the reassembled packet in one segment.
  Outcome take(rte_mbuf* mbuf, std::uint16_t ip_offset, bool v4, std::uint16_t port, TimeNs now_ns,
               rte_mbuf*& packet);

  // The bit in ol_flags of reassembled packets, whichever worker reassembled them.
  static std::uint64_t whole_flag();

  // Drops what was held too long.
  void expire(TimeNs now_ns);

 private:
  // Identifies the fragments of one packet.
  struct Key {
    std::array<std::uint8_t, 32> addresses{};  // IPv4: the first eight
    std::array<std::uint8_t, 6> mac{};         // the sender's MAC address
    std::array<std::uint8_t, 8> tags{};        // the frame's VLAN tags
    std::uint16_t port = 0;
    std::uint32_t identification = 0;
    std::uint8_t protocol = 0;  // IPv4 alone
    std::uint8_t version = 0;
    std::array<std::uint8_t, 2> unused{};

    bool operator==(const Key&) const = default;
  };
  struct Fragment {
    rte_mbuf* mbuf = nullptr;
    std::uint16_t data_offset = 0;  // from the start of the frame
    std::uint16_t offset = 0;       // in the packet's payload
    std::uint16_t length = 0;
    bool more = false;

    std::uint32_t end() const { return std::uint32_t{offset} + length; }
  };
  struct Packet {
    Key key;
    std::array<Fragment, kFragmentsMax> fragments{};
    std::size_t count = 0;     // 0: the entry is free
    std::uint32_t bytes = 0;   // so far
    std::uint32_t length = 0;  // 0: not known
    TimeNs since_ns = 0;
    std::uint32_t next = kNone;  // in its bucket, or free
    std::uint16_t list = 0;
  };
  static constexpr std::uint32_t kNone = 0xffffffff;
  static constexpr std::size_t kMacIds = 32;  // distinguished on a port

  Reassembler(std::uint32_t packets, TimeNs time_ns);
  static Key key_of(const rte_mbuf* mbuf, std::uint16_t ip_offset, bool v4, std::uint16_t port);
  std::uint32_t find(const Key& key, std::uint32_t bucket) const;
  std::uint32_t begin(const Key& key, std::uint32_t bucket, TimeNs now_ns);
  void end(std::uint32_t index);
  std::uint32_t find_victim() const;
  std::uint32_t bucket_of(const Key& key) const;
  static bool fits(const Packet& packet, const Fragment& fragment);
  rte_mbuf* join(Packet& packet, std::uint16_t ip_offset, bool v4);

  HashKey hash_key_ = HashKey::make();
  TimeNs time_ns_;
  std::vector<Packet> packets_;
  std::vector<std::uint32_t> buckets_;
  std::uint32_t free_first_ = kNone;
  std::array<std::uint32_t, policy::kPortsMax * kMacIds> lists_{};  // how many, by MAC address
  std::array<std::uint32_t, policy::kPortsMax> ports_{};
  rte_mempool* whole_ = nullptr;  // buffers that hold any IP packet
};

// The fragments of one packet on their way out.
struct Pieces {
  static constexpr std::uint16_t kMax = 64;
  rte_mbuf* mbufs[kMax];
  std::uint16_t count = 0;
};

// Fragments a frame whose IP packet is longer than `mtu` bytes, and consumes its buffer. No pieces
// if no buffers were free. `identification` replaces the sender's own.
Pieces fragment(rte_mbuf* mbuf, std::uint16_t mtu, std::uint32_t identification);

}  // namespace bulkhead::flow
