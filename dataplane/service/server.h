// The Unix socket that the agent drives the data plane through. It runs on the main lcore's thread
// and never waits for a client; a slow one loses events, never the data plane its time.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/thread_pool.hpp>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include "dataplane/service/engine.h"
#include "dataplane/service/pair_member.h"

namespace bulkhead::service {

class Connection;

class Server {
 public:
  // Binds the socket, readable by its owner only. A stale socket file is replaced; one that another
  // instance listens on is an error, told by the exception's text.
  Server(boost::asio::io_context& io, Engine& engine, const std::string& path);
  ~Server();

  // Carries a request out and answers it over the connection, a policy later than those behind it:
  // its check runs beside the service.
  void take(const v1::DataplaneRequest& request, const std::shared_ptr<Connection>& connection);
  void forget(const std::shared_ptr<Connection>& connection);

 private:
  v1::DataplaneAnswer answer(const v1::DataplaneRequest& request);
  void carry_out_for_pair(const v1::DataplaneRequest& request, v1::DataplaneAnswer& answer);
  void check_policy(const v1::DataplaneRequest& request,
                    const std::shared_ptr<Connection>& connection);
  v1::DataplaneAnswer apply_policy(Result<policy::Tables, std::string> checked, bool check_only);
  void accept();
  void poll_events();
  void push_pair(const v1::PairNews& news);

  boost::asio::io_context& io_;
  Engine& engine_;
  std::string path_;
  boost::asio::local::stream_protocol::acceptor acceptor_;
  boost::asio::steady_timer event_timer_;
  std::set<std::shared_ptr<Connection>> connections_;
  std::optional<PairMember> pair_;
  boost::asio::thread_pool checker_{1};  // the last member: ends before what it uses
};

}  // namespace bulkhead::service
