// One of a pair: drives the state machine of controlplane/failover with Boost.Asio. Heartbeats are
// sent as datagrams over the pair link and in-band through the data plane; leases go to the data
// plane; the machines' messages go over the pair link. Thread-safe. It runs three threads: the
// pair's, with real-time priority, for heartbeats and leases alone; the link's, for TLS; and one
// for slow work.
#pragma once

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/udp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "bulkhead/v1/dataplane.pb.h"
#include "controlplane/failover/commit.h"
#include "controlplane/failover/machine.h"
#include "controlplane/failover/wire.h"
#include "controlplane/pair/pair_link.h"

namespace bulkhead::controlplane {

struct PairOptions {
  PairLink::Options link;
  failover::Key key{};
  std::uint64_t incarnation = 0;  // greater each time that the agent starts
  std::uint8_t priority = 100;
  bool preempt = false;
  failover::Timing timing;
};

// The node's number, from its name; never zero.
failover::NodeId node_of(const std::string& name);

// Services that the pair needs of the agent.
class PairHost {
 public:
  virtual ~PairHost() = default;

  // Never waits; dropped if the data plane cannot accept it.
  virtual void to_dataplane(v1::DataplaneRequest request) = 0;
  // Calls back on the thread that receives from the data plane, after everything received by
  // then; never waits.
  virtual void behind_news(std::function<void()> then) = 0;
  // Whether the data plane's lease thread has work and gets no core, so that its silence is no
  // failure.
  virtual bool dataplane_waits_for_core() = 0;
  virtual void tell(const std::string& text) = 0;

  // On the pair's slow thread; they may wait for disk and data plane.
  struct Held {
    failover::Policy committed;
    failover::Policy prepared;
  };
  virtual Held held() = 0;
  // Checks and stores the peer's revision, and prepares or commits it. Empty, or the problem.
  virtual std::string keep(const v1::GetPolicyResponse& revision, bool commit) = 0;
  // Enforces the stored policy of the generation here. Empty, or the problem.
  virtual std::string enforce(const failover::Policy& policy) = 0;
  virtual void forget_prepared() = 0;
  virtual std::optional<v1::GetPolicyResponse> revision_of(const failover::Policy& policy) = 0;
};

class Pair {
 public:
  // Throws with a text for people if an address or a certificate cannot be used.
  Pair(const PairOptions& options, PairHost& host);
  ~Pair();
  void start();
  // Ends the threads: the host is not called any more.
  void stop();

  // Messages of the data plane, and its connection.
  void on_news(v1::PairNews news);
  void on_dataplane(bool connected);
  // Whether the data plane enforces the policy that is committed here.
  void on_policy(bool in_force);

  v1::PairStatus status();
  // Returns why the order was not carried out, or nothing.
  std::string order(failover::Order order);
  // Commits a policy on both appliances, or on this one if no peer is heard; returns why not, or
  // nothing. It has been checked here. `store` stores its generation, and returns why it cannot,
  // or nothing.
  std::string commit(std::uint64_t digest, const std::function<std::string(std::uint64_t)>& store);

 private:
  using Udp = boost::asio::ip::udp;

  void tick();
  void hear_datagrams();
  void hear(std::size_t path, ByteView bytes);
  void begin();
  void drive(const failover::Event& event);
  void carry_out(const failover::Actions& actions);
  void send_lease(bool hands_over = false);
  void send_heartbeats();
  void judge_fitness();
  void count_tick();
  void note_stall(TimeNs now_ns);
  bool dataplane_is_silent() const;
  bool lease_thread_stands() const;
  void note_change(const std::string& what);
  void on_link(std::uint64_t connection);
  void send_on_link(v1::PairMessage message);
  void take(v1::PairMessage message);
  void take_flow_news(v1::PairNews& news);
  void begin_flows();
  void watch_flows(TimeNs now_ns);
  bool flows_are_wanted() const;
  void ask_for_flows();
  void fill_status(v1::PairStatus& status) const;

  // On the slow thread:
  void carry_out_commit(const failover::CommitActions& actions);
  void take_commit(const v1::PairCommit& message);
  void tell_policy();
  void pass_commit_time(bool hears_peer, const failover::Heartbeat& peer);
  void send_commit(const failover::CommitMessage& message);
  void take_over_prepared();

  PairOptions options_;
  PairHost& host_;
  boost::asio::io_context io_;
  boost::asio::io_context link_io_;
  boost::asio::io_context slow_;
  using WorkGuard = boost::asio::executor_work_guard<boost::asio::io_context::executor_type>;
  WorkGuard work_;
  WorkGuard link_work_;
  WorkGuard slow_work_;
  boost::asio::steady_timer timer_;
  boost::asio::steady_timer rest_timer_;
  Udp::socket socket_;
  Udp::endpoint peer_;
  Udp::endpoint from_;
  std::array<std::uint8_t, 1024> datagram_{};
  std::unique_ptr<PairLink> link_;  // of the link's thread

  // Set by the first message of the data plane, or a while without one.
  std::optional<failover::Machine> machine_;
  TimeNs started_ns_ = 0;
  failover::Lease lease_;
  bool lease_waits_ = false;  // for a prepared policy that is being put in force
  failover::Policy committed_;
  failover::Policy prepared_;
  std::uint64_t connection_ = 0;  // of the pair link; 0: down
  bool connected_ = false;
  std::uint64_t dataplanes_ = 0;  // how often one was connected
  bool policy_in_force_ = false;
  v1::PairReport report_;
  bool reported_ = false;  // the data plane has, since it was connected
  unsigned silent_ticks_ = 0;
  // ticks without a response of the thread that receives from the data plane
  unsigned unanswered_ticks_ = 0;
  bool fit_ = false;
  std::string unfit_;
  std::string last_change_;
  TimeNs last_change_wall_ns_ = 0;
  std::uint64_t takeovers_ = 0;
  // While active: the stream of session records, 0: none; and its batches.
  std::uint64_t flows_stream_ = 0;
  std::uint64_t flows_streams_ = 0;  // begun so far
  std::uint64_t flows_told_ = 0;
  std::uint64_t flows_taken_ = 0;
  TimeNs flows_progress_ns_ = 0;
  TimeNs flows_again_ns_ = 0;  // not before
  // While standby:
  bool flows_equal_ = false;
  TimeNs link_lost_ns_ = 0;  // 0: handled
  TimeNs flows_asked_ns_ = 0;
  std::string flows_failure_;  // why the peer's sessions are not available
  bool drains_ = false;
  TimeNs slow_ticked_ns_ = 0;
  TimeNs ticked_ns_ = 0;

  // Of the slow thread:
  std::optional<failover::Commit> commit_;
  std::optional<std::promise<std::string>> committing_;
  std::string refusal_;  // // the peer's text

  std::thread thread_;
  std::thread link_thread_;
  std::thread slow_thread_;
};

}  // namespace bulkhead::controlplane
