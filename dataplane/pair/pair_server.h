// Serves the pair's Unix socket on the lease thread: drives this data plane's part in a pair, and
// answers no question. One agent drives it; others are refused.
#pragma once

#include <boost/asio/io_context.hpp>
#include <mutex>
#include <optional>
#include <set>
#include <string>

#include "dataplane/ipc/connection.h"
#include "dataplane/ipc/unix_listener.h"
#include "dataplane/pair/pair_member.h"

namespace bulkhead::pair {

// The last report of the pair's part, for the service thread.
class LastPairReport {
 public:
  // Does not wait: while another thread reads, the last report stays.
  void put(const v1::PairReport& report);
  std::optional<v1::PairReport> get() const;

 private:
  mutable std::mutex mutex_;
  std::optional<v1::PairReport> report_;
};

class PairServer final : private ipc::Connection::Owner {
 public:
  // `shared.in_band` is set; all that is given outlives this. From now on the calling thread runs
  // before others, and it is the one that runs `io`.
  PairServer(boost::asio::io_context& io, ports::Shared& shared, const std::string& path,
             LastPairReport& last_report);
  ~PairServer() override;

 private:
  void take(v1::DataplaneRequest request, const ipc::Connection::Pointer& connection) override;
  void forget(const ipc::Connection::Pointer& connection) override;
  void admit(ipc::UnixListener::Socket socket);
  void push(const v1::PairNews& news);

  ipc::UnixListener listener_;
  LastPairReport& last_report_;
  std::set<ipc::Connection::Pointer> connections_;
  ipc::Connection::Pointer driver_;
  std::optional<PairMember> member_;
};

// The path of the pair's socket, beside the service's.
inline std::string pair_socket_of(const std::string& path) { return path + ".pair"; }

}  // namespace bulkhead::pair
