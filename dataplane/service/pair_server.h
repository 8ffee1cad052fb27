// The thread of the lease: drives this data plane's part in a pair over a Unix socket of its own,
// and answers no question. One agent drives it; others are told so.
#pragma once

#include <boost/asio/io_context.hpp>
#include <mutex>
#include <optional>
#include <set>
#include <string>

#include "dataplane/service/connection.h"
#include "dataplane/service/pair_member.h"
#include "dataplane/service/unix_listener.h"

namespace bulkhead::service {

// What the pair's part said last, for the thread that answers questions.
class LastPairReport {
 public:
  // Does not wait: while somebody reads, the report before stays.
  void put(const v1::PairReport& report);
  std::optional<v1::PairReport> get() const;

 private:
  mutable std::mutex mutex_;
  std::optional<v1::PairReport> report_;
};

class PairServer final : private Connection::Owner {
 public:
  // `shared.in_band` is set; all that is given outlives this. From now on the calling thread runs
  // before others, and it is the one that runs `io`.
  PairServer(boost::asio::io_context& io, ports::Shared& shared, const std::string& path,
             LastPairReport& last_report);
  ~PairServer() override;

 private:
  void take(v1::DataplaneRequest request, const Connection::Pointer& connection) override;
  void forget(const Connection::Pointer& connection) override;
  void admit(UnixListener::Socket socket);
  void push(const v1::PairNews& news);

  UnixListener listener_;
  LastPairReport& last_report_;
  std::set<Connection::Pointer> connections_;
  Connection::Pointer driver_;
  std::optional<PairMember> member_;
};

// The socket of the pair beside that of the service.
inline std::string pair_socket_of(const std::string& path) { return path + ".pair"; }

}  // namespace bulkhead::service
