// One of a pair: drives the state machine of controlplane/failover with Boost.Asio. Heartbeats are
// sent as datagrams over the pair link and in-band through the data plane; leases go to the data
// plane; the machines' messages go over the pair link. Thread-safe. It runs three threads: the
// pair's, with real-time priority, for heartbeats and leases alone; the link's, for TLS; and one
// for slow work.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>

#include "bulkhead/v1/dataplane.pb.h"
#include "controlplane/failover/machine.h"
#include "controlplane/failover/wire.h"
#include "controlplane/pair/announcements.h"
#include "controlplane/pair/fitness.h"
#include "controlplane/pair/heartbeat_socket.h"
#include "controlplane/pair/pair_commit.h"
#include "controlplane/pair/pair_flows.h"
#include "controlplane/pair/pair_host.h"
#include "controlplane/pair/pair_link.h"
#include "dataplane/daemon/pulses.h"
#include "dataplane/ipc/inbox.h"

namespace bulkhead::controlplane {

struct PairOptions {
  PairLink::Options link;
  failover::Key key{};
  std::uint64_t incarnation = 0;  // greater each time that the agent starts
  std::uint8_t priority = 100;
  bool preempt = false;
  failover::Timing timing;
  // The digest of the access file in force, hexadecimal; empty without one. Called on the slow
  // thread.
  std::function<std::string()> access_sha256 = [] { return std::string(); };
  // The head of the audit log here, as text that only its reader understands; and what is done with
  // the peer's, on the same thread.
  std::function<std::string()> audit_head = [] { return std::string(); };
  std::function<void(const std::string&)> on_audit_head = [](const std::string&) {};
  // Containment at the peer, and whether the pair link is up. On the pair's thread; must not wait.
  std::function<void(v1::PairContainment)> on_containment = [](const v1::PairContainment&) {};
  std::function<void(const v1::PairRuleUse&)> on_rule_use = [](const v1::PairRuleUse&) {};
  std::function<void(bool up)> on_link = [](bool) {};
};

// The node's number, from its name; never zero.
failover::NodeId node_of(const std::string& name);

class Pair {
 public:
  // Throws with a text for people if an address or a certificate cannot be used.
  Pair(const PairOptions& options, PairHost& host);
  ~Pair();
  void start();
  // Ends the threads: the host is not called any more.
  void stop();
  // Adds its threads that never wait to those that must go on.
  void watch(daemon::Pulses& pulses) {
    constexpr TimeNs kPatienceNs = 5 * kSecondNs;
    const auto add = [&pulses](const char* name, ipc::Inbox& inbox) {
      pulses.watch(name, kPatienceNs,
                   [&inbox](std::function<void()> function) { inbox.post(std::move(function)); });
    };
    add("pair", inbox_);
    add("pair-link", to_link_);
  }

  // Uses other credentials on the pair link from now on.
  void use(CredentialsPointer credentials);

  // Sends the message to the peer, if the pair link is up; does not wait.
  void send(v1::PairContainment message);
  void send(v1::PairRuleUse message);

  // Messages of the data plane, and its connection.
  void on_news(v1::PairNews news);
  void on_dataplane(bool connected);
  // Whether the data plane enforces the policy that is committed here.
  void on_policy(bool in_force);

  v1::PairStatus status();
  // Returns why the order was not carried out, or nothing.
  std::string order(failover::Order order);
  // Commits a policy on both appliances, or on this one if no peer is heard; returns why not, or
  // nothing. It has been checked here. `store` stores its epoch, and returns why it cannot,
  // or nothing. `window_ns`: see PairCommit::Proposal.
  std::string commit(std::uint64_t digest, const std::function<std::string(std::uint64_t)>& store,
                     TimeNs window_ns = 0, const std::string& by = {});
  // Of the policy that awaits it, on both or alone.
  PairCommit::Answer confirm(const std::string& by);
  PairCommit::Answer roll_back(const std::string& by);
  // The same for want of health: why.
  PairCommit::Answer give_back(const std::string& why);
  bool is_active() { return standing().active; }

 private:
  void tick();
  void hear(std::size_t path, ByteView bytes);
  void begin();
  void drive(const failover::Event& event);
  void carry_out(const failover::Actions& actions);
  void send_lease(bool hands_over = false);
  void send_heartbeats();
  void judge_fitness();
  void count_tick();
  void note_stall(TimeNs now_ns);
  bool is_replaced() const;
  bool has_role(failover::Role role) const { return machine_ && machine_->role() == role; }
  void note_change(const std::string& what);
  PairLink::Callbacks link_callbacks();
  PairFlows::Callbacks flow_callbacks();
  PairCommit::Callbacks commit_callbacks();
  void on_link(std::uint64_t connection);
  void send_on_link(v1::PairMessage message);
  void take(v1::PairMessage message);
  void pass_time_slowly();
  void take_over_prepared();
  struct Standing {
    bool active = false;
    bool hears = false;
    bool knows_trials = false;  // the peer's release
    std::uint64_t next_epoch = 0;
  };
  Standing standing();
  void fill_status(v1::PairStatus& status) const;

  PairOptions options_;
  PairHost& host_;
  boost::asio::io_context io_;
  boost::asio::io_context link_io_;
  boost::asio::io_context slow_;
  // A thread without real-time priority must not hold up the pair's, which renews the lease: what
  // goes to and from that thread goes through these.
  ipc::Inbox inbox_{io_};
  ipc::Inbox to_link_{link_io_};
  ipc::Inbox to_slow_{slow_};
  boost::asio::steady_timer timer_;
  HeartbeatSocket socket_;
  std::unique_ptr<PairLink> link_;  // of the link's thread
  PairCommit commit_;               // of the slow thread

  // Of the pair's thread:
  PairFlows flows_;
  Fitness fitness_;
  // Set by the first message of the data plane, or a while without one.
  std::optional<failover::Machine> machine_;
  TimeNs started_ns_ = 0;
  failover::Lease lease_;
  bool lease_waits_ = false;  // for a prepared policy that is being put in force
  failover::Policy committed_;
  failover::Policy prepared_;
  std::optional<failover::Trial> trial_;
  std::uint64_t connection_ = 0;  // of the pair link; 0: down
  Announcements announcements_{
      {[this](v1::PairMessage message) { send_on_link(std::move(message)); },
       [this](std::string head) {
         to_slow_.post([this, head = std::move(head)] { options_.on_audit_head(head); });
       }}};
  std::uint64_t dataplanes_ = 0;  // how often one was connected
  bool fit_ = false;
  std::string unfit_;
  std::string last_change_;
  TimeNs last_change_wall_ns_ = 0;
  std::uint64_t takeovers_ = 0;
  bool drains_ = false;
  TimeNs slow_ticked_ns_ = 0;
  TimeNs ticked_ns_ = 0;

  std::thread thread_;
  std::thread link_thread_;
  std::thread slow_thread_;
};

}  // namespace bulkhead::controlplane
