// One cache line a session and template, prefetched a burst ahead: what is measured is the
// firewall, not the search for its next packet.
#include "tests/bench/rig/traffic.h"

#include <pcap/pcap.h>
#include <rte_cycles.h>
#include <rte_mbuf.h>
#include <rte_prefetch.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "dataplane/flow/steering.h"
#include "dataplane/wire/checksum.h"
#include "dataplane/wire/transport.h"
#include "tests/support/plant.h"

namespace bulkhead::rig {

namespace {

using support::Bytes;

constexpr std::size_t kIp = 14;
constexpr std::size_t kTcp = kIp + 20;
constexpr std::uint16_t kModbusPort = 502;
constexpr std::uint16_t kPlainPort = 5000;
constexpr std::uint16_t kFirstPort = 10000;
constexpr std::uint32_t kClientsFrom = 0x0a400000;  // 10.64.0.0/10
constexpr std::uint32_t kServersFrom = 0x0a800000;  // 10.128.0.0/9
constexpr std::uint32_t kHostsPerZone = 64;
constexpr std::uint32_t kStrayHost = 62;  // the last one: it has sessions where all are used
constexpr std::uint16_t kStrayPort = 9;   // that no rule names

[[noreturn]] void fail(const std::string& what) {
  std::fprintf(stderr, "rig: %s\n", what.c_str());
  std::exit(1);
}

std::string dotted(std::uint32_t address) {
  return std::to_string(address >> 24) + "." + std::to_string(address >> 16 & 255) + "." +
         std::to_string(address >> 8 & 255) + "." + std::to_string(address & 255);
}

std::uint32_t client_zone(std::uint32_t zone) { return kClientsFrom + zone * kHostsPerZone; }
std::uint32_t server_zone(std::uint32_t zone) { return kServersFrom + zone * kHostsPerZone; }

Template make_template(bool from_client, std::uint8_t flags, const Bytes& payload,
                       std::uint16_t server_port) {
  support::TcpSpec spec;
  spec.source_port = from_client ? std::uint16_t{0} : server_port;
  spec.destination_port = from_client ? server_port : std::uint16_t{0};
  spec.flags = flags;
  spec.payload = payload;
  const support::Host nobody{support::ip4(0, 0, 0, 0), support::mac(from_client ? 1 : 2), 0};
  const support::Host other{support::ip4(0, 0, 0, 0), support::mac(from_client ? 2 : 1), 0};
  const Bytes frame = support::tcp_frame(nobody, other, spec);
  Template made;
  made.length = static_cast<std::uint16_t>(frame.size());
  made.payload = static_cast<std::uint16_t>(payload.size());
  std::copy(frame.begin(), frame.end(), made.bytes.begin());
  made.ip_sum = static_cast<std::uint16_t>(~load_be16(frame.data() + kIp + 10));
  made.tcp_sum = static_cast<std::uint16_t>(~load_be16(frame.data() + kTcp + 16));
  return made;
}

std::uint32_t words(std::uint32_t value) { return (value >> 16) + (value & 0xffff); }

}  // namespace

namespace {

// One flat site: what each of many devices may be asked stands in a rule of its own.
std::string device_policy(std::uint32_t devices) {
  std::string text =
      "bulkhead: v1\nsite: rig\nzones:\n  up: {port: 0, networks: [10.64.0.0/26]}\n"
      "  down: {port: 1, networks: [10.128.0.0/16]}\nconduits:\n"
      "  c:\n    from: up\n    to: down\n    on_deny: reset\n    allow:\n";
  char line[256];
  for (std::uint32_t i = 0; i < devices; ++i) {
    std::snprintf(line, sizeof(line),
                  "      - {protocol: modbus, client: any, server: %s, functions: [3, 6],"
                  " where: {unit: 1, address: 0-99}}\n",
                  dotted(server_zone(0) + 1 + i).c_str());
    text += line;
  }
  return text;
}

}  // namespace

std::string policy_text(const Plan& plan) {
  if (plan.devices > 0) return device_policy(plan.devices);
  std::string text = "bulkhead: v1\nsite: rig\nzones:\n";
  char line[256];
  for (std::uint32_t i = 0; i < plan.side; ++i) {
    std::snprintf(line, sizeof(line),
                  "  up%u: {port: 0, networks: [%s/26]}\n  down%u: {port: 1, networks: [%s/26]}\n",
                  i, dotted(client_zone(i)).c_str(), i, dotted(server_zone(i)).c_str());
    text += line;
  }
  text += "conduits:\n";
  for (std::uint32_t i = 0; i < plan.side * plan.side; ++i) {
    std::snprintf(line, sizeof(line),
                  "  c%u:\n    from: up%u\n    to: down%u\n    on_deny: reset\n    allow:\n", i,
                  i / plan.side, i % plan.side);
    text += line;
    text +=
        "      - {protocol: modbus, client: any, server: any, access: [read],"
        " where: {unit: 1, address: 0-99}}\n"
        "      - {protocol: modbus, client: any, server: any, functions: [6, 16],"
        " where: {unit: 1, address: 40-49, value: 0-1000}}\n"
        "      - {service: tcp/5000, client: any, server: any}\n";
    // Others of the conduit: devices that this traffic does not speak to.
    for (std::uint32_t rule = 3; rule < plan.rules; ++rule) {
      const std::uint32_t host = server_zone(i % plan.side) + 1 + rule % 60;
      std::snprintf(line, sizeof(line),
                    "      - {protocol: modbus, client: %s, server: %s, functions: [5, 15],"
                    " where: {address: %u-%u}}\n",
                    dotted(client_zone(i / plan.side) + 1 + rule % 60).c_str(),
                    dotted(host).c_str(), 100 + rule, 200 + rule);
      text += line;
    }
  }
  return text;
}

Traffic::Traffic(const Plan& plan, Cable clients, Cable servers)
    : plan_(plan), clients_(clients), servers_(servers), sessions_(plan.flows) {
  const std::string pool = "traffic" + std::to_string(plan.lane);
  buffers_ = rte_pktmbuf_pool_create(pool.c_str(), plan.buffers, 256, 0, RTE_MBUF_DEFAULT_BUF_SIZE,
                                     SOCKET_ID_ANY);
  if (buffers_ == nullptr) fail("no memory for buffers");
  constexpr rte_mbuf_dynfield kCame = {"bench_came", sizeof(std::uint64_t), alignof(std::uint64_t),
                                       0};
  came_offset_ = rte_mbuf_dynfield_register(&kCame);
  if (came_offset_ < 0) fail("no room in buffers for the time");
  make_templates();
  std::uint32_t made = 0;
  for (std::uint32_t i = 0; made < plan.flows; ++i) {
    const Session session = session_of(i);
    if (owner_of(session) == plan.lane) sessions_[made++] = session;
  }
  if (plan.order == Order::zipf) {
    // Popularity by rank, exponent one, drawn beforehand.
    std::vector<double> weights(plan.flows);
    for (std::uint32_t i = 0; i < plan.flows; ++i) weights[i] = 1.0 / (1 + i);
    std::discrete_distribution<std::uint32_t> draw(weights.begin(), weights.end());
    order_.resize(std::max(plan.flows, 1U << 17));
    for (std::uint32_t& each : order_) each = draw(random_);
  }
  burst_ = std::min(kBurst, std::max(plan.flows, 16U));
  if (plan.flows == 1) burst_ = 16;  // the most that a server need take at once (Messaging guide)
  if (plan.churn_per_second > 0) {
    churn_ticks_ =
        static_cast<std::uint64_t>(static_cast<double>(rte_get_tsc_hz()) / plan.churn_per_second);
  }
  if (plan.refused_per_second > 0) {
    refused_ticks_ =
        static_cast<std::uint64_t>(static_cast<double>(rte_get_tsc_hz()) / plan.refused_per_second);
    stray_ = session_of(plan.side * plan.side - 1);
    stray_.client = client_zone(plan.side - 1) + kStrayHost;
  }
  // A client's delayed acknowledgement comes before its next request if that takes its time.
  constexpr std::uint32_t kManyFlows = 100'000;
  acks_ = plan.work == Work::modbus && plan.flows > kManyFlows;
  if (acks_) burst_ = kBurst / 2;  // the other half of a burst are acknowledgements
  if (plan.one_port) burst_ /= 2;  // or answers
}

Session Traffic::session_of(std::uint32_t i) const {
  const std::uint32_t pairs = plan_.side * plan_.side;
  const std::uint32_t servers = plan_.devices > 0 ? plan_.devices : kHostsPerZone - 2;
  const std::uint32_t clients = kHostsPerZone - 2;
  const std::uint32_t pair = i % pairs;
  const std::uint32_t rest = i / pairs;
  Session session;
  session.server = server_zone(pair % plan_.side) + 1 + rest % servers;
  session.client = client_zone(pair / plan_.side) + 1 + rest / servers % clients;
  session.port = static_cast<std::uint16_t>(kFirstPort + rest / servers / clients);
  session.client_next = i * 7919U;
  session.server_next = i * 104729U;
  return session;
}

// Which lane's queue a port with receive-side scaling would give the session to.
std::uint32_t Traffic::owner_of(const Session& session) const {
  if (plan_.lanes == 1) return 0;
  std::array<std::uint8_t, 128> frame;
  put(frame.data(), syn_, session, true, 0, 0, 0);
  return flow::owner_of(flow::steering_hash({frame.data(), syn_.length}), plan_.lanes);
}

void Traffic::make_templates() {
  const std::uint16_t port = plan_.work == Work::plain ? kPlainPort : kModbusPort;
  const std::uint8_t ack = wire::kTcpAck;
  const std::uint8_t push = wire::kTcpAck | wire::kTcpPsh;
  syn_ = make_template(true, wire::kTcpSyn, {}, port);
  syn_ack_ = make_template(false, wire::kTcpSyn | wire::kTcpAck, {}, port);
  ack_ = make_template(true, ack, {}, port);
  reset_ = make_template(true, wire::kTcpRst | wire::kTcpAck, {}, port);
  stray_syn_ = make_template(true, wire::kTcpSyn, {}, kStrayPort);
  plain_up_ = make_template(true, push, Bytes(6, 'u'), port);
  plain_down_ = make_template(false, push, Bytes(6, 'd'), port);
  read_ = make_template(true, push, support::modbus_adu({3, 0, 0, 0, 10}, 0), port);
  write_ = make_template(true, push, support::modbus_adu({6, 0, 42, 1, 44}, 0), port);
  Bytes pdu = {3, 20};
  pdu.resize(22, 7);
  read_answer_ = make_template(false, push, support::modbus_adu(pdu, 0), port);
  write_answer_ = make_template(false, push, support::modbus_adu({6, 0, 42, 1, 44}, 0), port);
}

// Every eighth transaction writes.
const Template& Traffic::request_of(std::uint32_t session, std::uint16_t transaction) const {
  return (session + transaction) % 8 == 0 ? write_ : read_;
}

std::uint8_t* Traffic::put(std::uint8_t* to, const Template& frame, const Session& session,
                           bool from_client, std::uint32_t sequence, std::uint32_t acknowledgement,
                           std::uint16_t transaction) const {
  std::memcpy(to, frame.bytes.data(), frame.bytes.size());
  const std::uint32_t addresses = words(session.client) + words(session.server);
  store_be32(to + kIp + 12, from_client ? session.client : session.server);
  store_be32(to + kIp + 16, from_client ? session.server : session.client);
  store_be16(to + kIp + 10, wire::checksum_finish(frame.ip_sum + addresses));
  store_be16(to + kTcp + (from_client ? 0 : 2), session.port);
  store_be32(to + kTcp + 4, sequence);
  store_be32(to + kTcp + 8, acknowledgement);
  std::uint32_t sum =
      frame.tcp_sum + addresses + session.port + words(sequence) + words(acknowledgement);
  if (plan_.work == Work::modbus && frame.payload > 0) {
    store_be16(to + kTcp + 20, transaction);
    sum += transaction;
  }
  store_be16(to + kTcp + 16, wire::checksum_finish(sum));
  return to;
}

void Traffic::emit(rte_mbuf* mbuf, const Template& frame, const Session& session, bool from_client,
                   std::uint32_t sequence, std::uint32_t acknowledgement,
                   std::uint16_t transaction) const {
  put(rte_pktmbuf_mtod(mbuf, std::uint8_t*), frame, session, from_client, sequence, acknowledgement,
      transaction);
  mbuf->data_len = frame.length;
  mbuf->pkt_len = frame.length;
  *came_ticks(mbuf) = now_ticks_;
}

void Traffic::give(rte_ring* ring, rte_mbuf** mbufs, std::uint32_t count) {
  if (rte_ring_sp_enqueue_bulk(ring, reinterpret_cast<void**>(mbufs), count, nullptr) != count) {
    fail("the firewall does not take its packets");
  }
}

void Traffic::give_one(bool from_client, const Template& frame, Session& session,
                       std::uint32_t sequence, std::uint32_t acknowledgement) {
  rte_mbuf* mbuf = rte_pktmbuf_alloc(buffers_);
  if (mbuf == nullptr) fail("packet buffers ran out: the firewall keeps them");
  emit(mbuf, frame, session, from_client, sequence, acknowledgement, 0);
  give(from_client ? clients_.to_port : servers_.to_port, &mbuf, 1);
}

std::uint32_t Traffic::next_opening() const {
  return std::min<std::uint32_t>(kBurst, static_cast<std::uint32_t>(sessions_.size()) - opened_);
}

void Traffic::open_step(std::uint32_t count, int step) {
  for (std::uint32_t i = 0; i < count; ++i) {
    Session& session = sessions_[opened_ + i];
    if (step == 0) give_one(true, syn_, session, session.client_next++, 0);
    if (step == 1) give_one(false, syn_ack_, session, session.server_next++, session.client_next);
    if (step == 2) give_one(true, ack_, session, session.client_next, session.server_next);
  }
}

std::uint32_t Traffic::reset_some() {
  const std::uint32_t count = std::min<std::uint32_t>(kBurst, opened_);
  for (std::uint32_t i = 0; i < count; ++i) {
    Session& session = sessions_[--opened_];
    give_one(true, reset_, session, session.client_next, session.server_next);
  }
  return count;
}

// The next session to ask; its line is fetched a burst before it is used.
std::uint32_t Traffic::pick() {
  const std::uint32_t at = next_++;
  if (plan_.order == Order::zipf) {
    const auto size = static_cast<std::uint32_t>(order_.size());
    rte_prefetch0(&sessions_[order_[(at + 2 * kBurst) % size]]);
    return order_[at % size];
  }
  rte_prefetch0(&sessions_[(at + 2 * kBurst) % plan_.flows]);
  if (next_ >= plan_.flows) next_ = 0;
  return at;
}

// Resets the session half a round away and opens it again under another port, a step a call.
std::uint32_t Traffic::churn(std::uint64_t now_ticks) {
  if (churn_ticks_ == 0 || (churn_step_ == 0 && now_ticks < churn_next_)) return 0;
  if (churn_step_ == 0) {
    churn_next_ = now_ticks + churn_ticks_;
    churn_session_ = (next_ + plan_.flows / 2) % plan_.flows;
  }
  Session& session = sessions_[churn_session_];
  switch (churn_step_++) {
    case 0:
      give_one(true, reset_, session, session.client_next, session.server_next);
      return 1;
    case 1:
      session.port = static_cast<std::uint16_t>(session.port ^ 0x8000);
      give_one(true, syn_, session, session.client_next++, 0);
      return 1;
    case 2:
      give_one(false, syn_ack_, session, session.server_next++, session.client_next);
      return 1;
    default:
      give_one(true, ack_, session, session.client_next, session.server_next);
      churn_step_ = 0;
      return 1;
  }
}

// Each from another port, so that no two are alike.
std::uint32_t Traffic::send_refused(std::uint64_t now_ticks) {
  if (refused_ticks_ == 0) return 0;
  if (refused_next_ == 0) refused_next_ = now_ticks;
  std::uint32_t sent = 0;
  constexpr std::uint32_t kOfBurst = 4;
  for (; refused_next_ <= now_ticks && sent < kOfBurst; refused_next_ += refused_ticks_) {
    stray_.port = static_cast<std::uint16_t>(kFirstPort + refused_ % 32768);
    give_one(true, stray_syn_, stray_, static_cast<std::uint32_t>(refused_++), 0);
    ++sent;
  }
  return sent;
}

// Requests are made before the answers to those of the call before: the firewall sees them first.
std::uint32_t Traffic::send(std::uint64_t now_ticks, std::uint32_t count) {
  now_ticks_ = now_ticks;
  std::uint32_t sent = churn(now_ticks);
  const std::uint32_t refused = send_refused(now_ticks);
  const auto asked = asked_;
  const std::uint32_t answers = asked_count_;
  sent += ask(std::min(count, burst_) - sent - refused);
  if (answers == 0) return sent;
  if (acks_) sent += acknowledge();
  Burst mbufs;
  take(mbufs, answers);
  for (std::uint32_t i = 0; i < answers; ++i) {
    Session& session = sessions_[asked[i]];
    const auto transaction = static_cast<std::uint16_t>(session.answered++);
    const bool plain = plan_.work == Work::plain;
    const bool reads = &request_of(asked[i], transaction) == &read_;
    const Template& frame = plain ? plain_down_ : reads ? read_answer_ : write_answer_;
    emit(mbufs[i], frame, session, false, session.server_next, session.client_next, transaction);
    session.server_next += frame.payload;
  }
  give(servers_.to_port, mbufs.data(), answers);
  if (acks_) {
    answered_ = asked;
    answered_count_ = answers;
  }
  return sent + answers;
}

// A port gives the worker one burst a round: more than that would pile up.
std::uint32_t Traffic::ask(std::uint32_t count_max) {
  const bool opening = plan_.work == Work::new_flows;
  const std::uint32_t count = opening ? std::min(count_max, plan_.flows - next_) : count_max;
  Burst mbufs;
  take(mbufs, count);
  for (std::uint32_t i = 0; i < count; ++i) {
    if (opening) {
      Session& session = sessions_[next_++];
      emit(mbufs[i], syn_, session, true, session.client_next, 0, 0);
      continue;
    }
    asked_[i] = pick();
    Session& session = sessions_[asked_[i]];
    const std::uint16_t transaction = session.transaction++;
    const Template& frame =
        plan_.work == Work::plain ? plain_up_ : request_of(asked_[i], transaction);
    emit(mbufs[i], frame, session, true, session.client_next, session.server_next, transaction);
    session.client_next += frame.payload;
  }
  give(clients_.to_port, mbufs.data(), count);
  asked_count_ = opening ? 0 : count;
  return count;
}

// The answers of the call before, which nothing else will acknowledge for long.
std::uint32_t Traffic::acknowledge() {
  if (answered_count_ == 0) return 0;
  Burst mbufs;
  take(mbufs, answered_count_);
  for (std::uint32_t i = 0; i < answered_count_; ++i) {
    const Session& session = sessions_[answered_[i]];
    emit(mbufs[i], ack_, session, true, session.client_next, session.server_next, 0);
  }
  give(clients_.to_port, mbufs.data(), answered_count_);
  return answered_count_;
}

void Traffic::take(Burst& mbufs, std::uint32_t count) {
  if (rte_pktmbuf_alloc_bulk(buffers_, mbufs.data(), count) != 0) {
    fail("packet buffers ran out: the firewall keeps them");
  }
}

std::uint32_t Traffic::take_from(rte_ring* ring) {
  return rte_ring_sc_dequeue_burst(ring, reinterpret_cast<void**>(taken_.data()), kBatch, nullptr);
}

void Traffic::write_capture(const std::string& path, bool from_clients, std::uint32_t frames) {
  pcap_t* handle = pcap_open_dead(DLT_EN10MB, 65535);
  pcap_dumper_t* out = pcap_dump_open(handle, path.c_str());
  if (out == nullptr) fail(path + ": " + pcap_geterr(handle));
  std::array<std::uint8_t, 128> bytes;
  for (std::uint32_t i = 0; i < frames; ++i) {
    const Session& session = sessions_[i % sessions_.size()];
    const Template& frame = plan_.work == Work::plain
                                ? (from_clients ? plain_up_ : plain_down_)
                                : (from_clients ? request_of(i, 0) : read_answer_);
    put(bytes.data(), frame, session, from_clients, session.client_next, session.server_next, 0);
    pcap_pkthdr header{};
    header.caplen = header.len = frame.length;
    pcap_dump(reinterpret_cast<u_char*>(out), &header, bytes.data());
  }
  pcap_dump_close(out);
  pcap_close(handle);
}

}  // namespace bulkhead::rig
