// Heartbeats as datagrams on the pair link, to and from the peer's configured address. The thread
// of `io` has real-time priority, so it pauses after a few datagrams, however many arrive.
#pragma once

#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/udp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <functional>

#include "dataplane/base/bytes.h"

namespace bulkhead::controlplane {

class HeartbeatSocket {
 public:
  using Udp = boost::asio::ip::udp;

  // Throws with a text for people if the address cannot be used.
  HeartbeatSocket(boost::asio::io_context& io, const Udp::endpoint& here,
                  const Udp::endpoint& peer);

  // Calls back with each datagram of the peer. To be called before the context runs.
  void start(std::function<void(ByteView)> on_datagram);
  // Errors are ignored: a link that is down shows by missing heartbeats.
  void send(ByteView bytes);

 private:
  void hear();

  Udp::socket socket_;
  boost::asio::steady_timer rest_;
  Udp::endpoint peer_;
  Udp::endpoint from_;
  std::array<std::uint8_t, 1024> datagram_{};
  std::function<void(ByteView)> on_datagram_;
};

}  // namespace bulkhead::controlplane
