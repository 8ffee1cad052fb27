// One measurement: a plan's traffic through whole workers, ports included, one a core. Making the
// packets counts too, as receiving them does for testpmd on net_pcap ports: a copy each.
// Prints one JSON line.
#include <rte_cycles.h>
#include <rte_eth_ring.h>
#include <rte_launch.h>
#include <rte_lcore.h>
#include <sys/resource.h>

#include <CLI/CLI.hpp>
#include <atomic>
#include <barrier>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <thread>

#include "controlplane/policy/compiler.h"
#include "dataplane/artefact/artefact.h"
#include "dataplane/ports/eal.h"
#include "dataplane/service/engine.h"
#include "tests/bench/rig/counting_peer.h"
#include "tests/bench/rig/lane.h"

namespace {

using namespace bulkhead;

[[noreturn]] void fail(const std::string& what) {
  std::fprintf(stderr, "rig: %s\n", what.c_str());
  std::exit(1);
}

struct Options {
  rig::Plan plan;
  double seconds = 1;
  double pace = 0;   // share of the most that was measured before; 0: as fast as it goes
  double swaps = 0;  // changes of policy a second
  bool stages = false;
  bool peer = false;  // that is told of all sessions
  bool observe = false;
  std::uint32_t memory_mib = 512;
  std::string capture;
  std::string artefact;
  bool compile_only = false;
};

// A zone port with a queue for each lane.
std::vector<rig::Cable> make_port(const std::string& name, std::uint32_t lanes) {
  constexpr unsigned kDescriptors = 1024;
  const auto make_ring = [](const std::string& ring_name) {
    rte_ring* ring = rte_ring_create(ring_name.c_str(), kDescriptors, SOCKET_ID_ANY,
                                     RING_F_SP_ENQ | RING_F_SC_DEQ);
    if (ring == nullptr) fail("no memory for rings");
    return ring;
  };
  std::vector<rig::Cable> cables;
  std::vector<rte_ring*> in;
  std::vector<rte_ring*> out;
  for (std::uint32_t i = 0; i < lanes; ++i) {
    in.push_back(make_ring(name + "_in" + std::to_string(i)));
    out.push_back(make_ring(name + "_out" + std::to_string(i)));
    cables.push_back({in.back(), out.back()});
  }
  if (rte_eth_from_rings(name.c_str(), in.data(), lanes, out.data(), lanes, SOCKET_ID_ANY) < 0) {
    fail("no net_ring port");
  }
  return cables;
}

std::uint64_t messages(service::Engine& engine, std::string_view verdict) {
  std::uint64_t sum = 0;
  const v1::Counters counters = engine.counters();
  for (const auto& row : counters.rows()) {
    if (row.verdict() == verdict) sum += row.messages();
  }
  return sum;
}

void declare(CLI::App& app, Options& options) {
  rig::Plan& plan = options.plan;
  static const std::map<std::string, rig::Work> kWorks = {{"plain", rig::Work::plain},
                                                          {"modbus", rig::Work::modbus},
                                                          {"new_flows", rig::Work::new_flows}};
  static const std::map<std::string, rig::Order> kOrders = {{"uniform", rig::Order::uniform},
                                                            {"zipf", rig::Order::zipf}};
  app.add_option("--work", plan.work, "What the sessions do")
      ->transform(CLI::CheckedTransformer(kWorks));
  app.add_option("--order", plan.order, "How busy each session is")
      ->transform(CLI::CheckedTransformer(kOrders));
  app.add_option("--flows", plan.flows, "Sessions, of all workers together")
      ->check(CLI::Range(1, 1 << 22));
  app.add_option("--workers", plan.lanes, "Workers, one a core, with sessions of their own each")
      ->check(CLI::Range(1, 16));
  app.add_option("--zones", plan.side, "On each side; each pair has a conduit");
  app.add_option("--rules", plan.rules, "Of each conduit");
  app.add_option("--devices", plan.devices, "Instead: one conduit with a rule for each device")
      ->check(CLI::Range(0, 4095));
  app.add_option("--churn", plan.churn_per_second, "Sessions a second that begin anew");
  app.add_option("--refused", plan.refused_per_second,
                 "Openings a second of another host that are refused, beside the traffic, in the "
                 "last conduit");
  app.add_option("--seconds", options.seconds, "How long, after a quarter of it to warm up");
  app.add_option("--pace", options.pace, "Share of full load, for the time inside")
      ->check(CLI::Range(0.0, 1.0));
  app.add_option("--swaps", options.swaps, "Changes of policy a second, from another thread");
  app.add_flag("--peer", options.peer,
               "One of a pair: another thread tells a peer of all sessions and their changes");
  app.add_flag("--observe", options.observe,
               "All conduits observe: frames leave as they came, and copies are judged");
  app.add_flag("--tap", plan.one_port,
               "The only port is a tap: it hears both directions, and what it heard is judged");
  app.add_flag("--stages", options.stages, "Cycles by stage");
  app.add_option("--memory-mib", options.memory_mib, "Memory for packets and tables");
  app.add_option("--artefact", options.artefact,
                 "Keep the compiled policy in this file, or take it from there");
  app.add_flag("--compile-only", options.compile_only, "Make the artefact anew and end");
  app.add_option("--capture", options.capture, "Write frames for testpmd here and end");
}

// Compiling a large policy takes longer than measuring it: the artefact may be kept in a file.
v1::PolicyArtefact make_policy(const Options& options) {
  v1::PolicyArtefact artefact;
  if (std::ifstream kept(options.artefact, std::ios::binary); kept) {
    if (!artefact.ParseFromIstream(&kept)) fail(options.artefact + " holds no policy");
    return artefact;
  }
  auto compiled = controlplane::compile_policy(rig::policy_text(options.plan), "rig");
  if (!compiled.tables) fail("the policy does not compile");
  policy::Tables tables = std::move(*compiled.tables);
  for (policy::Conduit& conduit : tables.conduits) {
    if (options.observe) conduit.observe_until_s = wall_now_ns() / kSecondNs + 86400;
  }
  artefact = artefact::encode(tables);
  if (!options.artefact.empty()) {
    std::ofstream file(options.artefact, std::ios::binary);
    if (!artefact.SerializeToOstream(&file)) fail("cannot write " + options.artefact);
  }
  return artefact;
}

std::unique_ptr<service::Engine> make_engine(const Options& options) {
  const rig::Plan& plan = options.plan;
  service::EngineOptions engine_options;
  if (plan.one_port) {
    engine_options.taps = {"net_ring_zone0"};
  } else {
    engine_options.devices = {"net_ring_zone0", "net_ring_zone1"};
  }
  engine_options.workers = plan.lanes;
  engine_options.buffers = 4096;
  engine_options.launch = false;
  engine_options.pair = options.peer;
  engine_options.pipeline.measure_stages = options.stages;
  engine_options.pipeline.challenge_openings = false;
  flow::Limits& limits = engine_options.pipeline.limits;
  const std::uint32_t flows = plan.flows / plan.lanes;
  // Sessions that were reset stay in the table for a while.
  const double closed = plan.churn_per_second * static_cast<double>(limits.closed_ns / kSecondNs);
  limits.flows = flows + flows / 4 + 64 + 2 * static_cast<std::uint32_t>(closed);
  limits.half_open = limits.flows;
  limits.segments = plan.buffers;
  if (options.observe || plan.one_port) {
    constexpr std::uint32_t kShare = 8;  // what judging beside may use
    limits.observed_sessions = limits.flows;
    limits.segments *= kShare;
  }
  auto engine = service::Engine::make(engine_options);
  if (!engine) fail(engine.error());
  return std::move(engine).value();
}

// Applies the policy again and again while the lanes run.
class Swapper {
 public:
  Swapper(service::Engine& engine, const v1::PolicyArtefact& policy, double per_second)
      : thread_([this, &engine, &policy, per_second] {
          const auto pause = std::chrono::duration<double>(1 / per_second);
          while (!stop_) {
            std::this_thread::sleep_for(pause);
            if (!engine.read_and_apply(policy)) fail("the policy is refused");
            ++swaps_;
          }
        }) {}
  std::uint32_t stop() {
    stop_ = true;
    thread_.join();
    return swaps_;
  }

