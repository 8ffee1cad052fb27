// A listening Unix socket that only its owner may use.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <string>

namespace bulkhead::ipc {

class UnixListener {
 public:
  using Socket = boost::asio::local::stream_protocol::socket;

  // Replaces a stale socket file; throws with a text for people if another process listens on it.
  UnixListener(boost::asio::io_context& io, const std::string& path);
  ~UnixListener();

  // Calls `take` for each connection. Pauses while there are no descriptors.
  void accept(std::function<void(Socket)> take);

 private:
  void accept_next();

  boost::asio::io_context& io_;
  std::string path_;
  boost::asio::local::stream_protocol::acceptor acceptor_;
  boost::asio::steady_timer pause_;
  std::function<void(Socket)> take_;
  bool told_ = false;  // that nothing can be accepted
};

}  // namespace bulkhead::ipc
