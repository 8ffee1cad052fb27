// Tables for people, JSON lines for scripts. Colours only on a terminal. Foreign text is escaped
// here, and nowhere else (dataplane/base/printable.h).
#pragma once

#include <cstdio>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "controlplane/telemetry/json_values.h"
#include "dataplane/base/iso_time.h"
#include "dataplane/base/printable.h"

namespace bulkhead::controlplane {

enum class Colour { plain, good, bad, dim, bold };

// Text that has been escaped and may hold colours.
struct Shown {
  std::string text;
  const char* get() const { return text.c_str(); }
};

// The text in the colour, if standard output is a terminal and NO_COLOR is not set.
Shown paint(const std::string& text, Colour colour);

namespace output_detail {

template <typename Number>
struct AsItIs {
  Number number;
  Number get() const { return number; }
};

inline const Shown& show(const Shown& shown) { return shown; }
inline Shown show(const std::string& text) { return {printable(text)}; }
inline Shown show(const char* text) { return {printable(text)}; }
template <typename Number>
  requires std::is_arithmetic_v<Number>
AsItIs<Number> show(Number number) {
  return {number};
}

}  // namespace output_detail

// As std::printf, with every text escaped.
template <typename... Arguments>
void say(const char* format, const Arguments&... arguments) {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-security"
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
  std::printf(format, output_detail::show(arguments).get()...);
#pragma GCC diagnostic pop
}

class Table {
 public:
  explicit Table(std::vector<std::string> headings) : headings_(std::move(headings)) {}
  // A row may be coloured as a whole.
  void add(std::vector<std::string> cells, Colour colour = Colour::plain);
  // Prints headings and rows, or `when_empty` if there are none.
  void print(const std::string& when_empty) const;

 private:
  struct Row {
    std::vector<std::string> cells;
    Colour colour;
  };
  std::vector<std::string> headings_;
  std::vector<Row> rows_;
};

void print_json(const Json& object);
// Prints lines with everything escaped that would control a terminal.
void print_text(std::string_view text, std::FILE* to = stdout);
// Prints one line on standard error, escaped.
void print_error(const std::string& text);

// 1234567 as 1,234,567.
std::string grouped(std::uint64_t value);
// Nanoseconds since the epoch as local time; empty for 0.
std::string local_time(std::uint64_t wall_ns);

}  // namespace bulkhead::controlplane
