// The local socket: root on the appliance may act on it without a certificate, whatever access.yaml
// says. Connections of other users are closed at once.
#pragma once

#include <sys/types.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <string>

namespace bulkhead::controlplane {

class LocalListener {
 public:
  struct Callbacks {
    // Takes over a connected socket's descriptor; its peer is root.
    std::function<void(int descriptor)> hand_over;
    // A connection was handed over, or refused because its peer is another user.
    std::function<void(pid_t pid)> on_root;
    std::function<void(uid_t uid, pid_t pid)> on_other;
  };

  // Replaces what is at the path by a socket of mode 0600, of this process's user. Everything runs
  // on the thread of `io`, which outlives this. Throws with a text for people if the socket cannot
  // be made.
  LocalListener(boost::asio::io_context& io, const std::string& path, Callbacks callbacks);
  void start();

 private:
  using Unix = boost::asio::local::stream_protocol;

  void accept();
  void welcome(Unix::socket socket);

  Unix::acceptor acceptor_;
  boost::asio::steady_timer pause_;
  Callbacks callbacks_;
};

}  // namespace bulkhead::controlplane
