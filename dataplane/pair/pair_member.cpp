// Runs on the service thread; the workers see only the gate's end and two rings.
#include "dataplane/pair/pair_member.h"

#include <fcntl.h>
#include <rte_mbuf.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <random>
#include <span>
#include <utility>

#include "dataplane/base/priority.h"
#include "dataplane/ports/frame_buffer.h"
#include "dataplane/wire/ethernet.h"

namespace bulkhead::pair {

namespace asio = boost::asio;
using boost::system::error_code;

namespace {

constexpr std::uint32_t kHeartbeatMsMax = 1000;
constexpr TimeNs kDozeNs = 20 * kMillisecondNs;  // an idle worker is asked whether it lives
// It did not answer. So long on a core it is caught in a round. Seen so often, since it was woken,
// without wanting a core, it waits for something. Else others have its core: a loaded machine is no
// reason to hand over, for a while.
constexpr TimeNs kStuckNs = 60 * kMillisecondNs;
constexpr unsigned kBlockedLooks = 2;
constexpr TimeNs kBlockedNs = 15 * kMillisecondNs;
constexpr TimeNs kStarvedNs = 500 * kMillisecondNs;
// A peer sends one frame through each zone a heartbeat.
constexpr TimeNs kTurnNs = kMillisecondNs;
constexpr std::uint32_t kFramesPerTurn = 32;  // of all zones
constexpr TimeNs kLongSilenceNs = 100 * kMillisecondNs;
constexpr int kRounds = 3;  // of announcements: a switch may be busy
constexpr TimeNs kRoundNs = 60 * kMillisecondNs;
constexpr TimeNs kAnnouncementNs = 20 * kMicrosecondNs;  // no switch learns faster

TimeNs time_on_core(std::int32_t clock) {
  timespec time{};
  if (clock < 0 || clock_gettime(clock, &time) != 0) return 0;
  return static_cast<TimeNs>(time.tv_sec) * kSecondNs + static_cast<TimeNs>(time.tv_nsec);
}

// proc_pid_stat(5): the state is behind the name, which may hold parentheses itself. True if that
// cannot be seen.
bool wants_core(std::int32_t thread) {
  std::array<char, 256> text{};
  const std::string path = "/proc/self/task/" + std::to_string(thread) + "/stat";
  const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) return true;
  const ssize_t length = read(file, text.data(), text.size());
  close(file);
  const std::string_view stat(text.data(), length < 0 ? 0 : static_cast<std::size_t>(length));
  const std::size_t name_end = stat.rfind(')');
  return name_end == std::string_view::npos || stat.substr(name_end, 3) == ") R";
}

// A reverse ARP request (RFC 903) of a station for itself, as hypervisors send it when a machine
// has moved: every switch learns from its source, and nobody answers.
constexpr std::size_t kRarpBytes = 60;
std::array<std::uint8_t, kRarpBytes> make_announcement(std::uint64_t mac) {
  std::array<std::uint8_t, kRarpBytes> frame{};
  std::fill_n(frame.begin(), 6, std::uint8_t{0xff});
  const auto put_mac = [&](std::size_t at) {
    store_be16(frame.data() + at, static_cast<std::uint16_t>(mac >> 32));
    store_be32(frame.data() + at + 2, static_cast<std::uint32_t>(mac));
  };
  put_mac(6);
  store_be16(frame.data() + 12, wire::kEtherTypeRarp);
  store_be16(frame.data() + 14, 1);  // Ethernet
  store_be16(frame.data() + 16, wire::kEtherTypeIpv4);
  frame[18] = 6;
  frame[19] = 4;
  store_be16(frame.data() + 20, 3);  // reverse request
  put_mac(22);
  put_mac(32);
  return frame;
}

}  // namespace

