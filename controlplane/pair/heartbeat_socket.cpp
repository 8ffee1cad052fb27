// A peer sends one datagram each heartbeat; those lost during a pause arrive in-band too.
#include "controlplane/pair/heartbeat_socket.h"

#include <chrono>
#include <stdexcept>
#include <string>
#include <utility>

#include "controlplane/pair/pair_link.h"
#include "dataplane/daemon/late_address.h"

namespace bulkhead::controlplane {

namespace asio = boost::asio;
using boost::system::error_code;

namespace {

constexpr std::size_t kDatagramsPerTurn = 16;
constexpr auto kRest = std::chrono::milliseconds(1);

}  // namespace

HeartbeatSocket::HeartbeatSocket(asio::io_context& io, const Udp::endpoint& here,
                                 const Udp::endpoint& peer)
    : socket_(io), rest_(io), peer_(peer) {
  error_code error;
  socket_.open(here.protocol(), error);
  if (!error) {
    daemon::allow_late_address(socket_.native_handle(), here.protocol().family());
    socket_.bind(here, error);
  }
  if (!error) socket_.non_blocking(true, error);
  if (error) {
    throw std::runtime_error("heartbeats cannot be heard on " + here.address().to_string() + ":" +
                             std::to_string(here.port()) + ": " + error.message());
  }
  only_from(socket_.native_handle(), peer.address());
}

void HeartbeatSocket::start(std::function<void(ByteView)> on_datagram) {
  on_datagram_ = std::move(on_datagram);
  hear();
}

void HeartbeatSocket::hear() {
  socket_.async_wait(Udp::socket::wait_read, [this](error_code error) {
    if (error == asio::error::operation_aborted) return;
    for (std::size_t i = 0; i < kDatagramsPerTurn; ++i) {
      const std::size_t length = socket_.receive_from(asio::buffer(datagram_), from_, 0, error);
      if (error == asio::error::would_block) return hear();
      if (error) break;
      if (from_ == peer_) on_datagram_({datagram_.data(), length});
    }
    rest_.expires_after(kRest);
    rest_.async_wait([this](error_code stopped) {
      if (!stopped) hear();
    });
  });
}

void HeartbeatSocket::send(ByteView bytes) {
  error_code ignored;
  socket_.send_to(asio::buffer(bytes.data(), bytes.size()), peer_, 0, ignored);
}

}  // namespace bulkhead::controlplane
