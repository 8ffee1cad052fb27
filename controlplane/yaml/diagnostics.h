// Errors and warnings about a file, each with its position. All passes append to one list, so that
// an author sees every mistake at once.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace bulkhead::controlplane {

// Line and column count from 1; 0 means the file as a whole.
struct Position {
  std::uint32_t line = 0;
  std::uint32_t column = 0;
};

enum class Severity : std::uint8_t { error, warning };

struct Diagnostic {
  Severity severity{};
  Position at;
  std::string message;
};

class Diagnostics {
 public:
  explicit Diagnostics(std::string file) : file_(std::move(file)) {}

  void error(Position at, std::string message) {
    list_.push_back({Severity::error, at, std::move(message)});
    ++errors_;
  }
  void warning(Position at, std::string message) {
    list_.push_back({Severity::warning, at, std::move(message)});
  }

  const std::string& file() const { return file_; }
  const std::vector<Diagnostic>& list() const { return list_; }
  std::size_t errors() const { return errors_; }
  void sort_by_position();
  // file:line:column: error: message
  std::string to_text(const Diagnostic& diagnostic) const;
  // The first errors on one line, and how many more there are.
  std::string errors_text() const;

 private:
  std::string file_;
  std::vector<Diagnostic> list_;
  std::size_t errors_ = 0;
};

// `: did you mean X?` for the candidate nearest to `given`, or nothing if none is near.
std::string did_you_mean(const std::string& given, const std::vector<std::string>& candidates);

}  // namespace bulkhead::controlplane