PairMember::PairMember(asio::io_context& io, ports::Shared& shared, OnNews on_news)
    : shared_(shared),
      on_news_(std::move(on_news)),
      timer_(io),
      bell_(io, dup(shared.in_band->bell())),
      rest_timer_(io),
      rounds_(shared.workers.size()),
      flows_(
          shared,
          [this](v1::FlowBatch batch) {
            v1::PairNews news;
            *news.mutable_flows() = std::move(batch);
            on_news_(news);
          },
          [this](v1::FlowsTaken taken) {
            v1::PairNews news;
            *news.mutable_flows_taken() = std::move(taken);
            on_news_(news);
          }),
      late_(shared) {
  if (const int error = run_before_others(); error != 0) {
    spdlog::warn(
        "no real-time priority for the service thread ({}): under load the agent may take "
        "it for dead; allow it with CAP_SYS_NICE or systemd's LimitRTPRIO",
        std::strerror(error));
  }
  listen();
  keep_time();
}

std::string PairMember::carry_out(const v1::DataplaneRequest& request) {
  switch (request.request_case()) {
    case v1::DataplaneRequest::kConfigurePair:
      return configure(request.configure_pair());
    case v1::DataplaneRequest::kSetLease:
      renew(request.set_lease());
      break;
    case v1::DataplaneRequest::kSendHeartbeat:
      send(request.send_heartbeat());
      break;
    case v1::DataplaneRequest::kSetStations:
      learn(request.set_stations());
      break;
    case v1::DataplaneRequest::kBeginFlows:
      begin_flows(request.begin_flows().stream());
      break;
    case v1::DataplaneRequest::kTakeFlows:
      flows_.take(request.take_flows());
      break;
    case v1::DataplaneRequest::kFlowsTaken:
      flows_.acknowledge(request.flows_taken());
      go_on_with_hand_over();
      break;
    case v1::DataplaneRequest::kTakeFrames:
      bring(request.take_frames());
      break;
    default:
      return "unknown request";
  }
  return {};
}

std::string PairMember::configure(const v1::ConfigurePair& configure) {
  Identity identity;
  if (configure.key().size() != identity.key.size() || configure.node() == 0) {
    return "a pair needs a node number and a key of 32 bytes";
  }
  identity.node = configure.node();
  std::copy(configure.key().begin(), configure.key().end(), identity.key.begin());
  if (identity_ && identity_->key != identity.key) freshness_ = {};
  identity_ = identity;
  incarnation_ = configure.incarnation();
  if (incarnation_ == 0) incarnation_ = std::uint64_t{std::random_device()()} + 1;
  if (configure.heartbeat_ms() != 0) {
    heartbeat_ns_ = std::min(configure.heartbeat_ms(), kHeartbeatMsMax) * kMillisecondNs;
  }
  freshness_.begin(incarnation_, heartbeat_ns_);
  gate_.expect_agent(heartbeat_ns_);
  gate_.heard_agent(monotonic_now_ns());
  return {};
}

void PairMember::renew(const v1::SetLease& lease) {
  if (!identity_) return;
  const TimeNs now_ns = monotonic_now_ns();
  const bool was_open = gate_.is_open(now_ns);
  gate_.renew({lease.until_ns(), lease.alone(), lease.term()}, now_ns);
  // Before the gate: who sees it closed has to know.
  if (was_open && lease.hands_over()) late_.begin(now_ns);
  publish_gate();
  const bool open = gate_.is_open(now_ns);
  if (!was_open && open) {
    late_.let_go(now_ns);
    begin_announcing();  // the peer may have forwarded meanwhile
  }
  if (was_open && !open) {
    closed_ns_ = now_ns;
    for (ports::Worker* worker : shared_.workers) worker->wake();
  }
}

void PairMember::bring(v1::LateFrames frames) {
  const TimeNs now_ns = monotonic_now_ns();
  late_.bring(std::move(frames), gate_.is_open(now_ns), now_ns);
}

// What the peer has seen: only a standby needs it, and takes its word.
void PairMember::learn(const v1::SetStations& stations) {
  const TimeNs now_ns = monotonic_now_ns();
  if (gate_.is_open(now_ns)) return;
  for (const v1::Station& learned : stations.stations()) {
    if (learned.port() >= shared_.ports.size()) continue;
    shared_.macs.learn(wire::Mac::from_integer(learned.mac()),
                       static_cast<std::uint16_t>(learned.port()), now_ns, flow::Evidence::spoken);
  }
}

