// One worker, its whole loop, on net_ring ports: a generator on the main lcore plays both ends of
// Modbus sessions and keeps a window of requests in flight. Prints one JSON line.
//   pipeline_bench [FLOWS [SECONDS]]
#include <rte_cycles.h>
#include <rte_eth_ring.h>
#include <rte_ethdev.h>
#include <rte_mempool.h>
#include <rte_ring.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <thread>
#include <unordered_map>

#include "controlplane/policy/compiler.h"
#include "dataplane/ports/eal.h"
#include "dataplane/service/engine.h"
#include "dataplane/service/policy_codec.h"
#include "dataplane/wire/checksum.h"
#include "tests/support/plant.h"

namespace {

using namespace bulkhead;
using support::Bytes;

constexpr const char* kPolicy = R"(bulkhead: v1
site: bench
zones:
  supervision: {port: 0, networks: [10.20.0.0/16]}
  control: {port: 1, networks: [10.10.0.0/16]}
conduits:
  scada:
    from: supervision
    to: control
    on_deny: reset
    allow:
      - {protocol: modbus, client: any, server: any, access: [read],
         where: {unit: 1, address: 0-99}}
      - {protocol: modbus, client: any, server: any, functions: [6, 16],
         where: {address: 40-49, value: 0-1000}}
)";

constexpr std::uint32_t kBurst = 32;
constexpr std::uint32_t kWindowMax = 512;  // requests in flight, one a session

[[noreturn]] void fail(const std::string& what) {
  std::fprintf(stderr, "pipeline_bench: %s\n", what.c_str());
  std::exit(1);
}

rte_ring* make_ring(const char* name) {
  rte_ring* ring = rte_ring_create(name, 4096, SOCKET_ID_ANY, RING_F_SP_ENQ | RING_F_SC_DEQ);
  if (ring == nullptr) fail("no memory for rings");
  return ring;
}

// The two ends of a cable to a zone port.
struct Cable {
  rte_ring* to_port;
  rte_ring* from_port;
};

Cable make_port(const char* name) {
  const std::string in = std::string(name) + "_in";
  const std::string out = std::string(name) + "_out";
  Cable cable{make_ring(in.c_str()), make_ring(out.c_str())};
  if (rte_eth_from_rings(name, &cable.to_port, 1, &cable.from_port, 1, SOCKET_ID_ANY) < 0) {
    fail("no net_ring port");
  }
  return cable;
}

// A frame whose numbers are filled in just before it is sent, its checksum by RFC 1624: the
// generator must cost less than what it measures.
struct Template {
  std::array<std::uint8_t, 96> bytes{};
  std::uint16_t length = 0;
  std::uint32_t sum = 0;  // of the segment with all numbers zero

  explicit Template(const Bytes& frame) : length(static_cast<std::uint16_t>(frame.size())) {
    std::copy(frame.begin(), frame.end(), bytes.begin());
    sum = static_cast<std::uint16_t>(~load_be16(frame.data() + kTcp + 16));
  }

  void write(std::uint8_t* out, std::uint32_t sequence, std::uint32_t acknowledgement,
             std::uint16_t transaction) const {
    std::memcpy(out, bytes.data(), length);
    store_be32(out + kTcp + 4, sequence);
    store_be32(out + kTcp + 8, acknowledgement);
    store_be16(out + kTcp + 20, transaction);
    const std::uint32_t total = sum + (sequence >> 16) + (sequence & 0xffff) +
                                (acknowledgement >> 16) + (acknowledgement & 0xffff) + transaction;
    store_be16(out + kTcp + 16, wire::checksum_finish(total));
  }

  static constexpr std::size_t kTcp = 14 + 20;
};

struct Session {
  support::Host client;
  support::Host server;
  std::uint16_t port = 0;
  std::uint32_t client_next = 0;
  std::uint32_t server_next = 0;
  std::uint16_t transaction = 0;
  std::uint32_t request = 0;  // templates, by index
  std::uint32_t answer = 0;
};

class Generator {
 public:
  Generator(std::uint32_t flows, Cable supervision, Cable control)
      : supervision_(supervision), control_(control), sessions_(flows) {
    buffers_ = rte_pktmbuf_pool_create("generator", 16384, 256, 0, RTE_MBUF_DEFAULT_BUF_SIZE,
                                       SOCKET_ID_ANY);
    if (buffers_ == nullptr) fail("no memory for buffers");
    for (std::uint32_t i = 0; i < flows; ++i) {
      Session& session = sessions_[i];
      const auto low = static_cast<std::uint8_t>(i % 250 + 1);
      const auto high = static_cast<std::uint8_t>(i / 250 % 250);
      session.client = {support::ip4(10, 20, high, low), support::mac(1), 0};
      session.server = {support::ip4(10, 10, 0, static_cast<std::uint8_t>(i % 200 + 1)),
                        support::mac(2), 1};
      session.port = static_cast<std::uint16_t>(20000 + i % 40000);
      session.client_next = i * 7919;
      session.server_next = i * 104729;
      index_[key(session.client.address, session.port)] = i;
      add_templates(session);
    }
  }

