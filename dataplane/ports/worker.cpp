// The loop of a worker.
#include "dataplane/ports/worker.h"

#include <pthread.h>
#include <rte_cycles.h>
#include <rte_ring.h>
#include <rte_ring_elem.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <ctime>
#include <utility>

#include "dataplane/flow/steering.h"
#include "dataplane/ports/element_ring.h"
#include "dataplane/ports/in_band_port.h"
#include "dataplane/ports/replica_port.h"

namespace bulkhead::ports {

namespace {

constexpr std::uint32_t kEventsHeld = 4096;
constexpr std::uint16_t kReceiveBurst = pipeline::kBurstMax;

// Single writer.
void bump(std::atomic<std::uint64_t>& cell, std::uint64_t by) {
  cell.store(cell.load(std::memory_order_relaxed) + by, std::memory_order_relaxed);
}

}  // namespace

Result<std::unique_ptr<Worker>, std::string> Worker::make(
    Shared& shared, std::uint32_t index, const pipeline::PipelineOptions& options) {
  const std::string name = "worker" + std::to_string(index);
  auto pipeline = pipeline::Pipeline::make(name, options, shared.macs);
  if (!pipeline) return pipeline.error();
  auto observation = pipeline::Observation::make(name, options);
  if (!observation) return observation.error();
  auto rehearsal = selftest::Rehearsal::make(name + "_rehearsal", options);
  if (!rehearsal) return rehearsal.error();
  rte_ring* events = make_element_ring(name + "_events", sizeof(pipeline::Event), kEventsHeld,
                                       RING_F_SP_ENQ | RING_F_SC_DEQ);
  if (events == nullptr) return std::string("event ring: not enough memory; raise memory-mib");
  auto doorbell = Doorbell::make(shared.ports, static_cast<std::uint16_t>(index));
  if (!doorbell) return doorbell.error();
  return std::unique_ptr<Worker>(
      new Worker(shared, index, std::move(pipeline).value(), std::move(observation).value(),
                 std::move(rehearsal).value(), events, std::move(doorbell).value(),
                 options.limits.event_message_bytes));
}

Worker::Worker(Shared& shared, std::uint32_t index, std::unique_ptr<pipeline::Pipeline> pipeline,
               std::unique_ptr<pipeline::Observation> observation,
               std::unique_ptr<selftest::Rehearsal> rehearsal, rte_ring* events, Doorbell doorbell,
               std::uint32_t event_message_bytes)
    : shared_(shared),
      index_(index),
      pipeline_(std::move(pipeline)),
      observation_(std::move(observation)),
      events_(events),
      doorbell_(std::move(doorbell)),
      event_message_bytes_(event_message_bytes),
      ns_of_cycle_(1e9 / static_cast<double>(rte_get_tsc_hz())),
      out_(shared, static_cast<std::uint16_t>(index), stats_),
      rehearsal_(std::move(rehearsal)) {
  if (shared.in_band != nullptr) {
    replica_ = std::make_unique<ReplicaPort>(*pipeline_, shared.ports.buffers());
  }
}

Worker::~Worker() { rte_ring_free(events_); }

void Worker::run() {
  prctl(PR_SET_TIMERSLACK, 1UL, 0UL, 0UL, 0UL);  // short sleeps must be short
  stats_.thread.store(gettid());
  if (clockid_t clock = 0; pthread_getcpuclockid(pthread_self(), &clock) == 0) {
    stats_.cpu_clock.store(clock);
  }
  join();
  std::uint32_t idle_polls = 0;
  while (!shared_.stop.load(std::memory_order_relaxed)) {
    if (turn() > 0) {
      idle_polls = 0;
    } else {
      rest(++idle_polls);
    }
  }
  leave();
}

void Worker::join() {
  rte_rcu_qsbr_thread_register(shared_.rcu, index_);
  rte_rcu_qsbr_thread_online(shared_.rcu, index_);
}

void Worker::leave() {
  rte_rcu_qsbr_thread_offline(shared_.rcu, index_);
  rte_rcu_qsbr_thread_unregister(shared_.rcu, index_);
}

std::uint32_t Worker::turn() {
  const std::uint64_t begin = rte_rdtsc();
  now_ns_ = monotonic_now_ns();
  image_ = shared_.image.load(std::memory_order_acquire);
  see_gate();
  see_observation();
  stats_.turned_ns.store(now_ns_, std::memory_order_relaxed);
  const std::uint32_t packets = poll() + poll_brought() + send_in_band();
  out_.flush();  // packets do not wait for what time asks for, which is much after a sleep
  if (packets > 0) count_time_inside(packets, rte_rdtsc() - begin);
  if (open_) {
    pipeline_->pass_time(*image_, now_ns_, *this, *this);
    if (judging_beside_) observation_->pass_time(*image_, moment(), *this, *this);
    if (index_ == 0) {
      memberships_.turn(image_->tables, image_->generation, now_ns_, shared_.ports, *this);
    }
    out_.flush();
  }
  if (replica_) {
    if (replica_->run(open_, hands_over_, now_ns_, *this)) shared_.in_band->ring();
    out_.flush();
  }
  tell_sums();
  if (flow_query_.is_asked()) {
    flow_query_.answer(pipeline_->flows(), observation_->flows(), now_ns_);
  }
  if (rehearsal_->is_asked()) rehearsal_->turn(*image_, now_ns_);
  rte_rcu_qsbr_quiescent(shared_.rcu, index_);
  if (packets == 0) return 0;
  pipeline_->stats().packets += packets;
  pipeline_->stats().busy_cycles += rte_rdtsc() - begin;
  if (now_ns_ - published_ns_ >= 100 * kMillisecondNs) {
    published_ns_ = now_ns_;
    publish();
  }
  return packets;
}

// Of a burst: from before it was taken from the ports until what left at once was given to them.
void Worker::count_time_inside(std::uint32_t packets, std::uint64_t cycles) {
  const auto time_ns = static_cast<TimeNs>(static_cast<double>(cycles) * ns_of_cycle_);
  bump(stats_.time_inside[bucket_of(time_ns)], packets);
  bump(stats_.time_inside_ns, time_ns * packets);
}

// A lease that came back at once found all sessions where they were.
void Worker::see_gate() {
  constexpr TimeNs kLapseNs = kSecondNs;
  const bool was_open =
      std::exchange(open_, now_ns_ < shared_.open_until_ns.load(std::memory_order_acquire));
  hands_over_ = !open_ && now_ns_ < shared_.late_until_ns.load(std::memory_order_acquire);
  if (open_ && !was_open && now_ns_ - opened_ns_ > kLapseNs) pipeline_->begin_forwarding(now_ns_);
  if (open_ && !was_open) memberships_.begin();
  if (open_ && !was_open && replica_) pipeline_->probe_sessions(shared_.ports.buffers(), now_ns_);
  if (open_) opened_ns_ = now_ns_;
}

// What observes ends at a time of the clock on the wall, and needs nobody for that.
void Worker::see_observation() {
  const policy::Tables& tables = image_->tables;
  observing_ = false;
  if (!tables.observed.empty()) {
    const std::uint64_t wall_s = moment().wall_s;
    pipeline_->set_wall_s(wall_s);
    observing_ = std::ranges::any_of(tables.observed, [&](std::uint16_t conduit) {
      return wall_s < tables.conduits[conduit].observe_until_s;
    });
  }
  judging_beside_ = observing_ || shared_.taps != 0;
  if (!judging_beside_ && !observation_->is_idle()) observation_->forget_all();
}

// Sleeps until something comes, where all ports tell; else in short naps, because somebody has to
// look. No change of policy waits for a sleeper.
void Worker::rest(std::uint32_t idle_polls) {
  constexpr std::uint32_t kSpins = 32;
  constexpr std::uint32_t kShortRests = 256;
  constexpr long kShortNs = 20 * 1000;
  constexpr long kLongNs = 200 * 1000;
  constexpr int kTimersMs = 1;
  constexpr int kIdleMs = 100;
  if (idle_polls < kSpins) return;
  publish();
  if (!doorbell_.hears_all_ports()) {
    const timespec pause{0, idle_polls < kShortRests ? kShortNs : kLongNs};
    nanosleep(&pause, nullptr);
    return;
  }
  doorbell_.announce();
  if (is_wanted()) return doorbell_.stay_awake();
  rte_rcu_qsbr_thread_offline(shared_.rcu, index_);
  const bool soon = more_sums_ || (open_ && pipeline_->awaits_time()) ||
                    (open_ && judging_beside_ && observation_->awaits_time()) ||
                    (replica_ && replica_->has_more_to_send());
  doorbell_.sleep(soon ? kTimersMs : kIdleMs);
  rte_rcu_qsbr_thread_online(shared_.rcu, index_);
}

// Whether there is work that no port signals.
bool Worker::is_wanted() const {
  for (std::uint32_t from = 0; from < shared_.worker_count; ++from) {
    if (!rte_ring_empty(shared_.steering[from * shared_.worker_count + index_])) return true;
  }
  const bool in_band = shared_.in_band != nullptr && index_ == 0 &&
                       (shared_.in_band->has_outgoing() || shared_.in_band->has_brought());
  if ((replica_ && replica_->is_wanted()) || rehearsal_->is_asked()) return true;
  return in_band || shared_.stop.load() || flow_query_.is_asked();
}

std::uint32_t Worker::poll() {
  std::uint32_t packets = 0;
  for (std::uint16_t port = 0; port < shared_.ports.size(); ++port) packets += poll_port(port);
  if (shared_.worker_count > 1) packets += poll_steered();
  return packets;
}

// For the status: now and then, and whenever the worker goes to rest.
void Worker::publish() {
  pipeline_->read_gauges();
  observation_->read_gauges(pipeline_->stats());
  const pipeline::Statistics& counts = pipeline_->stats();
  for (std::size_t i = 0; i < pipeline::kStatistics.size(); ++i) {
    stats_.statistics[i].store(counts.*pipeline::kStatistics[i].value, std::memory_order_relaxed);
  }
}

std::uint32_t Worker::poll_port(std::uint16_t port) {
  std::array<rte_mbuf*, kReceiveBurst> mbufs;
  const std::uint16_t count =
      shared_.ports.receive(port, static_cast<std::uint16_t>(index_), mbufs.data(), kReceiveBurst);
  if (count == 0) return 0;
  const bool tap = (shared_.taps >> port & 1) != 0;
  tap ? hear(mbufs.data(), count) : receive(mbufs.data(), count);
  return count;
}

// Of a tap port: judged by the owners of their sessions.
void Worker::hear(rte_mbuf** mbufs, std::uint16_t count) {
  std::array<rte_mbuf*, kReceiveBurst> mine;
  const std::uint32_t left = observation_->hear(*image_, {mbufs, count}, moment(), *this, *this);
  const std::uint32_t mine_count = give_to_owners(mbufs, left, mine.data());
  observation_->take_copies(*image_, {mine.data(), mine_count}, moment(), *this, *this);
}

void Worker::receive(rte_mbuf* const* mbufs, std::uint16_t count) {
  shared_.worker_count == 1 ? process(mbufs, count) : steer(mbufs, count);
}

// What came to the peer when it had just handed over, as if it had come here. It is given once the
// gate is open; what is left when it has closed must not wait for the next time.
std::uint32_t Worker::poll_brought() {
  if (shared_.in_band == nullptr || index_ != 0 || !shared_.in_band->has_brought()) return 0;
  const bool opens = now_ns_ < shared_.open_until_ns.load(std::memory_order_acquire);
  if (opens && !open_) return 0;
  std::array<rte_mbuf*, kReceiveBurst> mbufs;
  const std::uint32_t count = shared_.in_band->take_brought(mbufs);
  if (opens) {
    receive(mbufs.data(), static_cast<std::uint16_t>(count));
  } else {
    rte_pktmbuf_free_bulk(mbufs.data(), count);
  }
  return count;
}

std::uint32_t Worker::owner_of(const rte_mbuf* mbuf) const {
  const ByteView frame{rte_pktmbuf_mtod(mbuf, const std::uint8_t*), mbuf->data_len};
  return flow::owner_of(flow::steering_hash(frame), shared_.worker_count);
}

// False if the other's ring is full; the packet is lost then.
bool Worker::give(rte_mbuf* mbuf, std::uint32_t owner) {
  if (rte_ring_sp_enqueue(shared_.steering[index_ * shared_.worker_count + owner], mbuf) == 0) {
    return true;
  }
  rte_pktmbuf_free(mbuf);
  ++pipeline_->stats().steering_lost;
  return false;
}

// The receiving worker passes a packet to the owner of its session. How many are its own.
std::uint32_t Worker::give_to_owners(rte_mbuf* const* mbufs, std::uint32_t count, rte_mbuf** mine) {
  std::uint32_t mine_count = 0;
  std::uint32_t given_to = 0;  // a bit an owner
  static_assert(kWorkersMax <= 32);
  for (std::uint32_t i = 0; i < count; ++i) {
    const std::uint32_t owner = owner_of(mbufs[i]);
    if (owner == index_) {
      mine[mine_count++] = mbufs[i];
    } else if (give(mbufs[i], owner)) {
      given_to |= 1U << owner;
    }
  }
  for (; given_to != 0; given_to &= given_to - 1) {
    shared_.workers[static_cast<std::size_t>(std::countr_zero(given_to))]->wake();
  }
  return mine_count;
}

void Worker::steer(rte_mbuf* const* mbufs, std::uint16_t count) {
  std::array<rte_mbuf*, kReceiveBurst> mine;
  process(mine.data(), give_to_owners(mbufs, count, mine.data()));
}

bool Worker::hand_over(rte_mbuf* mbuf) {
  if (shared_.worker_count == 1) return false;
  const std::uint32_t owner = owner_of(mbuf);
  if (owner == index_) return false;
  if (give(mbuf, owner)) shared_.workers[owner]->wake();
  return true;
}

bool Worker::hand_to(rte_mbuf* mbuf, std::uint32_t worker) {
  if (worker >= shared_.worker_count || worker == index_) return false;
  if (give(mbuf, worker)) shared_.workers[worker]->wake();
  return true;
}

std::uint32_t Worker::poll_steered() {
  std::uint32_t packets = 0;
  for (std::uint32_t from = 0; from < shared_.worker_count; ++from) {
    if (from == index_) continue;
    std::array<rte_mbuf*, kReceiveBurst> mbufs;
    rte_ring* ring = shared_.steering[from * shared_.worker_count + index_];
    const unsigned count = rte_ring_sc_dequeue_burst(ring, reinterpret_cast<void**>(mbufs.data()),
                                                     kReceiveBurst, nullptr);
    const std::uint32_t frames =
        count == 0
            ? 0
            : observation_->take_copies(*image_, {mbufs.data(), count}, moment(), *this, *this);
    process(mbufs.data(), frames);
    packets += count;
  }
  return packets;
}

void Worker::process(rte_mbuf* const* mbufs, std::uint32_t count) {
  if (count == 0) return;
  if (!open_) return stand_by(mbufs, count);
  if (observing_) return process_observed(mbufs, count);
  pipeline_->process(*image_, {mbufs, count}, now_ns_, *this, *this);
}

void Worker::process_observed(rte_mbuf* const* mbufs, std::uint32_t count) {
  std::array<rte_mbuf*, kReceiveBurst> frames;
  std::copy_n(mbufs, count, frames.data());
  const std::uint32_t left =
      observation_->take(*image_, {frames.data(), count}, moment(), shared_.macs, *this, *this);
  if (left > 0) pipeline_->process(*image_, {frames.data(), left}, now_ns_, *this, *this);
}

// Nothing passes; only what the peer says is heard, and what is for it is brought to it.
void Worker::stand_by(rte_mbuf* const* mbufs, std::uint32_t count) {
  std::uint32_t dropped = 0;
  std::uint32_t brought = 0;
  for (std::uint32_t i = 0; i < count; ++i) {
    if (InBandPort::is_in_band(*mbufs[i]) && consume_in_band(mbufs[i])) continue;
    if (hands_over_ && shared_.in_band->give_late(mbufs[i])) {
      ++brought;
      continue;
    }
    rte_pktmbuf_free(mbufs[i]);
    ++dropped;
  }
  pipeline_->stats().standby_dropped += dropped;
  pipeline_->stats().brought_to_peer += brought;
}

bool Worker::consume_in_band(rte_mbuf* mbuf) {
  return shared_.in_band != nullptr && shared_.in_band->give_incoming(mbuf);
}

// What has no session comes to the first worker.
void Worker::hear_query(std::uint16_t port) {
  if (index_ == 0) memberships_.hear_query(port);
}

// One worker speaks for the appliance.
std::uint32_t Worker::send_in_band() {
  if (shared_.in_band == nullptr || index_ != 0) return 0;
  constexpr std::size_t kFramesMax = 64;
  std::array<InBandPort::Outgoing, kFramesMax> frames;
  const std::uint32_t count = shared_.in_band->take_outgoing(frames);
  for (std::uint32_t i = 0; i < count; ++i) transmit(frames[i].mbuf, frames[i].port);
  return count;
}

void Worker::transmit(rte_mbuf* mbuf, std::uint16_t port) { out_.add(mbuf, port); }

void Worker::on_verdict(const pipeline::Verdict& verdict, const flow::Packet& packet) {
  const pipeline::CounterKey key{verdict.standing.conduit, verdict.standing.rule, verdict.function,
                                 verdict.protocol,         verdict.reason,        verdict.fault,
                                 verdict.observed};
  std::uint32_t anywhere = 0;
  flow::Flow* flow = packet.flow;
  image_->counters[index_]->add(key, verdict.bytes,
                                flow != nullptr ? flow->counted[packet.from_client] : anywhere);
  const bool passes_unseen =
      verdict.reason == Reason::fails_open || verdict.reason == Reason::not_judged;
  if (!is_allowed(verdict.reason) || passes_unseen) tell(verdict, packet);
  if (packet.trailer.is_present()) bump(stats_.prp_trailers[packet.port], 1);
}

// An event for each refusal within the budget; the rest is summed up.
void Worker::tell(const pipeline::Verdict& verdict, const flow::Packet& packet) {
  // What goes on after its opening was foretold to be refused is no second refusal.
  if (verdict.observed && verdict.reason == Reason::flow_refused) return;
  count_told(verdict, packet);
  if (make_event(verdict, packet)) return;
  ++pipeline_->stats().events_suppressed;
  sum_up(verdict, packet);
}

void Worker::count_told(const pipeline::Verdict& verdict, const flow::Packet& packet) {
  pipeline::Statistics& stats = pipeline_->stats();
  if (verdict.observed) ++(is_allowed(verdict.reason) ? stats.not_judged : stats.would_deny);
  if (!verdict.observed && !is_allowed(verdict.reason)) ++stats.refused;
  if (is_for_room(verdict.reason)) ++pipeline_->stats().refused_for_room;
  if (verdict.reason == Reason::partial_checksum) bump(stats_.partial_checksums[packet.port], 1);
  if (verdict.reason == Reason::longer_than_mtu) bump(stats_.longer_than_mtu[packet.port], 1);
}

bool Worker::make_event(const pipeline::Verdict& verdict, const flow::Packet& packet) {
  const pipeline::Pipeline::Sender sender = pipeline_->sender_of(packet, now_ns_);
  EventBudget& budget = report_of(verdict.observed).budget;
  if (!budget.spend(sender.hash, packet.port, sender.proven, now_ns_)) return false;
  pipeline::Event event;
  describe(verdict, packet, event);
  return send(event);
}

void Worker::sum_up(const pipeline::Verdict& verdict, const flow::Packet& packet) {
  const RefusalSums::Key key = RefusalSums::key_of(verdict, packet, image_->generation);
  RefusalSums& sums = report_of(verdict.observed).sums;
  if (sums.count(key, wall_ns())) return;
  const pipeline::Pipeline::Sender sender = pipeline_->sender_of(packet, now_ns_);
  if (pipeline::Event* event = sums.add(key, sender.hash, sender.proven)) {
    describe(verdict, packet, *event);
  } else {
    sums.count_rest(packet.port, verdict.reason, wall_ns());
  }
}

void Worker::describe(const pipeline::Verdict& verdict, const flow::Packet& packet,
                      pipeline::Event& event) {
  describe_verdict(verdict, packet, event);
  event.message_count = static_cast<std::uint16_t>(
      std::min<std::uint32_t>(event.message_count, event_message_bytes_));
  event.generation = image_->generation;
  event.count = 1;
  event.wall_ns = event.last_wall_ns = wall_ns();
}

// A few in a turn, so that packets do not wait. They stay where they are while the service takes no
// events.
void Worker::tell_sums() {
  more_sums_ = false;
  tell_sums_of(false);
  if (judging_beside_ || !observation_->is_idle()) tell_sums_of(true);
}

void Worker::tell_sums_of(bool observed) {
  constexpr int kOfTurn = 16;
  RefusalSums& sums = report_of(observed).sums;
  for (int i = 0; i < kOfTurn; ++i) {
    const pipeline::Event* due = sums.due(now_ns_);
    if (due == nullptr) return;
    pipeline::Event event = *due;
    event.observed = observed;
    if (!send(event)) return;
    sums.told();
    more_sums_ = true;
  }
}

bool Worker::send(const pipeline::Event& event) {
  // It is copied: the parameter lacks a const.
  return rte_ring_sp_enqueue_elem(events_, const_cast<pipeline::Event*>(&event), sizeof(event)) ==
         0;
}

// Read once a turn at most.
TimeNs Worker::wall_ns() {
  if (wall_read_ns_ != now_ns_) wall_ns_ = wall_now_ns();
  wall_read_ns_ = now_ns_;
  return wall_ns_;
}

void Worker::expect(const flow::Packet& packet) {
  image_->counters[index_]->prefetch(packet.flow->counted[packet.from_client]);
}

std::uint32_t Worker::take_events(pipeline::Event* events, std::uint32_t count) {
  return rte_ring_sc_dequeue_burst_elem(events_, events, sizeof(pipeline::Event), count, nullptr);
}

}  // namespace bulkhead::ports
