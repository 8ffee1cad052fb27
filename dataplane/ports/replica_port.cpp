// A round takes a bounded number of messages, so that packets do not wait for a peer that joins.
#include "dataplane/ports/replica_port.h"

#include <algorithm>
#include <utility>

namespace bulkhead::ports {

namespace {

using Taken = replication::FlowReceiver::Taken;

constexpr std::size_t kRingBytes = std::size_t{1} << 20;
constexpr std::uint32_t kMessagesPerRound = 32;
// A busy session is replicated so often, with all changes since.
constexpr TimeNs kSendIntervalNs = kMillisecondNs;
constexpr std::uint32_t kRecordsPerInterval = 128;

}  // namespace

ReplicaPort::ReplicaPort(pipeline::Pipeline& pipeline, rte_mempool* buffers)
    : pipeline_(pipeline),
      inbox_(kRingBytes),
      outbox_(kRingBytes),
      sender_(pipeline.flows(), pipeline.segments(), outbox_, &pipeline.expected()),
      receiver_({pipeline.flows(), pipeline.segments(), pipeline.timers(), buffers,
                 &pipeline.expected()}) {}

bool ReplicaPort::run(bool open, bool hands_over, TimeNs now_ns, pipeline::Output& out) {
  bool news = process_inbox(open, now_ns, out);
  const bool turned = std::exchange(was_open_, open) != open;
  // After the moment of the turn, with which a hand-over compares it.
  if (turned) now_ns = monotonic_now_ns();
  if (sends_ && pipeline_.waiting().has_unrecorded()) news = send_urgent(now_ns) || news;
  // Announced before the number is read, so that none comes unheard in between.
  waits_.store(!pipeline_.waiting().is_empty());
  if (!pipeline_.waiting().is_empty()) {
    open || hands_over ? pipeline_.let_go(confirmed_.load(), out) : pipeline_.waiting().clear();
  }
  // A hand-over waits for each of them.
  if (!sends_ || (open && !turned && now_ns - sent_ns_ < kSendIntervalNs)) return news;
  sent_ns_ = now_ns;
  const bool had_sent_all = has_sent_all();
  const bool was_complete = complete_ns() != 0;
  // Where no packet waits, it is a matter of how soon the peer may take over.
  const std::uint32_t sent =
      sender_.run(open ? kRecordsPerInterval : pipeline_.flows().capacity(), now_ns);
  sent_all_.store(sender_.has_sent_all(), std::memory_order_release);
  const bool complete = sender_.is_done() && pipeline_.waiting().is_empty();
  complete_ns_.store(complete ? now_ns : 0, std::memory_order_release);
  return news || turned || sent > 0 || was_complete != complete || had_sent_all != has_sent_all();
}

// True if the service thread has something to hear.
bool ReplicaPort::send_urgent(TimeNs now_ns) {
  const std::uint64_t before = sender_.records();
  if (sender_.run_urgent(now_ns)) pipeline_.waiting().note_recorded(sender_.records());
  return sender_.records() != before;
}

void ReplicaPort::set_peer(bool listens, pipeline::Output& out) {
  sends_ = listens;
  complete_ns_.store(0, std::memory_order_release);
  sent_all_.store(false, std::memory_order_release);
  pipeline_.waiting().set_peer(listens);
  pipeline_.flows().forget_urgent();
  // One that has nothing could not go on with any session, whatever left.
  pipeline_.let_all_go(out);
}

bool ReplicaPort::process_inbox(bool open, TimeNs now_ns, pipeline::Output& out) {
  bool news = false;
  for (std::uint32_t i = 0; i < kMessagesPerRound; ++i) {
    const ByteView message = inbox_.front();
    if (message.empty()) break;
    const std::span<std::uint8_t> answer = outbox_.reserve(2);
    if (answer.empty()) break;
    const Taken taken = carry_out(message, open, now_ns, out);
    inbox_.release();
    answer[0] =
        static_cast<std::uint8_t>(taken == Taken::taken ? ReplicaWord::taken : ReplicaWord::failed);
    answer[1] = static_cast<std::uint8_t>(taken);
    outbox_.commit(2);
    news = true;
  }
  return news;
}

Taken ReplicaPort::carry_out(ByteView message, bool open, TimeNs now_ns, pipeline::Output& out) {
  constexpr std::size_t kClearBytes = 9;
  if (message[0] == static_cast<std::uint8_t>(ReplicaWord::begin)) {
    set_peer(true, out);
    sender_.restart();
    return Taken::taken;
  }
  if (message[0] == static_cast<std::uint8_t>(ReplicaWord::end)) {
    set_peer(false, out);
    return Taken::taken;
  }
  if (open) return Taken::malformed;  // its sessions are its own
  if (message[0] == static_cast<std::uint8_t>(ReplicaWord::clear) &&
      message.size() == kClearBytes) {
    pipeline_.forget_all();
    set_peer(false, out);
    pipeline_.set_clock_offset(load_be64(message.data() + 1));
    return Taken::taken;
  }
  return receiver_.take(message, now_ns);
}

bool ReplicaPort::send(ByteView message) {
  const std::span<std::uint8_t> room = inbox_.reserve(message.size());
  if (room.empty()) return false;
  std::copy(message.begin(), message.end(), room.begin());
  inbox_.commit(message.size());
  return true;
}

}  // namespace bulkhead::ports
