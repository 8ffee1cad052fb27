// Thread pools for calls: gRPC's own threads must not wait. One pool for each kind, so that none
// waits for another.
#pragma once

#include <spdlog/spdlog.h>

#include <boost/asio/post.hpp>
#include <boost/asio/thread_pool.hpp>
#include <exception>
#include <type_traits>
#include <utility>

#include "controlplane/access/gate.h"
#include "controlplane/access/refusal.h"
#include "controlplane/api/streams.h"
#include "controlplane/audit/peer_head.h"
#include "controlplane/audit/trail.h"

namespace bulkhead::controlplane {

grpc::Status to_status(const Refusal& refusal);

// As the audit log has a caller; `peer` is gRPC's.
audit::Caller recorded_caller(const Caller& caller, const std::string& peer);
// Makes the gate's decisions known to the trail, which outlives the gate.
void record_calls(Gate& gate, audit::Trail& trail);

struct Work {
  Work(Gate::Access access, Gate::OnCall on_call) : gate(std::move(access), std::move(on_call)) {}
  // Ends running calls; none is begun afterwards.
  void join() {
    for (auto* pool : {&questions, &policies, &commits}) pool->join();
  }

  Gate gate;
  audit::PeerHead* peer_head = nullptr;  // of a pair
  audit::Trail* trail = nullptr;  // set before the first call; without, acts are not recorded
  boost::asio::thread_pool questions{limits::kQuestionThreads};
  boost::asio::thread_pool policies{1};
  Turnstile large;  // one large message in memory at a time
  boost::asio::thread_pool commits{limits::kCommits.in_all};
};

// The result of `call()`; what it throws is logged, and its result.
template <typename Call>
grpc::Status guarded(Call call) {
  try {
    return call();
  } catch (const std::exception& error) {
    spdlog::error("a call failed: {}", error.what());
    return {grpc::StatusCode::INTERNAL, error.what()};
  }
}

// Carries out a call: an act between its two records, see audit/acts.h. `call(details)` adds what
// the second record shall have; `begun` is for the first one.
template <typename Call>
grpc::Status record(Work& work, const Method& method, const audit::Caller& caller,
                    audit::Details begun, Call call) {
  audit::Details details;
  const audit::ActRow* row = work.trail != nullptr ? audit::find_act(method.name) : nullptr;
  if (row == nullptr) return call(details);
  const auto act = work.trail->begin(caller, *row, std::move(begun));
  if (!act) return to_status(act.error());
  const grpc::Status status = guarded([&] { return call(details); });
  const auto wrong =
      work.trail->end(act.value(), status.ok(), status.error_message(), std::move(details));
  return wrong ? to_status(*wrong) : status;
}

// Runs a call on the pool and finishes it with the result of `call(caller)`, or of
// `call(caller, details)`, see record().
template <typename Call>
grpc::ServerUnaryReactor* answer_caller(Work& work, boost::asio::thread_pool& pool,
                                        const Method& method, grpc::CallbackServerContext* context,
                                        Call call, audit::Details begun = {}) {
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  auto pass = work.gate.enter(*context, method);
  if (!pass) {
    reactor->Finish(pass.error());
    return reactor;
  }
  audit::Caller recorded = recorded_caller(pass.value()->caller(), context->peer());
  boost::asio::post(pool, [&work, &method, reactor, call, recorded = std::move(recorded),
                           begun = std::move(begun), pass = std::move(pass).value()]() mutable {
    const grpc::Status status = guarded([&] {
      return record(work, method, recorded, std::move(begun), [&](audit::Details& details) {
        if constexpr (std::is_invocable_v<Call, const Caller&, audit::Details&>) {
          return call(pass->caller(), details);
        } else {
          return call(pass->caller());
        }
      });
    });
    pass.reset();
    reactor->Finish(status);
  });
  return reactor;
}

// The same with the caller's identity alone: `call(identity)` or `call(identity, details)`.
template <typename Call>
grpc::ServerUnaryReactor* answer(Work& work, boost::asio::thread_pool& pool, const Method& method,
                                 grpc::CallbackServerContext* context, Call call,
                                 audit::Details begun = {}) {
  return answer_caller(
      work, pool, method, context,
      [call](const Caller& caller, audit::Details& details) mutable {
        if constexpr (std::is_invocable_v<Call, const std::string&, audit::Details&>) {
          return call(caller.identity, details);
        } else {
          return call(caller.identity);
        }
      },
      std::move(begun));
}

}  // namespace bulkhead::controlplane
