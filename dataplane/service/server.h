// The Unix socket that the agent drives the data plane through. It runs on the main lcore's thread
// and never waits for a client; a slow one loses events, never the data plane its time.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/steady_timer.hpp>
#include <memory>
#include <set>
#include <string>

#include "dataplane/service/engine.h"

namespace bulkhead::service {

class Connection;

class Server {
 public:
  // Binds the socket, readable by its owner only. A stale socket file is replaced; one that another
  // instance listens on is an error, told by the exception's text.
  Server(boost::asio::io_context& io, Engine& engine, const std::string& path);
  ~Server();

  v1::DataplaneAnswer answer(const v1::DataplaneRequest& request);
  void forget(const std::shared_ptr<Connection>& connection);

 private:
  void accept();
  void poll_events();

  boost::asio::io_context& io_;
  Engine& engine_;
  std::string path_;
  boost::asio::local::stream_protocol::acceptor acceptor_;
  boost::asio::steady_timer event_timer_;
  std::set<std::shared_ptr<Connection>> connections_;
};

}  // namespace bulkhead::service
