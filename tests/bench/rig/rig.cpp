// One measurement: a plan's traffic through a whole worker, ports included, on this core. Making
// the packets counts too, as receiving them does for testpmd on net_pcap ports: a copy each.
// Prints one JSON line.
#include <rte_cycles.h>
#include <rte_eth_ring.h>
#include <sys/resource.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <cstdlib>
#include <map>

#include "controlplane/policy/compiler.h"
#include "dataplane/ports/eal.h"
#include "dataplane/service/engine.h"
#include "dataplane/service/policy_codec.h"
#include "tests/bench/rig/traffic.h"

namespace {

using namespace bulkhead;

[[noreturn]] void fail(const std::string& what) {
  std::fprintf(stderr, "rig: %s\n", what.c_str());
  std::exit(1);
}

rig::Cable make_port(const char* name) {
  constexpr unsigned kDescriptors = 1024;
  const auto make_ring = [](const std::string& ring_name) {
    rte_ring* ring = rte_ring_create(ring_name.c_str(), kDescriptors, SOCKET_ID_ANY,
                                     RING_F_SP_ENQ | RING_F_SC_DEQ);
    if (ring == nullptr) fail("no memory for rings");
    return ring;
  };
  rig::Cable cable{make_ring(std::string(name) + "_in"), make_ring(std::string(name) + "_out")};
  if (rte_eth_from_rings(name, &cable.to_port, 1, &cable.from_port, 1, SOCKET_ID_ANY) < 0) {
    fail("no net_ring port");
  }
  return cable;
}

struct Options {
  rig::Plan plan;
  double seconds = 1;
  std::uint32_t memory_mib = 512;
  std::string capture;
};

struct Measured {
  std::uint64_t packets = 0;
  std::uint64_t cycles = 0;  // all
  std::uint64_t making = 0;  // of these, for making packets and for taking them back
  double seconds = 0;
};

Measured measure(rig::Traffic& traffic, ports::Worker& worker, double seconds) {
  Measured measured;
  const double hz = static_cast<double>(rte_get_tsc_hz());
  const std::uint64_t begin = rte_rdtsc();
  const std::uint64_t end = begin + static_cast<std::uint64_t>(seconds * hz);
  std::uint64_t now = begin;
  while (now < end && !traffic.exhausted()) {
    measured.packets += traffic.send(now);
    const std::uint64_t made = rte_rdtsc();
    worker.turn();
    const std::uint64_t judged = rte_rdtsc();
    traffic.collect();
    measured.making += made - now;
    now = rte_rdtsc();
    measured.making += now - judged;
  }
  measured.cycles = now - begin;
  measured.seconds = static_cast<double>(measured.cycles) / hz;
  return measured;
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
  app.add_option("--flows", plan.flows, "Sessions")->check(CLI::Range(1, 1 << 22));
  app.add_option("--zones", plan.side, "On each side; each pair has a conduit");
  app.add_option("--rules", plan.rules, "Of each conduit");
  app.add_option("--devices", plan.devices, "Instead: one conduit with a rule for each device")
      ->check(CLI::Range(0, 4095));
  app.add_option("--churn", plan.churn_per_second, "Sessions a second that begin anew");
  app.add_option("--seconds", options.seconds, "How long, after a quarter of it to warm up");
  app.add_option("--memory-mib", options.memory_mib, "Memory for packets and tables");
  app.add_option("--capture", options.capture, "Write frames for testpmd here and end");
}

std::unique_ptr<service::Engine> make_engine(const rig::Plan& plan) {
  service::EngineOptions options;
  options.devices = {"net_ring_zone0", "net_ring_zone1"};
  options.buffers = 4096;
  options.launch = false;
  flow::Limits& limits = options.pipeline.limits;
  limits.flows = plan.flows + plan.flows / 8 + 64;
  limits.half_open = limits.flows;
  limits.segments = plan.buffers;
  auto engine = service::Engine::make(options);
  if (!engine) fail(engine.error());
  const auto compiled = controlplane::compile_policy(rig::policy_text(plan), "rig");
  if (!compiled.compiled) fail("the policy does not compile");
  const auto applied = engine.value()->apply(service::seal_policy(*compiled.compiled), false);
  if (!applied) fail(applied.error());
  return std::move(engine).value();
}

void print(const Measured& measured, std::uint64_t flows) {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto packets = static_cast<double>(measured.packets);
  std::printf(
      "{\"packets\":%lu,\"seconds\":%.4f,\"mpps\":%.4f,\"cycles_per_packet\":%.1f,"
      "\"making_cycles\":%.1f,\"flows\":%lu,\"ghz\":%.3f,\"memory_mib\":%ld}\n",
      measured.packets, measured.seconds, packets / measured.seconds / 1e6,
      static_cast<double>(measured.cycles) / packets,
      static_cast<double>(measured.making) / packets, flows,
      static_cast<double>(rte_get_tsc_hz()) / 1e9, usage.ru_maxrss / 1024);
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("One measurement of the fast path on one core. bulkhead-bench runs several.");
  Options options;
  declare(app, options);
  CLI11_PARSE(app, argc, argv);
  rig::Plan& plan = options.plan;
  const std::uint32_t retained = plan.flows > 100'000 ? 4096 : plan.flows * 2;
  plan.buffers = retained + 16384;
  ports::EalOptions eal;
  eal.huge_pages = ports::HugePages::automatic;
  eal.memory_mib = options.memory_mib;
  eal.workers = 0;
  if (const auto problem = ports::start_eal(eal)) fail(*problem);
  const rig::Cable clients = make_port("zone0");
  const rig::Cable servers = make_port("zone1");
  rig::Traffic traffic(plan, clients, servers);
  if (!options.capture.empty()) {
    const std::uint32_t frames = std::min(plan.flows, 4096U);
    traffic.write_capture(options.capture + "0.pcap", true, frames);
    traffic.write_capture(options.capture + "1.pcap", false, frames);
    return 0;
  }
  const auto engine = make_engine(plan);
  ports::Worker& worker = engine->worker(0);
  const auto turn = [&] {
    worker.turn();
    traffic.collect();
  };
  traffic.open(turn);
  if (plan.work != rig::Work::new_flows) measure(traffic, worker, options.seconds / 4);
  const Measured measured = measure(traffic, worker, options.seconds);
  turn();
  // What was measured counts only if all of it went through.
  const std::uint64_t refused = messages(*engine, "deny");
  if (refused > 0) fail(std::to_string(refused) + " packets or messages were refused");
  print(measured, engine->status().workers(0).flows());
  return 0;
}
