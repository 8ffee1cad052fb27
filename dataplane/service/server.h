// The Unix socket on which the agent asks and commits. It never waits for a client; a slow one
// loses events. A worker that stands still costs an answer, not the service.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/thread_pool.hpp>
#include <functional>
#include <optional>
#include <set>
#include <string>

#include "dataplane/service/connection.h"
#include "dataplane/service/engine.h"
#include "dataplane/service/unix_listener.h"

namespace bulkhead::service {

class Server final : private Connection::Owner {
 public:
  // What the part in a pair said last; nothing of a data plane that is none.
  using PairReport = std::function<std::optional<v1::PairReport>()>;

  // The engine's calls are made on the thread of `io`.
  Server(boost::asio::io_context& io, Engine& engine, const std::string& path,
         PairReport pair_report);
  ~Server() override;

 private:
  // A policy that is in force, and that some worker has not taken up yet.
  struct Applying {
    std::uint64_t id = 0;
    Connection::Pointer connection;  // nullptr: it was answered
    std::uint32_t generation = 0;
    TimeNs since_ns = 0;
  };

  void take(v1::DataplaneRequest request, const Connection::Pointer& connection) override;
  void forget(const Connection::Pointer& connection) override;
  void admit(UnixListener::Socket socket);
  bool may_write(const Connection::Pointer& connection);
  v1::DataplaneAnswer answer(const v1::DataplaneRequest& request);
  void list_counters(const v1::GetDataplaneCounters& question, v1::DataplaneAnswer& answer);
  void list_flows(const v1::ListDataplaneFlows& question, v1::DataplaneAnswer& answer);
  // What came of a check.
  struct Verdict {
    std::string refused;
    std::string site;
    std::string digest;
    std::optional<policy::Tables> tables;  // of one that is to be in force
  };

  void check_policy(v1::DataplaneRequest request, const Connection::Pointer& connection);
  Verdict check(const v1::ApplyPolicy& request);
  void apply_policy(Verdict verdict, std::uint64_t id, const Connection::Pointer& connection);
  void await_workers();
  void poll_events();

  boost::asio::io_context& io_;
  Engine& engine_;
  PairReport pair_report_;
  UnixListener listener_;
  boost::asio::steady_timer event_timer_;
  boost::asio::steady_timer apply_timer_;
  TimeNs links_seen_ns_ = 0;
  std::set<Connection::Pointer> connections_;
  std::set<Connection::Pointer> subscribers_;
  Connection::Pointer writer_;  // the one that may change something
  std::size_t checks_ = 0;      // under way
  std::optional<Applying> applying_;
  // Of the checker's thread: what was checked last and is not in force, so that nothing is checked
  // twice to be committed.
  std::optional<policy::Tables> ready_;
  boost::asio::thread_pool checker_{1};  // the last member: ends before what it uses
};

}  // namespace bulkhead::service
