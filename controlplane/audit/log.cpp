// Numbers and hashes are given when a record is written: what cannot be written has had none.
#include "controlplane/audit/log.h"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <utility>

#include "controlplane/audit/segment.h"
#include "controlplane/revisions/files.h"

namespace bulkhead::audit {

Log::Log(std::string folder, Options options)
    : folder_(std::move(folder)), options_(std::move(options)) {
  state_.segments_max = options_.segments_max;
  recover();
  write({});
  writer_ = std::thread([this] { run(); });
}

void Log::stop() {
  {
    const std::lock_guard guard(mutex_);
    stopping_ = true;
    wake_.notify_all();
  }
  if (writer_.joinable()) writer_.join();
}

// False if the folder cannot be read.
bool Log::recover() {
  std::error_code error;
  std::filesystem::create_directories(folder_, error);
  auto segments = list_segments(folder_);
  if (!segments) {
    set_problem("cannot read " + folder_ + "; check that it is the agent's own folder");
    return false;
  }
  std::vector<std::string> damage = read_ends(*segments);
  Ending ending;
  if (!segments->empty()) {
    const Segment& last = segments->back();
    const Head before = segments->size() > 1 ? (*segments)[segments->size() - 2].last : Head{};
    ending = read_ending(last, controlplane::read_file(last.path).value_or(""), before);
  }
  damage.insert(damage.end(), ending.damage.begin(), ending.damage.end());
  ending.damage = std::move(damage);
  {
    const std::lock_guard guard(mutex_);
    state_.exported = ending.exported;
    state_.first = segments->empty() ? 0 : segments->front().first;
    state_.head = {ending.next - 1, ending.head.hash};
    segments_ = std::move(*segments);
    found_ = ending;
  }
  recovered_ = true;
  if (!segments_.empty() && !ending.is_damaged) {
    auto file = SegmentFile::open(segments_.back().path, ending.end, ending.end + ending.torn);
    if (file) {
      active_ = std::move(file).value();
    } else {
      set_problem(file.error().text);
    }
  }
  // A removal that was recorded and not carried out.
  while (segments_.size() > 1 && segments_.front().last.number != 0 &&
         segments_.front().last.number <= ending.removed.number) {
    remove_oldest();
  }
  report_ending();
  return true;
}

void Log::report_ending() {
  if (found_.torn > 0) {
    Entry entry{.kind = "cut"};
    entry.text = "a crash has left record " + std::to_string(found_.next) +
                 " incomplete; it had not been answered, and was cut";
    entry.details = {{"bytes", std::to_string(found_.torn)}, {"sha256", found_.torn_hash}};
    record_now(std::move(entry));
  }
  for (const std::string& damage : found_.damage) {
    const auto& reported = found_.reported;
    if (std::find(reported.begin(), reported.end(), damage) != reported.end()) continue;
    Entry entry{.kind = "damage", .text = damage};
    active_ ? record_now(std::move(entry)) : owed_.push_back(std::move(entry));
  }
}

void Log::record_now(Entry entry) {
  std::deque<Pending> one;
  one.push_back({bounded(std::move(entry)), Claim::own, nullptr});
  write(std::move(one));
}

Ending Log::found() const {
  const std::lock_guard guard(mutex_);
  return found_;
}

Result<Head, Problem> Log::append(Entry entry, Claim claim) {
  auto answer = std::make_shared<std::promise<Answer>>();
  auto future = answer->get_future();
  {
    const std::lock_guard guard(mutex_);
    if (pending_.size() >= kPendingMax) {
      return Problem{Problem::Kind::failed, "too many records wait for the audit log; try again"};
    }
    pending_.push_back({bounded(std::move(entry)), claim, std::move(answer)});
    wake_.notify_all();
  }
  return future.get();
}

void Log::post(Entry entry, Claim claim) {
  const std::lock_guard guard(mutex_);
  if (pending_.size() >= kPendingMax) {
    ++state_.dropped;
    return;
  }
  pending_.push_back({bounded(std::move(entry)), claim, nullptr});
  wake_.notify_all();
}

Log::State Log::state() const {
  const std::lock_guard guard(mutex_);
  State state = state_;
  state.segments = segments_.size();
  return state;
}

Log::Snapshot Log::snapshot() const {
  const std::lock_guard guard(mutex_);
  Snapshot snapshot;
  snapshot.head = state_.head;
  for (const Segment& segment : segments_) {
    snapshot.pieces.push_back({segment.path, segment.first, segment.bytes});
  }
  return snapshot;
}

void Log::set_exported(std::uint64_t number) {
  const std::lock_guard guard(mutex_);
  state_.exported = std::max(state_.exported, number);
}

void Log::run() {
  for (;;) {
    if (options_.on_turn) options_.on_turn();
    std::deque<Pending> batch;
    {
      std::unique_lock lock(mutex_);
      wake_.wait_for(lock, std::chrono::seconds(1),
                     [this] { return stopping_ || !pending_.empty(); });
      if (stopping_ && pending_.empty()) return;
      batch.swap(pending_);
    }
    write(std::move(batch));
  }
}

void Log::write(std::deque<Pending> batch) {
  Flight flight;
  flight.head = state_.head;
  make_room(flight, kLineBytesMax);  // also where nothing is to be written: a problem may be over
  for (Pending& pending : batch) add(flight, std::move(pending));
  flush(flight);
}

std::string Log::compose(const Entry& entry, Head& head) const {
  const std::string object = encode({head.number + 1, head.hash, options_.stamp(), entry});
  head = {head.number + 1, hash_of(object)};
  return line_of(object);
}

void Log::add(Flight& flight, Pending pending) {
  if (flight.lines.size() + kLineBytesMax > kBatchBytesMax) flush(flight);
  make_room(flight, kLineBytesMax);
  Head head = flight.head;
  std::string line = compose(pending.entry, head);
  if (!fits(flight, line.size(), pending.claim)) {
    if (pending.answer) {
      pending.answer->set_value(refusal());
    } else {
      const std::lock_guard guard(mutex_);
      ++state_.dropped;
    }
    return;
  }
  flight.lines += line;
  flight.head = head;
  flight.records.emplace_back(std::move(pending), head);
}

bool Log::fits(const Flight& flight, std::size_t bytes, Claim claim) const {
  if (!active_) return false;
  const std::size_t keep = claim == Claim::ordinary ? options_.reserve_bytes
                           : claim == Claim::own    ? options_.reserve_bytes / 2
                                                    : 0;
  return flight.lines.size() + bytes + keep <= active_->room();
}

Problem Log::refusal() const {
  return {problem_kind_, "the audit log cannot be written, so nothing was done: " + state_.problem};
}

void Log::flush(Flight& flight) {
  if (flight.lines.empty()) return;
  const std::string error = active_ ? active_->append(flight.lines) : std::string("no segment");
  if (error.empty()) {
    const std::lock_guard guard(mutex_);
    state_.head = flight.head;
    segments_.back().bytes = active_->end();
    segments_.back().last = flight.head;
  } else {
    // Where a flush has failed, nobody knows what the disk has: the log goes on in a new segment.
    active_.reset();
    owed_.push_back({.kind = "damage", .text = error});
    problem_kind_ = Problem::Kind::failed;
    set_problem(error);
    flight.head = state_.head;
  }
  for (auto& [pending, head] : flight.records) {
    if (!pending.answer) continue;
    pending.answer->set_value(error.empty() ? Answer(head) : Answer(refusal()));
  }
  if (error.empty() && options_.on_head) options_.on_head(flight.head);
  flight.lines.clear();
  flight.records.clear();
}

void Log::make_room(Flight& flight, std::size_t bytes) {
  if (fits(flight, bytes, Claim::ordinary)) return;
  const TimeNs now_ns = options_.stamp().boot_ns;
  if (tried_ns_ != 0 && now_ns - tried_ns_ < kRetryNs) return;
  flush(flight);
  rotate(flight);
}

void Log::rotate(Flight& flight) {
  if (!recovered_) {
    tried_ns_ = options_.stamp().boot_ns;
    if (!recover()) return;
    flight.head = state_.head;
    if (fits(flight, kLineBytesMax, Claim::ordinary)) return set_problem({});
  }
  const std::uint64_t first = flight.head.number + 1;
  auto made = SegmentFile::make(segment_path(folder_, first), options_.segment_bytes);
  if (!made) {
    tried_ns_ = options_.stamp().boot_ns;
    problem_kind_ = made.error().kind;
    return set_problem(made.error().text);
  }
  tried_ns_ = 0;
  const std::unique_ptr<SegmentFile> former = adopt(std::move(made).value(), first);
  const std::uint64_t exported = state().exported;
  const auto put = [&](Entry entry) {
    flight.lines += compose(bounded(std::move(entry)), flight.head);
  };
  put({.kind = "segment", .details = {{"exported", std::to_string(exported)}}});
  for (Entry& entry : owed_) put(std::move(entry));
  owed_.clear();
  const bool removes = segments_.size() > options_.segments_max;
  if (removes) {
    const Segment& oldest = segments_.front();
    const Head last = oldest.last.number != 0 ? oldest.last : Head{segments_[1].first - 1, kNoHash};
    put({.kind = "removal",
         .text = "records " + std::to_string(oldest.first) + " to " + std::to_string(last.number) +
                 " were removed, " +
                 (exported >= last.number ? "after an export" : "and are in no export"),
         .details = {{"first", std::to_string(oldest.first)}, {"head", text_of(last)}}});
  }
  flush(flight);
  if (former) former->seal();
  if (!active_) return;
  set_problem({});
  if (removes) remove_oldest();
}

std::unique_ptr<SegmentFile> Log::adopt(std::unique_ptr<SegmentFile> made, std::uint64_t first) {
  const std::lock_guard guard(mutex_);
  std::unique_ptr<SegmentFile> former = std::exchange(active_, std::move(made));
  // One without a record has been replaced.
  if (!segments_.empty() && segments_.back().first == first) segments_.pop_back();
  segments_.push_back({.path = active_->path(), .first = first, .bytes = active_->end()});
  if (state_.first == 0) state_.first = first;
  return former;
}

void Log::remove_oldest() {
  const std::string path = segments_.front().path;
  {
    const std::lock_guard guard(mutex_);
    segments_.erase(segments_.begin());
    state_.first = segments_.front().first;
  }
  unlink(path.c_str());  // which may take long
}

void Log::set_problem(std::string problem) {
  {
    const std::lock_guard guard(mutex_);
    if (state_.problem == problem) return;
    state_.problem = problem;
  }
  if (options_.on_problem) options_.on_problem(problem);
}

}  // namespace bulkhead::audit
