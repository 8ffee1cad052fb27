// The thread of the lease: the process's first one, which answers no question. It waits for the
// signals that end the process, too.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <optional>
#include <string>

#include "dataplane/pair/pair_server.h"

namespace bulkhead::pair {

class LeaseThread {
 public:
  LeaseThread();

  // One of a pair; `shared.in_band` is set, and all that is given outlives this. From now on the
  // calling thread runs before others: those that must not have been begun.
  void serve_pair(ports::Shared& shared, const std::string& path, LastPairReport& report) {
    server_.emplace(io_, shared, path, report);
  }
  // Until SIGINT or SIGTERM, on the calling thread.
  void run() { io_.run(); }

 private:
  boost::asio::io_context io_;
  boost::asio::signal_set signals_;
  std::optional<PairServer> server_;
};

}  // namespace bulkhead::pair
