// The writer against crashes, damage, full disks and its own bounds.
#include "controlplane/audit/log.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <functional>
#include <map>
#include <mutex>
#include <random>
#include <thread>

#include "tests/support/audit_log.h"

namespace {
std::atomic<int> flushes_counted{0};
std::atomic<bool> flushes_fail{false};
}  // namespace

// In the place of the C library's.
extern "C" int fdatasync(int file) {
  ++flushes_counted;
  if (flushes_fail) {
    errno = EIO;
    return -1;
  }
  return static_cast<int>(syscall(SYS_fdatasync, file));
}

namespace bulkhead::audit {
namespace {

namespace fs = std::filesystem;
using support::AuditFolder;
using support::file_text;
using support::findings;
using support::put_file;
using support::records_in;
using support::segments_in;
using support::small_log;
using support::some_act;
using support::verify_folder;

std::vector<std::string> kinds_in(const std::string& folder) {
  std::vector<std::string> kinds;
  for (const Record& record : records_in(folder)) kinds.push_back(record.entry.kind);
  return kinds;
}

std::string only_segment(const std::string& folder) {
  const auto segments = segments_in(folder);
  return segments.size() == 1 ? segments.front().path : std::string();
}

void fill(const std::string& folder, std::size_t records, Log::Options options = small_log()) {
  Log log(folder, std::move(options));
  for (std::size_t i = 0; i < records; ++i) {
    ASSERT_TRUE(log.append(some_act(std::to_string(i)), Claim::ordinary).ok());
  }
}

TEST(Log, GoesOnWhereItEnded) {
  const AuditFolder folder;
  fill(folder.path(), 3);
  EXPECT_EQ(kinds_in(folder.path()), (std::vector<std::string>{"segment", "act", "act", "act"}));
  Log log(folder.path() + "/new/folder", small_log());
  EXPECT_EQ(log.state().head.number, 1U);
  {
    Log again(folder.path(), small_log());
    EXPECT_EQ(again.state().head.number, 4U);
    const auto head = again.append(some_act("more"), Claim::ordinary);
    ASSERT_TRUE(head.ok());
    EXPECT_EQ(head.value().number, 5U);
    EXPECT_EQ(again.state().head, head.value());
    EXPECT_EQ(findings(verify_folder(folder.path(), head.value())), "");
  }
  EXPECT_EQ(fs::file_size(only_segment(folder.path())), small_log().segment_bytes);
}

TEST(Log, EachAnswerFollowsAFlush) {
  const AuditFolder folder;
  Log log(folder.path(), small_log());
  for (int i = 0; i < 10; ++i) {
    const int before = flushes_counted;
    ASSERT_TRUE(log.append(some_act("x"), Claim::ordinary).ok());
    EXPECT_EQ(flushes_counted, before + 1);
  }
}

// Where a flush fails, nobody is answered, and the log goes on in a segment that says so.
TEST(Log, FailedFlushRefusesAndGoesOnElsewhere) {
  const AuditFolder folder;
  {
    Log log(folder.path(), small_log());
    const auto first = log.append(some_act("first"), Claim::ordinary);
    ASSERT_TRUE(first.ok());
    flushes_fail = true;
    const auto refused = log.append(some_act("lost"), Claim::vital);
    flushes_fail = false;
    ASSERT_FALSE(refused.ok());
    EXPECT_NE(refused.error().text.find("Input/output error"), std::string::npos);
    EXPECT_EQ(log.state().head, first.value());
    ASSERT_TRUE(log.append(some_act("second"), Claim::ordinary).ok());
    EXPECT_EQ(log.state().problem, "");
  }
  EXPECT_EQ(kinds_in(folder.path()),
            (std::vector<std::string>{"segment", "act", "segment", "damage", "act"}));
  EXPECT_EQ(segments_in(folder.path()).size(), 2U);
  EXPECT_EQ(findings(verify_folder(folder.path())), "");
}

// Callers on many threads share flushes, and each gets its own record.
TEST(Log, ManyCallersGetARecordEach) {
  const AuditFolder folder;
  constexpr int kThreads = 8;
  constexpr int kRecords = 25;
  Log::Options options = small_log();
  options.segments_max = 64;
  std::atomic<int> flushes{0};
  options.on_head = [&flushes](const Head&) { ++flushes; };
  std::mutex mutex;
  std::vector<Head> heads;
  {
    Log log(folder.path(), options);
    std::vector<std::thread> threads;
    for (int i = 0; i < kThreads; ++i) {
      threads.emplace_back([&] {
        for (int j = 0; j < kRecords; ++j) {
          const auto head = log.append(some_act("x"), Claim::ordinary);
          const std::lock_guard guard(mutex);
          if (head) heads.push_back(head.value());
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
  }
  ASSERT_EQ(heads.size(), static_cast<std::size_t>(kThreads * kRecords));
  EXPECT_LT(flushes.load(), kThreads * kRecords);
  const Report report = verify_folder(folder.path());
  EXPECT_EQ(findings(report), "");
  std::map<std::uint64_t, std::string> hashes;
  std::string previous;
  for (const Record& record : records_in(folder.path())) {
    if (record.number > 1) hashes[record.number - 1] = record.previous;
  }
  hashes[report.head.number] = report.head.hash;
  for (const Head& head : heads) EXPECT_EQ(hashes[head.number], head.hash);
}

// A crash at any byte of the last record leaves a beginning of it, or blocks of it without others.
TEST(Log, TornRecordIsCutAndThatIsRecorded) {
  const AuditFolder folder;
  fill(folder.path(), 3);
  const std::string path = only_segment(folder.path());
  const std::string whole = file_text(path);
  const std::size_t end = whole.find_last_not_of('\0') + 1;
  const std::size_t begin = whole.rfind('\n', end - 2) + 1;
  for (std::size_t at = begin; at < end; ++at) {
    for (const bool tail_only : {false, true}) {
      // The last record's line feed alone is left: nothing of the record can be read either way.
      std::string torn = whole;
      if (tail_only) {
        if (at == begin) continue;
        std::fill(torn.begin() + static_cast<std::ptrdiff_t>(begin),
                  torn.begin() + static_cast<std::ptrdiff_t>(at), '\0');
      } else {
        std::fill(torn.begin() + static_cast<std::ptrdiff_t>(at),
                  torn.begin() + static_cast<std::ptrdiff_t>(end), '\0');
      }
      put_file(path, torn);
      {
        const Log log(folder.path(), small_log());
      }
      const auto records = records_in(folder.path());
      const bool is_torn = tail_only || at > begin;
      ASSERT_EQ(records.size(), is_torn ? 4U : 3U) << at;
      ASSERT_EQ(findings(verify_folder(folder.path())), "") << at;
      ASSERT_EQ(segments_in(folder.path()).size(), 1U);
      if (!is_torn) continue;
      EXPECT_EQ(records.back().entry.kind, "cut");
      EXPECT_EQ(records.back().entry.details[0].second,
                std::to_string(tail_only ? end - begin : at - begin));
    }
  }
}

// What no crash leaves is not repaired: the segment stays as it is, and the next one names it.
TEST(Log, DamageIsNamedAndLeftAsItIs) {
  const AuditFolder folder;
  fill(folder.path(), 4);
  const std::string path = only_segment(folder.path());
  const std::string whole = file_text(path);
  const std::size_t end = whole.find_last_not_of('\0') + 1;
  std::size_t tried = 0;
  for (std::size_t at = segment_header().size(); at < end; at += 7) {
    if (whole[at] == '\n') continue;
    const auto record = static_cast<std::uint64_t>(
        std::count(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(at), '\n'));
    std::string damaged = whole;
    damaged[at] = static_cast<char>(damaged[at] ^ 1);
    if (damaged[at] == '\n') continue;
    for (const auto& segment : segments_in(folder.path())) fs::remove(segment.path);
    put_file(path, damaged);
    {
      Log log(folder.path(), small_log());
      ASSERT_EQ(log.found().damage.size(), 1U) << at;
      EXPECT_TRUE(log.append(some_act("after"), Claim::ordinary).ok());
    }
    {
      const Log again(folder.path(), small_log());
    }
    EXPECT_EQ(file_text(path), damaged);
    const std::string number = std::to_string(record);
    EXPECT_EQ(findings(verify_folder(folder.path())), "changed " + number + "-" + number) << at;
    const auto kinds = kinds_in(folder.path());
    EXPECT_EQ(std::count(kinds.begin(), kinds.end(), "damage"), 1 + (kinds.size() > 7));
    ++tried;
  }
  EXPECT_GT(tried, 200U);
}

TEST(Log, MissingSegmentIsRecordedAtTheStart) {
  const AuditFolder folder;
  fill(folder.path(), 120);
  auto segments = segments_in(folder.path());
  ASSERT_GE(segments.size(), 3U);
  fs::remove(segments[1].path);
  const std::string range =
      std::to_string(segments[1].first) + "-" + std::to_string(segments[2].first - 1);
  {
    const Log log(folder.path(), small_log());
  }
  EXPECT_EQ(findings(verify_folder(folder.path())), "missing " + range);
  EXPECT_EQ(kinds_in(folder.path()).back(), "damage");
  const std::size_t records = records_in(folder.path()).size();
  {
    const Log log(folder.path(), small_log());
  }
  EXPECT_EQ(records_in(folder.path()).size(), records);  // it is not recorded again
}

TEST(Log, OldestSegmentLeavesWithARecord) {
  const AuditFolder folder;
  {
    Log log(folder.path(), small_log());
    for (int i = 0; i < 300; ++i) {
      ASSERT_TRUE(log.append(some_act(std::to_string(i)), Claim::ordinary).ok());
    }
    EXPECT_EQ(log.state().segments, small_log().segments_max);
    EXPECT_GT(log.state().first, 1U);
  }
  const Report report = verify_folder(folder.path());
  EXPECT_EQ(findings(report), "");
  EXPECT_EQ(report.first, segments_in(folder.path()).front().first);
  ASSERT_FALSE(report.remarks.empty());
  EXPECT_NE(report.remarks.back().text.find("are in no export"), std::string::npos);
  std::uintmax_t bytes = 0;
  for (const auto& each : fs::directory_iterator(folder.path())) bytes += each.file_size();
  EXPECT_LE(bytes, small_log().segments_max * small_log().segment_bytes);
}

// A crash between the record of a removal and the removal.
TEST(Log, RemovalIsCarriedOutAtTheNextStart) {
  const AuditFolder folder;
  Log::Options options = small_log();
  options.segments_max = 64;
  fill(folder.path(), 120, options);
  const auto segments = segments_in(folder.path());
  const std::string kept = file_text(segments.front().path);
  options.segments_max = segments.size();
  std::size_t removed = 0;
  {
    Log log(folder.path(), options);
    while (segments_in(folder.path()).front().first == 1) {
      ASSERT_TRUE(log.append(some_act("x"), Claim::ordinary).ok());
      ASSERT_LT(++removed, 200U);
    }
  }
  put_file(segments.front().path, kept);
  EXPECT_EQ(findings(verify_folder(folder.path())), "");
  {
    const Log log(folder.path(), options);
  }
  EXPECT_NE(segments_in(folder.path()).front().first, 1U);
  EXPECT_EQ(findings(verify_folder(folder.path())), "");
}

TEST(Log, ExportIsRememberedAcrossSegments) {
  const AuditFolder folder;
  {
    Log log(folder.path(), small_log());
    Entry done = some_act("export");
    done.details = {{"exported", "40"}};
    ASSERT_TRUE(log.append(done, Claim::ordinary).ok());
    log.set_exported(40);
    for (int i = 0; i < 300; ++i) log.append(some_act("x"), Claim::ordinary);
    EXPECT_EQ(log.state().exported, 40U);
  }
  const Log log(folder.path(), small_log());
  EXPECT_EQ(log.state().exported, 40U);
  const auto removals = verify_folder(folder.path()).remarks;
  ASSERT_FALSE(removals.empty());
}

TEST(Log, FolderThatCannotBeWrittenRefusesActsAndRecovers) {
  const AuditFolder folder;
  const std::string path = folder.path() + "/audit";
  put_file(path, "no folder");
  Log::Options options = small_log();
  std::vector<std::string> problems;
  options.on_problem = [&problems](const std::string& text) { problems.push_back(text); };
  std::atomic<TimeNs> boot_ns{kSecondNs};
  options.stamp = [&boot_ns] {
    Stamp stamp = support::fixed_stamp();
    stamp.boot_ns = boot_ns;
    return stamp;
  };
  {
    Log log(path, options);
    const auto refused = log.append(some_act("x"), Claim::vital);
    ASSERT_FALSE(refused.ok());
    EXPECT_NE(refused.error().text.find("nothing was done"), std::string::npos);
    EXPECT_FALSE(log.state().problem.empty());
    fs::remove(path);
    boot_ns += 2 * kSecondNs;
    EXPECT_TRUE(log.append(some_act("x"), Claim::ordinary).ok());
    EXPECT_EQ(log.state().problem, "");
  }
  ASSERT_GE(problems.size(), 2U);
  EXPECT_EQ(problems.back(), "");
}

// A file system of its own, in a child: only that one sees it. The child returns how many
// expectations failed, or 77 if it may not mount.
int on_small_disk(const std::function<void(const std::string& folder)>& test) {
  const AuditFolder folder;
  const pid_t child = fork();
  if (child == 0) {
    if (unshare(CLONE_NEWNS) != 0 ||
        mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
        mount("tmpfs", folder.path().c_str(), "tmpfs", 0, "size=256k") != 0) {
      _exit(77);
    }
    test(folder.path());
    _exit(::testing::Test::HasFailure() ? 1 : 0);
  }
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

void refuse_on_full_disk(const std::string& folder) {
  std::atomic<TimeNs> boot_ns{kSecondNs};
  Log::Options options = small_log();
  options.stamp = [&boot_ns] {
    Stamp stamp = support::fixed_stamp();
    stamp.boot_ns = boot_ns;
    return stamp;
  };
  Log log(folder + "/audit", options);
  ASSERT_TRUE(log.append(some_act("x"), Claim::ordinary).ok());
  {
    std::ofstream filler(folder + "/filler");
    while (filler << std::string(1024, 'x') && filler.flush()) continue;
  }
  std::size_t ordinary = 0;
  std::string why;
  for (; ordinary < 1000 && why.empty(); ++ordinary) {
    const auto head = log.append(some_act("x"), Claim::ordinary);
    if (!head) {
      EXPECT_EQ(head.error().kind, Problem::Kind::full);
      why = head.error().text;
    }
  }
  EXPECT_GT(ordinary, 20U);
  EXPECT_NE(why.find("No space left"), std::string::npos) << why;
  EXPECT_NE(why.find("free space"), std::string::npos) << why;
  EXPECT_FALSE(log.state().problem.empty());
  std::size_t own = 0;
  while (log.append(some_act("x"), Claim::own).ok()) ++own;
  std::size_t vital = 0;
  while (log.append(some_act("x"), Claim::vital).ok()) ++vital;
  EXPECT_GE(own, 4U);
  EXPECT_GE(vital, 4U);
  EXPECT_EQ(findings(verify_folder(folder + "/audit", log.state().head)), "");
  unlink((folder + "/filler").c_str());
  boot_ns += 2 * kSecondNs;
  EXPECT_TRUE(log.append(some_act("x"), Claim::ordinary).ok());
  EXPECT_EQ(log.state().problem, "");
  EXPECT_EQ(findings(verify_folder(folder + "/audit", log.state().head)), "");
}

TEST(Log, FullDiskLeavesTheReserve) {
  const int code = on_small_disk(refuse_on_full_disk);
  if (code == 77) GTEST_SKIP() << "needs the right to mount";
  EXPECT_EQ(code, 0);
}

// A writer of its own process, killed at a random moment: each record that it was answered stays.
struct Answered {
  std::uint64_t number;
  char hash[kHashDigits];
};

pid_t start_writer(const std::string& folder, int to) {
  const pid_t child = fork();
  if (child != 0) return child;
  Log::Options options = small_log();
  options.stamp = read_stamp;
  Log log(folder, options);
  std::vector<std::thread> threads;
  for (int i = 0; i < 2; ++i) {
    threads.emplace_back([&log, to] {
      for (;;) {
        const auto head = log.append(some_act("x"), Claim::ordinary);
        if (!head) continue;
        Answered answered{head.value().number, {}};
        head.value().hash.copy(answered.hash, kHashDigits);
        if (write(to, &answered, sizeof(answered)) != sizeof(answered)) _exit(0);
      }
    });
  }
  for (;;) pause();
}

TEST(Log, KilledWriterLosesNoAnsweredRecord) {
  const AuditFolder folder;
  std::mt19937 chance(1);
  std::size_t answered_in_all = 0;
  for (int kill_number = 0; kill_number < 200; ++kill_number) {
    int pipes[2];
    ASSERT_EQ(pipe2(pipes, O_CLOEXEC), 0);
    const pid_t writer = start_writer(folder.path(), pipes[1]);
    close(pipes[1]);
    std::vector<Answered> all;
    // Sometimes also in its start; else once it has begun to answer.
    Answered first{};
    if (kill_number % 4 != 0 && read(pipes[0], &first, sizeof(first)) == sizeof(first)) {
      all.push_back(first);
    }
    usleep(static_cast<useconds_t>(2000 + chance() % 12000));
    kill(writer, SIGKILL);
    waitpid(writer, nullptr, 0);
    for (Answered each{}; read(pipes[0], &each, sizeof(each)) == sizeof(each);) {
      all.push_back(each);
    }
    close(pipes[0]);
    answered_in_all += all.size();
    const Report report = verify_folder(folder.path());
    for (const Finding& finding : report.findings) {
      ASSERT_EQ(finding.kind, Finding::Kind::cut) << finding.text;
      ASSERT_GT(finding.first, report.head.number);
    }
    std::map<std::uint64_t, std::string> hashes = {{report.head.number, report.head.hash}};
    for (const Record& record : records_in(folder.path())) {
      hashes[record.number - 1] = record.previous;
    }
    for (const Answered& each : all) {
      if (each.number < report.first) continue;
      ASSERT_EQ(hashes[each.number], std::string(each.hash, kHashDigits)) << each.number;
    }
  }
  {
    const Log log(folder.path(), small_log());
  }
  EXPECT_EQ(findings(verify_folder(folder.path())), "");
  EXPECT_GE(answered_in_all, 150U);
  ::testing::Test::RecordProperty("answered", static_cast<int>(answered_in_all));
}

}  // namespace
}  // namespace bulkhead::audit
