// A Unix socket that its owner alone may use, and those who connect to it.
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

  // A stale socket file is replaced; one that another process listens on is an error, told by the
  // exception's text.
  UnixListener(boost::asio::io_context& io, const std::string& path);
  ~UnixListener();

  // Calls for each connection. Without descriptors it pauses, and goes on when there are some.
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
