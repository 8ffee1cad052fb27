// Runs the pipeline with a clock that tests turn.
#include "tests/support/plant.h"

#include <rte_eal.h>
#include <rte_mempool.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include "dataplane/ports/eal.h"

namespace bulkhead::support {

void start_eal_for_tests() {
  static const bool kStarted = [] {
    ports::EalOptions options;
    options.huge_pages = ports::HugePages::no;
    options.memory_mib = 256;
    options.workers = 0;
    if (const auto problem = ports::start_eal(options)) {
      std::fprintf(stderr, "%s\n", problem->c_str());
      std::abort();
    }
    return true;
  }();
  (void)kStarted;
}

const Host kHmi{ip4(10, 20, 0, 10), mac(0x10), kSupervision};
const Host kRogue{ip4(10, 20, 0, 66), mac(0x66), kSupervision};
const Host kPlc{ip4(10, 10, 0, 20), mac(0x20), kControl};

namespace {

int next_number() {
  static int number = 0;
  return number++;
}

std::unique_ptr<pipeline::Image> make_image(policy::Tables tables, std::uint32_t generation) {
  if (const auto problem = policy::validate(tables)) {
    std::fprintf(stderr, "test policy: %s\n", problem->c_str());
    std::abort();
  }
  auto image = std::make_unique<pipeline::Image>();
  image->tables = std::move(tables);
  policy::finish(image->tables);
  image->generation = generation;
  return image;
}

}  // namespace

Plant::Plant(policy::Tables tables, pipeline::PipelineOptions options, PlantSize size) {
  start_eal_for_tests();
  if (size == PlantSize::small) {
    options.limits.flows = std::min(options.limits.flows, 1024U);
    options.limits.segments = std::min(options.limits.segments, 2048U);
  }
  flows_ = options.limits.flows;
  const std::string name = "plant" + std::to_string(next_number());
  buffers_ = rte_pktmbuf_pool_create(name.c_str(), 2 * options.limits.segments, 0, 0,
                                     RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
  auto made = pipeline::Pipeline::make(name, options, macs_);
  if (buffers_ == nullptr || !made) std::abort();
  pipeline_ = std::move(made).value();
  image_ = make_image(std::move(tables), 1);
  if (image_->tables.observed.empty() && !options.taps) return;
  auto observation = pipeline::Observation::make(name, options);
  if (!observation) std::abort();
  observation_ = std::move(observation).value();
}

Plant::~Plant() {
  observation_.reset();
  pipeline_.reset();
  rte_mempool_free(buffers_);
}

std::uint32_t Plant::buffers_in_use() const { return rte_mempool_in_use_count(buffers_); }

rte_mbuf* Plant::make_mbuf(std::uint16_t port, const Bytes& frame) {
  rte_mbuf* mbuf = rte_pktmbuf_alloc(buffers_);
  if (mbuf == nullptr) std::abort();
  char* room = rte_pktmbuf_append(mbuf, static_cast<std::uint16_t>(frame.size()));
  if (room == nullptr) std::abort();
  std::copy(frame.begin(), frame.end(), room);
  mbuf->port = port;
  return mbuf;
}

void Plant::arrive(std::uint16_t port, const Bytes& frame, std::uint64_t flags) {
  rte_mbuf* mbuf = make_mbuf(port, frame);
  mbuf->ol_flags |= flags;
  process({mbuf});
}

void Plant::arrive_inline(const Host& from, const Bytes& frame) {
  process_inline({make_mbuf(from.port, frame)});
}

// As a worker does.
void Plant::process(std::vector<rte_mbuf*> mbufs) {
  if (observation_ != nullptr && observation_->has_taps()) {
    const pipeline::Observation::Moment moment{now_ns_, wall_s_};
    mbufs.resize(observation_->hear(*image_, mbufs, moment, *this, *this));
    observation_->take_copies(*image_, mbufs, moment, *this, *this);
    return;
  }
  process_inline(std::move(mbufs));
}

void Plant::process_inline(std::vector<rte_mbuf*> mbufs) {
  if (observation_ != nullptr) {
    pipeline_->set_wall_s(wall_s_);
    mbufs.resize(observation_->take(*image_, mbufs, {now_ns_, wall_s_}, macs_, *this, *this));
  }
  if (!mbufs.empty()) pipeline_->process(*image_, mbufs, now_ns_, *this, *this);
}

void Plant::run_timers() {
  if (observation_ != nullptr) pipeline_->set_wall_s(wall_s_);
  pipeline_->pass_time(*image_, now_ns_, *this, *this);
  if (observation_ == nullptr) return;
  observation_->pass_time(*image_, {now_ns_, wall_s_}, *this, *this);
}

void Plant::arrive_burst(const std::vector<Sent>& frames) {
  std::vector<rte_mbuf*> mbufs;
  for (const Sent& each : frames) mbufs.push_back(make_mbuf(each.port, each.frame));
  process(std::move(mbufs));
}

void Plant::change_policy(policy::Tables tables) {
  image_ = make_image(std::move(tables), image_->generation + 1);
  enforce_containment();
}

void Plant::contain(std::vector<policy::Contained> all) {
  contained_ = std::move(all);
  enforce_containment();
}

void Plant::enforce_containment() {
  containment_ = contained_.empty()
                     ? nullptr
                     : std::make_unique<policy::Containment>(image_->tables, contained_);
  image_->containment = containment_.get();
}

void Plant::pass_time(TimeNs by_ns) {
  constexpr std::uint32_t kSlotsPerRound = 64;  // what one call looks at of the flow table
  now_ns_ += by_ns;
  for (std::uint32_t slot = 0; slot < flows_ + kSlotsPerRound; slot += kSlotsPerRound) {
    now_ns_ += kMillisecondNs;
    run_timers();
  }
}

void Plant::be_at(TimeNs now_ns) {
  now_ns_ = now_ns;
  run_timers();
}

void Plant::transmit(rte_mbuf* mbuf, std::uint16_t port) {
  const std::uint8_t* bytes = rte_pktmbuf_mtod(mbuf, const std::uint8_t*);
  sent.push_back({port, Bytes(bytes, bytes + mbuf->data_len)});
  rte_pktmbuf_free(mbuf);
}

void Plant::on_verdict(const pipeline::Verdict& verdict, const flow::Packet& packet) {
  pipeline::describe_verdict(verdict, packet, verdicts.emplace_back());
}

policy::Tables two_zones(policy::OnDeny on_deny) {
  policy::Tables tables;
  tables.site = "test";
  tables.zones.push_back(
      {"supervision", kSupervision, {}, {{ip4(10, 20, 0, 0), 120}, {ip6("2001:db8:20::"), 64}}});
  tables.zones.push_back(
      {"control", kControl, {}, {{ip4(10, 10, 0, 0), 120}, {ip6("2001:db8:10::"), 64}}});
  tables.bindings.push_back({kPlc.address, kPlc.mac});
  policy::Conduit& conduit = tables.conduits.emplace_back();
  conduit.name = "scada";
  conduit.to = 1;
  conduit.on_deny = on_deny;
  return tables;
}

policy::Rule modbus_rule(std::vector<std::uint16_t> functions, std::vector<Range> addresses) {
  constexpr std::uint8_t kAddressField = 1;
  policy::Rule rule;
  rule.clients = {{kHmi.address, 128}, {ip6("2001:db8:20::10"), 128}};
  rule.servers = {{kPlc.address, 128}, {ip6("2001:db8:10::20"), 128}};
  rule.ports = {{502, 502}};
  rule.protocol = *protocols::find_protocol("modbus");
  for (const std::uint16_t function : functions) rule.functions.set(function);
  if (!addresses.empty()) rule.constraints.push_back({kAddressField, std::move(addresses)});
  return rule;
}

policy::Tables with_rules(policy::Tables tables, std::vector<policy::Rule*> rules) {
  for (policy::Rule* rule : rules) tables.conduits[0].rules.push_back(std::move(*rule));
  return tables;
}

policy::Tables modbus_tables(policy::OnDeny on_deny, policy::Rule modbus) {
  constexpr std::uint16_t kReadHolding = 2;
  policy::Rule datagrams = modbus_rule({kReadHolding}, {{0, 99}});
  datagrams.transport = policy::Transport::udp;
  policy::Rule ping;
  ping.clients = modbus.clients;
  ping.servers = modbus.servers;
  ping.transport = policy::Transport::icmp;
  return with_rules(two_zones(on_deny), {&modbus, &datagrams, &ping});
}

namespace {

// What the host's stack answers where something is acknowledged that its SYN did not say (RFC 9293,
// 3.10.7.3): true if it was, and the SYN is to be repeated.
bool answers_challenge(Plant& plant, const Host& client, const TcpSpec& syn) {
  if (plant.sent.empty() || plant.sent.back().port != client.port) return false;
  const auto tcp = parse_sent(plant.sent.back().frame);
  if (!tcp || tcp->header.flags != wire::kTcpAck) return false;
  TcpSpec reset = syn;
  reset.flags = wire::kTcpRst;
  reset.sequence = tcp->header.acknowledgement;
  plant.arrive(client, tcp_frame(client, kPlc, reset));
  return true;
}

}  // namespace

TcpSession::TcpSession(Plant& plant, std::uint16_t port, std::uint32_t client_isn,
                       std::uint32_t server_isn, std::uint16_t to_port, const Host& client)
    : client_next(client_isn + 1),
      server_next(server_isn + 1),
      client_acked(server_isn + 1),
      server_acked(client_isn + 1),
      client_port(port),
      server_port(to_port),
      plant_(&plant),
      client_(client) {
  TcpSpec spec;
  spec.source_port = port;
  spec.destination_port = to_port;
  spec.sequence = client_isn;
  spec.flags = wire::kTcpSyn;
  plant.arrive(client_, tcp_frame(client_, kPlc, spec));
  if (answers_challenge(plant, client_, spec)) {
    plant.arrive(client_, tcp_frame(client_, kPlc, spec));
  }
  TcpSpec answer;
  answer.source_port = to_port;
  answer.destination_port = port;
  answer.sequence = server_isn;
  answer.acknowledgement = client_isn + 1;
  answer.flags = wire::kTcpSyn | wire::kTcpAck;
  plant.arrive(kPlc, tcp_frame(kPlc, client_, answer));
  client_at(client_next, {}, wire::kTcpAck);
}

void TcpSession::client_at(std::uint32_t sequence, const Bytes& payload, std::uint8_t flags) {
  TcpSpec spec;
  spec.source_port = client_port;
  spec.destination_port = server_port;
  spec.sequence = sequence;
  spec.acknowledgement = client_acked;
  spec.flags = flags;
  spec.payload = payload;
  plant_->arrive(client_, tcp_frame(client_, kPlc, spec));
}

void TcpSession::server_at(std::uint32_t sequence, const Bytes& payload, std::uint8_t flags) {
  TcpSpec spec;
  spec.source_port = server_port;
  spec.destination_port = client_port;
  spec.sequence = sequence;
  spec.acknowledgement = server_acked;
  spec.flags = flags;
  spec.payload = payload;
  plant_->arrive(kPlc, tcp_frame(kPlc, client_, spec));
}

void TcpSession::from_client(const Bytes& payload, std::uint8_t flags) {
  client_at(client_next, payload, flags);
  client_next += static_cast<std::uint32_t>(payload.size());
}

void TcpSession::from_server(const Bytes& payload, std::uint8_t flags) {
  server_at(server_next, payload, flags);
  server_next += static_cast<std::uint32_t>(payload.size());
}

std::vector<SentTcp> take(Plant& plant, std::uint16_t port) {
  std::vector<SentTcp> out;
  std::vector<Sent> rest;
  for (const Sent& each : plant.sent) {
    const auto tcp = each.port == port ? parse_sent(each.frame) : std::nullopt;
    if (tcp) out.push_back(*tcp);
    if (!tcp) rest.push_back(each);
  }
  plant.sent = rest;
  return out;
}

std::vector<Refusal> refusals(const Plant& plant) {
  std::vector<Refusal> list;
  for (const pipeline::Event& event : plant.verdicts) {
    if (is_allowed(event.reason) || event.reason == Reason::flow_refused) continue;
    list.push_back({event.reason, event.fault});
  }
  return list;
}

std::size_t count(const Plant& plant, Reason reason) {
  return static_cast<std::size_t>(
      std::count_if(plant.verdicts.begin(), plant.verdicts.end(),
                    [reason](const pipeline::Event& event) { return event.reason == reason; }));
}

}  // namespace bulkhead::support
