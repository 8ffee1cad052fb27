// The inner parts of the fast path one by one, warm in the cache. What a packet costs in all, with
// what is not in the cache, is bulkhead-bench's to say.
#include <benchmark/benchmark.h>
#include <rte_cycles.h>
#include <yaml-cpp/yaml.h>

#include <filesystem>
#include <map>

#include "controlplane/policy/compiler.h"
#include "controlplane/policy/literals.h"
#include "dataplane/flow/flow_table.h"
#include "dataplane/flow/steering.h"
#include "dataplane/pipeline/counters.h"
#include "dataplane/pipeline/verdict_cache.h"
#include "dataplane/policy/classifier.h"
#include "dataplane/policy/matcher.h"
#include "dataplane/ports/eal.h"
#include "dataplane/wire/checksum.h"
#include "tests/bench/rig/traffic.h"
#include "tests/support/examples.h"
#include "tests/support/plant.h"

namespace {

using namespace bulkhead;
using protocols::Direction;

const protocols::Protocol& modbus() {
  return *protocols::registry()[*protocols::find_protocol("modbus")];
}

const support::Bytes& read_request() {
  static const support::Bytes adu = support::modbus_adu({3, 0, 0, 0, 10}, 1);
  return adu;
}

const support::Bytes& read_response() {
  static const support::Bytes adu = [] {
    support::Bytes pdu = {3, 20};
    pdu.resize(22, 7);
    return support::modbus_adu(pdu, 1);
  }();
  return adu;
}

support::Bytes tcp_frame(std::size_t payload) {
  support::TcpSpec spec;
  spec.source_port = 40000;
  spec.destination_port = 502;
  spec.payload = support::Bytes(payload, 7);
  return support::tcp_frame({support::ip4(10, 64, 0, 1), support::mac(1), 0},
                            {support::ip4(10, 128, 0, 1), support::mac(2), 0}, spec);
}

// Both kinds of the rig: `side` * `side` conduits of ten rules, or one of `devices` rules.
const policy::Tables& tables_of(std::uint32_t side, std::uint32_t devices) {
  static std::map<std::pair<std::uint32_t, std::uint32_t>, policy::Tables> made;
  const auto key = std::pair(side, devices);
  if (const auto found = made.find(key); found != made.end()) return found->second;
  rig::Plan plan;
  plan.side = side;
  plan.rules = 10;
  plan.devices = devices;
  auto compiled = controlplane::compile_policy(rig::policy_text(plan), "bench");
  auto tables = policy::finished(*std::move(compiled.tables));
  return made.emplace(key, std::move(tables).value()).first->second;
}

void BM_Checksum(benchmark::State& state) {
  const support::Bytes bytes(static_cast<std::size_t>(state.range(0)), 7);
  for (auto _ : state) benchmark::DoNotOptimize(wire::checksum_add(0, bytes));
}
BENCHMARK(BM_Checksum)->Arg(20)->Arg(64)->Arg(1460);

void BM_SteeringHash(benchmark::State& state) {
  const support::Bytes frame = tcp_frame(12);
  for (auto _ : state) benchmark::DoNotOptimize(flow::steering_hash(frame));
}
BENCHMARK(BM_SteeringHash);

void BM_ModbusFrame(benchmark::State& state) {
  for (auto _ : state) benchmark::DoNotOptimize(modbus().frame(read_request(), Direction::request));
}
BENCHMARK(BM_ModbusFrame);

void BM_ModbusDecode(benchmark::State& state) {
  const bool request = state.range(0) == 0;
  const support::Bytes& adu = request ? read_request() : read_response();
  const Direction direction = request ? Direction::request : Direction::response;
  protocols::OperationList operations;
  protocols::Parsed parsed;
  for (auto _ : state) {
    parsed.begin(adu, direction);
    benchmark::DoNotOptimize(modbus().parse(parsed, direction, operations));
  }
}
BENCHMARK(BM_ModbusDecode)->ArgName("response")->Arg(0)->Arg(1);

// The messages that the examples of policies grant: framed, parsed and judged, one after the
// other.
struct Sample {
  std::uint8_t protocol = 0;
  Direction direction = Direction::request;
  protocols::Carrier carrier = protocols::Carrier::tcp;
  support::Bytes message;

  const policy::Conduit* conduit = nullptr;
  policy::RuleCell cell;

