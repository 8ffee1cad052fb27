// Offsets are 64 bits wide, so that only frames know of wrapping sequence numbers.
#include "tests/adversarial/model/tcp_model.h"

#include <algorithm>

namespace bulkhead::adversary {

using support::SentTcp;
using wire::kTcpAck;
using wire::kTcpFin;
using wire::kTcpPsh;
using wire::kTcpRst;
using wire::kTcpSyn;
using wire::sequence_distance;

namespace {

constexpr TimeNs kRtoNs = 200 * kMillisecondNs;
constexpr TimeNs kRtoMaxNs = 2 * kSecondNs;
constexpr TimeNs kDelayedAckNs = 40 * kMillisecondNs;
constexpr int kTriesMax = 25;
constexpr std::uint64_t kInitialSegments = 10;  // RFC 6928

void put32(Bytes& out, std::uint32_t value) {
  for (int shift = 24; shift >= 0; shift -= 8) {
    out.push_back(static_cast<std::uint8_t>(value >> shift));
  }
}

std::uint32_t stamp_of(TimeNs now_ns) {
  return static_cast<std::uint32_t>(now_ns / kMillisecondNs);
}

}  // namespace

std::size_t TcpModel::segment_max() const {
  const std::size_t mss = std::min(config_.mss, peer_mss_);
  return stamps_ ? mss - 12 : mss;
}

std::uint16_t TcpModel::window_field() const {
  const std::uint64_t held = unread_ + waiting_.size();
  const std::uint64_t open = config_.window > held ? config_.window - held : 0;
  return static_cast<std::uint16_t>(
      std::min<std::uint64_t>(open >> (scales_ ? config_.scale : 0), 65535));
}

Bytes TcpModel::frame(std::uint32_t sequence, const Bytes& payload, std::uint8_t flags,
                      TimeNs now_ns) {
  support::TcpSpec spec;
  spec.source_port = config_.self_port;
  spec.destination_port = config_.peer_port;
  spec.sequence = sequence;
  spec.flags = flags;
  if ((flags & kTcpAck) != 0) spec.acknowledgement = acknowledgement();
  spec.window = (flags & kTcpSyn) != 0  // RFC 7323, 2.2: never scaled
                    ? static_cast<std::uint16_t>(std::min<std::uint32_t>(config_.window, 65535))
                    : window_field();
  if ((flags & kTcpSyn) != 0) {
    spec.options = {2, 4, static_cast<std::uint8_t>(config_.mss >> 8),
                    static_cast<std::uint8_t>(config_.mss)};
    if (config_.scale != 0) spec.options.insert(spec.options.end(), {1, 3, 3, config_.scale});
  }
  const bool offers = (flags & kTcpSyn) != 0 && config_.timestamps;
  if (stamps_ || offers) {
    spec.options.insert(spec.options.end(), {1, 1, 8, 10});
    put32(spec.options, stamp_of(now_ns));
    put32(spec.options, recent_stamp_);
  }
  spec.payload = payload;
  return support::tcp_frame(config_.self, config_.peer, spec);
}

void TcpModel::emit(std::uint32_t sequence, const Bytes& payload, std::uint8_t flags,
                    TimeNs now_ns) {
  if ((flags & kTcpAck) != 0) ack_at_ns_ = 0;
  output.push_back(frame(sequence, payload, flags, now_ns));
}

void TcpModel::emit_syn(TimeNs now_ns) {
  const bool answer = state_ == State::syn_received;
  emit(config_.isn, {}, answer ? kTcpSyn | kTcpAck : kTcpSyn, now_ns);
  retransmit_at_ns_ = now_ns + rto_ns_;
}

void TcpModel::connect(TimeNs now_ns) {
  state_ = State::syn_sent;
  rto_ns_ = kRtoNs;
  emit_syn(now_ns);
}

void TcpModel::write(const Bytes& bytes, TimeNs now_ns) {
  buffer_.insert(buffer_.end(), bytes.begin(), bytes.end());
  send_more(now_ns);
}

void TcpModel::close(TimeNs now_ns) {
  closing_ = true;
  send_more(now_ns);
}

void TcpModel::acknowledge(TimeNs now_ns) { emit(sequence_of(nxt_), {}, kTcpAck, now_ns); }

// One segment from `from`, not beyond `limit`; gives the offset behind it.
std::uint64_t TcpModel::send_piece(std::uint64_t from, std::uint64_t limit, TimeNs now_ns) {
  const std::uint64_t data_end = std::min<std::uint64_t>(limit, buffer_.size());
  std::uint64_t length =
      std::min<std::uint64_t>(data_end - std::min(from, data_end), segment_max());
  if (config_.chops && length > 1) length = 1 + random_() % length;
  const auto begin = buffer_.begin() + static_cast<std::ptrdiff_t>(std::min(from, data_end));
  const Bytes payload(begin, begin + static_cast<std::ptrdiff_t>(length));
  const bool fin = closing_ && from + length == buffer_.size();
  emit(sequence_of(from), payload,
       static_cast<std::uint8_t>(kTcpAck | (length > 0 ? kTcpPsh : 0) | (fin ? kTcpFin : 0)),
       now_ns);
  const std::uint64_t end = from + length + (fin ? 1 : 0);
  reached_ = std::max(reached_, end);
  return end;
}

void TcpModel::send_more(TimeNs now_ns) {
  if (state_ != State::established || failed_) return;
  while (nxt_ < sent_end()) {
    const std::uint64_t limit = std::min(edge_, una_ + congestion_);
    const std::uint64_t waiting = buffer_.size() > nxt_ ? buffer_.size() - nxt_ : 0;
    if (waiting > 0 && limit <= nxt_) break;
    const std::uint64_t room = limit > nxt_ ? limit - nxt_ : 0;
    const std::uint64_t length = std::min<std::uint64_t>({waiting, room, segment_max()});
    const bool in_flight = nxt_ > una_;
    const bool small = length < segment_max();
    const bool last = closing_ && length == waiting;
    if (waiting > 0 && small && in_flight && config_.nagle && !last) break;
    nxt_ = send_piece(nxt_, nxt_ + length, now_ns);
    if (retransmit_at_ns_ == 0) retransmit_at_ns_ = now_ns + rto_ns_;
  }
  if (nxt_ < sent_end() && retransmit_at_ns_ == 0) retransmit_at_ns_ = now_ns + rto_ns_;
}

// A segment from the first unacknowledged byte, inside the window.
std::uint64_t TcpModel::resend_limit() const {
  return std::min({sent_end(), una_ + segment_max(), std::max(edge_, una_ + 1)});
}

void TcpModel::retransmit(TimeNs now_ns) {
  if (++tries_ > kTriesMax) {
    failed_ = true;
    retransmit_at_ns_ = 0;
    return;
  }
  rto_ns_ = std::min(rto_ns_ * 2, kRtoMaxNs);
  retransmit_at_ns_ = now_ns + rto_ns_;
  if (state_ != State::established) return emit_syn(now_ns);
  if (una_ == nxt_) {  // the window is closed
    if (!config_.byte_probes || edge_ > una_ || una_ >= buffer_.size()) {
      return emit(sequence_of(una_) - 1, {}, kTcpAck, now_ns);
    }
    reached_ = std::max(reached_, una_ + 1);
    emit(sequence_of(una_), {buffer_[una_]}, kTcpAck, now_ns);
    return;
  }
  congestion_ = segment_max();
  nxt_ = send_piece(una_, resend_limit(), now_ns);
}

void TcpModel::accept_acknowledgement(const SentTcp& segment, TimeNs now_ns) {
  const std::int32_t step = sequence_distance(segment.header.acknowledgement, sequence_of(una_));
  const std::uint64_t window = static_cast<std::uint64_t>(segment.header.window)
                               << (scales_ ? peer_scale_ : 0);
  if (step < 0 || una_ + static_cast<std::uint64_t>(step) > reached_) return;
  const bool bare = segment.payload.empty();
  edge_ = una_ + static_cast<std::uint64_t>(step) + window;
  if (step > 0) {
    una_ += static_cast<std::uint64_t>(step);
    nxt_ = std::max(nxt_, una_);
    duplicates_ = 0;
    tries_ = 0;
    rto_ns_ = kRtoNs;
    congestion_ += segment_max();
    retransmit_at_ns_ = una_ < sent_end() ? now_ns + rto_ns_ : 0;
  } else if (bare && nxt_ > una_ && ++duplicates_ == 3) {
    send_piece(una_, resend_limit(), now_ns);
  } else if (bare) {
    tries_ = 0;  // the peer lives
  }
  send_more(now_ns);
}

void TcpModel::deliver_ready() {
  for (auto it = waiting_.find(next_); it != waiting_.end() && it->first == next_;) {
    received.push_back(it->second);
    ++next_;
    ++unread_;
    it = waiting_.erase(it);
  }
  if (next_ == fin_at_) peer_closed_ = true;
}

void TcpModel::accept_data(const SentTcp& segment, TimeNs now_ns) {
  const std::int32_t ahead =
      sequence_distance(segment.header.sequence, peer_isn_ + 1 + static_cast<std::uint32_t>(next_));
  const std::int64_t from = static_cast<std::int64_t>(next_) + ahead;
  const bool in_order = ahead <= 0;
  const bool gap = !in_order || !waiting_.empty();
  if (in_order || config_.keeps_out_of_order) {
    const std::uint64_t limit =
        next_ + config_.window - std::min<std::uint64_t>(unread_, config_.window);
    for (std::size_t i = 0; i < segment.payload.size(); ++i) {
      const std::int64_t at = from + static_cast<std::int64_t>(i);
      if (at < static_cast<std::int64_t>(next_) || static_cast<std::uint64_t>(at) >= limit)
        continue;
      const auto key = static_cast<std::uint64_t>(at);
      if (config_.last_wins) {
        waiting_[key] = segment.payload[i];
      } else {
        waiting_.emplace(key, segment.payload[i]);
      }
    }
    if ((segment.header.flags & kTcpFin) != 0) {
      const std::int64_t at = from + static_cast<std::int64_t>(segment.payload.size());
      if (at >= 0) fin_at_ = static_cast<std::uint64_t>(at);
    }
  }
  const std::uint64_t before = next_;
  deliver_ready();
  if (config_.read_every_ns == 0) {
    unread_ = 0;
  } else if (read_at_ns_ == 0) {
    read_at_ns_ = now_ns + config_.read_every_ns;
  }
  const bool wait = config_.delays_acks && !gap && !peer_closed_ && next_ - before > 0;
  if (wait && ack_at_ns_ == 0) {
    ack_at_ns_ = now_ns + kDelayedAckNs;
  } else {
    acknowledge(now_ns);
  }
}

void TcpModel::accept_syn(const SentTcp& segment, TimeNs now_ns) {
  const bool answer = (segment.header.flags & kTcpAck) != 0;
  if (state_ == State::closed && !answer) {
    state_ = State::syn_received;
    rto_ns_ = kRtoNs;
  } else if (!(state_ == State::syn_sent && answer)) {
    if (state_ == State::syn_received) emit_syn(now_ns);
    if (state_ == State::established) acknowledge(now_ns);  // RFC 5961, 4.2
    return;
  }
  peer_isn_ = segment.header.sequence;
  peer_mss_ = segment.header.mss != 0 ? segment.header.mss : 536;
  stamps_ = config_.timestamps && segment.header.has_timestamps;
  scales_ = config_.scale != 0 && segment.header.has_window_scale;
  peer_scale_ = segment.header.window_scale;
  recent_stamp_ = segment.header.timestamp;
  has_recent_ = stamps_;
  congestion_ = kInitialSegments * segment_max();
  edge_ = segment.header.window;
  if (!answer) return emit_syn(now_ns);
  state_ = State::established;
  retransmit_at_ns_ = 0;
  tries_ = 0;
  acknowledge(now_ns);
  send_more(now_ns);
}

// RFC 9293, 3.10.7.4 and RFC 7323, 5.3.
bool TcpModel::acceptable(const SentTcp& segment, TimeNs now_ns) {
  const std::uint32_t expected = acknowledgement();
  const std::int32_t from = sequence_distance(segment.header.sequence, expected);
  const auto length = static_cast<std::int32_t>(segment.payload.size());
  const std::uint64_t held = unread_ + waiting_.size();
  const auto window = static_cast<std::int32_t>(config_.window > held ? config_.window - held : 0);
  const bool stale = stamps_ && has_recent_ && segment.header.has_timestamps &&
                     sequence_distance(segment.header.timestamp, recent_stamp_) < 0;
  const bool unstamped = stamps_ && !segment.header.has_timestamps;
  const bool ok = from <= window && from + length >= 0 && !stale && !unstamped;
  const bool keep_alive = from == -1 && length <= 1;
  // As stacks do, so that two ends never answer each other's answers for ever.
  constexpr TimeNs kPauseNs = 5 * kMillisecondNs;
  const bool answer = !ok || keep_alive;
  if (answer && now_ns - told_ns_ >= kPauseNs) {
    told_ns_ = now_ns;
    acknowledge(now_ns);
  }
  if (ok && stamps_ && from <= 0 &&
      sequence_distance(segment.header.timestamp, recent_stamp_) > 0) {
    recent_stamp_ = segment.header.timestamp;
  }
  return ok && !keep_alive;
}

void TcpModel::take(const SentTcp& segment, TimeNs now_ns) {
  if (failed_) return;
  const std::uint8_t flags = segment.header.flags;
  if ((flags & kTcpSyn) != 0) return accept_syn(segment, now_ns);
  if (state_ == State::closed) return;
  if ((flags & kTcpRst) != 0) {
    const bool refused =
        state_ == State::syn_sent && segment.header.acknowledgement == config_.isn + 1;
    if (refused || segment.header.sequence == acknowledgement()) {
      reset_ = failed_ = true;
      retransmit_at_ns_ = 0;
    } else {
      acknowledge(now_ns);
    }
    return;
  }
  if (state_ == State::syn_sent) return;
  if (state_ == State::syn_received) {
    if (segment.header.acknowledgement != config_.isn + 1) return;
    state_ = State::established;
    retransmit_at_ns_ = 0;
    tries_ = 0;
  }
  if (!acceptable(segment, now_ns)) {
    accept_acknowledgement(segment, now_ns);
    return;
  }
  if (!segment.payload.empty() || (flags & kTcpFin) != 0) accept_data(segment, now_ns);
  accept_acknowledgement(segment, now_ns);
}

void TcpModel::run_timers(TimeNs now_ns) {
  if (failed_) return;
  if (read_at_ns_ != 0 && read_at_ns_ <= now_ns) {
    const bool was_small = window_field() < segment_max();
    unread_ -= std::min<std::uint64_t>(unread_, 1 + random_() % (config_.window + 1));
    read_at_ns_ = unread_ > 0 ? now_ns + config_.read_every_ns : 0;
    if (was_small && state_ == State::established) acknowledge(now_ns);
  }
  if (ack_at_ns_ != 0 && ack_at_ns_ <= now_ns) acknowledge(now_ns);
  if (retransmit_at_ns_ != 0 && retransmit_at_ns_ <= now_ns) retransmit(now_ns);
}

TimeNs TcpModel::next_timer() const {
  TimeNs next = 0;
  if (failed_) return next;
  for (const TimeNs each : {read_at_ns_, ack_at_ns_, retransmit_at_ns_}) {
    if (each != 0 && (next == 0 || each < next)) next = each;
  }
  return next;
}

}  // namespace bulkhead::adversary
