// A program's log: lines on standard error. Foreign text can neither end a line nor control the
// terminal. The journal keeps time and program itself, and gets the priority of each line.
#pragma once

#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "dataplane/base/printable.h"

namespace bulkhead {

class PrintablePayload final : public spdlog::custom_flag_formatter {
 public:
  void format(const spdlog::details::log_msg& message, const std::tm& /*time*/,
              spdlog::memory_buf_t& out) override {
    const std::string text = printable({message.payload.data(), message.payload.size()});
    out.append(text.data(), text.data() + text.size());
  }
  std::unique_ptr<custom_flag_formatter> clone() const override {
    return std::make_unique<PrintablePayload>();
  }
};

// As the journal reads it at the beginning of a line (sd-daemon(3)).
class JournalPriority final : public spdlog::custom_flag_formatter {
 public:
  void format(const spdlog::details::log_msg& message, const std::tm& /*time*/,
              spdlog::memory_buf_t& out) override {
    constexpr std::string_view kPriorities = "7764322";  // trace to off; syslog(3)
    const auto level = static_cast<std::size_t>(message.level);
    const char text[] = {'<', kPriorities[std::min(level, kPriorities.size() - 1)], '>'};
    out.append(text, text + sizeof(text));
  }
  std::unique_ptr<custom_flag_formatter> clone() const override {
    return std::make_unique<JournalPriority>();
  }
};

// Whether standard error is the stream that JOURNAL_STREAM names (systemd.exec(5)).
inline bool logs_to_journal() {
  const char* stream = std::getenv("JOURNAL_STREAM");
  struct stat info{};
  if (stream == nullptr || fstat(STDERR_FILENO, &info) != 0) return false;
  return stream == std::to_string(info.st_dev) + ":" + std::to_string(info.st_ino);
}

// Before any thread logs.
inline void start_log(const std::string& program) {
  auto formatter = std::make_unique<spdlog::pattern_formatter>();
  formatter->add_flag<PrintablePayload>('*').add_flag<JournalPriority>('J').set_pattern(
      logs_to_journal() ? "%J%*" : "[%Y-%m-%d %H:%M:%S.%e] [%n] [%^%l%$] %*");
  auto logger = spdlog::stderr_color_mt(program);
  logger->set_formatter(std::move(formatter));
  spdlog::set_default_logger(std::move(logger));
}

}  // namespace bulkhead
