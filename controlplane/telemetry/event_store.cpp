// One table, by number. `high_ns` is the latest time of all events up to a row, so that a time is
// found by halving although clocks are set back.
#include "controlplane/telemetry/event_store.h"

#include <sqlite3.h>

#include <algorithm>
#include <filesystem>

#include "dataplane/base/clock.h"

namespace bulkhead::controlplane {

namespace {

using Log = sqlite::Database::Log;

constexpr std::uint64_t kPageBytes = 4096;
constexpr std::int64_t kVersion = 1;  // of the table; PRAGMA user_version
constexpr std::uint64_t kWalBytesMax = std::uint64_t{16} << 20;
constexpr std::uint64_t kNumberMax = INT64_MAX;
constexpr TimeNs kReadNs = 10 * kMillisecondNs;  // that one read takes, about

// Room for the write-ahead log, within the whole: a batch, and what is written before it is put
// into the file.
std::uint64_t wal_bytes_of(std::uint64_t bytes_max) {
  return std::min(bytes_max / 2, kWalBytesMax);
}

std::uint64_t size_of(const std::string& path) {
  std::error_code error;
  const auto bytes = std::filesystem::file_size(path, error);
  return error ? 0 : bytes;
}

v1::Event unreadable(std::uint64_t number) {
  v1::Event event;
  event.set_kind("missed");
  event.set_missed(1);
  event.set_text("event " + std::to_string(number) + " is damaged on the appliance's disk");
  return event;
}

}  // namespace

struct EventStore::Writer {
  explicit Writer(const std::string& path) : database(path) {}
  // Once the table is there.
  void prepare() {
    insert = std::make_unique<sqlite::Statement>(
        database, "INSERT INTO events (number, high_ns, event) VALUES (?, ?, ?)");
    remove = std::make_unique<sqlite::Statement>(database, "DELETE FROM events WHERE number <= ?");
    ends = std::make_unique<sqlite::Statement>(
        database, "SELECT (SELECT min(number) FROM events), (SELECT max(number) FROM events)");
  }

  sqlite::Database database;
  std::unique_ptr<sqlite::Statement> insert;
  std::unique_ptr<sqlite::Statement> remove;
  std::unique_ptr<sqlite::Statement> ends;
};

struct EventStore::Reader {
  explicit Reader(const std::string& path) : database(path) {}

