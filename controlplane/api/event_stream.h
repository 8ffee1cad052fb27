// The answers of one WatchEvents call: events from the log, a page at a time.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>

#include "controlplane/api/streams.h"
#include "controlplane/api/work.h"
#include "controlplane/telemetry/event_log.h"

namespace bulkhead::controlplane {

// Reads on threads of the pool for questions, a short read each time.
class EventStream final : public Stream<v1::Event> {
 public:
  EventStream(Work& work, Gate::PassPointer pass, EventLog& log,
              const v1::WatchEventsRequest& request);

 private:
  // What is left to do after a step.
  enum class Next : std::uint8_t { wait, go_on, end };

  void begin() override;
  void on_written() override;
  void on_end() override { subscription_.reset(); }

  void wake();
  void post();
  void step();
  Next advance();
  Next find_place();
  Next read();
  Next conclude(grpc::StatusCode code, const std::string& text);
  bool send_next();

  Work& work_;
  EventLog& log_;
  const v1::WatchEventsRequest request_;
  const EventFilter filter_;
  EventLog::Subscription subscription_;
  std::uint64_t queued_ = 0;  // events that had been reported before the call are among its answers

  // Of the step under way, of which there is one at a time.
  bool placed_ = false;
  NewestPlace place_;
  std::uint64_t after_ = 0;
  std::uint64_t left_ = UINT64_MAX;

  std::mutex mutex_;
  bool busy_ = false;                                  // a step is under way or posted
  bool again_ = false;                                 // and another one must follow
  std::deque<std::shared_ptr<const v1::Event>> page_;  // read, and not sent yet
};

}  // namespace bulkhead::controlplane
