// A listening Unix socket for its owner, the group of its file, and root. The group is that of its
// folder where that has the set-group-ID bit: the agent's, which has another user than the data
// plane.
#pragma once

#include <sys/types.h>

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
  bool may_connect(Socket& socket) const;

  std::string path_;
  boost::asio::local::stream_protocol::acceptor acceptor_;
  boost::asio::steady_timer pause_;
  std::function<void(Socket)> take_;
  gid_t group_ = 0;      // of its file
  bool logged_ = false;  // that nothing can be accepted
};

}  // namespace bulkhead::ipc