// One that joins knows no station either.
void PairMember::begin_flows(std::uint64_t stream) {
  flows_.begin(stream);
  sent_macs_ns_ = 0;
}

void PairMember::publish_gate() {
  shared_.open_until_ns.store(gate_.open_until_ns(), std::memory_order_release);
}

void PairMember::send(const v1::SendHeartbeat& heartbeat) {
  if (!identity_) return;
  gate_.heard_agent(monotonic_now_ns());
  const int ports = std::min<int>(shared_.ports.size(), heartbeat.of_port_size());
  for (int port = 0; port < ports; ++port) {
    const std::string& bytes = heartbeat.of_port(port);
    if (bytes.size() > replication::kHeartbeatBytesMax) continue;
    send_on(static_cast<std::uint16_t>(port),
            {reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()});
  }
}

void PairMember::send_on(std::uint16_t port, ByteView heartbeat) {
  const TimeNs now_ns = monotonic_now_ns();
  replication::Beacon beacon;
  beacon.node = identity_->node;
  beacon.incarnation = incarnation_;
  beacon.counter = ++counter_;
  beacon.term = gate_.lease().term;
  beacon.forwards = gate_.is_open(now_ns);
  beacon.agent = !gate_.agent_is_silent(now_ns);
  freshness_.answer(beacon, now_ns);
  freshness_.sent(counter_, now_ns);
  std::array<std::uint8_t, replication::kInBandBytesMax> frame{};
  const std::size_t length =
      encode(beacon, heartbeat, shared_.ports.address(port), port, identity_->key, frame);
  transmit(ByteView(frame).first(length), port);
  sent_ns_ = now_ns;
}

void PairMember::transmit(ByteView frame, std::uint16_t port) {
  rte_mbuf* mbuf = ports::make_frame(shared_.ports.buffers(), frame);
  if (mbuf == nullptr) return;  // the next period tries again
  if (!shared_.in_band->give_outgoing({mbuf, port})) return rte_pktmbuf_free(mbuf);
  shared_.workers.front()->wake();
}

void PairMember::listen() {
  bell_.async_wait(asio::posix::stream_descriptor::wait_read, [this](error_code error) {
    if (error) return;
    std::uint64_t rung = 0;
    [[maybe_unused]] const ssize_t ignored = read(bell_.native_handle(), &rung, sizeof(rung));
    hear();
    listen();
  });
}

// Somebody in a zone may send as fast as it carries: this thread runs before others, so that a turn
// takes a share of each zone's frames and the rest waits for the next, or is lost.
void PairMember::hear() {
  const TimeNs now_ns = monotonic_now_ns();
  if (now_ns - turn_ns_ >= kTurnNs) {
    turn_ns_ = now_ns;
    turn_left_.fill(std::max(kFramesPerTurn / shared_.ports.size(), 1U));
  }
  v1::PairNews news;
  bool more = false;
  for (std::uint16_t port = 0; port < shared_.ports.size(); ++port) {
    more = receive_zone(port, news) || more;
  }
  if (more) rest_of_frames();
  publish_gate();
  if (!news.heartbeats().empty()) on_news_(news);
  flows_.run();
  go_on_with_hand_over();
}