  // Opens all sessions, a burst at a time.
  void open() {
    for (std::uint32_t i = 0; i < sessions_.size(); ++i) {
      Session& session = sessions_[i];
      send_client(session, wire::kTcpSyn, {});
      expect(control_);
      ++session.client_next;
      send_server(session, wire::kTcpSyn | wire::kTcpAck, {});
      expect(supervision_);
      ++session.server_next;
      send_client(session, wire::kTcpAck, {});
      expect(control_);
    }
  }

  // Requests and answers for a while; returns how many round trips were made.
  std::uint64_t run(double seconds) {
    const std::uint64_t end =
        rte_rdtsc() + static_cast<std::uint64_t>(seconds * static_cast<double>(rte_get_tsc_hz()));
    const std::uint64_t stalled = end + 2 * rte_get_tsc_hz();
    const auto window = std::min(kWindowMax, static_cast<std::uint32_t>(sessions_.size()));
    std::uint64_t done = 0;
    while (rte_rdtsc() < end || in_flight_ > 0) {
      if (rte_rdtsc() < end && in_flight_ + kBurst <= window) ask_burst();
      answer_requests();
      done += collect_answers();
      if (rte_rdtsc() > stalled) fail("requests were lost: " + std::to_string(in_flight_));
    }
    return done;
  }

 private:
  static std::uint64_t key(const wire::IpAddress& address, std::uint16_t port) {
    return (static_cast<std::uint64_t>(load_be32(address.bytes.data() + 12)) << 16) | port;
  }

  void put(rte_ring* ring, const Bytes& frame) {
    rte_mbuf* mbuf = rte_pktmbuf_alloc(buffers_);
    while (mbuf == nullptr) mbuf = rte_pktmbuf_alloc(buffers_);
    char* room = rte_pktmbuf_append(mbuf, static_cast<std::uint16_t>(frame.size()));
    std::memcpy(room, frame.data(), frame.size());
    while (rte_ring_sp_enqueue(ring, mbuf) != 0) {
    }
  }

  void expect(const Cable& cable) {
    void* mbuf = nullptr;
    const std::uint64_t limit = rte_rdtsc() + rte_get_tsc_hz();
    while (rte_ring_sc_dequeue(cable.from_port, &mbuf) != 0) {
      if (rte_rdtsc() > limit) fail("a packet of a handshake was lost");
    }
    rte_pktmbuf_free(static_cast<rte_mbuf*>(mbuf));
  }

  void send_client(Session& session, std::uint8_t flags, const Bytes& payload) {
    support::TcpSpec spec{
        session.port, 502, session.client_next, session.server_next, flags, 65535, 0, {}, payload};
    put(supervision_.to_port, support::tcp_frame(session.client, session.server, spec));
  }
  void send_server(Session& session, std::uint8_t flags, const Bytes& payload) {
    support::TcpSpec spec{
        502, session.port, session.server_next, session.client_next, flags, 65535, 0, {}, payload};
    put(control_.to_port, support::tcp_frame(session.server, session.client, spec));
  }

  void add_templates(Session& session) {
    const support::TcpSpec request{session.port,
                                   502,
                                   0,
                                   0,
                                   wire::kTcpAck | wire::kTcpPsh,
                                   65535,
                                   0,
                                   {},
                                   support::modbus_adu({3, 0, 0, 0, 10}, 0)};
    Bytes pdu = {3, 20};
    pdu.resize(22);
    const support::TcpSpec answer{502,
                                  session.port,
                                  0,
                                  0,
                                  wire::kTcpAck | wire::kTcpPsh,
                                  65535,
                                  0,
                                  {},
                                  support::modbus_adu(pdu, 0)};
    session.request = static_cast<std::uint32_t>(templates_.size());
    templates_.emplace_back(support::tcp_frame(session.client, session.server, request));
    session.answer = static_cast<std::uint32_t>(templates_.size());
    templates_.emplace_back(support::tcp_frame(session.server, session.client, answer));
  }

  static std::uint32_t payload_of(const Template& frame) {
    return static_cast<std::uint32_t>(frame.length - Template::kTcp - 20);
  }

  void send_burst(rte_ring* ring, rte_mbuf** mbufs, std::uint32_t count) {
    std::uint32_t sent = 0;
    while (sent < count) {
      sent += rte_ring_sp_enqueue_burst(ring, reinterpret_cast<void**>(mbufs) + sent, count - sent,
                                        nullptr);
    }
  }