  sqlite::Database database;
  sqlite::Statement forward{database,
                            "SELECT number, event FROM events WHERE number > ? ORDER BY number"};
  sqlite::Statement backward{
      database, "SELECT number, event FROM events WHERE number <= ? ORDER BY number DESC"};
  sqlite::Statement high{
      database, "SELECT number, high_ns FROM events WHERE number >= ? ORDER BY number LIMIT 1"};
};

EventStore::EventStore(std::string path, std::uint64_t bytes_max)
    : path_(std::move(path)),
      wal_bytes_max_(wal_bytes_of(bytes_max)),
      pages_max_((bytes_max - wal_bytes_max_) / kPageBytes) {}

EventStore::~EventStore() = default;

Result<std::unique_ptr<EventStore>, StoreProblem> EventStore::open(const std::string& path,
                                                                   std::uint64_t bytes_max) {
  std::unique_ptr<EventStore> store(new EventStore(path, std::max(bytes_max, kBytesMin)));
  if (auto problem = store->begin()) return *problem;
  return store;
}

std::optional<StoreProblem> EventStore::begin() {
  writer_ = std::make_unique<Writer>(path_);
  sqlite::Database& database = writer_->database;
  if (!database.is_open()) return problem_of(database);
  // The first two count for a new file alone.
  const bool good = database.run(
                        "PRAGMA page_size = 4096; PRAGMA auto_vacuum = INCREMENTAL; "
                        "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; "
                        "PRAGMA wal_autocheckpoint = 0; PRAGMA temp_store = MEMORY") == SQLITE_OK;
  const std::int64_t version = good ? database.pragma("user_version") : -1;
  if (version == 0) {
    const char* create =
        "BEGIN IMMEDIATE; CREATE TABLE events (number INTEGER PRIMARY KEY, "
        "high_ns INTEGER NOT NULL, event BLOB NOT NULL); PRAGMA user_version = 1; COMMIT";
    if (database.run(create) != SQLITE_OK) {
      StoreProblem problem = problem_of(database);
      database.run("ROLLBACK");
      return problem;
    }
  } else if (version < 0) {
    return problem_of(database);
  } else if (version != kVersion) {
    return StoreProblem{StoreProblem::Kind::damaged,
                        "it was written by another release, in form " + std::to_string(version)};
  }
  writer_->prepare();
  reader_ = std::make_unique<Reader>(path_);
  if (!reader_->database.is_open()) return problem_of(reader_->database);
  database.count_wal_frames();
  if (database.checkpoint(Log::truncate) != SQLITE_OK) return problem_of(database);
  if (auto problem = shrink()) return problem;
  measure();
  if (last_ == 0) return std::nullopt;
  const sqlite::Execution execution(reader_->high);
  reader_->high.bind(1, last_.load());
  if (reader_->high.step() != SQLITE_ROW) return problem_of(reader_->database);
  high_ns_ = reader_->high.number(1);
  return std::nullopt;
}

StoreProblem EventStore::problem_of(sqlite::Database& database) const {
  const int code = database.code();
  const bool damaged = code == SQLITE_CORRUPT || code == SQLITE_NOTADB || code == SQLITE_ERROR ||
                       code == SQLITE_SCHEMA || code == SQLITE_CONSTRAINT;
  return {damaged ? StoreProblem::Kind::damaged : StoreProblem::Kind::failed,
          path_ + ": " + database.problem()};
}

// A bound that has become smaller.
std::optional<StoreProblem> EventStore::shrink() {
  sqlite::Database& database = writer_->database;
  const auto pages = [&database] {
    return static_cast<std::uint64_t>(database.pragma("page_count"));
  };
  bool shrunk = false;
  while (pages() > pages_max_) {
    shrunk = true;
    measure();
    if (database.pragma("freelist_count") <= 0) {
      if (first_ == last_) break;
      if (auto problem = remove_oldest()) return problem;
    }
    if (database.run("PRAGMA incremental_vacuum(4096)") != SQLITE_OK) return problem_of(database);
    if (auto problem = checkpoint()) return problem;
  }
  if (shrunk && database.checkpoint(Log::truncate) != SQLITE_OK) return problem_of(database);
  database.pragma("max_page_count = " + std::to_string(pages_max_));
  return std::nullopt;
}

std::optional<StoreProblem> EventStore::append(std::uint64_t first_number,
                                               std::span<const EventBytes> events) {
  if (events.empty()) return std::nullopt;
  std::uint64_t bytes = 0;
  for (const EventBytes& each : events) bytes += each.bytes.size() + 32;
  if (auto failed = checkpoint()) return failed;
  if (auto no_room = make_room(bytes)) return no_room;
  auto problem = insert(first_number, events);
  // On a full disk the room that the write-ahead log has already may do.
  if (problem && problem->kind == StoreProblem::Kind::failed && !empty_log()) {
    problem = insert(first_number, events);
  }
  if (problem) return problem;
  measure();
  return std::nullopt;
}

std::optional<StoreProblem> EventStore::insert(std::uint64_t first_number,
                                               std::span<const EventBytes> events) {
  sqlite::Database& database = writer_->database;
  if (database.run("BEGIN IMMEDIATE") != SQLITE_OK) return problem_of(database);
  const std::uint64_t high_ns = insert_rows(first_number, events);
  if (high_ns != 0 && database.run("COMMIT") == SQLITE_OK) {
    high_ns_ = high_ns;
    return std::nullopt;
  }
  StoreProblem problem = problem_of(database);
  database.run("ROLLBACK");
  return problem;
}

// Returns the latest time of all events; 0 if they could not be inserted.
std::uint64_t EventStore::insert_rows(std::uint64_t first_number,
                                      std::span<const EventBytes> events) {
  std::uint64_t high_ns = std::max<std::uint64_t>(high_ns_, 1);
  for (const EventBytes& each : events) {
    high_ns = std::max(high_ns, std::min(each.wall_ns, kNumberMax));
    sqlite::Statement& insert = *writer_->insert;
    const sqlite::Execution execution(insert);
    insert.bind(1, first_number++);
    insert.bind(2, high_ns);
    insert.bind(3, each.bytes);
    if (insert.step() != SQLITE_DONE) return 0;
  }
  return high_ns;
}

// The oldest leave until so many bytes fit into the pages that are free or may be added.
std::optional<StoreProblem> EventStore::make_room(std::uint64_t bytes) {
  constexpr std::uint64_t kInnerPages = 16;  // of the tree, and of its map
  const std::uint64_t wanted = 2 * bytes / kPageBytes + kInnerPages;
  sqlite::Database& database = writer_->database;
  for (;;) {
    const std::int64_t pages = database.pragma("page_count");
    const std::int64_t unused = database.pragma("freelist_count");
    if (pages < 0 || unused < 0) return problem_of(database);
    const auto used = static_cast<std::uint64_t>(pages - unused);
    if (used + wanted <= pages_max_ || first_ == last_) return std::nullopt;
    if (auto problem = remove_oldest()) return problem;
  }
}

// A part of them, and never the newest: its number says where the next ones go on.
std::optional<StoreProblem> EventStore::remove_oldest() {
  constexpr std::uint64_t kPart = 128;
  const std::uint64_t part = (last_ - first_) / kPart + 1;
  sqlite::Statement& remove = *writer_->remove;
  const sqlite::Execution execution(remove);
  remove.bind(1, std::min(first_ + part, last_.load()) - 1);
  if (remove.step() != SQLITE_DONE) return problem_of(writer_->database);
  measure();
  return std::nullopt;
}

std::optional<StoreProblem> EventStore::checkpoint() {
  if (writer_->database.wal_frames() * kPageBytes < wal_bytes_max_ / 4) return std::nullopt;
  return empty_log();
}

// The first step does the work while readers read; the second lets the log begin anew, for which no
// reader may look at it.
std::optional<StoreProblem> EventStore::empty_log() {
  sqlite::Database& database = writer_->database;
  if (database.checkpoint(Log::go_on) != SQLITE_OK) return problem_of(database);
  const std::lock_guard guard(mutex_);
  if (database.checkpoint(Log::restart) != SQLITE_OK) return problem_of(database);
  return std::nullopt;
}

void EventStore::measure() {
  sqlite::Statement& ends = *writer_->ends;
  const sqlite::Execution execution(ends);
  if (ends.step() != SQLITE_ROW) return;
  first_ = ends.number(0);
  last_ = ends.number(1);
  bytes_ = size_of(path_) + size_of(path_ + "-wal");
}

// Until a read has looked at enough.
class EventStore::Bound {
 public:
  bool is_reached() {
    if (++rows_ >= kRowsOfRead) return true;
    constexpr std::size_t kRowsOfLook = 64;
    return rows_ % kRowsOfLook == 0 && monotonic_now_ns() - begun_ns_ > kReadNs;
  }

