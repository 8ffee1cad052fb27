// A session that the standby has is one to be resumed: its numbers may be a moment old, and only
// the receivers' next acknowledgements say where it stands. What was let through and not
// acknowledged is known byte by byte.
#include "dataplane/replication/replicator.h"

#include <algorithm>

#include "dataplane/flow/packet_edit.h"
#include "dataplane/flow/splice.h"
#include "dataplane/protocols/registry.h"
#include "dataplane/replication/names_record.h"

namespace bulkhead::replication {

namespace {

using flow::Flow;
using flow::TcpPhase;

// Sessions that are still opening are opened again by their ends; closed ones are over.
bool travels(const Flow& flow) {
  if (!flow.in_use) return false;
  if (flow.transport != policy::Transport::tcp || flow.key.opened_by != 0) return true;
  return flow.phase == TcpPhase::resuming || flow.phase == TcpPhase::established ||
         flow.phase == TcpPhase::closing;
}

bool is_inspected(const Flow& flow) { return flow.protocol < protocols::registry().size(); }

// Of the block of an inspected flow: that of its module, but for entries beside sessions.
std::uint16_t layout_of(const Flow& flow) {
  if (!flow.key.is_session()) return kEntryLayout;
  return protocols::registry()[flow.protocol]->state_layout().version;
}

// Whether the session's names are replicated. A standby cannot know which datagrams have left that
// define handles: those of their sessions stay unknown there.
bool may_have_names(const flow::NameStore& names, const Flow& flow) {
  return names.is_kept() && flow.transport == policy::Transport::tcp && is_inspected(flow) &&
         protocols::modules()[flow.protocol].names != nullptr;
}

}  // namespace

FlowSender::FlowSender(flow::FlowTable& flows, flow::SegmentPool& segments, RecordRing& out,
                       flow::ExpectationTable* expected)
    : flows_(flows),
      segments_(segments),
      out_(out),
      sent_(flows.capacity()),
      is_sent_(flows.capacity()),
      snapshot_next_(flows.capacity()),
      record_bytes_max_(kRecordFixedBytesMax + kRecordSegmentBytesMax + flows.deep_bytes()) {
  flows_.track_changes();
  if (expected != nullptr) relations_.emplace(*expected);
}

void FlowSender::restart() {
  std::fill(is_sent_.begin(), is_sent_.end(), false);
  snapshot_next_ = 0;
  if (relations_) relations_->restart();
}

FlowSender::Step FlowSender::send(std::uint32_t slot, TimeNs now_ns) {
  Flow& flow = flows_.slot(slot);
  const bool same = is_sent_[slot] != 0 && flow.key == sent_[slot];
  const bool goes = travels(flow);
  if (is_sent_[slot] != 0 && (!goes || !same)) {
    // Its key may have a new session in another slot, which was sent, or will be.
    const Flow* moved = flows_.find(sent_[slot]);
    if (moved == nullptr || flows_.index_of(*moved) == slot) {
      const auto room = out_.reserve(kRecordFixedBytesMax);
      if (room.empty()) return Step::no_room;
      out_.commit(encode_gone(sent_[slot], room));
      ++records_;
    }
    is_sent_[slot] = false;
  }
  if (!goes) return Step::nothing;
  flow::NameStore& names = flows_.names();
  const bool named = may_have_names(names, flow);
  if (named && is_sent_[slot] == 0) names.send_all(slot);
  // Before the session's record: its predecessor with the same key may have had other names.
  if (named && names.is_anew(slot)) {
    const auto head = out_.reserve(kNamesHeadBytesMax);
    if (head.empty()) return Step::no_room;
    out_.commit(encode_names_anew(flow.key, head));
    ++records_;
    names.note_anew_sent(slot);
  }
  const auto room = out_.reserve(record_bytes_max_);
  if (room.empty()) return Step::no_room;
  const bool inspected = is_inspected(flow);
  const bool has_state = inspected && flow.session != flow::kNoSession;
  const std::string_view name =
      inspected ? protocols::registry()[flow.protocol]->catalogue().name : std::string_view();
  SessionState state;
  if (has_state) state = {flows_.session(flow), layout_of(flow)};
  out_.commit(
      encode_flow(flow, segments_, name, state, flows_.has_deep_session(flow), now_ns, room));
  ++records_;
  sent_[slot] = flow.key;
  is_sent_[slot] = true;
  return named ? send_names(slot) : Step::written;
}

FlowSender::Step FlowSender::send_names(std::uint32_t slot) {
  const Flow& flow = flows_.slot(slot);
  while (flows_.names().unsent(slot)) {
    const auto room = out_.reserve(kNamesRecordBytesMax);
    if (room.empty()) {
      flows_.touch(flow);
      return Step::no_room;
    }
    out_.commit(encode_names(flow.key, flows_.names(), slot, room));
    ++records_;
  }
  return Step::written;
}

bool FlowSender::run_urgent(TimeNs now_ns) {
  const auto urgent = flows_.urgent();
  if (urgent) {
    for (const std::uint32_t slot : *urgent) {
      if (send(slot, now_ns) == Step::no_room) return false;
    }
  } else {
    run(flows_.capacity(), now_ns);
    if (flows_.has_changes()) return false;
  }
  flows_.forget_urgent();
  return true;
}

std::uint32_t FlowSender::run(std::uint32_t records_max, TimeNs now_ns) {
  std::uint32_t written = 0;
  if (relations_) {
    bool full = false;
    written = relations_->run((records_max + 1) / 2, now_ns, out_, full);
    records_ += written;
    if (full) return written;
  }
  // What has changed goes before what is only new to the peer, which gets its half all the same.
  const std::uint32_t changes_max = has_sent_all() ? records_max : (records_max + 1) / 2;
  while (written < changes_max && flows_.has_changes()) {
    const std::uint32_t slot = flows_.take_change();
    const Step step = send(slot, now_ns);
    if (step == Step::no_room) {
      flows_.touch(flows_.slot(slot));
      return written;
    }
    written += step == Step::written ? 1 : 0;
  }
  constexpr std::uint32_t kEmptySlotsMax = 4096;
  for (std::uint32_t empty = 0;
       written < records_max && empty < kEmptySlotsMax && snapshot_next_ < flows_.capacity();) {
    if (is_sent_[snapshot_next_] == 0) {
      const Step step = send(snapshot_next_, now_ns);
      if (step == Step::no_room) return written;
      written += step == Step::written ? 1 : 0;
      empty += step == Step::nothing ? 1 : 0;
    }
    ++snapshot_next_;
  }
  return written;
}

FlowReceiver::Taken FlowReceiver::take(ByteView bytes, TimeNs now_ns) {
  if (is_relation(bytes)) return accept_relation(bytes, now_ns);
  if (is_names(bytes)) return accept_names(bytes);
  const std::optional<FlowRecord> record = decode_record(bytes, now_ns);
  if (!record) return Taken::malformed;
  if (!record->gone) return adopt(*record, now_ns);
  Flow* flow = store_.flows.find(record->flow.key);
  if (flow != nullptr) erase(*flow);
  return Taken::taken;
}

FlowReceiver::Taken FlowReceiver::accept_relation(ByteView bytes, TimeNs now_ns) {
  const std::optional<RelationRecord> record = decode_relation(bytes, now_ns);
  if (!record) return Taken::malformed;
  if (store_.expected == nullptr) return Taken::taken;
  flow::ExpectationTable& table = *store_.expected;
  const auto protocol = protocols::find_protocol(record->protocol);
  if (!protocol || protocols::registry()[*protocol]->expectations() == nullptr) {
    return Taken::unknown_protocol;
  }
  const flow::Relation& sent = record->relation;
  flow::RelationId id = sent.id;
  id.protocol = *protocol;
  if (flow::Relation* known = table.find(id, sent.is_open)) table.remove(*known);
  // What an earlier release asked for cannot be judged here: it has to be opened again.
  if (record->gone || !record->readable) return Taken::taken;
  flow::Relation* relation = table.add(id, {});
  if (relation == nullptr) return Taken::no_room;
  relation->reversed = sent.reversed;
  relation->transport = sent.transport;
  relation->service_port = sent.service_port;
  relation->macs = sent.macs;
  relation->asked_ns = sent.asked_ns;
  relation->wait_ns = sent.wait_ns;
  relation->asked_bytes = sent.asked_bytes;
  relation->asked = sent.asked;
  if (!sent.is_open) return Taken::taken;
  auto expectations = sent.expectations;
  for (flow::Expectation& each : std::span(expectations).first(sent.count)) {
    each.key.protocol = *protocol;
  }
  if (table.open(*relation, std::span(expectations).first(sent.count))) return Taken::taken;
  table.remove(*relation);
  return Taken::no_room;
}

// A handle whose name finds no room here is unknown after a takeover, and refused.
FlowReceiver::Taken FlowReceiver::accept_names(ByteView bytes) {
  const std::optional<NamesRecord> record = decode_names(bytes);
  if (!record) return Taken::malformed;
  const Flow* flow = store_.flows.find(record->key);
  flow::NameStore& names = store_.flows.names();
  if (flow == nullptr || !may_have_names(names, *flow)) return Taken::taken;
  const std::uint32_t slot = store_.flows.index_of(*flow);
  if (record->anew) names.drop(slot);
  NamesReader reader(record->changes);
  while (const auto change = reader.next()) {
    const auto adopt = [&] {
      names.begin(slot, flow->shares);
      const bool adopted = names.adopt(change->handle, change->name);
      names.keep();
      return adopted;
    };
    if (!change->forgotten && adopt()) continue;
    names.begin(slot, flow->shares);
    names.forget(change->handle);
    names.keep();
    if (!change->forgotten) adopt();  // in the room of what it stood for
  }
  return Taken::taken;
}

void FlowReceiver::erase(Flow& flow) {
  flow::drop_all(store_.segments, flow);
  store_.timers.disarm(store_.flows.index_of(flow));
  store_.flows.erase(flow);
}

FlowReceiver::Taken FlowReceiver::adopt(const FlowRecord& record, TimeNs now_ns) {
  constexpr std::uint32_t kTurned = 4;
  const std::uint32_t opened_by = record.flow.key.opened_by;
  if (opened_by > 0 && opened_by < kTurned) return Taken::taken;  // see flow::FlowKey
  std::uint8_t protocol = protocols::kNoProtocol;
  if (!record.protocol.empty()) {
    const auto known = protocols::find_protocol(record.protocol);
    if (!known) return Taken::unknown_protocol;
    protocol = *known;
  }
  Flow* flow = store_.flows.find(record.flow.key);
  if (flow == nullptr) flow = store_.flows.insert(record.flow.key);
  if (flow == nullptr) return Taken::no_room;
  if (flow->protocol != protocol) store_.flows.drop_session(*flow);
  flow::drop_all(store_.segments, *flow);
  store_.timers.disarm(store_.flows.index_of(*flow));
  const std::uint32_t session = flow->session;
  flow::SpliceSide* splice = flow->splice;
  *flow = record.flow;
  flow->in_use = true;
  flow->session = session;
  flow->splice = splice;
  flow->spliced = false;
  flow->protocol = protocol;
  flow->standing = {};  // judged anew at the first packet
  if (flow->transport == policy::Transport::tcp && flow->key.opened_by == 0) {
    flow->phase = TcpPhase::resuming;
  }
  if (adopt_translation(record, *flow) && adopt_segments(record, *flow, now_ns) &&
      adopt_state(record, *flow)) {
    return Taken::taken;
  }
  erase(*flow);
  return Taken::no_room;
}

bool FlowReceiver::adopt_translation(const FlowRecord& record, Flow& flow) {
  if (!record.flow.spliced) {
    store_.flows.return_splice(flow);
    return true;
  }
  if (!store_.flows.lend_splice(flow)) return false;
  flow.spliced = true;
  for (std::size_t side = 0; side < 2; ++side) {
    flow::SpliceSide& numbers = flow.splice[side];
    const FlowRecord::Translation& translation = record.translations[side];
    numbers = {};
    numbers.out_next = flow.sides[side].released + translation.delta;
    numbers.out_sent = numbers.recover = numbers.out_next;
    numbers.out_acked = numbers.out_next - translation.owed;
    numbers.out_edge = translation.edge;
  }
  return true;
}

// Calls take(index) with each segment of the list.
template <typename Take>
bool FlowReceiver::read_segments(ByteView list, Take&& take) {
  SegmentReader reader(list);
  while (const auto piece = reader.next()) {
    rte_mbuf* mbuf = rte_pktmbuf_alloc(store_.buffers);
    if (mbuf == nullptr) return false;
    flow::Segment segment = piece->segment;
    segment.mbuf = mbuf;
    segment.edited = true;  // what was sent may be a part of what the frame says
    char* frame = rte_pktmbuf_append(mbuf, static_cast<std::uint16_t>(piece->frame.size()));
    const std::uint32_t index = frame != nullptr ? store_.segments.take(segment) : flow::kNoSegment;
    if (index == flow::kNoSegment) {
      rte_pktmbuf_free(mbuf);
      return false;
    }
    std::memcpy(frame, piece->frame.data(), piece->frame.size());
    take(index);
  }
  return true;
}

bool FlowReceiver::adopt_owed(ByteView owed, Flow& flow, std::size_t end) {
  flow::SegmentPool& pool = store_.segments;
  flow::TcpSide& side = flow.sides[end];
  const bool whole = read_segments(owed, [&](std::uint32_t index) {
    flow::fit_frame(pool[index]);
    flow::retain(pool, side, index);
  });
  // They stand one behind the other up to what was granted last.
  std::uint32_t bytes = 0;
  for (std::uint32_t i = side.retained_first; i != flow::kNoSegment; i = pool[i].next) {
    bytes += pool[i].out_end() - pool[i].out;
  }
  std::uint32_t out = flow.splice[end].out_next - bytes;
  for (std::uint32_t i = side.retained_first; i != flow::kNoSegment; i = pool[i].next) {
    pool[i].out = out;
    out = pool[i].out_end();
  }
  return whole;
}

bool FlowReceiver::adopt_retained(const FlowRecord& record, Flow& flow) {
  flow::SegmentPool& pool = store_.segments;
  for (std::size_t end = 0; end < 2; ++end) {
    flow::TcpSide& side = flow.sides[end];
    const bool whole = read_segments(record.retained[end], [&](std::uint32_t index) {
      pool[index].out = pool[index].sequence;
      flow::fit_frame(pool[index]);
      flow::retain(pool, side, index);
    });
    if (!whole) return false;
  }
  return true;
}

bool FlowReceiver::adopt_segments(const FlowRecord& record, Flow& flow, TimeNs now_ns) {
  if (!flow.spliced) return adopt_retained(record, flow);
  flow::SegmentPool& pool = store_.segments;
  bool owes = false;
  for (std::size_t end = 0; end < 2; ++end) {
    flow::TcpSide& side = flow.sides[end];
    const bool whole = adopt_owed(record.owed[end], flow, end) &&
                       read_segments(record.held[end], [&](std::uint32_t index) {
                         flow::append(pool, side.held_first, side.held_last, index);
                         side.held_bytes += pool[index].length;
                         ++side.held_count;
                       });
    if (!whole) return false;
    if (side.retained_first == flow::kNoSegment) continue;
    owes = true;
    flow.splice[end].retransmit_ns = now_ns;
  }
  const bool whole = read_segments(record.pending, [&](std::uint32_t index) {
    flow::append(pool, flow.pending_first, flow.pending_last, index);
    ++flow.pending_count;
  });
  if (!whole) return false;
  // Nobody else may have anything to say: what is owed goes again as soon as this one forwards.
  if (flow.pending_count > 0) flow.pending_deadline_ns = now_ns + kSecondNs;
  if (owes || flow.pending_count > 0) store_.timers.arm(store_.flows.index_of(flow), now_ns);
  return true;
}

bool FlowReceiver::adopt_state(const FlowRecord& record, Flow& flow) {
  if (flow.protocol == protocols::kNoProtocol) return true;
  flow::FlowTable& flows = store_.flows;
  if (record.deep && !flows.has_deep_session(flow) && !flows.deepen_session(flow)) return false;
  const std::span<std::byte> state = flows.session(flow);
  const bool readable = record.layout == layout_of(flow) && record.session.size() <= state.size();
  if (!record.session.empty() && readable) {
    std::memcpy(state.data(), record.session.data(), record.session.size());
  } else {
    // A state that cannot be read here: of another release, or a longer one. Beside a session
    // nothing is open then.
    flows.drop_session(flow);
    if (flow.key.is_session()) {
      protocols::registry()[flow.protocol]->begin_unseen(flows.session(flow));
    }
    flow.missed = Flow::kMissedMax;
  }
  return true;
}

}  // namespace bulkhead::replication
