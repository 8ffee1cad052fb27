// The carrier's own thread never waits for a disk or the data plane; whatever does runs on the slow
// one.
#include "controlplane/pair/pair.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <boost/asio/post.hpp>
#include <cstring>
#include <stdexcept>
#include <utility>

#include "controlplane/pair/ask.h"
#include "dataplane/artefact/digest.h"
#include "dataplane/base/priority.h"

namespace bulkhead::controlplane {

namespace asio = boost::asio;
using boost::system::error_code;
using failover::Cause;
using failover::Role;

namespace {

// A data plane reports once each tick. Ticks are counted, not time: while the agent itself stood
// still, reports may be waiting. One that has not got a core lately may still, but not for longer
// than its lease and what a takeover needs.
constexpr unsigned kSilentTicksMax = 4;
constexpr unsigned kStarvedTicksMax = 12;
// The thread that takes leases to the data plane has so many ticks, a lease and what a starved core
// makes of it, to come by.
constexpr unsigned kLateTicksMax = 7;
constexpr TimeNs kAwaitDataplaneNs = kSecondNs;
constexpr TimeNs kStallNs = 50 * kMillisecondNs;
constexpr TimeNs kSlowTickNs = 100 * kMillisecondNs;
// A peer sends one datagram each heartbeat.
constexpr std::size_t kDatagramsPerTurn = 16;
constexpr auto kDatagramsRest = std::chrono::milliseconds(1);

// Where it is not allowed, the pair works, but may take a loaded machine for a dead one.
void let_heartbeats_run() {
  if (const int error = bulkhead::run_before_others(); error != 0) {
    spdlog::warn(
        "no real-time priority for heartbeats ({}): a loaded machine may be taken for a "
        "dead one; allow it with CAP_SYS_NICE or systemd's LimitRTPRIO",
        std::strerror(error));
  }
}

std::string_view role_name(Role role) { return role == Role::active ? "active" : "standby"; }

}  // namespace

failover::NodeId node_of(const std::string& name) {
  const std::string digest = artefact::sha256(name);
  const failover::NodeId node = load_be64(reinterpret_cast<const std::uint8_t*>(digest.data()));
  return node == 0 ? 1 : node;
}

Pair::Pair(const PairOptions& options, PairHost& host)
    : options_(options),
      host_(host),
      work_(asio::make_work_guard(io_)),
      link_work_(asio::make_work_guard(link_io_)),
      slow_work_(asio::make_work_guard(slow_)),
      timer_(io_),
      rest_timer_(io_),
      socket_(io_),
      peer_(options.link.peer.address(), options.link.peer.port()) {
  error_code error;
  const Udp::endpoint here(options.link.listen.address(), options.link.listen.port());
  socket_.open(here.protocol(), error);
  if (!error) socket_.bind(here, error);
  if (!error) socket_.non_blocking(true, error);
  if (error) {
    throw std::runtime_error("heartbeats cannot be heard on " + here.address().to_string() + ":" +
                             std::to_string(here.port()) + ": " + error.message());
  }
  only_from(socket_.native_handle(), options.link.peer.address());
  // All that comes goes by the pair's thread, which keeps its order.
  PairLink::Callbacks callbacks;
  callbacks.on_link = [this](bool /*up*/) {
    asio::post(io_, [this, connection = link_->connection()] { on_link(connection); });
  };
  callbacks.on_message = [this](v1::PairMessage message) {
    asio::post(io_, [this, message = std::move(message)]() mutable { take(std::move(message)); });
  };
  callbacks.on_pieces = [this](std::vector<std::string> pieces) {
    asio::post(io_, [this, pieces = std::move(pieces)]() mutable {
      asio::post(slow_, [this, pieces = std::move(pieces)]() mutable {
        take_commit(PairLink::joined(std::move(pieces)).commit());
      });
    });
  };
  link_ = std::make_unique<PairLink>(link_io_, options.link, std::move(callbacks));
}

void Pair::on_link(std::uint64_t connection) {
  connection_ = connection;
  flows_again_ns_ = 0;
  begin_flows();
  if (connection_ != 0) {
    asio::post(slow_, [this] {
      if (commit_) carry_out_commit(commit_->stream_begun());
    });
    return;
  }
  flows_equal_ = false;
  link_lost_ns_ = monotonic_now_ns();
  drive(failover::Replica{false});
}

// What is meant for a connection that is gone is gone with it.
void Pair::send_on_link(v1::PairMessage message) {
  if (connection_ == 0) return;
  asio::post(link_io_, [this, connection = connection_, message = std::move(message)] {
    if (link_->connection() == connection) link_->send(message);
  });
}

Pair::~Pair() { stop(); }

void Pair::stop() {
  io_.stop();
  link_io_.stop();
  slow_.stop();
  if (thread_.joinable()) thread_.join();
  if (link_thread_.joinable()) link_thread_.join();
  if (slow_thread_.joinable()) slow_thread_.join();
}

void Pair::start() {
  started_ns_ = monotonic_now_ns();
  hear_datagrams();
  asio::post(slow_, [this] {
    const PairHost::Held held = host_.held();
    commit_.emplace(held.committed, held.prepared);
    tell_policy();
  });
  asio::post(io_, [this] { tick(); });
  thread_ = std::thread([this] {
    name_thread("pair");
    let_heartbeats_run();
    io_.run();
  });
  link_thread_ = std::thread([this] {
    name_thread("pair-link");
    run_sooner();  // a hand-over waits for what travels here
    link_io_.run();
  });
  slow_thread_ = std::thread([this] {
    name_thread("pair-slow");
    slow_.run();
  });
}

void Pair::begin() {
  failover::Config config;
  config.self = node_of(options_.link.self_name);
  config.peer = node_of(options_.link.peer_name);
  config.priority = options_.priority;
  config.preempt = options_.preempt;
  config.incarnation = options_.incarnation;
  config.timing = options_.timing;
  machine_.emplace(config, monotonic_now_ns());
  drive(failover::PolicyIs{committed_, prepared_});
}

void Pair::tick() {
  timer_.expires_after(std::chrono::nanoseconds(options_.timing.heartbeat_ns));
  timer_.async_wait([this](error_code error) {
    if (!error) tick();
  });
  const TimeNs now_ns = monotonic_now_ns();
  note_stall(now_ns);
  if (!machine_ && now_ns - started_ns_ >= kAwaitDataplaneNs) begin();
  if (!machine_) return;
  count_tick();
  drive(failover::Tick{});
  watch_flows(now_ns);
  if (now_ns - slow_ticked_ns_ < kSlowTickNs) return;
  slow_ticked_ns_ = now_ns;
  asio::post(slow_, [this, hears = machine_->hears_peer(), peer = machine_->peer()] {
    pass_commit_time(hears, peer);
  });
}

// So that a takeover that nothing else explains is explained.
void Pair::note_stall(TimeNs now_ns) {
  const TimeNs since_ns = now_ns - std::exchange(ticked_ns_, now_ns);
  if (since_ns == now_ns || since_ns < kStallNs) return;
  spdlog::warn("heartbeats stood still for {} ms: the machine did, or gave the agent no core",
               since_ns / kMillisecondNs);
}

// A tick counts once the thread that hears the data plane has come by: it may wait for a core too.
void Pair::count_tick() {
  ++unanswered_ticks_;
  if (lease_thread_stands()) judge_fitness();
  host_.behind_news([this] {
    asio::post(io_, [this] {
      unanswered_ticks_ = 0;
      ++silent_ticks_;
      judge_fitness();
    });
  });
}

// No lease is renewed meanwhile, and what the peer says in-band is not heard: the other takes the
// place before the last one has ended for long. A data plane that forwards alone needs no renewal;
// it gives way by itself to the peer's, and would lose what it has if none could take its place.
bool Pair::lease_thread_stands() const {
  if (unanswered_ticks_ <= kLateTicksMax) return false;
  const bool replaced = machine_ && machine_->hears_peer() && machine_->peer().eligible;
  return replaced || !report_.lease_alone();
}

bool Pair::dataplane_is_silent() const {
  if (silent_ticks_ <= kSilentTicksMax) return false;
  return silent_ticks_ > kStarvedTicksMax || !host_.dataplane_waits_for_core();
}

// Somebody may send as fast as the link carries: this thread runs before others, and rests between
// turns. Heartbeats that are lost meanwhile come in-band.
void Pair::hear_datagrams() {
  socket_.async_wait(Udp::socket::wait_read, [this](error_code error) {
    if (error == asio::error::operation_aborted) return;
    for (std::size_t i = 0; i < kDatagramsPerTurn; ++i) {
      const std::size_t length = socket_.receive_from(asio::buffer(datagram_), from_, 0, error);
      if (error == asio::error::would_block) return hear_datagrams();
      if (error) break;
      if (from_ == peer_) hear(failover::kPairLink, {datagram_.data(), length});
    }
    rest_timer_.expires_after(kDatagramsRest);
    rest_timer_.async_wait([this](error_code stopped) {
      if (!stopped) hear_datagrams();
    });
  });
}

void Pair::hear(std::size_t path, ByteView bytes) {
  const auto heartbeat = failover::decode(bytes, path, options_.key);
  if (heartbeat && machine_) drive(failover::Heard{path, *heartbeat});
}

void Pair::on_news(v1::PairNews news) {
  asio::post(io_, [this, news = std::move(news)]() mutable {
    if (!connected_) return;
    if (news.has_report()) {
      report_ = news.report();
      silent_ticks_ = 0;
      reported_ = true;
      if (report_.configured()) {
        if (!machine_) begin();
        drive(failover::Forwarding{
            report_.forwards(),
            {report_.lease_until_ns(), report_.lease_alone(), report_.lease_term()}});
      }
      judge_fitness();
    }
    take_flow_news(news);
    if (news.has_late_frames()) {
      v1::PairMessage message;
      *message.mutable_late_frames() = std::move(*news.mutable_late_frames());
      send_on_link(std::move(message));
    }
    for (const v1::InBandHeartbeat& heard : news.heartbeats()) {
      const std::string& bytes = heard.heartbeat();
      hear(1 + heard.port(), {reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()});
    }
    if (news.stations().empty()) return;
    v1::PairMessage message;
    *message.mutable_stations()->mutable_stations() = news.stations();
    send_on_link(std::move(message));
  });
}

void Pair::on_dataplane(bool connected) {
  asio::post(io_, [this, connected] {
    connected_ = connected;
    policy_in_force_ = policy_in_force_ && connected;
    reported_ = false;
    if (connected) {
      v1::DataplaneRequest request;
      request.mutable_configure_pair()->set_key(options_.key.data(), options_.key.size());
      request.mutable_configure_pair()->set_node(node_of(options_.link.self_name));
      request.mutable_configure_pair()->set_heartbeat_ms(
          static_cast<std::uint32_t>(options_.timing.heartbeat_ns / kMillisecondNs));
      // An agent before this one counted its own frames, which are not known any more.
      request.mutable_configure_pair()->set_incarnation(options_.incarnation + dataplanes_++);
      host_.to_dataplane(std::move(request));
      if (machine_ && machine_->role() == Role::standby) ask_for_flows();
    }
    judge_fitness();
  });
}

void Pair::on_policy(bool in_force) {
  asio::post(io_, [this, in_force] {
    policy_in_force_ = in_force;
    judge_fitness();
  });
}

void Pair::judge_fitness() {
  if (!connected_) {
    unfit_ = "the data plane is not connected";
  } else if (!reported_ || !report_.configured()) {
    unfit_ = report_.problem().empty() || report_.configured()
                 ? "the data plane has not said yet how it is; was it started with --pair?"
                 : report_.problem();
  } else if (lease_thread_stands()) {
    unfit_ = "the agent's thread to its data plane stands still";
  } else if (dataplane_is_silent()) {
    unfit_ = "the data plane is silent";
  } else if (!report_.fit()) {
    unfit_ = report_.problem();
  } else if (!policy_in_force_) {
    unfit_ = "the committed policy is not in force in the data plane";
  } else {
    unfit_.clear();
  }
  const bool fit = unfit_.empty();
  if (fit == fit_ || !machine_) return;
  fit_ = fit;
  if (!fit) spdlog::warn("cannot forward: {}", unfit_);
  drive(failover::Fitness{fit});
}

void Pair::drive(const failover::Event& event) {
  if (machine_) carry_out(machine_->step(event, monotonic_now_ns()));
}

void Pair::note_change(const std::string& what) {
  last_change_ = what;
  last_change_wall_ns_ = wall_now_ns();
  spdlog::info("pair: {}", what);
  host_.tell(what);
}

void Pair::carry_out(const failover::Actions& actions) {
  if (actions.commit_prepared) {
    lease_waits_ = true;
    asio::post(slow_, [this] { take_over_prepared(); });
  }
  if (actions.adopted) {
    lease_ = *actions.adopted;
    fit_ = policy_in_force_ = true;  // until something else is known
    note_change("goes on as active: the data plane forwards under a lease that still runs");
  }
  if (actions.lease) {
    lease_ = *actions.lease;
    send_lease(actions.drain);
  }
  if (actions.peer_anew) {
    note_change("the peer counts its starts anew: it is another appliance, or has lost its state");
  }
  if (actions.took_over) {
    ++takeovers_;
    note_change("active under term " + std::to_string(machine_->term()) + ": " +
                std::string(text_of(actions.cause)));
    begin_flows();
  }
  if (actions.stepped_down) {
    note_change("standby: " + std::string(text_of(actions.cause)) +
                (actions.cause == Cause::unfit ? " (" + unfit_ + ")" : ""));
    drains_ = false;
    flows_stream_ = 0;
    ask_for_flows();
  }
  if (actions.drain) drains_ = true;
  if (actions.refused == Cause::not_drained) {
    drains_ = false;
    note_change("stays active: " + std::string(text_of(actions.refused)));
  }
  if (actions.send) send_heartbeats();
}

void Pair::send_lease(bool hands_over) {
  if (lease_waits_) return;
  v1::DataplaneRequest request;
  request.mutable_set_lease()->set_until_ns(lease_.until_ns);
  request.mutable_set_lease()->set_alone(lease_.alone);
  request.mutable_set_lease()->set_term(lease_.term);
  request.mutable_set_lease()->set_hands_over(hands_over);
  host_.to_dataplane(std::move(request));
}

void Pair::send_heartbeats() {
  const failover::Heartbeat beat = machine_->heartbeat(monotonic_now_ns());
  const auto bytes = failover::encode(beat, failover::kPairLink, options_.key);
  error_code ignored;  // a link that is cut shows by its silence
  socket_.send_to(asio::buffer(bytes), peer_, 0, ignored);
  if (!connected_) return;
  v1::DataplaneRequest request;
  const std::size_t ports = std::min<std::size_t>(report_.ports(), failover::kPathsMax - 1);
  for (std::size_t port = 0; port < ports; ++port) {
    const auto in_band = failover::encode(beat, 1 + port, options_.key);
    request.mutable_send_heartbeat()->add_of_port(in_band.data(), in_band.size());
  }
  if (ports > 0) host_.to_dataplane(std::move(request));
}

void Pair::take(v1::PairMessage message) {
  v1::DataplaneRequest request;
  const bool standby = machine_ && machine_->role() == Role::standby;
  if (message.has_resync()) {
    flows_again_ns_ = 0;
    return begin_flows();
  }
  if (message.has_flows() && standby) {
    if (message.flows().stream() == 0) {
      flows_equal_ = false;
      drive(failover::Replica{false});
    }
    *request.mutable_take_flows() = std::move(*message.mutable_flows());
    return host_.to_dataplane(std::move(request));
  }
  if (message.has_flows_taken() && !standby) {
    if (message.flows_taken().stream() == flows_stream_) {
      flows_taken_ = std::max(flows_taken_, message.flows_taken().sequence());
      flows_progress_ns_ = monotonic_now_ns();
    }
    *request.mutable_flows_taken() = std::move(*message.mutable_flows_taken());
    return host_.to_dataplane(std::move(request));
  }
  if (message.has_late_frames()) {
    *request.mutable_take_frames() = std::move(*message.mutable_late_frames());
    return host_.to_dataplane(std::move(request));
  }
  if (message.has_stations()) {
    *request.mutable_set_stations() = std::move(*message.mutable_stations());
    return host_.to_dataplane(std::move(request));
  }
  if (message.has_commit()) {
    asio::post(slow_,
               [this, commit = std::move(*message.mutable_commit())] { take_commit(commit); });
  }
}

// --- for operators -----------------------------------------------------------------------------

std::string Pair::order(failover::Order order) {
  return ask(io_, [this, order]() -> std::string {
    if (!machine_) return "the agent has just started and does not know yet what it is";
    const failover::Actions actions = machine_->step(order, monotonic_now_ns());
    carry_out(actions);
    return actions.refused == Cause::none ? std::string() : std::string(text_of(actions.refused));
  });
}

v1::PairStatus Pair::status() {
  return ask(io_, [this] {
    v1::PairStatus status;
    fill_status(status);
    return status;
  });
}

void Pair::fill_status(v1::PairStatus& status) const {
  v1::PairAppliance& self = *status.mutable_self();
  v1::PairAppliance& peer = *status.mutable_peer();
  self.set_name(options_.link.self_name);
  self.set_priority(options_.priority);
  peer.set_name(options_.link.peer_name);
  status.set_link_up(connection_ != 0);
  status.set_problem(unfit_.empty() ? flows_failure_ : unfit_);
  status.set_last_change(last_change_);
  status.set_last_change_wall_time_ns(last_change_wall_ns_);
  status.set_takeovers(takeovers_);
  status.set_flows_equal(flows_equal_);
  self.set_policy_generation(committed_.generation);
  self.set_policy_digest(committed_.digest);
  if (!machine_) return;
  self.set_role(std::string(role_name(machine_->role())));
  self.set_eligible(machine_->eligible());
  self.set_ready(machine_->ready());
  self.set_maintenance(machine_->in_maintenance());
  status.set_term(machine_->term());
  status.set_peer_heard(machine_->hears_peer());
  for (std::size_t path = 0; path <= report_.ports() && path < failover::kPathsMax; ++path) {
    v1::PairPath* row = status.add_paths();
    row->set_name(path == failover::kPairLink ? "pair link"
                                              : "zone port " + std::to_string(path - 1));
    row->set_heard(machine_->hears_on(path));
  }
  const failover::Heartbeat& beat = machine_->peer();
  if (beat.from == 0) return;
  peer.set_role(std::string(role_name(beat.role)));
  peer.set_priority(beat.priority);
  peer.set_eligible(beat.eligible);
  peer.set_ready(beat.ready);
  peer.set_policy_generation(beat.policy.generation);
  peer.set_policy_digest(beat.policy.digest);
}

}  // namespace bulkhead::controlplane
