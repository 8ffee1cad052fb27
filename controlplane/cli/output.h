// Tables for people, JSON lines for scripts. Colours only on a terminal.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace bulkhead::controlplane {

using Json = nlohmann::ordered_json;

enum class Colour { plain, good, bad, dim, bold };

// The text in the colour, if standard output is a terminal and NO_COLOR is not set.
std::string paint(const std::string& text, Colour colour);

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

// 1234567 as 1,234,567.
std::string grouped(std::uint64_t value);
// Nanoseconds since the epoch as local time; empty for 0.
std::string local_time(std::uint64_t wall_ns);
// The same in UTC, ISO 8601 with milliseconds, for JSON.
std::string iso_time(std::uint64_t wall_ns);
std::string duration(std::uint64_t ms);

}  // namespace bulkhead::controlplane
