// A small TCP of its own for the adversary: enough of RFC 9293, 5681 and 7323 to talk through the
// firewall, lose, repeat and resegment, with choices that real stacks make differently. It shares
// no code with what it tests.
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <random>
#include <vector>

#include "tests/support/plant.h"

namespace bulkhead::adversary {

using support::Bytes;
using Random = std::mt19937_64;

inline std::uint32_t below(Random& random, std::uint32_t limit) {
  return static_cast<std::uint32_t>(random() % limit);
}
inline bool one_in(Random& random, std::uint32_t n) { return below(random, n) == 0; }

struct TcpConfig {
  support::Host self;
  support::Host peer;
  std::uint16_t self_port = 0;
  std::uint16_t peer_port = 0;
  std::uint32_t isn = 0;
  std::uint16_t mss = 1460;
  std::uint32_t window = 65535;  // receive buffer
  std::uint8_t scale = 0;        // of its windows; offered if not 0
  bool nagle = true;
  bool timestamps = false;
  bool chops = false;  // segments of random length
  bool keeps_out_of_order = true;
  bool last_wins = false;    // of two copies of a byte out of order
  bool byte_probes = false;  // a closed window is probed with a byte, not an empty segment
  bool delays_acks = false;
  TimeNs read_every_ns = 0;  // 0: the application reads at once
};

class TcpModel {
 public:
  TcpModel(const TcpConfig& config, Random& random) : config_(config), random_(random) {}

  void connect(TimeNs now_ns);
  void write(const Bytes& bytes, TimeNs now_ns);
  void close(TimeNs now_ns);  // behind all that was written
  void take(const support::SentTcp& segment, TimeNs now_ns);
  void run_timers(TimeNs now_ns);
  TimeNs next_timer() const;  // 0: none

  // Frames to send, in order; the caller empties it.
  std::vector<Bytes> output;
  Bytes received;  // in order, as the application reads it

  bool established() const { return state_ >= State::established; }
  bool failed() const { return failed_; }  // gave up, or was reset
  bool was_reset() const { return reset_; }
  bool peer_closed() const { return peer_closed_; }
  bool all_acknowledged() const { return una_ == sent_end(); }
  bool finished() const { return closing_ && all_acknowledged() && peer_closed_; }

  // For attackers: its next numbers.
  std::uint32_t next_sequence() const { return sequence_of(nxt_); }
  std::uint32_t next_expected() const { return acknowledgement(); }
  const TcpConfig& config() const { return config_; }
  // The last bytes that it sent, at most so many.
  Bytes tail(std::size_t count) const {
    const auto end = buffer_.begin() + static_cast<std::ptrdiff_t>(std::min(nxt_, buffer_.size()));
    return {
        end - std::min<std::ptrdiff_t>(static_cast<std::ptrdiff_t>(count), end - buffer_.begin()),
        end};
  }
  Bytes frame(std::uint32_t sequence, const Bytes& payload, std::uint8_t flags, TimeNs now_ns);

 private:
  enum class State { closed, syn_sent, syn_received, established };

  std::uint32_t sequence_of(std::uint64_t offset) const {
    return config_.isn + 1 + static_cast<std::uint32_t>(offset);
  }
  std::uint64_t sent_end() const { return buffer_.size() + (closing_ ? 1 : 0); }
  std::uint32_t acknowledgement() const {
    return peer_isn_ + 1 + static_cast<std::uint32_t>(next_ + (peer_closed_ ? 1 : 0));
  }
  std::size_t segment_max() const;
  std::uint16_t window_field() const;
  void emit(std::uint32_t sequence, const Bytes& payload, std::uint8_t flags, TimeNs now_ns);
  void emit_syn(TimeNs now_ns);
  void acknowledge(TimeNs now_ns);
  void send_more(TimeNs now_ns);
  std::uint64_t send_piece(std::uint64_t from, std::uint64_t limit, TimeNs now_ns);
  void accept_acknowledgement(const support::SentTcp& segment, TimeNs now_ns);
  void accept_data(const support::SentTcp& segment, TimeNs now_ns);
  void accept_syn(const support::SentTcp& segment, TimeNs now_ns);
  bool acceptable(const support::SentTcp& segment, TimeNs now_ns);
  void deliver_ready();
  std::uint64_t resend_limit() const;
  void retransmit(TimeNs now_ns);

  TcpConfig config_;
  Random& random_;
  State state_ = State::closed;
  bool failed_ = false, reset_ = false, peer_closed_ = false, closing_ = false;
  // Sending: offsets count payload bytes from the first; FIN counts as one behind the last.
  Bytes buffer_;
  std::uint64_t una_ = 0, nxt_ = 0, edge_ = 0, reached_ = 0;
  std::uint64_t congestion_ = 0;
  std::uint32_t duplicates_ = 0;
  std::uint8_t peer_scale_ = 0;
  std::uint16_t peer_mss_ = 536;
  bool stamps_ = false, scales_ = false;
  TimeNs retransmit_at_ns_ = 0, rto_ns_ = 0;
  int tries_ = 0;
  // Receiving.
  std::uint32_t peer_isn_ = 0;
  std::uint64_t next_ = 0;
  std::map<std::uint64_t, std::uint8_t> waiting_;  // out of order, a byte each
  std::uint64_t fin_at_ = UINT64_MAX;
  std::uint64_t unread_ = 0;
  TimeNs read_at_ns_ = 0, ack_at_ns_ = 0, told_ns_ = 0;
  std::uint32_t recent_stamp_ = 0;
  bool has_recent_ = false;
};

}  // namespace bulkhead::adversary
