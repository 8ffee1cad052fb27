// Thin: errors stay SQLite's codes.
#include "controlplane/telemetry/sqlite.h"

#include <sqlite3.h>

#include <cstring>

namespace bulkhead::sqlite {

Database::Database(const std::string& path) {
  const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX;
  opened_ = sqlite3_open_v2(path.c_str(), &handle_, flags, "unix-excl") == SQLITE_OK;
  if (handle_ == nullptr) return;
  sqlite3_extended_result_codes(handle_, 1);
  // The file may have been renamed, and another one have its name.
  sqlite3_db_config(handle_, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
}

Database::~Database() { sqlite3_close_v2(handle_); }

Code Database::run(const char* sql) {
  return sqlite3_exec(handle_, sql, nullptr, nullptr, nullptr);
}

std::int64_t Database::pragma(const std::string& name) {
  const std::string sql = "PRAGMA " + name;
  Statement statement(*this, sql.c_str());
  return statement.step() == SQLITE_ROW ? static_cast<std::int64_t>(statement.number(0)) : -1;
}

void Database::count_wal_frames() {
  const auto count = [](void* frames, sqlite3* /*database*/, const char* /*name*/, int in_log) {
    *static_cast<std::uint64_t*>(frames) = static_cast<std::uint64_t>(in_log);
    return SQLITE_OK;
  };
  sqlite3_wal_hook(handle_, count, &wal_frames_);
}

Code Database::checkpoint(Log log) {
  const int mode = log == Log::go_on     ? SQLITE_CHECKPOINT_PASSIVE
                   : log == Log::restart ? SQLITE_CHECKPOINT_RESTART
                                         : SQLITE_CHECKPOINT_TRUNCATE;
  const Code code = sqlite3_wal_checkpoint_v2(handle_, nullptr, mode, nullptr, nullptr);
  if (log != Log::go_on && code == SQLITE_OK) wal_frames_ = 0;
  return code;
}

std::string Database::problem() const {
  if (handle_ == nullptr) return "not enough memory";
  std::string text = sqlite3_errmsg(handle_);
  if (const int error = sqlite3_system_errno(handle_); error != 0) {
    text += std::string(" (") + std::strerror(error) + ")";
  }
  return text;
}

Code Database::code() const { return sqlite3_errcode(handle_) & 0xff; }

Statement::Statement(Database& database, const char* sql)
    : prepared_(sqlite3_prepare_v3(database.handle(), sql, -1, SQLITE_PREPARE_PERSISTENT,
                                   &statement_, nullptr)) {}

Statement::~Statement() { sqlite3_finalize(statement_); }

void Statement::bind(int position, std::uint64_t value) {
  sqlite3_bind_int64(statement_, position, static_cast<sqlite3_int64>(value));
}

void Statement::bind(int position, std::string_view bytes) {
  sqlite3_bind_blob64(statement_, position, bytes.data(), bytes.size(), SQLITE_STATIC);
}

Code Statement::step() { return prepared_ == SQLITE_OK ? sqlite3_step(statement_) : prepared_; }

std::uint64_t Statement::number(int column) const {
  return static_cast<std::uint64_t>(sqlite3_column_int64(statement_, column));
}

std::string_view Statement::bytes(int column) const {
  const void* data = sqlite3_column_blob(statement_, column);
  const int count = sqlite3_column_bytes(statement_, column);
  return {static_cast<const char*>(data), static_cast<std::size_t>(count)};
}

void Statement::end() { sqlite3_reset(statement_); }

}  // namespace bulkhead::sqlite
