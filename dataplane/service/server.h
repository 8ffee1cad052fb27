// The Unix socket for the agent's questions and commits. It never waits for a client; the events
// that a slow one does not take are summed up by the workers. A worker that is stuck costs an
// answer, not the service.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/thread_pool.hpp>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "dataplane/ipc/connection.h"
#include "dataplane/ipc/unix_listener.h"
#include "dataplane/service/engine.h"

namespace bulkhead::service {

class Server final : private ipc::Connection::Owner {
 public:
  // The last report of the pair's part; nothing outside of a pair.
  using PairReport = std::function<std::optional<v1::PairReport>()>;

  // The engine's calls are made on the thread of `io`.
  Server(boost::asio::io_context& io, Engine& engine, const std::string& path,
         PairReport pair_report);
  ~Server() override;

 private:
  // A published policy that some worker has not switched to yet.
  struct Applying {
    std::uint64_t id = 0;
    ipc::Connection::Pointer connection;  // nullptr: it was answered
    std::uint32_t generation = 0;
    TimeNs since_ns = 0;
  };

  // Containments that some worker has not taken up yet.
  struct Containing {
    std::uint64_t id = 0;
    ipc::Connection::Pointer connection;
    TimeNs since_ns = 0;
  };

  // A self-test that is to be answered.
  struct Testing {
    std::uint64_t id = 0;
    ipc::Connection::Pointer connection;
    std::uint64_t run = 0;
  };

  void take(v1::DataplaneRequest request, const ipc::Connection::Pointer& connection) override;
  void forget(const ipc::Connection::Pointer& connection) override;
  void admit(ipc::UnixListener::Socket socket);
  bool may_write(const ipc::Connection::Pointer& connection);
  v1::DataplaneAnswer answer(const v1::DataplaneRequest& request);
  void list_counters(const v1::GetDataplaneCounters& question, v1::DataplaneAnswer& answer);
  void list_flows(const v1::ListDataplaneFlows& question, v1::DataplaneAnswer& answer);
  void prepare(v1::DataplaneRequest request, const ipc::Connection::Pointer& connection);
  void keep_prepared(Result<PreparedImages::Pointer, std::string> read, std::size_t artefact_bytes,
                     v1::DataplaneAnswer& answer);
  void find_prepared(const std::string& sha256, v1::DataplaneAnswer& answer);
  void apply_prepared(const v1::DataplaneRequest& request,
                      const ipc::Connection::Pointer& connection);
  void await_workers();
  void contain(const v1::DataplaneRequest& request, const ipc::Connection::Pointer& connection);
  void await_contained();
  void ask_self_test(const v1::DataplaneRequest& request,
                     const ipc::Connection::Pointer& connection);
  void answer_self_tests();
  void poll_events();

  boost::asio::io_context& io_;
  Engine& engine_;
  PairReport pair_report_;
  ipc::UnixListener listener_;
  boost::asio::steady_timer event_timer_;
  boost::asio::steady_timer apply_timer_;
  boost::asio::steady_timer contain_timer_;
  TimeNs links_seen_ns_ = 0;
  std::set<ipc::Connection::Pointer> connections_;
  std::set<ipc::Connection::Pointer> subscribers_;
  ipc::Connection::Pointer writer_;  // the one that may change something
  std::size_t reads_ = 0;            // of artefacts, under way
  std::optional<Applying> applying_;
  std::vector<Containing> containing_;  // in the order of their requests
  std::vector<Testing> testing_;
  // Reads artefacts, and destroys images.
  boost::asio::thread_pool reader_{1};  // the last member: ends before what it uses
};

}  // namespace bulkhead::service
