// Events in a SQLite file (WAL mode), which is the project's choice because it keeps what is
// committed through any crash, reuses the room of what leaves, and is read with Debian's own tools.
//
// An event that append() has kept is on disk (synchronous=FULL). The oldest leave when the size is
// reached. All reads are short: each looks at a bounded number of events, so that the write-ahead
// log never waits for a reader.
//
// One thread writes; any thread reads.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "bulkhead/v1/telemetry.pb.h"
#include "controlplane/telemetry/event_filter.h"
#include "controlplane/telemetry/sqlite.h"
#include "dataplane/base/result.h"

namespace bulkhead::controlplane {

struct StoreProblem {
  enum class Kind : std::uint8_t {
    failed,  // may go well later: a full disk, an error of a device
    damaged  // the file is no event log, or not a whole one
  };
  Kind kind = Kind::failed;
  std::string text;
};

// A serialised v1::Event without its number.
struct EventBytes {
  std::uint64_t wall_ns = 0;
  std::string bytes;
};

struct EventPage {
  std::vector<v1::Event> events;  // that match, with their numbers, in order
  std::uint64_t after = 0;        // read on after this number
  bool more = false;              // newer events are there to be looked at
  // How many numbers after the one that was asked for have left the log; `missed_last` is the last
  // of them.
  std::uint64_t missed = 0;
  std::uint64_t missed_last = 0;
};

// A place from which on a number of events match.
struct NewestPlace {
  std::uint64_t wanted = 0;          // how many more are looked for
  std::uint64_t after = UINT64_MAX;  // these match, as far as has been looked
};

class EventStore {
 public:
  static constexpr std::size_t kRowsOfRead = 4096;  // that one read looks at
  static constexpr std::uint64_t kBytesMin = std::uint64_t{8} << 20;

  // Opens or creates; `bytes_max` bounds the file and its write-ahead log together.
  static Result<std::unique_ptr<EventStore>, StoreProblem> open(const std::string& path,
                                                                std::uint64_t bytes_max);

  ~EventStore();

  // All of them or none. Numbers count from `first_number`, which is greater than last().
  std::optional<StoreProblem> append(std::uint64_t first_number,
                                     std::span<const EventBytes> events);

  // Events after a number; one is returned however large it is.
  Result<EventPage, StoreProblem> read(std::uint64_t after, const EventFilter& filter,
                                       std::size_t rows_max, std::size_t bytes_max);
  // Moves the place back. True once it is where it should be, or at the log's beginning.
  Result<bool, StoreProblem> step_back(NewestPlace& place, const EventFilter& filter);
  // The number after which all events of `since_ns` and later stand, and few others.
  Result<std::uint64_t, StoreProblem> before(std::uint64_t since_ns);

  // Numbers of the oldest and the newest; 0: it is empty.
  std::uint64_t first() const { return first_.load(); }
  std::uint64_t last() const { return last_.load(); }
  std::uint64_t bytes() const { return bytes_.load(); }

 private:
  struct Reader;
  struct Writer;
  class Bound;
  EventStore(std::string path, std::uint64_t bytes_max);
  std::optional<StoreProblem> begin();
  std::optional<StoreProblem> insert(std::uint64_t first_number,
                                     std::span<const EventBytes> events);
  std::uint64_t insert_rows(std::uint64_t first_number, std::span<const EventBytes> events);
  std::optional<StoreProblem> make_room(std::uint64_t bytes);
  std::optional<StoreProblem> remove_oldest();
  std::optional<StoreProblem> checkpoint();
  std::optional<StoreProblem> empty_log();
  std::optional<StoreProblem> shrink();
  StoreProblem problem_of(sqlite::Database& database) const;
  void measure();

  const std::string path_;
  const std::uint64_t wal_bytes_max_;
  const std::uint64_t pages_max_;
  std::uint64_t high_ns_ = 0;  // the latest time of any event until now
  std::unique_ptr<Writer> writer_;
  std::mutex mutex_;  // of the reader
  std::unique_ptr<Reader> reader_;
  std::atomic<std::uint64_t> first_{0};
  std::atomic<std::uint64_t> last_{0};
  std::atomic<std::uint64_t> bytes_{0};
};

}  // namespace bulkhead::controlplane
