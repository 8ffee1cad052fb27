// Events become bytes on their reporter's thread; the writer numbers them.
#include "controlplane/telemetry/event_log.h"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <filesystem>
#include <utility>

#include "controlplane/revisions/files.h"
#include "controlplane/telemetry/event_schema.h"

namespace bulkhead::controlplane {

namespace fs = std::filesystem;

namespace {

constexpr std::uint64_t kNumbersReserved = 10'000;  // with one flush

std::string file_of(const std::string& folder) { return folder + "/events.db"; }
std::string numbers_of(const std::string& folder) { return folder + "/numbers"; }

EventBytes bytes_of(const v1::Event& event) {
  return {event.wall_time_ns(), event.SerializeAsString()};
}

std::chrono::nanoseconds duration_of(TimeNs time_ns) {
  return std::chrono::nanoseconds(static_cast<std::int64_t>(time_ns));
}

}  // namespace

// Outlives the log where a subscription does.
struct EventLog::Subscribers {
  void wake_all() {
    const std::lock_guard guard(mutex);
    for (const auto& [id, wake] : wakes) wake();
  }

  std::mutex mutex;
  std::map<std::uint64_t, Wake> wakes;
  std::uint64_t next_id = 1;
};

EventLog::EventLog(Options options)
    : options_(std::move(options)), subscribers_(std::make_shared<Subscribers>()) {
  std::error_code error;
  fs::create_directories(options_.folder, error);  // open() fails if it is not there
  writer_ = std::thread([this] { run(); });
}

void EventLog::stop() {
  {
    const std::lock_guard guard(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  if (writer_.joinable()) writer_.join();
}

void EventLog::on_event(const v1::Event& event) {
  v1::Event whole = event;
  if (whole.ByteSizeLong() > kEventBytesMax) {
    whole.clear_text();
    whole.clear_fields();
    whole.clear_message();
  }
  whole.clear_number();
  whole.set_appliance(options_.appliance);
  {
    const std::lock_guard guard(mutex_);
    whole.set_role(role_);
  }
  if (whole.severity().empty()) whole.set_severity(std::string(severity_of(whole)));
  EventBytes bytes = bytes_of(whole);
  {
    const std::lock_guard guard(mutex_);
    if (stopping_ || queue_bytes_ + bytes.bytes.size() > options_.queue_bytes_max) {
      if (unmarked_lost_++ == 0) lost_since_ns_ = event.wall_time_ns();
      ++lost_;
      return;
    }
    if (unmarked_lost_ > 0) mark_lost();
    push(std::move(bytes));
  }
  wake_.notify_one();
}

void EventLog::on_status(const v1::GetStatusResponse& status) {
  const v1::DataplaneStatus& dataplane = status.dataplane();
  const std::lock_guard guard(mutex_);
  if (!dataplane.has_pair()) {
    role_ = "single";
  } else {
    role_ = dataplane.pair().forwards() ? "active" : "standby";
  }
}

// With the mutex: the place of those that were lost is here.
void EventLog::mark_lost() {
  v1::Event event;
  event.set_wall_time_ns(lost_since_ns_);
  event.set_last_wall_time_ns(wall_now_ns());
  event.set_kind("lost");
  event.set_missed(std::exchange(unmarked_lost_, 0));
  event.set_text(std::to_string(event.missed()) +
                 " events were lost here, because they came faster than the disk took them");
  event.set_appliance(options_.appliance);
  event.set_severity(std::string(severity_of(event)));
  push(bytes_of(event));
}

// With the mutex.
void EventLog::push(EventBytes event) {
  queue_bytes_ += event.bytes.size();
  queue_.push_back(std::move(event));
  ++queued_;
}

void EventLog::run() {
  Batch batch;
  for (;;) {
    if (batch.empty()) {
      std::unique_lock lock(mutex_);
      if (!await_work(lock)) return;
      fill(batch);
    }
    const auto problem = write(batch);
    set_problem(problem ? problem->text : "");
    {
      const std::lock_guard guard(mutex_);
      if (!problem) settled_ += batch.size();
    }
    subscribers_->wake_all();
    if (!problem) {
      batch.clear();
      continue;
    }
    std::unique_lock lock(mutex_);
    wake_.wait_for(lock, duration_of(options_.retry_ns), [this] { return stopping_; });
    if (stopping_) return;
  }
}

// False when all is written and the end has come.
bool EventLog::await_work(std::unique_lock<std::mutex>& lock) {
  const auto has_work = [this] {
    return !queue_.empty() || unmarked_lost_ > 0 || !damage_.empty() || !store_;
  };
  wake_.wait(lock, [&] { return stopping_ || has_work(); });
  // What comes soon is written with it.
  const TimeNs now_ns = monotonic_now_ns();
  if (!stopping_ && now_ns < written_ns_ + options_.batch_ns) {
    wake_.wait_for(lock, duration_of(written_ns_ + options_.batch_ns - now_ns),
                   [this] { return stopping_ || queue_.size() >= kBatchEventsMax; });
  }
  return has_work();
}

// With the mutex.
void EventLog::fill(Batch& batch) {
  if (queue_.empty() && unmarked_lost_ > 0) mark_lost();
  std::size_t bytes = 0;
  while (!queue_.empty() && batch.size() < kBatchEventsMax && bytes < kBatchBytesMax) {
    bytes += queue_.front().bytes.size();
    batch.push_back(std::move(queue_.front()));
    queue_.pop_front();
  }
  queue_bytes_ -= bytes;
}

std::optional<StoreProblem> EventLog::write(const Batch& batch) {
  std::string damage;
  std::shared_ptr<EventStore> store;
  {
    const std::lock_guard guard(mutex_);
    damage = std::exchange(damage_, "");
    store = store_;
  }
  if (!damage.empty()) set_aside(damage);
  // A damaged file is set aside once, then the new one must do.
  for (int attempt = 0;; ++attempt) {
    std::optional<StoreProblem> problem;
    if (!store || !damage.empty()) problem = open(store);
    damage.clear();
    if (!problem) problem = reserve(next_ + batch.size());
    if (!problem) problem = store->append(next_, batch);
    if (!problem) break;
    if (problem->kind != StoreProblem::Kind::damaged || attempt > 0) return problem;
    store.reset();
    set_aside(problem->text);
  }
  next_ += batch.size();
  written_ns_ = monotonic_now_ns();
  return std::nullopt;
}

// Numbers go on after the newest event, or after all that may have been given if that is unknown.
std::optional<StoreProblem> EventLog::open(std::shared_ptr<EventStore>& store) {
  auto opened = EventStore::open(file_of(options_.folder), options_.bytes_max);
  if (!opened) return opened.error();
  store = std::move(opened).value();
  const std::string text = read_file(numbers_of(options_.folder)).value_or("");
  std::uint64_t noted = 0;
  std::from_chars(text.data(), text.data() + text.size(), noted);
  reserved_ = std::max(reserved_, noted);
  const std::uint64_t last = store->last();
  next_ = std::max(next_, (last > 0 || knows_next_ ? last : reserved_) + 1);
  knows_next_ = true;
  const std::lock_guard guard(mutex_);
  store_ = store;
  return std::nullopt;
}

std::optional<StoreProblem> EventLog::reserve(std::uint64_t number) {
  if (number <= reserved_) return std::nullopt;
  const std::uint64_t wanted = number + kNumbersReserved;
  const std::string problem =
      replace_file(numbers_of(options_.folder), std::to_string(wanted) + "\n");
  if (!problem.empty()) return StoreProblem{StoreProblem::Kind::failed, problem};
  reserved_ = wanted;
  return std::nullopt;
}

// The one that was set aside before makes room.
void EventLog::set_aside(const std::string& why) {
  {
    const std::lock_guard guard(mutex_);
    store_.reset();
  }
  const std::string file = file_of(options_.folder);
  for (const char* part : {"", "-wal"}) {
    std::error_code error;
    fs::rename(file + part, file + ".damaged" + part, error);
    if (error) fs::remove(file + part, error);
  }
  v1::Event event;
  event.set_wall_time_ns(wall_now_ns());
  event.set_kind("storage");
  event.set_text("the event log was damaged; it is kept as " + file +
                 ".damaged, and a new one has begun: " + why);
  on_event(event);
}

void EventLog::set_problem(const std::string& problem) {
  {
    const std::lock_guard guard(mutex_);
    if (problem_ == problem) return;
    problem_ = problem;
  }
  if (options_.on_problem) options_.on_problem(problem);
}

template <typename Value, typename Ask>
Result<Value, std::string> EventLog::ask(Ask ask) {
  std::shared_ptr<EventStore> store;
  std::string problem;
  {
    const std::lock_guard guard(mutex_);
    store = store_;
    problem = problem_;
  }
  if (!store) return problem.empty() ? std::string("the event log is not open yet") : problem;
  Result<Value, StoreProblem> answer = ask(*store);
  if (answer) return std::move(answer).value();
  if (answer.error().kind == StoreProblem::Kind::damaged) {
    const std::lock_guard guard(mutex_);
    if (store_ == store) damage_ = answer.error().text;
    wake_.notify_one();
  }
  return answer.error().text;
}

Result<EventPage, std::string> EventLog::read(std::uint64_t after, const EventFilter& filter,
                                              std::size_t rows_max, std::size_t bytes_max) {
  return ask<EventPage>(
      [&](EventStore& store) { return store.read(after, filter, rows_max, bytes_max); });
}

Result<bool, std::string> EventLog::step_back(NewestPlace& place, const EventFilter& filter) {
  return ask<bool>([&](EventStore& store) { return store.step_back(place, filter); });
}

Result<std::uint64_t, std::string> EventLog::before(std::uint64_t since_ns) {
  return ask<std::uint64_t>([&](EventStore& store) { return store.before(since_ns); });
}

EventLog::Subscription EventLog::subscribe(Wake wake) {
  const std::lock_guard guard(subscribers_->mutex);
  const std::uint64_t id = subscribers_->next_id++;
  subscribers_->wakes[id] = std::move(wake);
  return {subscribers_.get(), [subscribers = subscribers_, id](void* /*it*/) {
            const std::lock_guard inner(subscribers->mutex);
            subscribers->wakes.erase(id);
          }};
}

std::uint64_t EventLog::queued() const {
  const std::lock_guard guard(mutex_);
  return queued_;
}

bool EventLog::is_settled(std::uint64_t queued) const {
  const std::lock_guard guard(mutex_);
  return (store_ && settled_ >= queued) || !problem_.empty() || ended_;
}

v1::EventLogStatus EventLog::status() const {
  const std::lock_guard guard(mutex_);
  v1::EventLogStatus status;
  if (store_) {
    status.set_first(store_->first());
    status.set_last(store_->last());
    status.set_bytes(store_->bytes());
  }
  status.set_bytes_max(options_.bytes_max);
  status.set_lost(lost_);
  status.set_problem(problem_);
  return status;
}

std::uint64_t EventLog::last() const {
  const std::lock_guard guard(mutex_);
  return store_ ? store_->last() : 0;
}

void EventLog::end() {
  {
    const std::lock_guard guard(mutex_);
    ended_ = true;
  }
  subscribers_->wake_all();
}

bool EventLog::ended() const {
  const std::lock_guard guard(mutex_);
  return ended_;
}

}  // namespace bulkhead::controlplane
