// Calls an object that belongs to the thread of an io_context.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <future>

namespace bulkhead::controlplane {

// Runs the call on the context's thread and waits for what it returns. Not for that thread itself.
template <typename Call>
auto ask(boost::asio::io_context& io, Call call) {
  std::promise<decltype(call())> promise;
  auto future = promise.get_future();
  boost::asio::post(io, [&] { promise.set_value(call()); });
  return future.get();
}

}  // namespace bulkhead::controlplane
