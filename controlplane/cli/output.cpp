// Aligns columns and formats numbers and times.
#include "controlplane/cli/output.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <ctime>

namespace bulkhead::controlplane {

Shown paint(const std::string& text, Colour colour) {
  static const bool kColours = isatty(STDOUT_FILENO) == 1 && std::getenv("NO_COLOR") == nullptr;
  if (!kColours || colour == Colour::plain) return {printable(text)};
  constexpr const char* kCodes[] = {"", "32", "31", "2", "1"};
  return {"\033[" + std::string(kCodes[static_cast<std::size_t>(colour)]) + "m" + printable(text) +
          "\033[0m"};
}

void Table::add(std::vector<std::string> cells, Colour colour) {
  for (std::string& cell : cells) cell = printable(cell);
  rows_.push_back({std::move(cells), colour});
}

void Table::print(const std::string& when_empty) const {
  if (rows_.empty()) {
    return say("%s\n", when_empty);
  }
  std::vector<std::size_t> widths;
  for (std::size_t i = 0; i < headings_.size(); ++i) {
    std::size_t width = headings_[i].size();
    for (const Row& row : rows_) width = std::max(width, row.cells[i].size());
    widths.push_back(width);
  }
  const auto line = [&](const std::vector<std::string>& cells) {
    std::string text;
    for (std::size_t i = 0; i < cells.size(); ++i) {
      text += cells[i];
      if (i + 1 < cells.size()) text += std::string(widths[i] - cells[i].size() + 2, ' ');
    }
    return text;
  };
  say("%s\n", paint(line(headings_), Colour::bold));
  for (const Row& row : rows_) say("%s\n", paint(line(row.cells), row.colour));
}

void print_json(const Json& object) { std::printf("%s\n", json_line(object).c_str()); }

namespace {

std::string keep_tabs(std::string_view line) {
  std::string out;
  for (;;) {
    const std::size_t tab = line.find('\t');
    out += printable(line.substr(0, tab));
    if (tab == std::string_view::npos) return out;
    out += '\t';
    line.remove_prefix(tab + 1);
  }
}

}  // namespace

void print_text(std::string_view text, std::FILE* to) {
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    std::fprintf(to, "%s\n", keep_tabs(text.substr(0, end)).c_str());
    text.remove_prefix(std::min(end + 1, text.size()));
  }
}

void print_error(const std::string& text) { std::fprintf(stderr, "%s\n", printable(text).c_str()); }

std::string grouped(std::uint64_t value) {
  std::string text = std::to_string(value);
  for (int at = static_cast<int>(text.size()) - 3; at > 0; at -= 3) {
    text.insert(static_cast<std::size_t>(at), ",");
  }
  return text;
}

std::string local_time(std::uint64_t wall_ns) {
  if (wall_ns == 0) return {};
  const auto seconds = static_cast<time_t>(wall_ns / 1'000'000'000);
  tm parts{};
  localtime_r(&seconds, &parts);
  char text[32];
  std::strftime(text, sizeof(text), "%F %T", &parts);
  return text;
}

}  // namespace bulkhead::controlplane