 private:
  std::size_t rows_ = 0;
  const TimeNs begun_ns_ = monotonic_now_ns();
};

Result<EventPage, StoreProblem> EventStore::read(std::uint64_t after, const EventFilter& filter,
                                                 std::size_t rows_max, std::size_t bytes_max) {
  EventPage page;
  page.after = std::min(after, kNumberMax);
  const std::lock_guard guard(mutex_);
  sqlite::Statement& forward = reader_->forward;
  const sqlite::Execution execution(forward);
  forward.bind(1, page.after);
  std::size_t bytes = 0;
  sqlite::Code code = SQLITE_DONE;
  for (Bound bound; (code = forward.step()) == SQLITE_ROW;) {
    const std::uint64_t number = forward.number(0);
    const bool is_gap = number != page.after + 1;
    const bool is_first = page.after == after;
    const std::string_view raw = forward.bytes(1);
    const bool is_full =
        page.events.size() >= rows_max || (!page.events.empty() && bytes + raw.size() > bytes_max);
    page.more = is_full || bound.is_reached() || (is_gap && !is_first);
    if (page.more) break;
    if (is_gap) {
      page.missed = number - page.after - 1;
      page.missed_last = number - 1;
    }
    page.after = number;
    if (!filter.may_match(raw)) continue;
    v1::Event event;
    if (!event.ParseFromArray(raw.data(), static_cast<int>(raw.size()))) event = unreadable(number);
    event.set_number(number);
    if (!filter.matches(event)) continue;
    bytes += raw.size();
    page.events.push_back(std::move(event));
  }
  if (code != SQLITE_DONE && code != SQLITE_ROW) return problem_of(reader_->database);
  return page;
}

Result<bool, StoreProblem> EventStore::step_back(NewestPlace& place, const EventFilter& filter) {
  const std::lock_guard guard(mutex_);
  sqlite::Statement& backward = reader_->backward;
  const sqlite::Execution execution(backward);
  backward.bind(1, std::min(place.after, kNumberMax));
  v1::Event event;
  sqlite::Code code = SQLITE_DONE;
  for (Bound bound; place.wanted > 0 && (code = backward.step()) == SQLITE_ROW;) {
    const std::string_view raw = backward.bytes(1);
    place.after = backward.number(0) - 1;
    const bool matches = filter.may_match(raw) &&
                         event.ParseFromArray(raw.data(), static_cast<int>(raw.size())) &&
                         filter.matches(event);
    if (matches) --place.wanted;
    if (bound.is_reached()) return place.wanted == 0;
  }
  if (code != SQLITE_DONE && code != SQLITE_ROW) return problem_of(reader_->database);
  if (place.after == UINT64_MAX) place.after = last_;
  return true;
}

Result<std::uint64_t, StoreProblem> EventStore::before(std::uint64_t since_ns) {
  const std::lock_guard guard(mutex_);
  sqlite::Statement& high = reader_->high;
  std::uint64_t low = first_;
  std::uint64_t end = last_ + 1;  // of those that may be the first one
  while (low < end) {
    const std::uint64_t middle = low + (end - low) / 2;
    const sqlite::Execution execution(high);
    high.bind(1, middle);
    const sqlite::Code code = high.step();
    if (code != SQLITE_DONE && code != SQLITE_ROW) return problem_of(reader_->database);
    if (code == SQLITE_DONE || high.number(1) >= since_ns) {
      end = middle;
    } else {
      low = high.number(0) + 1;
    }
  }
  return low == 0 ? 0 : low - 1;
}

}  // namespace bulkhead::controlplane
