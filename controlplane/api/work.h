// Thread pools for calls: gRPC's own threads must not wait. One pool for each kind, so that none
// waits for another.
#pragma once

#include <spdlog/spdlog.h>

#include <boost/asio/post.hpp>
#include <boost/asio/thread_pool.hpp>
#include <exception>

#include "controlplane/access/gate.h"
#include "controlplane/access/refusal.h"
#include "controlplane/api/streams.h"

namespace bulkhead::controlplane {

grpc::Status to_status(const Refusal& refusal);

struct Work {
  Work(Gate::Access access, Gate::OnCall on_call) : gate(std::move(access), std::move(on_call)) {}
  // Ends running calls; none is begun afterwards.
  void join() {
    for (auto* pool : {&questions, &policies, &commits}) pool->join();
  }

  Gate gate;
  boost::asio::thread_pool questions{limits::kQuestionThreads};
  boost::asio::thread_pool policies{1};
  Turnstile large;  // one large message in memory at a time
  boost::asio::thread_pool commits{limits::kCommits.in_all};
};

// Runs a call on the pool and finishes it with the result of `call(caller)`.
template <typename Call>
grpc::ServerUnaryReactor* answer_caller(Work& work, boost::asio::thread_pool& pool,
                                        const Method& method, grpc::CallbackServerContext* context,
                                        Call call) {
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  auto pass = work.gate.enter(*context, method);
  if (!pass) {
    reactor->Finish(pass.error());
    return reactor;
  }
  boost::asio::post(pool, [reactor, call, pass = std::move(pass).value()]() mutable {
    grpc::Status status;
    try {
      status = call(pass->caller());
    } catch (const std::exception& error) {
      spdlog::error("a call failed: {}", error.what());
      status = {grpc::StatusCode::INTERNAL, error.what()};
    }
    pass.reset();
    reactor->Finish(status);
  });
  return reactor;
}

// The same with the caller's identity alone: `call(identity)`.
template <typename Call>
grpc::ServerUnaryReactor* answer(Work& work, boost::asio::thread_pool& pool, const Method& method,
                                 grpc::CallbackServerContext* context, Call call) {
  return answer_caller(work, pool, method, context,
                       [call](const Caller& caller) mutable { return call(caller.identity); });
}

}  // namespace bulkhead::controlplane
