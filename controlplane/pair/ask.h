// Calls an object that belongs to the thread of an inbox.
#pragma once

#include <future>

#include "dataplane/ipc/inbox.h"

namespace bulkhead::controlplane {

// Runs the call on that thread and waits for what it returns. Not for that thread itself.
template <typename Call>
auto ask(ipc::Inbox& inbox, Call call) {
  std::promise<decltype(call())> promise;
  auto future = promise.get_future();
  inbox.post([&] { promise.set_value(call()); });
  return future.get();
}

}  // namespace bulkhead::controlplane
