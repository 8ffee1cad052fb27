// Starts the workers, swaps policies under them with RCU, and sums what they count.
#include "dataplane/service/engine.h"

#include <rte_errno.h>
#include <rte_launch.h>
#include <rte_lcore.h>
#include <rte_malloc.h>
#include <rte_ring.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <thread>

#include "dataplane/artefact/artefact.h"
#include "dataplane/service/naming.h"

namespace bulkhead::service {

namespace {

constexpr unsigned kSteeringRing = 1024;
constexpr std::size_t kEventsPerCall = 512;

int run_worker(void* worker) {
  static_cast<ports::Worker*>(worker)->run();
  return 0;
}

// The gauge that has the limit's name says how much of it is used; of most there is none.
std::optional<std::uint64_t> used_of(const ports::Worker& worker, std::string_view limit) {
  std::string name(limit);
  std::replace(name.begin(), name.end(), '-', '_');
  for (const pipeline::StatisticInfo& info : pipeline::kStatistics) {
    if (info.kind == pipeline::StatisticKind::gauge && info.name == name) {
      return worker.statistic(info.value);
    }
  }
  return std::nullopt;
}

void add_limits(const flow::Limits& limits, const ports::Worker& worker, v1::WorkerStatus& status) {
  for (std::size_t i = 0; i < flow::kLimits.size(); ++i) {
    const flow::LimitInfo& info = flow::kLimits[i];
    v1::LimitStatus* row = status.add_limits();
    row->set_name(std::string(info.name));
    row->set_unit(std::string(info.unit));
    row->set_max(flow::limit_value(limits, i));
    if (const auto used = used_of(worker, info.name)) row->set_used(*used);
  }
}

void add_statistic(v1::WorkerStatus& status, const std::string& name, std::string_view help,
                   bool gauge, std::uint64_t value) {
  v1::Statistic* row = status.add_statistics();
  row->set_name(name);
  row->set_gauge(gauge);
  row->set_value(value);
  row->set_help(std::string(help));
}

// A bucket has frames of its own times only.
void add_time_inside(const ports::WorkerStats& stats, v1::WorkerStatus& status) {
  for (std::size_t i = 0; i < kTimeBuckets; ++i) {
    add_statistic(status, time_bucket_name(i), "frames whose burst was inside for so long", false,
                  stats.time_inside[i].load(std::memory_order_relaxed));
  }
  add_statistic(status, std::string(kTimeInsideSum), "sum of those times, in nanoseconds", false,
                stats.time_inside_ns.load(std::memory_order_relaxed));
}

void add_statistics(const ports::Worker& worker, v1::WorkerStatus& status) {
  for (const pipeline::StatisticInfo& info : pipeline::kStatistics) {
    add_statistic(status, std::string(info.name), info.text,
                  info.kind == pipeline::StatisticKind::gauge, worker.statistic(info.value));
  }
  add_time_inside(worker.stats(), status);
}

// What one worker expects another may receive.
pipeline::PipelineOptions pipeline_options(const EngineOptions& options) {
  pipeline::PipelineOptions pipeline = options.pipeline;
  pipeline.taps = !options.taps.empty();
  if (options.workers > 1) {
    pipeline.owners =
        std::make_shared<flow::ExpectationOwners>(options.workers, pipeline.limits.relations);
    pipeline.owners_beside =
        std::make_shared<flow::ExpectationOwners>(options.workers, pipeline.limits.relations);
  }
  return pipeline;
}

}  // namespace

Result<std::unique_ptr<Engine>, std::string> Engine::make(const EngineOptions& options) {
  std::unique_ptr<Engine> engine(new Engine());
  std::string error = engine->launch(options);
  if (!error.empty()) return error;
  return engine;
}

std::string Engine::launch(const EngineOptions& options) {
  auto ports =
      ports::PortSet::open(options.all_devices(), static_cast<std::uint16_t>(options.workers),
                           options.buffers, options.pipeline.mtu);
  if (!ports) return ports.error();
  ports_ = std::move(ports).value();
  ports_->set_interfaces_by(options.set_interface);
  shared_ = std::make_unique<ports::Shared>(*ports_, macs_);
  zone_ports_ = static_cast<std::uint16_t>(options.devices.size());
  for (std::uint16_t port = zone_ports_; port < ports_->size(); ++port) {
    shared_->taps |= 1U << port;
  }
  limits_ = options.pipeline.limits;
  mtu_ = options.pipeline.mtu;
  if (options.pair) {
    auto in_band = ports::InBandPort::make(ports_->size());
    if (!in_band) return in_band.error();
    in_band_ = std::move(in_band).value();
    shared_->in_band = in_band_.get();
    shared_->open_until_ns.store(0);
  }
  shared_->worker_count = options.workers;
  const std::size_t rcu_bytes = rte_rcu_qsbr_get_memsize(options.workers);
  shared_->rcu = static_cast<rte_rcu_qsbr*>(rte_zmalloc("rcu", rcu_bytes, RTE_CACHE_LINE_SIZE));
  if (shared_->rcu == nullptr || rte_rcu_qsbr_init(shared_->rcu, options.workers) != 0) {
    return "RCU state: not enough memory; raise memory-mib";
  }
  for (std::uint32_t i = 0; i < options.workers * options.workers; ++i) {
    const std::string name = "steering" + std::to_string(i);
    rte_ring* ring =
        rte_ring_create(name.c_str(), kSteeringRing, SOCKET_ID_ANY, RING_F_SP_ENQ | RING_F_SC_DEQ);
    if (ring == nullptr) return "steering rings: not enough memory; raise memory-mib";
    shared_->steering.push_back(ring);
  }
  pipeline::PipelineOptions pipeline = pipeline_options(options);
  for (std::uint32_t i = 0; i < options.workers; ++i) {
    pipeline.worker = i;
    auto worker = ports::Worker::make(*shared_, i, pipeline);
    if (!worker) return worker.error();
    shared_->workers.push_back(worker.value().get());
    if (options.pair) shared_->replicas.push_back(worker.value()->replica());
    workers_.push_back(std::move(worker).value());
  }
  image_ = std::make_unique<pipeline::Image>();
  add_counters(*image_);
  shared_->image.store(image_.get(), std::memory_order_release);
  self_test_ = std::make_unique<SelfTest>(*shared_, options.self_test_every_s * kSecondNs);
  started_ns_ = monotonic_now_ns();
  event_buffer_.resize(kEventsPerCall);
  if (!options.launch) return {};
  unsigned lcore = rte_get_next_lcore(-1U, 1, 0);
  for (const auto& worker : workers_) {
    if (lcore >= RTE_MAX_LCORE || rte_eal_remote_launch(run_worker, worker.get(), lcore) != 0) {
      return "a worker lcore could not be started";
    }
    launched_ = true;
    lcore = rte_get_next_lcore(lcore, 1, 0);
  }
  return {};
}

Engine::~Engine() {
  if (shared_ == nullptr) return;
  for (std::uint16_t port = 0; port < ports_->size(); ++port) {
    if ((links_.held() >> port & 1) != 0) ports_->show_carrier(port, true);
  }
  shared_->stop.store(true);
  for (const auto& worker : workers_) worker->wake();
  if (launched_) rte_eal_mp_wait_lcore();
  workers_.clear();
  for (rte_ring* ring : shared_->steering) {
    void* mbuf = nullptr;
    while (rte_ring_sc_dequeue(ring, &mbuf) == 0) rte_pktmbuf_free(static_cast<rte_mbuf*>(mbuf));
    rte_ring_free(ring);
  }
  rte_free(shared_->rcu);
}

void Engine::add_counters(pipeline::Image& image) const {
  const std::size_t cells = pipeline::Counters::cells_for(image.tables);
  for (std::size_t i = 0; i < workers_.size(); ++i) {
    image.counters.push_back(std::make_unique<pipeline::Counters>(cells));
  }
}

Result<PreparedImages::Pointer, std::string> Engine::read(const v1::PolicyArtefact& artefact) {
  artefacts_read_.fetch_add(1, std::memory_order_relaxed);
  auto tables = artefact::decode(artefact);
  if (!tables) return tables.error();
  for (const policy::Zone& zone : tables.value().zones) {
    std::string problem = zone_problem(zone);
    if (!problem.empty()) return problem;
  }
  auto image = std::make_unique<pipeline::Image>();
  image->tables = std::move(tables).value();
  return image;
}

// An appliance that has tap ports alone has the policy of one that would stand between the zones:
// which ports these would have does not matter.
std::string Engine::zone_problem(const policy::Zone& zone) const {
  if (zone_ports_ == 0 || zone.port < zone_ports_) return {};
  const std::string text = "zone " + zone.name + " is on port " + std::to_string(zone.port) + ", ";
  if (zone.port < ports_->size()) return text + "which is a tap: it only listens";
  return text + "but this appliance has ports 0 to " + std::to_string(zone_ports_ - 1);
}

Result<std::uint32_t, std::string> Engine::read_and_apply(const v1::PolicyArtefact& artefact) {
  auto image = read(artefact);
  if (!image) return image.error();
  const std::uint32_t generation = begin_apply(std::move(image).value());
  while (!finish_apply()) std::this_thread::sleep_for(std::chrono::microseconds(20));
  return generation;
}

std::uint32_t Engine::begin_apply(PreparedImages::Pointer image) {
  image->generation = ++generation_;
  add_counters(*image);
  auto contained_before = containments_.follow(*image);
  shared_->image.store(image.get(), std::memory_order_release);
  containments_.retire(std::move(contained_before));
  // Every worker passes a quiescent state each round, and rounds are short even when idle.
  taken_up_token_ = rte_rcu_qsbr_start(shared_->rcu);
  if (previous_ != nullptr) counter_book_.keep(*previous_);
  previous_ = std::move(image_);
  image_ = std::move(image);
  links_.follow(image_->tables);
  watch_links();
  add_notices(observed_ends_.begin(image_->tables, wall_now_ns() / kSecondNs));
  return generation_;
}

bool Engine::finish_apply() {
  if (taken_up_token_ && rte_rcu_qsbr_check(shared_->rcu, *taken_up_token_, false) == 1) {
    taken_up_token_.reset();
  }
  return !taken_up_token_;
}

std::string Engine::begin_contain(const v1::ContainmentSet& set) {
  std::string wrong = containments_.set(set, *image_, monotonic_now_ns());
  // One that sleeps has sent all that it had, but its timers may be due.
  for (const auto& worker : workers_) worker->wake();
  return wrong;
}

void Engine::end_containments() {
  if (!containments_.end_due(*image_, monotonic_now_ns())) return;
  spdlog::warn("a containment is over; {} stand", contained().size());
}

void Engine::watch_observation() {
  add_notices(observed_ends_.step(image_->tables, wall_now_ns() / kSecondNs));
}

void Engine::add_notices(const std::vector<ObservedEnds::Notice>& notices) {
  for (const ObservedEnds::Notice& each : notices) {
    v1::Event& notice = add_notice("observe");
    notice.set_conduit(each.conduit);
    notice.set_severity(each.severity);
    notice.set_text(each.text);
    spdlog::warn("{}", each.text);
  }
}

void Engine::add_observed(v1::DataplaneStatus& status) const {
  const policy::Tables& tables = image_->tables;
  const policy::Containment* contained = image_->containment.load(std::memory_order_acquire);
  for (const std::uint16_t place : tables.observed) {
    const policy::Conduit& conduit = tables.conduits[place];
    v1::ObservedConduit* observed = status.add_observed();
    observed->set_conduit(conduit.name);
    observed->set_until_s(conduit.observe_until_s);
    observed->set_ended(conduit.observe_until_s <= wall_now_ns() / kSecondNs);
    observed->set_contained(contained != nullptr && !contained->of(place).none());
  }
}

TimeNs Engine::silent_ns(std::size_t worker) const {
  const TimeNs turned_ns = workers_[worker]->stats().turned_ns.load();
  const TimeNs since_ns = turned_ns == 0 && launched_ ? started_ns_ : turned_ns;
  const TimeNs now_ns = monotonic_now_ns();
  return since_ns == 0 || now_ns < since_ns ? 0 : now_ns - since_ns;
}

std::uint64_t Engine::steering_waiting(std::size_t worker) const {
  std::uint64_t waiting = 0;
  for (std::size_t from = 0; from < workers_.size(); ++from) {
    waiting += rte_ring_count(shared_->steering[from * workers_.size() + worker]);
  }
  return waiting;
}

std::string Engine::stuck(TimeNs for_ns) const {
  for (std::size_t i = 0; i < workers_.size(); ++i) {
    const TimeNs for_now_ns = silent_ns(i);
    if (for_now_ns < for_ns) continue;
    return "worker " + std::to_string(i) + " stands still since " +
           std::to_string(for_now_ns / kMillisecondNs) + " ms";
  }
  return {};
}

bool Engine::all_turn() const {
  return std::ranges::all_of(
      workers_, [](const auto& worker) { return worker->stats().turned_ns.load() != 0; });
}

std::string Engine::lagging() const {
  constexpr TimeNs kStuckNs = kSecondNs;  // an idle one comes round ten times in that
  std::string worker = stuck(kStuckNs);
  if (!worker.empty()) return worker + (taken_up_token_ ? " and keeps the policy before" : "");
  return taken_up_token_ ? "a worker keeps the policy before" : "";
}

std::string Engine::summary() const {
  if (generation_ == pipeline::kNoPolicy) return "nothing passes until a policy arrives";
  if (zone_ports_ == 0) return "only listens, under the policy of " + image_->tables.site;
  return "enforces the policy of " + image_->tables.site + ", generation " +
         std::to_string(generation_);
}

v1::DataplaneStatus Engine::status() const {
  v1::DataplaneStatus status;
  status.set_version(BULKHEAD_VERSION);
  status.set_uptime_ms((monotonic_now_ns() - started_ns_) / kMillisecondNs);
  status.set_policy_generation(generation_);
  status.set_policy_sha256(image_->tables.digest);
  status.set_site(image_->tables.site);
  for (std::uint16_t i = 0; i < ports_->size(); ++i) {
    add_port_status(i, *status.add_ports());
  }
  for (std::size_t i = 0; i < workers_.size(); ++i) {
    v1::WorkerStatus* worker = status.add_workers();
    worker->set_index(static_cast<std::uint32_t>(i));
    worker->set_flows_max(workers_[i]->flows_max());
    add_statistics(*workers_[i], *worker);
    add_statistic(*worker, "silent_ms", "milliseconds since its latest turn began", true,
                  silent_ns(i) / kMillisecondNs);
    add_statistic(*worker, "steering_waiting", "frames that other workers gave it and that wait",
                  true, steering_waiting(i));
    add_limits(limits_, *workers_[i], *worker);
  }
  status.set_problem(lagging());
  for (v1::Containment& each : contained()) *status.add_containments() = std::move(each);
  add_observed(status);
  *status.mutable_self_test() = self_test_->latest();
  status.mutable_self_test()->clear_rows();
  status.set_artefacts_read(artefacts_read_.load(std::memory_order_relaxed));
  status.set_images_prepared(prepared_.size());
  status.set_stations_learned(macs_.count(monotonic_now_ns()));
  status.set_buffers_free(ports_->buffers_free());
  status.set_buffers_total(ports_->buffers()->size);
  return status;
}

CounterBook::Page Engine::counters(const v1::GetDataplaneCounters& question) const {
  const auto from = question.has_from() ? std::optional(question.from()) : std::nullopt;
  return counter_book_.page({previous_.get(), image_.get()}, generation_, from);
}

v1::Counters Engine::counters() const {
  v1::Counters all;
  v1::GetDataplaneCounters question;
  for (bool more = true; more;) {
    CounterBook::Page page = counters(question);
    all.MergeFrom(page.counters);
    more = page.next.has_value();
    if (more) *question.mutable_from() = *page.next;
  }
  all.clear_more();
  return all;
}

// Until the worker has answered or the time is over; what is wrong, in words.
std::string Engine::ask_worker(std::uint32_t worker, std::uint32_t slot, std::uint32_t most,
                               TimeNs until_ns) {
  ports::FlowQuery& query = workers_[worker]->flow_query();
  const auto is_asked = [&query] {
    return query.state.load(std::memory_order_acquire) == ports::FlowQuery::asked;
  };
  if (!is_asked()) {
    query.cursor = slot;
    query.most = std::min<std::uint32_t>(most, ports::FlowQuery::kFlowsMax);
    query.state.store(ports::FlowQuery::asked, std::memory_order_release);
    workers_[worker]->wake();
    while (is_asked() && monotonic_now_ns() < until_ns) {
      std::this_thread::sleep_for(std::chrono::microseconds(20));
    }
  }
  return is_asked() ? "worker " + std::to_string(worker) + " does not answer" : std::string();
}

Result<v1::DataplaneFlows, std::string> Engine::flows(const v1::ListDataplaneFlows& question) {
  constexpr std::uint32_t kPageFlowsMax = 512;
  constexpr TimeNs kPageNs = 20 * kMillisecondNs;
  constexpr TimeNs kAnswerNs = 100 * kMillisecondNs;
  const std::uint32_t limit = std::min(question.limit(), kPageFlowsMax);
  std::uint32_t worker = question.worker();
  std::uint32_t slot = question.slot();
  const TimeNs begun_ns = monotonic_now_ns();
  v1::DataplaneFlows out;
  std::uint64_t total = 0;
  for (const auto& each : workers_) {
    total += each->statistic(&pipeline::Statistics::flows) +
             each->statistic(&pipeline::Statistics::observed_sessions);
  }
  while (worker < workers_.size() && static_cast<std::uint32_t>(out.flows_size()) < limit &&
         monotonic_now_ns() - begun_ns < kPageNs) {
    if (slot >= workers_[worker]->slots_max()) {
      ++worker;
      slot = 0;
      continue;
    }
    const auto left = limit - static_cast<std::uint32_t>(out.flows_size());
    std::string wrong = ask_worker(worker, slot, left, begun_ns + kAnswerNs);
    if (!wrong.empty()) return wrong;
    const ports::FlowQuery& query = workers_[worker]->flow_query();
    for (std::uint32_t f = 0; f < query.count; ++f) {
      v1::Flow named = name_flow(image_->tables, query.flows[f], query.now_ns);
      if (query.observed) named.set_state("observed");
      named.set_worker(worker);
      *out.add_flows() = std::move(named);
    }
    slot = query.cursor;
  }
  out.set_total(total);
  out.set_worker(worker);
  out.set_slot(slot);
  out.set_complete(worker >= workers_.size());
  return out;
}

// An event of a policy that is two changes old keeps its reason and addresses, but no names.
const policy::Tables& Engine::tables_of(std::uint32_t generation) const {
  static const policy::Tables kForgotten;
  if (generation == image_->generation) return image_->tables;
  const bool previous = previous_ != nullptr && previous_->generation == generation;
  return previous ? previous_->tables : kForgotten;
}

void Engine::take_events(v1::Events& events) {
  for (v1::Event& notice : notices_) *events.add_events() = std::move(notice);
  notices_.clear();
  for (const auto& worker : workers_) {
    const std::uint32_t count =
        worker->take_events(event_buffer_.data(), static_cast<std::uint32_t>(kEventsPerCall));
    for (std::uint32_t i = 0; i < count; ++i) {
      const pipeline::Event& event = event_buffer_[i];
      *events.add_events() = name_event(tables_of(event.generation), event);
    }
  }
}

}  // namespace bulkhead::service
