// The appliance's events on its disk, numbered: what leaves the agent (followers, exporters) reads
// from here. Thread-safe.
//
// A bounded queue stands before a thread that writes, so that nobody who reports an event waits for
// the disk. What finds no room is counted, and an event of kind `lost` has its number at its place.
// While the file cannot be written, its events wait in the queue, and status() says why. A damaged
// file is set aside and a new one begun. Numbers stay, go up, and are never given twice.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "controlplane/telemetry/event_store.h"
#include "controlplane/telemetry/sink.h"
#include "dataplane/base/clock.h"

namespace bulkhead::controlplane {

class EventLog final : public Sink {
 public:
  static constexpr std::size_t kEventBytesMax = 4096;
  static constexpr std::size_t kBatchEventsMax = 1000;
  static constexpr std::size_t kBatchBytesMax = std::size_t{1} << 20;

  struct Options {
    std::string folder;  // created if it is not there
    std::uint64_t bytes_max = std::uint64_t{512} << 20;
    std::size_t queue_bytes_max = std::size_t{16} << 20;
    TimeNs batch_ns = 200 * kMillisecondNs;  // between flushes, while events come
    TimeNs retry_ns = kSecondNs;
    std::string appliance{};  // its name, in each event
    // When events are not kept any more, and again (empty) when they are. On the writer's thread.
    std::function<void(const std::string& problem)> on_problem{};
  };
  // On the writer's thread, after each flush, when the log ends, and when it cannot be written: it
  // must only wake another thread.
  using Wake = std::function<void()>;
  // Destroying it ends the calls.
  using Subscription = std::shared_ptr<void>;

  explicit EventLog(Options options);
  ~EventLog() override { stop(); }
  // Writes what is queued, if the disk lets it, and ends the thread.
  void stop();

  // Events longer than kEventBytesMax lose their text, fields and message. Never waits for the
  // disk.
  void on_event(const v1::Event& event) override;
  void on_counters(const v1::Counters& /*page*/) override {}
  // The role of events from now on.
  void on_status(const v1::GetStatusResponse& status) override;

  // See EventStore. An error is a text for people.
  Result<EventPage, std::string> read(std::uint64_t after, const EventFilter& filter,
                                      std::size_t rows_max, std::size_t bytes_max);
  Result<bool, std::string> step_back(NewestPlace& place, const EventFilter& filter);
  Result<std::uint64_t, std::string> before(std::uint64_t since_ns);

  Subscription subscribe(Wake wake);
  // How many events were queued since the start; and whether those up to a count are on disk, or
  // cannot be kept now.
  std::uint64_t queued() const;
  bool is_settled(std::uint64_t queued) const;
  v1::EventLogStatus status() const;
  std::uint64_t last() const;

  // Ends those that follow, for shutting down.
  void end();
  bool ended() const;

 private:
  struct Subscribers;
  using Batch = std::vector<EventBytes>;

  void run();
  bool await_work(std::unique_lock<std::mutex>& lock);
  void fill(Batch& batch);
  void push(EventBytes event);
  void mark_lost();
  std::optional<StoreProblem> write(const Batch& batch);
  std::optional<StoreProblem> open(std::shared_ptr<EventStore>& store);
  void set_aside(const std::string& why);
  std::optional<StoreProblem> reserve(std::uint64_t number);
  void set_problem(const std::string& problem);
  template <typename Value, typename Ask>
  Result<Value, std::string> ask(Ask ask);

  const Options options_;
  std::shared_ptr<Subscribers> subscribers_;
  // Of the writer's thread.
  std::uint64_t next_ = 1;      // number of the next event
  bool knows_next_ = false;     // it follows from a file that was read
  std::uint64_t reserved_ = 0;  // numbers up to this one may have been given
  TimeNs written_ns_ = 0;       // the latest flush

  mutable std::mutex mutex_;
  std::condition_variable wake_;
  std::string role_;  // empty until the first status
  std::deque<EventBytes> queue_;
  std::size_t queue_bytes_ = 0;
  std::uint64_t queued_ = 0;
  std::uint64_t settled_ = 0;
  std::uint64_t lost_ = 0;
  std::uint64_t unmarked_lost_ = 0;  // since the newest event in the queue
  std::uint64_t lost_since_ns_ = 0;
  std::string problem_;
  std::string damage_;  // what a reader found; empty: nothing
  bool stopping_ = false;
  bool ended_ = false;
  std::shared_ptr<EventStore> store_;  // none while it cannot be opened
  std::thread writer_;
};

}  // namespace bulkhead::controlplane
