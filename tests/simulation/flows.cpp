// What the two tell each other of their flows, over the pair link's stream.
#include <utility>

#include "tests/simulation/pair.h"

namespace bulkhead::simulation {

namespace {

using failover::Role;

constexpr std::size_t kUnacknowledgedMax = 256;
constexpr std::size_t kSnapshotPerMs = 6;

}  // namespace

void Pair::accept_stream(Appliance& node) {
  std::optional<StreamMessage> last;
  unsigned budget = node.slow ? 2 : 64;
  while (budget-- > 0) {
    const std::optional<StreamMessage> message = network_.next_of_stream(now_ms_, node.index);
    if (!message) break;
    switch (message->kind) {
      case StreamMessage::Kind::commit:
        carry_out(node, node.agent.commit->take(message->commit, can_enforce(node, message->commit),
                                                node.boot_ns(now_ms_)));
        if (!node.runs()) return;
        break;
      case StreamMessage::Kind::acknowledge:
        accept_acknowledgement(node, *message);
        break;
      case StreamMessage::Kind::resync:
        begin_flows(node);
        break;
      case StreamMessage::Kind::change:
      case StreamMessage::Kind::snapshot_end:
        if (node.agent.machine->role() != Role::standby) break;
        last = message;
        accept_flow(node, *message);
        break;
    }
  }
  if (!last || !network_.stream_up()) return;
  StreamMessage answer;
  answer.kind = StreamMessage::Kind::acknowledge;
  answer.flows = last->flows;
  answer.sequence = last->sequence;
  network_.send_stream(now_ms_, node.index, answer);
}

void Pair::accept_flow(Appliance& node, const StreamMessage& message) {
  const std::size_t i = node.index;
  if (message.kind == StreamMessage::Kind::change) {
    if (message.sequence == 1) whole_[i] = false;  // a snapshot begins
    node.plane.flows.set(message.flow, message.version);
  } else {
    whole_[i] = true;
  }
  const bool equal = whole_[i] && node.plane.flows.digest() == message.digest;
  if (equal != equal_[i]) drive(node, failover::Replica{equal});
  equal_[i] = equal;
}

// All flows are told anew.
void Pair::begin_flows(Appliance& node) {
  node.agent.sender = {};
  node.agent.sender.stream = ++streams_;
  node.agent.sender.snapshot_next = 0;
}

void Pair::accept_acknowledgement(Appliance& node, const StreamMessage& message) {
  Sender& sender = node.agent.sender;
  if (message.flows != sender.stream) return;
  while (!sender.unacknowledged.empty() &&
         sender.unacknowledged.front().sequence <= message.sequence) {
    const StreamMessage& done = sender.unacknowledged.front();
    if (done.kind == StreamMessage::Kind::change) {
      sender.acknowledged_versions[done.flow] = done.version;
    }
    sender.unacknowledged.pop_front();
  }
}

void Pair::send_flow(Appliance& node, StreamMessage::Kind kind, std::size_t flow) {
  Sender& sender = node.agent.sender;
  StreamMessage message;
  message.kind = kind;
  message.flows = sender.stream;
  message.flow = flow;
  message.version = kind == StreamMessage::Kind::change ? node.plane.flows.version(flow) : 0;
  message.digest = node.plane.flows.digest();
  message.sequence = ++sender.sequence;
  sender.unacknowledged.push_back(message);
  network_.send_stream(now_ms_, node.index, message);
}

// The active's flows: all of them to one that joins, then each change.
void Pair::feed_stream(Appliance& node) {
  Agent& agent = node.agent;
  if (!network_.stream_up() || agent.machine->role() != Role::active) return;
  Sender& sender = agent.sender;
  for (std::size_t i = 0; i < kSnapshotPerMs && sender.snapshot_next < kFlows; ++i) {
    node.plane.untold.reset(sender.snapshot_next);
    send_flow(node, StreamMessage::Kind::change, sender.snapshot_next++);
    if (sender.snapshot_next == kFlows) send_flow(node, StreamMessage::Kind::snapshot_end, 0);
  }
  for (std::size_t flow = 0; flow < sender.snapshot_next; ++flow) {
    if (!node.plane.untold[flow]) continue;
    if (sender.unacknowledged.size() >= kUnacknowledgedMax) break;  // the peer is slow
    node.plane.untold.reset(flow);
    send_flow(node, StreamMessage::Kind::change, flow);
  }
  const bool all_there =
      sender.snapshot_next == kFlows && sender.unacknowledged.empty() && node.plane.untold.none();
  if (agent.drains && all_there) {
    agent.drains = false;
    drive(node, failover::Drained{});
  }
}

}  // namespace bulkhead::simulation