// True if more of them wait.
bool PairMember::receive_zone(std::uint16_t port, v1::PairNews& news) {
  std::array<rte_mbuf*, kFramesPerTurn> mbufs;
  const std::uint32_t count =
      shared_.in_band->take_incoming(port, std::span(mbufs).first(turn_left_[port]));
  turn_left_[port] -= count;
  for (std::uint32_t i = 0; i < count; ++i) {
    const ByteView frame(rte_pktmbuf_mtod(mbufs[i], const std::uint8_t*), mbufs[i]->data_len);
    const auto heard = identity_ ? replication::decode(frame, port, identity_->key) : std::nullopt;
    using Word = replication::Freshness::Word;
    Word word = Word::stale;
    if (heard && heard->beacon.node != identity_->node) {
      word = freshness_.hear(heard->beacon, port, monotonic_now_ns());
    }
    if (word != Word::stale) {
      hear_peer(heard->beacon, port, word);
      // The agent knows itself what it believes.
      v1::InBandHeartbeat* row = heard->heartbeat.empty() ? nullptr : news.add_heartbeats();
      if (row != nullptr) {
        row->set_port(port);
        row->set_heartbeat(heard->heartbeat.data(), heard->heartbeat.size());
      }
    }
    rte_pktmbuf_free(mbufs[i]);
  }
  return shared_.in_band->has_incoming(port);
}

void PairMember::rest_of_frames() {
  if (std::exchange(rests_, true)) return;
  rest_timer_.expires_after(std::chrono::nanoseconds(kTurnNs));
  rest_timer_.async_wait([this](error_code error) {
    rests_ = false;
    if (!error) hear();
  });
}

void PairMember::hear_peer(const replication::Beacon& beacon, std::uint16_t port,
                           replication::Freshness::Word word) {
  using Word = replication::Freshness::Word;
  if (word == Word::unknown) return;
  const TimeNs now_ns = monotonic_now_ns();
  if (word == Word::answers) gate_.heard_peer(beacon, identity_->node, now_ns);
  // Behind a cable that is back, frames may have waited that the switch took for news.
  const bool was_silent = now_ns - heard_ns_[port] > kLongSilenceNs;
  heard_ns_[port] = now_ns;
  if (was_silent && gate_.is_open(now_ns)) begin_announcing();
}

void PairMember::go_on_with_hand_over() {
  report_if_settled();
  hand_on_late();
}

void PairMember::hand_on_late() {
  v1::PairNews news;
  *news.mutable_late_frames() = late_.take(monotonic_now_ns());
  if (!news.late_frames().frames().empty()) on_news_(news);
}

// Who hands over waits for it.
void PairMember::report_if_settled() {
  const bool settled = flows_settled();
  if (std::exchange(reported_settled_, settled) == settled || !settled) return;
  late_.hand_on();
  v1::PairNews news;
  *news.mutable_report() = report();
  on_news_(news);
}

// An idle worker is woken, and looked at until it has come round.
void PairMember::look_at_worker(std::size_t index, TimeNs now_ns) {
  ports::Worker* worker = shared_.workers[index];
  const ports::WorkerStats& stats = worker->stats();
  const TimeNs turned_ns = stats.turned_ns.load();
  Round& round = rounds_[index];
  if (round.begun_ns != turned_ns) round = {turned_ns, time_on_core(stats.cpu_clock.load())};
  if (now_ns - turned_ns <= kDozeNs) return;
  const bool waits = round.woken_ns != 0 && !wants_core(stats.thread.load());
  round.waits = waits ? round.waits + 1 : 0;
  if (round.woken_ns == 0) round.woken_ns = now_ns;
  worker->wake();
}

void PairMember::keep_time() {
  const TimeNs now_ns = monotonic_now_ns();
  for (std::size_t i = 0; i < shared_.workers.size(); ++i) look_at_worker(i, now_ns);
  if (identity_ && gate_.speaks(sent_ns_, now_ns)) {
    for (std::uint16_t port = 0; port < shared_.ports.size(); ++port) send_on(port, {});
  }
  std::uint32_t down = 0;
  for (std::uint16_t port = 0; port < shared_.ports.size(); ++port) {
    if (!shared_.ports.link_up(port)) down |= 1U << port;
  }
  shared_.ports_down.store(down, std::memory_order_relaxed);
  announce();
  late_.forget_old(now_ns);
  flows_.run();
  v1::PairNews news;
  *news.mutable_report() = report();
  const std::uint32_t changes = shared_.macs.changes();
  const bool new_macs = changes != sent_changes_ || now_ns - sent_macs_ns_ >= kSecondNs;
  if (news.report().forwards() && new_macs) {
    sent_macs_ns_ = now_ns;
    sent_changes_ = changes;
    shared_.macs.each(now_ns, [&](const wire::Mac& mac, std::uint16_t port) {
      v1::Station* station = news.add_stations();
      station->set_mac(mac.to_integer());
      station->set_port(port);
    });
  }
  on_news_(news);
  timer_.expires_after(std::chrono::nanoseconds(heartbeat_ns_));
  timer_.async_wait([this](error_code error) {
    if (!error) keep_time();
  });
}

