// Traffic as real ends make it, built as fast as a port would deliver it: sessions whose sequence
// numbers advance, whose requests are answered and whose checksums are right.
#pragma once

#include <rte_mbuf.h>
#include <rte_mbuf_dyn.h>
#include <rte_mempool.h>
#include <rte_ring.h>

#include <array>
#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "dataplane/base/bytes.h"

namespace bulkhead::rig {

// The two ends of a cable to a zone port.
struct Cable {
  rte_ring* to_port = nullptr;
  rte_ring* from_port = nullptr;
};

enum class Work : std::uint8_t {
  plain,      // a TCP service that is not inspected, 60-byte frames (64 with their check sequence)
  modbus,     // a request and its answer a session, in turns
  new_flows,  // first packets only
};

enum class Order : std::uint8_t { uniform, zipf };

// Zones of the plan: `side` networks on each side of the firewall, a conduit for each pair.
struct Plan {
  Work work = Work::modbus;
  Order order = Order::uniform;
  std::uint32_t flows = 10000;
  std::uint32_t side = 1;         // zones on each side; side * side conduits
  std::uint32_t rules = 2;        // of each conduit
  std::uint32_t devices = 0;      // if not 0: one conduit, with a rule for each of them
  double churn_per_second = 0;    // sessions that are reset and opened anew
  double refused_per_second = 0;  // openings of another host, in another conduit, to no service
  bool one_port = false;          // both directions on one cable, as at a mirror port
  std::uint32_t lane = 0;         // of `lanes` that share the work; each has sessions of its own
  std::uint32_t lanes = 1;
  std::uint32_t buffers = 32767;  // for packets under way, and those that the firewall retains
};

// The policy that the plan's traffic is judged by, in the policy language.
std::string policy_text(const Plan& plan);

// A frame whose addresses and numbers are filled in just before it is sent, its checksums by RFC
// 1624: making a packet must cost no more than copying one.
struct Template {
  std::array<std::uint8_t, 128> bytes{};
  std::uint16_t length = 0;
  std::uint16_t payload = 0;
  std::uint32_t ip_sum = 0;   // with both addresses zero
  std::uint32_t tcp_sum = 0;  // with addresses, client port and all numbers zero
};

struct Session {
  std::uint32_t client = 0;  // IPv4 addresses
  std::uint32_t server = 0;
  std::uint32_t client_next = 0;
  std::uint32_t server_next = 0;
  std::uint16_t port = 0;
  std::uint16_t transaction = 0;
  std::uint32_t answered = 0;  // transactions whose answer was sent
  std::uint64_t reserved = 0;
};
static_assert(sizeof(Session) == 32);

class Traffic {
 public:
  static constexpr std::uint32_t kBurst = 32;

  Traffic(const Plan& plan, Cable clients, Cable servers);

  // Opens every session that the plan needs. turn(packets sent) lets the firewall work.
  template <typename Turn>
  void open(Turn&& turn) {
    if (plan_.work == Work::new_flows) return;
    while (opened_ < sessions_.size()) {
      const std::uint32_t count = next_opening();
      for (int step = 0; step < 3; ++step) {
        open_step(count, step);
        turn(count);
      }
      opened_ += count;
    }
  }

  // Resets every session that was opened. turn(packets sent) lets the firewall work.
  template <typename Turn>
  void close(Turn&& turn) {
    while (churn_step_ != 0) turn(churn(0));  // one that begins anew has begun
    while (opened_ > 0) turn(reset_some());
  }

  bool is_closed() const { return opened_ == 0; }

