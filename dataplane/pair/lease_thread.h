// The lease thread: the process's main thread, which answers no question. It also waits for the
// signals that end the process.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <functional>
#include <optional>
#include <string>
#include <utility>

#include "dataplane/ipc/inbox.h"
#include "dataplane/pair/pair_server.h"

namespace bulkhead::pair {

class LeaseThread {
 public:
  LeaseThread();

  // For one of a pair; `shared.in_band` is set, and all arguments outlive this. Gives the calling
  // thread real-time priority: threads that must not inherit it are started before.
  void serve_pair(ports::Shared& shared, const std::string& path, LastPairReport& report) {
    server_.emplace(io_, shared, path, report);
  }
  // Until SIGINT or SIGTERM, on the calling thread.
  void run() { io_.run(); }
  // Runs a function there. From any thread.
  void post(std::function<void()> function) { inbox_.post(std::move(function)); }

 private:
  boost::asio::io_context io_;
  ipc::Inbox inbox_{io_};
  boost::asio::signal_set signals_;
  std::optional<PairServer> server_;
};

}  // namespace bulkhead::pair
