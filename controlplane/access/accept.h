// Accepts connection after connection.
#pragma once

#include <boost/asio/error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/system/error_code.hpp>
#include <utility>

#include "controlplane/access/limits.h"

namespace bulkhead::controlplane {

// Until the acceptor is closed or its context ends; both outlive that. `welcome(socket)` is called
// on the context's thread.
template <typename Acceptor, typename Welcome>
void accept_each(Acceptor& acceptor, boost::asio::steady_timer& pause, Welcome welcome) {
  using Socket = typename Acceptor::protocol_type::socket;
  using boost::system::error_code;
  acceptor.async_accept([&acceptor, &pause, welcome](error_code error, Socket socket) {
    if (error == boost::asio::error::operation_aborted) return;
    if (!error) {
      welcome(std::move(socket));
      return accept_each(acceptor, pause, welcome);
    }
    // Without a descriptor the next try fails as fast.
    pause.expires_after(limits::kAcceptPause);
    pause.async_wait([&acceptor, &pause, welcome](error_code stopped) {
      if (!stopped) accept_each(acceptor, pause, welcome);
    });
  });
}

}  // namespace bulkhead::controlplane