  void ask_burst() {
    rte_mbuf* mbufs[kBurst];
    if (rte_pktmbuf_alloc_bulk(buffers_, mbufs, kBurst) != 0) return;
    for (rte_mbuf* mbuf : mbufs) {
      Session& session = sessions_[next_];
      next_ = (next_ + 1) % static_cast<std::uint32_t>(sessions_.size());
      const Template& frame = templates_[session.request];
      frame.write(rte_pktmbuf_mtod(mbuf, std::uint8_t*), session.client_next, session.server_next,
                  ++session.transaction);
      mbuf->data_len = frame.length;
      mbuf->pkt_len = frame.length;
      session.client_next += payload_of(frame);
    }
    send_burst(supervision_.to_port, mbufs, kBurst);
    in_flight_ += kBurst;
  }

  void answer_requests() {
    rte_mbuf* mbufs[kBurst];
    const unsigned count = rte_ring_sc_dequeue_burst(
        control_.from_port, reinterpret_cast<void**>(mbufs), kBurst, nullptr);
    if (count == 0) return;
    rte_mbuf* answers[kBurst];
    while (rte_pktmbuf_alloc_bulk(buffers_, answers, count) != 0) {
    }
    for (unsigned i = 0; i < count; ++i) {
      const std::uint8_t* ip = rte_pktmbuf_mtod(mbufs[i], const std::uint8_t*) + 14;
      const std::uint64_t from =
          (static_cast<std::uint64_t>(load_be32(ip + 12)) << 16) | load_be16(ip + 20);
      const auto found = index_.find(from);
      if (found == index_.end()) fail("a frame of no session left");
      Session& session = sessions_[found->second];
      const Template& frame = templates_[session.answer];
      frame.write(rte_pktmbuf_mtod(answers[i], std::uint8_t*), session.server_next,
                  session.client_next, session.transaction);
      answers[i]->data_len = frame.length;
      answers[i]->pkt_len = frame.length;
      session.server_next += payload_of(frame);
    }
    rte_pktmbuf_free_bulk(mbufs, count);
    send_burst(control_.to_port, answers, count);
  }

  std::uint64_t collect_answers() {
    rte_mbuf* mbufs[kBurst];
    const unsigned count = rte_ring_sc_dequeue_burst(
        supervision_.from_port, reinterpret_cast<void**>(mbufs), kBurst, nullptr);
    if (count > 0) rte_pktmbuf_free_bulk(mbufs, count);
    in_flight_ -= count;
    return count;
  }

  Cable supervision_;
  Cable control_;
  std::vector<Session> sessions_;
  std::vector<Template> templates_;
  std::unordered_map<std::uint64_t, std::uint32_t> index_;
  rte_mempool* buffers_;
  std::uint32_t next_ = 0;
  std::uint32_t in_flight_ = 0;
};

}  // namespace

int main(int argc, char** argv) {
  const auto flows = static_cast<std::uint32_t>(argc > 1 ? std::atoi(argv[1]) : 10000);
  const double seconds = argc > 2 ? std::atof(argv[2]) : 5.0;
  ports::EalOptions eal;
  eal.huge_pages = ports::HugePages::automatic;
  eal.memory_mib = 512;
  if (const auto problem = ports::start_eal(eal)) fail(*problem);
  const Cable supervision = make_port("zone0");
  const Cable control = make_port("zone1");
  service::EngineOptions options;
  options.devices = {"net_ring_zone0", "net_ring_zone1"};
  options.buffers = 4096;
  options.pipeline.limits.flows = flows + flows / 4;
  options.pipeline.limits.segments = 16384;
  auto engine = service::Engine::make(options);
  if (!engine) fail(engine.error());
  const auto compiled = controlplane::compile_policy(kPolicy, "bench");
  const auto applied = engine.value()->apply(service::seal_policy(*compiled.compiled), false);
  if (!applied) fail(applied.error());

  Generator generator(flows, supervision, control);
  generator.open();
  generator.run(0.5);
  const v1::WorkerStatus before = engine.value()->status().workers(0);
  const std::uint64_t begin = rte_rdtsc();
  const std::uint64_t trips = generator.run(seconds);
  const double elapsed =
      static_cast<double>(rte_rdtsc() - begin) / static_cast<double>(rte_get_tsc_hz());
  const v1::WorkerStatus after = engine.value()->status().workers(0);
  const auto packets = static_cast<double>(after.packets() - before.packets());
  const auto cycles = static_cast<double>(after.busy_cycles() - before.busy_cycles());
  std::printf(
      "{\"flows\":%u,\"seconds\":%.3f,\"round_trips\":%lu,\"packets_per_second\":%.0f,"
      "\"cycles_per_packet\":%.0f,\"worker_busy\":%.3f,\"flows_tracked\":%lu}\n",
      flows, elapsed, trips, packets / elapsed, cycles / packets,
      cycles / elapsed / static_cast<double>(rte_get_tsc_hz()), after.flows());
  return 0;
}