 private:
  std::atomic<bool> stop_{false};
  std::uint32_t swaps_ = 0;
  std::thread thread_;
};

// Takes events as the service thread does.
class EventTaker {
 public:
  explicit EventTaker(service::Engine& engine)
      : thread_([this, &engine] {
          while (!stop_) {
            std::this_thread::sleep_for(std::chrono::milliseconds(10));
            v1::Events events;
            engine.take_events(events);
          }
        }) {}
  ~EventTaker() {
    stop_ = true;
    thread_.join();
  }

 private:
  std::atomic<bool> stop_{false};
  std::thread thread_;
};

using Stages = std::array<std::uint64_t, pipeline::kStageNames.size()>;

struct Job {
  const Options& options;
  std::vector<rig::Cable> clients;
  std::vector<rig::Cable> servers;
  service::Engine& engine;
  std::barrier<>& barrier;
  std::vector<rig::Measured> measured;
  std::vector<Stages> stages;        // cycles while it was measured
  std::vector<std::uint64_t> flows;  // at the end
  std::vector<std::uint64_t> lost;   // packets that went in and did not come out
  std::uint64_t refused = 0;         // that had to be
  std::vector<std::uint64_t> kept;   // buffers, when all sessions have ended
  rig::Histogram machine;            // waits of packets that nobody works on, if paced
  std::unique_ptr<rig::CountingPeer> peer;
  rig::CountingPeer::Received received;  // of all sessions, before they end
};

// A lane from beginning to end, on its own core.
void run_lane(Job& job, std::uint32_t index) {
  const Options& options = job.options;
  rig::Plan plan = options.plan;
  plan.lane = index;
  plan.flows /= plan.lanes;
  ports::Worker& worker = job.engine.worker(index);
  rig::Lane lane(plan, job.clients[index], job.servers[index], worker);
  worker.join();
  lane.open();
  job.barrier.arrive_and_wait();
  rig::Measured before;
  if (plan.work != rig::Work::new_flows) before = lane.saturate(options.seconds / 4);
  if (options.pace > 0 && index == 0) {
    worker.leave();
    job.machine = rig::watch_machine(options.seconds, before.rate() * options.pace);
    worker.join();
  }
  if (index == 0 && job.peer) job.peer->join_anew();
  const Stages stages_before = worker.stage_cycles();
  job.measured[index] = options.pace > 0 ? lane.pace(options.seconds, before.rate() * options.pace)
                                         : lane.saturate(options.seconds);
  for (std::size_t i = 0; i < stages_before.size(); ++i) {
    job.stages[index][i] = worker.stage_cycles()[i] - stages_before[i];
  }
  job.flows[index] = worker.flows();
  if (index == 0 && job.peer) job.received = job.peer->stop();
  lane.close();
  job.lost[index] = lane.lost();
  if (plan.one_port && lane.came_out() > 0) fail("something came out of a tap port");
  if (index == 0) job.refused = lane.refused();
  job.kept[index] = lane.buffers_in_use();
  worker.leave();  // no change of policy waits for it from here on
}

int run_other_lane(void* argument) {
  run_lane(*static_cast<Job*>(argument), rte_lcore_id());
  return 0;
}

// On this thread, beside what else the options want. Returns how often the policy was changed.
std::uint32_t run_first_lane(Job& job, const v1::PolicyArtefact& policy) {
  if (job.options.swaps > 0) {
    Swapper swapper(job.engine, policy, job.options.swaps);
    run_lane(job, 0);
    return swapper.stop();
  }
  std::optional<EventTaker> taker;
  if (job.options.plan.refused_per_second > 0) taker.emplace(job.engine);
  run_lane(job, 0);
  return 0;
}

nlohmann::ordered_json time_inside(const rig::Histogram& cycles) {
  const double us = static_cast<double>(rte_get_tsc_hz()) / 1e6;
  const auto in_us = [us](std::uint64_t value) {
    return std::round(static_cast<double>(value) / us * 1000) / 1000;
  };
  nlohmann::ordered_json out = {{"packets", cycles.total()},
                                {"p50_us", in_us(cycles.quantile(0.5))},
                                {"p99_us", in_us(cycles.quantile(0.99))},
                                {"p999_us", in_us(cycles.quantile(0.999))},
                                {"p9999_us", in_us(cycles.quantile(0.9999))},
                                {"max_us", in_us(cycles.largest())}};
  nlohmann::ordered_json steps = nlohmann::ordered_json::array();
  cycles.each(
      [&](std::uint64_t upper, std::uint64_t count) { steps.push_back({in_us(upper), count}); });
  out["histogram_us"] = steps;
  return out;
}

// Cycles a packet in each stage; what is left of the worker's are its ports and its loop.
nlohmann::ordered_json stage_cycles(const Job& job, const rig::Measured& all) {
  nlohmann::ordered_json out;
  const auto packets = static_cast<double>(all.packets);
  const auto rounded = [](double cycles) { return std::round(cycles * 10) / 10; };
  double sum = 0;
  for (std::size_t i = 0; i < pipeline::kStageNames.size(); ++i) {
    double cycles = 0;
    for (const Stages& stages : job.stages) cycles += static_cast<double>(stages[i]) / packets;
    sum += cycles;
    out[std::string(pipeline::kStageNames[i])] = rounded(cycles);
  }
  out["ports_and_loop"] = rounded(static_cast<double>(all.cycles - all.making) / packets - sum);
  out["making"] = rounded(static_cast<double>(all.making) / packets);
  return out;
}

void print(Job& job, std::uint32_t swaps) {
  rig::Measured all;
  double seconds = 0;
  double rate = 0;
  for (const rig::Measured& each : job.measured) {
    all.packets += each.packets;
    all.cycles += each.cycles;
    all.making += each.making;
    all.inside.add(each.inside);
    all.after_swap.add(each.after_swap);
    seconds = std::max(seconds, each.seconds());
    rate += each.rate();
  }
  std::uint64_t flows = 0;
  for (const std::uint64_t each : job.flows) flows += each;
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto per_packet = [&](std::uint64_t cycles) {
    return std::round(static_cast<double>(cycles) / static_cast<double>(all.packets) * 10) / 10;
  };
  nlohmann::ordered_json out = {{"packets", all.packets},
                                {"seconds", seconds},
                                {"mpps", std::round(rate / 100) / 10000},
                                {"cycles_per_packet", per_packet(all.cycles)},
                                {"making_cycles", per_packet(all.making)},
                                {"workers", job.options.plan.lanes},
                                {"flows", flows},
                                {"refused", job.refused},
                                {"ghz", static_cast<double>(rte_get_tsc_hz()) / 1e9},
                                {"memory_mib", usage.ru_maxrss / 1024}};
  if (job.options.stages) {
    out["stages"] = stage_cycles(job, all);
  }
  if (job.peer) {
    out["peer"] = {{"sessions", job.received.sessions},
                   {"megabytes", static_cast<double>(job.received.bytes) / 1e6},
                   {"all_seconds", job.received.all_seconds}};
  }
  if (job.options.pace > 0 || swaps > 0) out["inside"] = time_inside(all.inside);
  if (job.options.pace > 0) out["machine"] = time_inside(job.machine);
  if (swaps > 0) {
    out["swaps"] = swaps;
    out["after_swap"] = time_inside(all.after_swap);
  }
  std::printf("%s\n", out.dump().c_str());
}

void start(Options& options) {
  rig::Plan& plan = options.plan;
  if (plan.lanes > 1 && plan.churn_per_second > 0) fail("--churn goes with one worker only");
  if (plan.refused_per_second > 0 && (plan.lanes > 1 || options.swaps > 0)) {
    fail("--refused goes with one worker only, and without --swaps");
  }
  const std::uint32_t flows = plan.flows / plan.lanes;
  plan.buffers = (flows > 100'000 ? 4096 : flows * 2) + 16384;
  ports::EalOptions eal;
  eal.huge_pages = ports::HugePages::automatic;
  eal.memory_mib = options.memory_mib;
  eal.workers = plan.lanes - 1;
  if (const auto problem = ports::start_eal(eal)) fail(*problem);
}

void write_captures(const rig::Plan& plan, const std::string& prefix, Job& job) {
  rig::Traffic traffic(plan, job.clients[0], job.servers[0]);
  const std::uint32_t frames = std::min(plan.flows, 4096U);
  traffic.write_capture(prefix + "0.pcap", true, frames);
  traffic.write_capture(prefix + "1.pcap", false, frames);
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app(
      "One measurement of the fast path, a core a worker. bulkhead-bench runs several. Whatever is "
      "refused or lost fails it.");
  Options options;
  declare(app, options);
  CLI11_PARSE(app, argc, argv);
  if (options.compile_only) {
    std::remove(options.artefact.c_str());
    make_policy(options);
    return 0;
  }
  start(options);
  const std::uint32_t lanes = options.plan.lanes;
  auto clients = make_port("zone0", lanes);
  auto servers = options.plan.one_port ? clients : make_port("zone1", lanes);
  const auto engine = make_engine(options);
  std::barrier<> barrier(lanes);
  Job job{options,
          std::move(clients),
          std::move(servers),
          *engine,
          barrier,
          {},
          {},
          {},
          {},
          0,
          {},
          {},
          {},
          {}};
  job.measured.resize(lanes);
  job.stages.resize(lanes);
  job.flows.resize(lanes);
  job.lost.resize(lanes);
  job.kept.resize(lanes);
  if (!options.capture.empty()) {
    write_captures(options.plan, options.capture, job);
    return 0;
  }
  const v1::PolicyArtefact policy = make_policy(options);
  if (const auto applied = engine->read_and_apply(policy); !applied) fail(applied.error());
  for (std::uint32_t i = 1; i < lanes; ++i) rte_eal_remote_launch(run_other_lane, &job, i);
  if (options.peer) job.peer = std::make_unique<rig::CountingPeer>(*engine);
  const std::uint32_t swaps = run_first_lane(job, policy);
  rte_eal_mp_wait_lcore();
  // What was measured counts only if all of it went through.
  const std::uint64_t refused = messages(*engine, "deny");
  if (refused != job.refused) {
    fail(std::to_string(refused) + " packets or messages were refused, and " +
         std::to_string(job.refused) + " had to be");
  }
  const std::uint64_t foretold = messages(*engine, "would_deny");
  if (foretold > 0) fail(std::to_string(foretold) + " would be refused");
  const std::uint64_t unjudged = messages(*engine, "not_judged");
  if (unjudged > 0) fail(std::to_string(unjudged) + " were not judged");
  for (const std::uint64_t lost : job.lost) {
    if (lost > 0) fail(std::to_string(lost) + " packets went in and did not come out");
  }
  for (const std::uint64_t kept : job.kept) {
    if (kept > 0) fail(std::to_string(kept) + " packet buffers were not given back");
  }
  print(job, swaps);
  return 0;
}