std::string PairMember::problem() const {
  const TimeNs now_ns = monotonic_now_ns();
  for (std::uint16_t port = 0; port < shared_.ports.size(); ++port) {
    if ((shared_.ports_down.load(std::memory_order_relaxed) >> port & 1) != 0) {
      return "zone port " + std::to_string(port) + " (" + shared_.ports.device(port) +
             ") has no link";
    }
  }
  for (std::size_t i = 0; i < shared_.workers.size(); ++i) {
    const TimeNs turned_ns = shared_.workers[i]->stats().turned_ns.load();
    if (now_ns < turned_ns + kDozeNs || rounds_[i].begun_ns != turned_ns) continue;
    const Round& round = rounds_[i];
    const TimeNs worked_ns =
        time_on_core(shared_.workers[i]->stats().cpu_clock.load()) - round.on_core_ns;
    const bool blocked = round.waits >= kBlockedLooks && now_ns >= round.woken_ns + kBlockedNs;
    if (blocked) {
      return "worker " + std::to_string(i) + " waits for something else than packets since " +
             std::to_string((now_ns - turned_ns) / kMillisecondNs) + " ms";
    }
    if (worked_ns > kStuckNs || now_ns > turned_ns + kStarvedNs) {
      return "worker " + std::to_string(i) + " has been in one round for " +
             std::to_string((now_ns - turned_ns) / kMillisecondNs) + " ms";
    }
  }
  return {};
}

// The peer has all that there was when an orderly end of forwarding began.
bool PairMember::flows_settled() const {
  return !gate_.is_open(monotonic_now_ns()) && closed_ns_ != 0 && flows_.is_settled(closed_ns_);
}

v1::PairReport PairMember::report() const {
  v1::PairReport report;
  report.set_configured(identity_.has_value());
  report.set_problem(problem());
  report.set_fit(report.problem().empty());
  report.set_forwards(gate_.is_open(monotonic_now_ns()));
  report.set_lease_until_ns(gate_.lease().until_ns);
  report.set_lease_alone(gate_.lease().alone);
  report.set_lease_term(gate_.lease().term);
  report.set_ports(shared_.ports.size());
  report.set_flows_settled(flows_settled());
  report.set_self_test_failed(shared_.self_test_failed.load(std::memory_order_relaxed));
  return report;
}

void PairMember::begin_announcing() {
  macs_.clear();
  shared_.macs.each(monotonic_now_ns(), [this](const wire::Mac& mac, std::uint16_t port) {
    macs_.push_back({mac.to_integer(), port});
  });
  announced_ = 0;
  rounds_left_ = kRounds;
  next_round_ns_ = 0;
  announce();
}

// Each station is reached through all ports but its own.
void PairMember::announce() {
  TimeNs frames = heartbeat_ns_ / kAnnouncementNs;  // until the next time
  const TimeNs now_ns = monotonic_now_ns();
  if (rounds_left_ == 0 || now_ns < next_round_ns_) return;
  while (announced_ < macs_.size() && frames > 0) {
    const MacAt& location = macs_[announced_++];
    const auto frame = make_announcement(location.mac);
    for (std::uint16_t port = 0; port < shared_.ports.size(); ++port) {
      if (port == location.port) continue;
      transmit(frame, port);
      frames -= std::min<TimeNs>(frames, 1);
    }
  }
  if (announced_ < macs_.size()) return;
  announced_ = 0;
  --rounds_left_;
  next_round_ns_ = now_ns + kRoundNs;
}

}  // namespace bulkhead::pair
