// The carrier's own thread never waits for a disk or the data plane; whatever does runs on the slow
// one.
#include "controlplane/pair/pair.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <cstring>
#include <stdexcept>
#include <utility>

#include "controlplane/pair/ask.h"
#include "dataplane/artefact/digest.h"
#include "dataplane/base/boot_clock.h"
#include "dataplane/base/priority.h"

namespace bulkhead::controlplane {

namespace asio = boost::asio;
using boost::system::error_code;
using failover::Cause;
using failover::Role;

namespace {

constexpr TimeNs kAwaitDataplaneNs = kSecondNs;
constexpr TimeNs kStallNs = 50 * kMillisecondNs;
constexpr TimeNs kSlowTickNs = 100 * kMillisecondNs;

// Where it is not allowed, the pair works, but may take a loaded machine for a dead one.
void let_heartbeats_run() {
  if (const int error = bulkhead::run_before_others(); error != 0) {
    spdlog::warn(
        "no real-time priority for heartbeats ({}): a loaded machine may be taken for a "
        "dead one; allow it with CAP_SYS_NICE or systemd's LimitRTPRIO",
        std::strerror(error));
  }
}

constexpr const char* kNotActive = "this appliance is not the active one of the pair; ";

}  // namespace

failover::NodeId node_of(const std::string& name) {
  const std::string digest = artefact::sha256(name);
  const failover::NodeId node = load_be64(reinterpret_cast<const std::uint8_t*>(digest.data()));
  return node == 0 ? 1 : node;
}

Pair::Pair(const PairOptions& options, PairHost& host)
    : options_(options),
      host_(host),
      timer_(io_),
      socket_(io_, {options.link.listen.address(), options.link.listen.port()},
              {options.link.peer.address(), options.link.peer.port()}),
      link_(std::make_unique<PairLink>(link_io_, options.link, link_callbacks())),
      commit_(host, commit_callbacks()),
      flows_(options.incarnation, flow_callbacks()) {}

// All that comes goes by the pair's thread, which keeps its order.
PairLink::Callbacks Pair::link_callbacks() {
  PairLink::Callbacks callbacks;
  callbacks.on_link = [this](bool /*up*/) {
    inbox_.post([this, connection = link_->connection()] { on_link(connection); });
  };
  callbacks.on_message = [this](v1::PairMessage message) {
    inbox_.post([this, message = std::move(message)]() mutable { take(std::move(message)); });
  };
  callbacks.on_pieces = [this](std::vector<std::string> pieces) {
    inbox_.post([this, pieces = std::move(pieces)]() mutable {
      to_slow_.post([this, pieces = std::move(pieces)]() mutable {
        commit_.take(std::move(*PairLink::joined(std::move(pieces)).mutable_commit()));
      });
    });
  };
  return callbacks;
}

PairFlows::Callbacks Pair::flow_callbacks() {
  PairFlows::Callbacks callbacks;
  callbacks.situation = [this] {
    return PairFlows::Situation{has_role(Role::active), has_role(Role::standby),
                                machine_ && machine_->hears_peer(), connection_ != 0};
  };
  callbacks.to_dataplane = [this](v1::DataplaneRequest request) {
    host_.to_dataplane(std::move(request));
  };
  callbacks.to_peer = [this](v1::PairMessage message) { send_on_link(std::move(message)); };
  callbacks.on_replica = [this](bool equal) { drive(failover::Replica{equal}); };
  return callbacks;
}

PairCommit::Callbacks Pair::commit_callbacks() {
  PairCommit::Callbacks callbacks;
  callbacks.on_policy = [this](failover::Policy committed, failover::Policy prepared,
                               const std::optional<failover::Trial>& trial) {
    inbox_.post([this, committed, prepared, trial] {
      committed_ = committed;
      prepared_ = prepared;
      trial_ = trial;
      drive(failover::PolicyIs{committed, prepared});
    });
  };
  callbacks.send = [this](std::deque<std::string> frames) {
    inbox_.post([this, frames = std::move(frames)]() mutable {
      to_link_.post([this, connection = connection_, frames = std::move(frames)]() mutable {
        if (link_->connection() == connection) link_->send_pieces(std::move(frames));
      });
    });
  };
  return callbacks;
}

void Pair::on_link(std::uint64_t connection) {
  connection_ = connection;
  announcements_.on_link();
  flows_.on_link(connection != 0);
  options_.on_link(connection != 0);
  if (connection != 0) to_slow_.post([this] { commit_.on_link(); });
}

// What is meant for a connection that is gone is gone with it.
void Pair::send_on_link(v1::PairMessage message) {
  if (connection_ == 0) return;
  to_link_.post([this, connection = connection_, message = std::move(message)] {
    if (link_->connection() == connection) link_->send(message);
  });
}

void Pair::send(v1::PairContainment containment) {
  v1::PairMessage message;
  *message.mutable_containment() = std::move(containment);
  inbox_.post([this, message = std::move(message)]() mutable { send_on_link(std::move(message)); });
}

void Pair::send(v1::PairRuleUse uses) {
  v1::PairMessage message;
  *message.mutable_rule_use() = std::move(uses);
  inbox_.post([this, message = std::move(message)]() mutable { send_on_link(std::move(message)); });
}

void Pair::use(CredentialsPointer credentials) {
  to_link_.post([this, credentials = std::move(credentials)] {
    try {
      link_->use(credentials);
    } catch (const std::exception& error) {
      spdlog::error("pair link: {}", error.what());
    }
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
  socket_.start([this](ByteView bytes) { hear(failover::kPairLink, bytes); });
  to_slow_.post([this] { commit_.begin(); });
  inbox_.post([this] { tick(); });
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
  config.self = node_of(options_.link.credentials->name);
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
  flows_.watch(now_ns);
  if (now_ns - slow_ticked_ns_ < kSlowTickNs) return;
  slow_ticked_ns_ = now_ns;
  pass_time_slowly();
}

void Pair::pass_time_slowly() {
  to_slow_.post([this, hears = machine_->hears_peer(), peer = machine_->peer()] {
    commit_.pass_time(hears, peer);
    inbox_.post([this, access = options_.access_sha256(), head = options_.audit_head()] {
      announcements_.announce(access, head, connection_ != 0, monotonic_now_ns());
    });
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
  fitness_.on_tick();
  if (fitness_.lease_thread_stands(is_replaced())) judge_fitness();
  host_.behind_news([this] {
    inbox_.post([this] {
      fitness_.on_tick_answered();
      judge_fitness();
    });
  });
}

bool Pair::is_replaced() const {
  return machine_ && machine_->hears_peer() && machine_->peer().eligible;
}

void Pair::hear(std::size_t path, ByteView bytes) {
  const auto heartbeat = failover::decode(bytes, path, options_.key);
  if (heartbeat && machine_) drive(failover::Heard{path, *heartbeat});
}

void Pair::on_news(v1::PairNews news) {
  inbox_.post([this, news = std::move(news)]() mutable {
    if (!fitness_.connected()) return;
    if (news.has_report()) {
      const v1::PairReport& report = news.report();
      fitness_.on_report(report);
      if (report.configured()) {
        if (!machine_) begin();
        drive(failover::Forwarding{
            report.forwards(),
            {report.lease_until_ns(), report.lease_alone(), report.lease_term()}});
      }
      judge_fitness();
    }
    flows_.on_news(news);
    if (drains_ && news.has_report() && news.report().flows_settled()) {
      drains_ = false;
      drive(failover::Drained{});
    }
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
  inbox_.post([this, connected] {
    fitness_.on_dataplane(connected);
    if (connected) {
      v1::DataplaneRequest request;
      request.mutable_configure_pair()->set_key(options_.key.data(), options_.key.size());
      request.mutable_configure_pair()->set_node(node_of(options_.link.credentials->name));
      request.mutable_configure_pair()->set_heartbeat_ms(
          static_cast<std::uint32_t>(options_.timing.heartbeat_ns / kMillisecondNs));
      // An agent before this one counted its own frames, which are not known any more.
      request.mutable_configure_pair()->set_incarnation(options_.incarnation + dataplanes_++);
      host_.to_dataplane(std::move(request));
      if (has_role(Role::standby)) flows_.ask();
    }
    judge_fitness();
  });
}

void Pair::on_policy(bool in_force) {
  inbox_.post([this, in_force] {
    fitness_.on_policy(in_force);
    judge_fitness();
  });
}

void Pair::judge_fitness() {
  unfit_ = fitness_.problem(is_replaced(), [this] { return host_.dataplane_waits_for_core(); });
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
  // A log or a follower that is slow must not hold up a takeover.
  to_link_.post([this, what] {
    spdlog::info("pair: {}", what);
    host_.tell(what);
  });
}

void Pair::carry_out(const failover::Actions& actions) {
  if (actions.commit_prepared) {
    lease_waits_ = true;
    to_slow_.post([this] { take_over_prepared(); });
  }
  if (actions.adopted) {
    lease_ = *actions.adopted;
    fit_ = true;  // until something else is known
    fitness_.on_policy(true);
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
    flows_.begin();
  }
  if (actions.stepped_down) {
    note_change("standby: " + std::string(text_of(actions.cause)) +
                (actions.cause == Cause::unfit ? " (" + unfit_ + ")" : ""));
    drains_ = false;
    flows_.stop();
    flows_.ask();
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
  failover::Heartbeat beat = machine_->heartbeat(monotonic_now_ns());
  beat.trial_ns = failover::trial_left(trial_, boot_now_ns());
  const auto bytes = failover::encode(beat, failover::kPairLink, options_.key);
  socket_.send(bytes);
  if (!fitness_.connected()) return;
  v1::DataplaneRequest request;
  const std::size_t ports =
      std::min<std::size_t>(fitness_.report().ports(), failover::kPathsMax - 1);
  for (std::size_t port = 0; port < ports; ++port) {
    const auto in_band = failover::encode(beat, 1 + port, options_.key);
    request.mutable_send_heartbeat()->add_of_port(in_band.data(), in_band.size());
  }
  if (ports > 0) host_.to_dataplane(std::move(request));
}

void Pair::take(v1::PairMessage message) {
  const bool standby = has_role(Role::standby);
  if (message.has_resync()) return flows_.on_resync();
  if (message.has_flows() && standby) return flows_.take(std::move(*message.mutable_flows()));
  if (message.has_flows_taken() && !standby) {
    return flows_.take(std::move(*message.mutable_flows_taken()));
  }
  if (announcements_.take(message)) return;
  if (message.has_containment()) {
    return options_.on_containment(std::move(*message.mutable_containment()));
  }
  if (message.has_rule_use()) return options_.on_rule_use(message.rule_use());
  v1::DataplaneRequest request;
  if (message.has_late_frames()) {
    *request.mutable_take_frames() = std::move(*message.mutable_late_frames());
    return host_.to_dataplane(std::move(request));
  }
  if (message.has_stations()) {
    *request.mutable_set_stations() = std::move(*message.mutable_stations());
    return host_.to_dataplane(std::move(request));
  }
  if (message.has_commit()) {
    to_slow_.post([this, commit = std::move(*message.mutable_commit())]() mutable {
      commit_.take(std::move(commit));
    });
  }
}

void Pair::take_over_prepared() {
  commit_.take_over();
  inbox_.post([this] {
    lease_waits_ = false;
    send_lease();
  });
}

Pair::Standing Pair::standing() {
  return ask(inbox_, [this] {
    Standing now;
    if (!machine_) return now;
    now.hears = machine_->hears_peer();
    now.knows_trials = machine_->peer().knows_trials;
    const std::uint64_t theirs = machine_->peer().policy.epoch;
    now.next_epoch = std::max({committed_.epoch, prepared_.epoch, theirs}) + 1;
    // Before the first policy nobody can be active.
    now.active = machine_->role() == Role::active || now.next_epoch == 1;
    return now;
  });
}

std::string Pair::commit(std::uint64_t digest,
                         const std::function<std::string(std::uint64_t)>& store, TimeNs window_ns,
                         const std::string& by) {
  const Standing now = standing();
  if (!now.active) return std::string(kNotActive) + "commit on " + options_.link.peer_name;
  if (window_ns != 0 && now.hears && !now.knows_trials) {
    return options_.link.peer_name +
           " has a release that would not return by itself; update it, or commit without --confirm";
  }
  if (std::string wrong = store(now.next_epoch); !wrong.empty()) return wrong;
  auto answer = ask(to_slow_, [&] {
    return commit_.propose({{now.next_epoch, digest}, window_ns, by}, now.hears);
  });
  return answer.get().problem;
}

PairCommit::Answer Pair::confirm(const std::string& by) {
  const Standing now = standing();
  if (!now.active) return {std::string(kNotActive) + "confirm on " + options_.link.peer_name};
  return ask(to_slow_, [&] { return commit_.confirm(by, now.hears); }).get();
}

PairCommit::Answer Pair::roll_back(const std::string& by) {
  if (!standing().active)
    return {std::string(kNotActive) + "roll back on " + options_.link.peer_name};
  return ask(to_slow_, [&] { return commit_.roll_back(by); });
}

PairCommit::Answer Pair::give_back(const std::string& why) {
  return ask(to_slow_, [&] { return commit_.give_back(why); });
}

// --- for operators -----------------------------------------------------------------------------

std::string Pair::order(failover::Order order) {
  return ask(inbox_, [this, order]() -> std::string {
    if (!machine_) return "the agent has just started and does not know yet what it is";
    const failover::Actions actions = machine_->step(order, monotonic_now_ns());
    carry_out(actions);
    return actions.refused == Cause::none ? std::string() : std::string(text_of(actions.refused));
  });
}

}  // namespace bulkhead::controlplane
