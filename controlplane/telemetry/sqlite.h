// SQLite's connections and statements as values. Not thread-safe: its caller guards each connection
// with its statements.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

struct sqlite3;
struct sqlite3_stmt;

namespace bulkhead::sqlite {

// A result code of SQLite (SQLITE_OK, SQLITE_ROW, ...).
using Code = int;

class Database {
 public:
  // Opens or creates. No other process can open the file meanwhile (SQLite's unix-excl), so that
  // none keeps an old state of it alive. On failure problem() says why.
  explicit Database(const std::string& path);
  // Touches no file by its name.
  ~Database();
  Database(const Database&) = delete;

  // False if it could not be opened.
  bool is_open() const { return opened_; }
  Code run(const char* sql);
  // The number that a pragma answers; -1 if it fails.
  std::int64_t pragma(const std::string& name);
  // Counts the frames of the write-ahead log from now on. A pragma of its automatic checkpoints
  // ends that.
  void count_wal_frames();
  std::uint64_t wal_frames() const { return wal_frames_; }
  // Puts the write-ahead log into the file. After `restart` the next write begins the log anew,
  // after `truncate` it is empty. Precondition of both: no connection has a statement under way.
  enum class Log : std::uint8_t { go_on, restart, truncate };
  Code checkpoint(Log log);
  // What went wrong in the last call, in SQLite's words and the system's.
  std::string problem() const;
  Code code() const;  // without the extended part
  sqlite3* handle() { return handle_; }

 private:
  sqlite3* handle_ = nullptr;
  bool opened_ = false;
  std::uint64_t wal_frames_ = 0;
};

// A prepared statement. Its values are bound anew for each execution.
class Statement {
 public:
  // `sql` is kept by SQLite. A statement that cannot be prepared fails at its first step.
  Statement(Database& database, const char* sql);
  ~Statement();
  Statement(const Statement&) = delete;

  // Positions from 1. Bytes must live until end().
  void bind(int position, std::uint64_t value);
  void bind(int position, std::string_view bytes);
  Code step();
  std::uint64_t number(int column) const;    // columns from 0
  std::string_view bytes(int column) const;  // valid until the next step
  // Ends the execution; what was read is not held any more.
  void end();

 private:
  sqlite3_stmt* statement_ = nullptr;
  Code prepared_;
};

// Ends a statement's execution at the end of a scope.
class Execution {
 public:
  explicit Execution(Statement& statement) : statement_(statement) {}
  ~Execution() { statement_.end(); }
  Execution(const Execution&) = delete;

 private:
  Statement& statement_;
};

}  // namespace bulkhead::sqlite
