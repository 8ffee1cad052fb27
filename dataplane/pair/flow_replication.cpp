// Workers answer each message in order, so that what is in the ledger is in their tables.
#include "dataplane/pair/flow_replication.h"

#include <algorithm>

#include "dataplane/ports/replica_port.h"

namespace bulkhead::pair {

namespace {

using ports::ReplicaWord;
using Taken = replication::FlowReceiver::Taken;

constexpr std::size_t kRecordHeadBytes = 5;  // in a batch: worker and length

ByteView view(const std::string& bytes) {
  return {reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()};
}

std::string word(ReplicaWord word) { return std::string(1, static_cast<char>(word)); }

std::string text_of(Taken taken) {
  switch (taken) {
    case Taken::taken:
      return {};
    case Taken::malformed:
      return "the peer's record of a session cannot be read here";
    case Taken::no_room:
      return "a session of the peer finds no room: its --flows, --deep-sessions, "
             "--carried-sessions or --relations is greater";
    case Taken::unknown_protocol:
      return "a session of the peer has a protocol that this version does not know";
  }
  return "unknown";
}

}  // namespace

FlowReplication::FlowReplication(ports::Shared& shared, OnBatch on_batch, OnTaken on_taken)
    : shared_(shared),
      on_batch_(std::move(on_batch)),
      on_taken_(std::move(on_taken)),
      heard_(shared.worker_count),
      waiting_(shared.worker_count),
      under_way_(shared.worker_count) {
  std::size_t sessions = 0;
  for (const ports::Worker* worker : shared.workers) sessions += worker->flows_max();
  ledger_.reserve(sessions);
}

void FlowReplication::begin(std::uint64_t stream) {
  stream_ = stream;
  sends_ = stream != 0;
  sequence_ = acknowledged_ = 0;
  gathered_.clear();
  unacknowledged_.clear();
  sent_complete_ = false;
  heard_all_ns_ = 0;
  ledger_.clear();
  for (std::uint32_t i = 0; i < shared_.worker_count; ++i) {
    order(i, word(sends_ ? ReplicaWord::begin : ReplicaWord::end));
  }
  hand_out();
}

void FlowReplication::acknowledge(const v1::FlowsTaken& taken) {
  if (taken.stream() != stream_ || taken.sequence() > sequence_) return;
  acknowledged_ = std::max(acknowledged_, taken.sequence());
  while (!unacknowledged_.empty() && unacknowledged_.front().sequence <= acknowledged_) {
    // A peer that failed to take something gets all anew; frames wait for that.
    for (std::uint32_t i = 0; i < shared_.worker_count && taken.failure().empty(); ++i) {
      if (shared_.replicas[i]->confirm(unacknowledged_.front().heard[i]))
        shared_.workers[i]->wake();
    }
    unacknowledged_.pop_front();
  }
  run();
}

void FlowReplication::order(std::uint32_t worker, std::string bytes) {
  waiting_[worker].push_back({0, std::move(bytes)});
}

void FlowReplication::take(const v1::FlowBatch& batch) {
  if (batch.sequence() == 1) {
    sends_ = false;
    stream_ = batch.stream();
    sequence_ = 0;
    ledger_.clear();
    failure_.clear();
    batches_.clear();
    clock_offset_ns_ = batch.clock_ns() - monotonic_now_ns();
    std::string clear = word(ReplicaWord::clear) + std::string(8, '\0');
    store_be64(reinterpret_cast<std::uint8_t*>(clear.data()) + 1, clock_offset_ns_);
    for (std::uint32_t i = 0; i < shared_.worker_count; ++i) {
      waiting_[i].clear();
      for (Message& message : under_way_[i]) message.batch = 0;
      order(i, clear);
    }
  }
  if (batch.stream() != stream_ || sends_) return;
  if (batch.sequence() != sequence_ + 1 && failure_.empty()) {
    failure_ = "session records were lost on the pair link";
  }
  sequence_ = batch.sequence();
  ++batches_taken_;
  Batch& taken = batches_.emplace_back();
  taken.header = batch;
  taken.header.clear_records();
  ByteReader records(view(batch.records()));
  while (records.remaining() > 0) {
    const std::uint32_t worker = records.u8();
    const ByteView record = records.take(records.u32());
    if (!records.ok()) {
      failure_ = text_of(Taken::malformed);
    } else if (worker >= shared_.worker_count) {
      failure_ = "the peer has more workers: give both the same --workers";
    } else {
      ++taken.left;
      waiting_[worker].push_back({batches_taken_, {record.begin(), record.end()}});
    }
  }
  hand_out();
  finish_batches();
}

void FlowReplication::hand_out() {
  for (std::uint32_t i = 0; i < shared_.worker_count; ++i) {
    std::deque<Message>& waiting = waiting_[i];
    const bool any = !waiting.empty();
    while (!waiting.empty() && shared_.replicas[i]->send(view(waiting.front().bytes))) {
      under_way_[i].push_back(std::move(waiting.front()));
      waiting.pop_front();
    }
    if (any) shared_.workers[i]->wake();
  }
}

TimeNs FlowReplication::complete_ns() const {
  TimeNs oldest_ns = replication::kForGood;
  for (const auto& replica : shared_.replicas) {
    oldest_ns = std::min(oldest_ns, replica->complete_ns());
  }
  return oldest_ns;
}

void FlowReplication::run() {
  ledger_.forget_some();
  // Of workers that have not begun the stream yet, what they say is about the one before. Both are
  // asked before the rings are emptied.
  const auto is_empty = [](const std::deque<Message>& messages) { return messages.empty(); };
  const bool begun =
      std::ranges::all_of(waiting_, is_empty) && std::ranges::all_of(under_way_, is_empty);
  const TimeNs settled_ns = begun ? complete_ns() : 0;
  const bool complete =
      begun && std::ranges::all_of(shared_.replicas, [](const ports::ReplicaPort* replica) {
        return replica->has_sent_all();
      });
  bool emptied = true;
  for (std::uint32_t i = 0; i < shared_.worker_count; ++i) emptied = read_worker(i) && emptied;
  hand_out();
  finish_batches();
  if (!sends_) return;
  if (emptied) heard_all_ns_ = settled_ns;
  const bool sent_all = complete && emptied;
  if (!gathered_.empty() || sent_all != sent_complete_) flush(sent_all);
}

// False if the worker has more records than may be sent now.
bool FlowReplication::read_worker(std::uint32_t worker) {
  ports::ReplicaPort& replica = *shared_.replicas[worker];
  for (;;) {
    const ByteView message = replica.front();
    if (message.empty()) return true;
    if (message[0] == static_cast<std::uint8_t>(ReplicaWord::taken) ||
        message[0] == static_cast<std::uint8_t>(ReplicaWord::failed)) {
      accept_answer(worker, message);
    } else {
      if (sends_ && sequence_ - acknowledged_ >= kBatchesMax) return false;
      ++heard_[worker];
      if (sends_) gather(worker, message);
    }
    replica.release();
  }
}

void FlowReplication::gather(std::uint32_t worker, ByteView record) {
  ledger_.note(record);
  std::array<std::uint8_t, kRecordHeadBytes> head{};
  head[0] = static_cast<std::uint8_t>(worker);
  store_be32(head.data() + 1, static_cast<std::uint32_t>(record.size()));
  gathered_.append(head.begin(), head.end());
  gathered_.append(record.begin(), record.end());
  if (gathered_.size() >= kBatchBytes) flush(false);
}

void FlowReplication::flush(bool complete) {
  v1::FlowBatch batch;
  batch.set_stream(stream_);
  batch.set_sequence(++sequence_);
  batch.set_records(std::move(gathered_));
  batch.set_digest(ledger_.digest());
  batch.set_sessions(ledger_.sessions());
  batch.set_complete(complete);
  batch.set_clock_ns(monotonic_now_ns() + clock_offset_ns_);
  unacknowledged_.push_back({sequence_, heard_});
  gathered_.clear();
  sent_complete_ = complete;
  on_batch_(std::move(batch));
}

void FlowReplication::accept_answer(std::uint32_t worker, ByteView answer) {
  if (under_way_[worker].empty()) return;
  const Message message = std::move(under_way_[worker].front());
  under_way_[worker].pop_front();
  if (message.batch == 0) return;  // an order, or of a stream that has gone
  if (answer[0] == static_cast<std::uint8_t>(ReplicaWord::taken)) {
    ledger_.note(view(message.bytes));
  } else if (failure_.empty()) {
    failure_ = text_of(static_cast<Taken>(answer.size() > 1 ? answer[1] : 0));
  }
  const std::uint64_t first = batches_taken_ + 1 - batches_.size();
  if (message.batch >= first) --batches_[message.batch - first].left;
}

void FlowReplication::finish_batches() {
  while (!batches_.empty() && batches_.front().left == 0) {
    const v1::FlowBatch& header = batches_.front().header;
    const bool newest = batches_.size() == 1 && header.complete();
    const bool same = header.digest() == ledger_.digest();
    if (newest && !same && failure_.empty()) failure_ = "the sessions are not those of the peer";
    v1::FlowsTaken taken;
    taken.set_stream(header.stream());
    taken.set_sequence(header.sequence());
    taken.set_sessions(ledger_.sessions());
    taken.set_failure(failure_);
    taken.set_equal(failure_.empty() && newest);
    batches_.pop_front();
    on_taken_(std::move(taken));
  }
}

bool FlowReplication::is_settled(TimeNs since_ns) const {
  return sends_ && sent_complete_ && gathered_.empty() && acknowledged_ == sequence_ &&
         heard_all_ns_ > since_ns;
}

}  // namespace bulkhead::pair