  protocols::MessageContext context() const { return {direction, carrier}; }
};

// The example's tables; they live as long as the process.
const policy::Tables& example(const std::filesystem::path& path) {
  static std::map<std::string, policy::Tables> made;
  if (const auto found = made.find(path); found != made.end()) return found->second;
  auto compiled = controlplane::compile_policy(support::read_file(path), path.string());
  auto tables = policy::finished(*std::move(compiled.tables));
  return made.emplace(path, std::move(tables).value()).first->second;
}

// Where a session of the two assets stands.
void locate(const policy::Tables& tables, const YAML::Node& policy, const YAML::Node& each,
            Sample& sample) {
  const protocols::DefaultPort port = protocols::registry()[sample.protocol]->catalogue().ports[0];
  const bool non_ip = port.carrier == protocols::Carrier::ethernet;
  const auto address = [&](const char* side) {
    const YAML::Node asset = policy["assets"][each[side].as<std::string>()];
    const char* key = non_ip ? "mac" : asset["group"] ? "group" : "address";
    const auto text = asset[key].as<std::string>();
    return non_ip ? wire::IpAddress::from_mac(*controlplane::read_mac(text, true))
                  : *controlplane::read_address(text);
  };
  const policy::Endpoints endpoints{address("client"), address("server"), port.port,
                                    policy::transport_over(port.carrier)};
  const std::uint16_t from = policy::find_zone(tables, endpoints.client);
  sample.conduit = policy::find_conduit(
      tables, from, policy::find_destination_zone(tables, from, endpoints.server));
  sample.cell = sample.conduit->index.locate(endpoints);
}

bool parses_alone(const Sample& sample) {
  static const auto kOperations = std::make_unique<protocols::OperationList>();
  const protocols::Protocol& module = *protocols::registry()[sample.protocol];
  return protocols::parse_operations(module, sample.message, sample.context(), *kOperations) ==
         protocols::Fault::none;
}

std::vector<Sample> samples_of(const std::string& protocol) {
  std::vector<Sample> samples;
  for (const auto& site : std::filesystem::directory_iterator(BULKHEAD_POLICIES)) {
    if (!site.is_directory()) continue;
    const YAML::Node policy = YAML::LoadFile(site.path() / "policy.yaml");
    for (const YAML::Node& each : YAML::LoadFile(site.path() / "cases.yaml")["cases"]) {
      if (each["protocol"].as<std::string>() != protocol) continue;
      if (each["verdict"].as<std::string>() != "allow") continue;
      const bool back = each["from"] && each["from"].as<std::string>() == "server";
      Sample& sample = samples.emplace_back();
      sample.protocol = *protocols::find_protocol(protocol);
      sample.carrier = protocols::registry()[sample.protocol]->catalogue().ports[0].carrier;
      sample.direction = back ? Direction::response : Direction::request;
      sample.message = support::from_hex(each["message"].as<std::string>());
      locate(example(site.path() / "policy.yaml"), policy, each, sample);
      // Some messages mean what came before them in their session, which is not here.
      if (each["before"] && !parses_alone(sample)) samples.pop_back();
    }
  }
  return samples;
}

void BM_FrameDecodeJudge(benchmark::State& state, const std::string& protocol) {
  const std::vector<Sample> samples = samples_of(protocol);
  static const auto kOperations = std::make_unique<protocols::OperationList>();
  if (samples.empty()) state.SkipWithError("no message of this protocol in the examples");
  std::size_t next = 0;
  protocols::Parsed parsed;
  const std::uint64_t begun = rte_rdtsc();
  for (auto _ : state) {
    const Sample& sample = samples[next];
    next = next + 1 < samples.size() ? next + 1 : 0;
    const protocols::Protocol& module = *protocols::registry()[sample.protocol];
    benchmark::DoNotOptimize(module.frame(sample.message, sample.context()));
    parsed.begin(sample.message, sample.direction);
    const auto fault = module.parse(parsed, sample.context(), *kOperations);
    if (fault != protocols::Fault::none) state.SkipWithError("does not parse");
    for (const protocols::Operation& operation : *kOperations) {
      benchmark::DoNotOptimize(
          policy::judge(*sample.conduit, sample.cell, sample.protocol, operation, 0));
    }
  }
  state.counters["cycles"] = benchmark::Counter(static_cast<double>(rte_rdtsc() - begun),
                                                benchmark::Counter::kAvgIterations);
}

void register_protocols() {
  for (const protocols::Protocol* module : protocols::registry()) {
    const std::string name(module->catalogue().name);
    benchmark::RegisterBenchmark(
        ("BM_FrameDecodeJudge/" + name).c_str(),
        [name](benchmark::State& state) { BM_FrameDecodeJudge(state, name); });
  }
}

void BM_Judge(benchmark::State& state) {
  const auto devices = static_cast<std::uint32_t>(state.range(0));
  const policy::Tables& tables = tables_of(1, devices);
  const policy::Conduit& conduit = tables.conduits[0];
  const policy::RuleCell cell = conduit.index.locate(
      {support::ip4(10, 64, 0, 1), support::ip4(10, 128, 0, 2), 502, policy::Transport::tcp});
  protocols::OperationList operations;
  protocols::parse_operations(modbus(), read_request(), Direction::request, operations);
  const std::uint8_t protocol = *protocols::find_protocol("modbus");
  for (auto _ : state) {
    policy::Decision decision = policy::judge(conduit, cell, protocol, operations[0], 0);
    if (decision.reason == Reason::function_not_granted) state.SkipWithError("not granted");
    benchmark::DoNotOptimize(decision);
  }
}
BENCHMARK(BM_Judge)->ArgName("devices")->Arg(0)->Arg(100)->Arg(4000);

void BM_Classify(benchmark::State& state) {
  const policy::Tables& tables = tables_of(static_cast<std::uint32_t>(state.range(0)), 0);
  const wire::IpAddress client = support::ip4(10, 64, 0, 1);
  const wire::IpAddress server = support::ip4(10, 128, 0, 1);
  for (auto _ : state) {
    const std::uint16_t from = policy::find_source_zone(tables, 0, {}, client).zone;
    const std::uint16_t to = policy::find_zone(tables, server);
    auto found = policy::classify(tables, from, to, {client, server, 502, policy::Transport::tcp});
    if (found.reason != Reason::service_granted) state.SkipWithError("not granted");
    benchmark::DoNotOptimize(found);
  }
}
BENCHMARK(BM_Classify)->ArgName("zones")->Arg(3)->Arg(100);

flow::FlowKey key_of(std::uint32_t i) {
  const auto byte = [i](unsigned shift) { return static_cast<std::uint8_t>(i >> shift); };
  return flow::make_key(support::ip4(10, byte(16), byte(8), byte(0)), 40000,
                        support::ip4(10, 200, 0, 1), 502, 6, {})
      .key;
}

// Random sessions: what is measured is mostly the way to memory.
void BM_FindFlows(benchmark::State& state) {
  const auto flows = static_cast<std::uint32_t>(state.range(0));
  auto table = flow::FlowTable::make("bench" + std::to_string(flows), flows, {128, 4096, 16, 16});
  std::vector<flow::FlowKey> keys;
  for (std::uint32_t i = 0; i < flows; ++i) {
    keys.push_back(key_of(i));
    if (table.value()->insert(keys.back()) == nullptr) state.SkipWithError("table full");
  }
  constexpr std::size_t kBurst = 32;
  std::array<const flow::FlowKey*, kBurst> names;
  std::array<flow::Flow*, kBurst> found;
  std::uint32_t next = 0;
  for (auto _ : state) {
    for (const flow::FlowKey*& name : names) name = &keys[(next += 40503) % flows];
    table.value()->find(names, found.data());
    benchmark::DoNotOptimize(found);
  }
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(kBurst));
}
BENCHMARK(BM_FindFlows)->ArgName("flows")->Arg(10'000)->Arg(500'000);

void BM_RecallVerdict(benchmark::State& state) {
  pipeline::VerdictCache cache(65536);
  flow::Flow flow;
  flow.standing.generation = 1;
  const ByteView judged = ByteView(read_request()).subspan(2);
  cache.remember({flow.standing, flow.protocol, judged}, {1, 2});
  for (auto _ : state) {
    const pipeline::VerdictCache::Question question(flow.standing, flow.protocol, judged);
    benchmark::DoNotOptimize(cache.find(question));
  }
}
BENCHMARK(BM_RecallVerdict);

void BM_Count(benchmark::State& state) {
  pipeline::Counters counters(4096);
  std::uint32_t place = 0;
  const pipeline::CounterKey key{1, 2, 3, 0, Reason::granted, protocols::Fault::none};
  for (auto _ : state) counters.add(key, 64, place);
}
BENCHMARK(BM_Count);

}  // namespace

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  ports::EalOptions eal;
  eal.huge_pages = ports::HugePages::automatic;
  eal.memory_mib = 512;
  eal.workers = 0;
  if (const auto problem = ports::start_eal(eal)) {
    std::fprintf(stderr, "bench-inner: %s\n", problem->c_str());
    return 1;
  }
  register_protocols();
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
