// The writer of the audit log: records go to disk in order, several with one flush, on a thread of
// its own.
//
// Segments have a fixed size and are made full of zeros. When no other can be made (a full disk),
// what is left of the last one is the reserve: ordinary acts are refused, the log's own records may
// use half of it, and vital acts, which mend the situation, all of it. The number of segments is
// bounded: the oldest is removed after a record of that, which has the last number and hash
// removed.
//
// A log that cannot be written never stops the agent: it refuses acts and tries again.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "controlplane/audit/folder.h"
#include "controlplane/audit/record.h"
#include "controlplane/audit/segment_file.h"
#include "dataplane/base/result.h"

namespace bulkhead::audit {

// What a record may use of the reserve.
enum class Claim { ordinary, own, vital };

class Log {
 public:
  struct Options {
    std::size_t segment_bytes = std::size_t{1} << 20;
    std::size_t reserve_bytes = std::size_t{256} << 10;
    std::size_t segments_max = 64;
    std::function<Stamp()> stamp = read_stamp;
    // On the writer's thread; must not wait and must not append(). After each flush; when the
    // problem changes (empty: none); once a second and before each flush.
    std::function<void(const Head&)> on_head = {};
    std::function<void(const std::string&)> on_problem = {};
    std::function<void()> on_turn = {};
  };
  struct State {
    Head head;
    std::uint64_t first = 0;  // oldest record that is kept
    std::size_t segments = 0;
    std::size_t segments_max = 0;
    std::uint64_t exported = 0;
    std::uint64_t dropped = 0;  // records of post() that found no room, since the start
    std::string problem;        // why acts are refused; empty if they are not
  };
  // A segment, as far as it is written now.
  struct Piece {
    std::string path;
    std::uint64_t first = 0;
    std::uint64_t bytes = 0;
  };
  struct Snapshot {
    std::vector<Piece> pieces;
    Head head;
  };

  // Goes on in the folder, which it creates. `lock` of the folder is its caller's matter.
  Log(std::string folder, Options options);
  ~Log() { stop(); }
  // Writes what is pending and ends the thread; nothing may be appended afterwards.
  void stop();

  // How the log ended when it was opened; damage and a torn record are recorded.
  Ending found() const;

  // On disk when it returns its number and hash.
  Result<Head, Problem> append(Entry entry, Claim claim);
  // Does not wait: on disk with the next flush. What finds no room is counted.
  void post(Entry entry, Claim claim);

  State state() const;
  Snapshot snapshot() const;
  // Records up to this one are in an export.
  void set_exported(std::uint64_t number);

 private:
  using Answer = Result<Head, Problem>;
  struct Pending {
    Entry entry;
    Claim claim;
    std::shared_ptr<std::promise<Answer>> answer;  // none: of post()
  };
  static constexpr std::size_t kPendingMax = 1024;
  static constexpr TimeNs kRetryNs = kSecondNs;

  bool recover();
  void report_ending();
  void run();
  void write(std::deque<Pending> batch);
  // Lines that wait for one flush, and who waits for them.
  struct Flight {
    std::string lines;
    Head head;
    std::vector<std::pair<Pending, Head>> records;
  };
  void add(Flight& flight, Pending pending);
  void flush(Flight& flight);
  bool fits(const Flight& flight, std::size_t bytes, Claim claim) const;
  // Makes sure that an ordinary record of so many bytes fits, if that is possible.
  void make_room(Flight& flight, std::size_t bytes);
  void rotate(Flight& flight);
  void remove_oldest();
  std::string compose(const Entry& entry, Head& head) const;
  void record_now(Entry entry);
  // Returns the one before it.
  std::unique_ptr<SegmentFile> adopt(std::unique_ptr<SegmentFile> made, std::uint64_t first);
  void set_problem(std::string problem);
  Problem refusal() const;

  std::string folder_;
  Options options_;
  // Of the writer's thread, which alone changes what the mutex guards, except what is pending:
  bool recovered_ = false;
  std::deque<Entry> owed_;  // damage, to be recorded in the next segment
  std::unique_ptr<SegmentFile> active_;
  TimeNs tried_ns_ = 0;  // when a segment could not be made, in boot time; 0: it could
  Problem::Kind problem_kind_ = Problem::Kind::failed;

  mutable std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<Pending> pending_;
  bool stopping_ = false;
  State state_;
  Ending found_;
  std::vector<Segment> segments_;  // all, the active one last
  std::thread writer_;
};

}  // namespace bulkhead::audit
