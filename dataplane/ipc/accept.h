// Accepts connection after connection, whatever fails with one of them.
#pragma once

#include <boost/asio/error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/system/error_code.hpp>
#include <chrono>
#include <utility>

namespace bulkhead::ipc {

// Without a descriptor the next try fails as fast.
constexpr auto kAcceptPause = std::chrono::milliseconds(100);

// Until the acceptor is closed or its context ends; both outlive that. `welcome(socket)` and
// `report(error)` are called on the context's thread. Pauses after an error, on `pause`.
template <typename Acceptor, typename Welcome, typename Report>
void accept_each(Acceptor& acceptor, boost::asio::steady_timer& pause, Welcome welcome,
                 Report report) {
  using Socket = typename Acceptor::protocol_type::socket;
  using boost::system::error_code;
  acceptor.async_accept([&acceptor, &pause, welcome, report](error_code error, Socket socket) {
    if (error == boost::asio::error::operation_aborted) return;
    if (!error) {
      welcome(std::move(socket));
      return accept_each(acceptor, pause, welcome, report);
    }
    report(error);
    pause.expires_after(kAcceptPause);
    pause.async_wait([&acceptor, &pause, welcome, report](error_code stopped) {
      if (!stopped) accept_each(acceptor, pause, welcome, report);
    });
  });
}

}  // namespace bulkhead::ipc