  // Puts the next burst on each cable: requests of at most `count` sessions, and answers to those
  // of the call before. Returns how many packets. All bear `now_ticks` as the time they came.
  std::uint32_t send(std::uint64_t now_ticks, std::uint32_t count = kBurst);
  // Takes what has left the firewall and calls seen(came_ticks) for each. Returns how many packets.
  template <typename Seen>
  std::uint32_t collect(Seen&& seen) {
    std::uint32_t collected = 0;
    for (rte_ring* ring : {clients_.from_port, servers_.from_port}) {
      for (std::uint32_t count = kBatch; count == kBatch; collected += count) {
        count = take_from(ring);
        for (std::uint32_t i = 0; i < count; ++i) seen(*came_ticks(taken_[i]));
        if (count > 0) rte_pktmbuf_free_bulk(taken_.data(), count);
      }
    }
    return collected;
  }
  std::uint32_t collect() {
    return collect([](std::uint64_t) {});
  }
  // Openings that had to be refused; send() puts them on the clients' cable when they are due, and
  // does not count them.
  std::uint64_t refused() const { return refused_; }
  // How many requests one call of send() makes at most.
  std::uint32_t burst() const { return burst_; }
  // Buffers that are under way or that the firewall keeps.
  std::uint32_t buffers_in_use() const { return rte_mempool_in_use_count(buffers_); }
  // Whether the plan has packets left (new_flows ends with its last session).
  bool exhausted() const { return plan_.work == Work::new_flows && next_ >= plan_.flows; }

  // Some frames of the traffic, as testpmd would be given them.
  void write_capture(const std::string& path, bool from_clients, std::uint32_t frames);

 private:
  static constexpr std::uint32_t kBatch = 64;

  using Burst = std::array<rte_mbuf*, kBurst>;

  void make_templates();
  Session session_of(std::uint32_t i) const;
  std::uint32_t owner_of(const Session& session) const;
  std::uint32_t ask(std::uint32_t count_max);
  std::uint32_t acknowledge();
  void take(Burst& mbufs, std::uint32_t count);
  std::uint32_t next_opening() const;
  std::uint32_t reset_some();
  void open_step(std::uint32_t count, int step);
  std::uint32_t pick();
  std::uint32_t churn(std::uint64_t now_ticks);
  std::uint32_t send_refused(std::uint64_t now_ticks);
  std::uint8_t* put(std::uint8_t* to, const Template& frame, const Session& session,
                    bool from_client, std::uint32_t sequence, std::uint32_t acknowledgement,
                    std::uint16_t transaction) const;
  std::uint32_t take_from(rte_ring* ring);
  std::uint64_t* came_ticks(rte_mbuf* mbuf) const {
    return RTE_MBUF_DYNFIELD(mbuf, came_offset_, std::uint64_t*);
  }
  void emit(rte_mbuf* mbuf, const Template& frame, const Session& session, bool from_client,
            std::uint32_t sequence, std::uint32_t acknowledgement, std::uint16_t transaction) const;
  void give(rte_ring* ring, rte_mbuf** mbufs, std::uint32_t count);
  void give_one(bool from_client, const Template& frame, Session& session, std::uint32_t sequence,
                std::uint32_t acknowledgement);
  const Template& request_of(std::uint32_t session, std::uint16_t transaction) const;

  Plan plan_;
  Cable clients_;
  Cable servers_;
  rte_mempool* buffers_;
  std::vector<Session> sessions_;
  std::vector<std::uint32_t> order_;  // sessions by popularity, for zipf
  std::mt19937 random_{20260101};
  std::uint32_t opened_ = 0;
  std::uint32_t next_ = 0;
  std::uint32_t burst_ = kBurst;
  std::array<std::uint32_t, kBurst> asked_{};  // sessions of the last burst of requests
  std::uint32_t asked_count_ = 0;
  bool acks_ = false;                             // answers are acknowledged on their own
  std::array<std::uint32_t, kBurst> answered_{};  // sessions of the last burst of answers
  std::uint32_t answered_count_ = 0;
  std::uint64_t churn_ticks_ = 0;  // between two sessions
  std::uint64_t churn_next_ = 0;
  std::uint32_t churn_session_ = 0;
  int churn_step_ = 0;
  int came_offset_ = 0;  // of the time in a buffer
  std::uint64_t now_ticks_ = 0;
  std::array<rte_mbuf*, kBatch> taken_{};
  std::uint64_t refused_ticks_ = 0;  // between two openings that are refused; 0: there are none
  std::uint64_t refused_next_ = 0;
  std::uint64_t refused_ = 0;
  Session stray_;
  Template stray_syn_;
  Template syn_, syn_ack_, ack_, reset_;
  Template read_, write_, read_answer_, write_answer_, plain_up_, plain_down_;
};

}  // namespace bulkhead::rig
