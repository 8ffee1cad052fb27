// By indentation: what belongs to an item of YAML stands further to the right than the item.
#include "controlplane/learn/place.h"

#include <algorithm>

namespace bulkhead::learn {

namespace {

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    lines.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return lines;
}

std::size_t indent_of(const std::string& line) {
  return std::min(line.find_first_not_of(' '), line.size());
}

bool says_nothing(const std::string& line) {
  const std::size_t at = indent_of(line);
  return at == line.size() || line[at] == '#' || line[at] == '\r';
}

// The last line of what begins at `first` (from 1) with that indentation.
std::uint32_t last_line(const std::vector<std::string>& lines, std::uint32_t first,
                        std::size_t indent) {
  std::uint32_t last = first;
  for (std::uint32_t i = first; i < lines.size(); ++i) {
    if (says_nothing(lines[i])) continue;
    if (indent_of(lines[i]) <= indent) break;
    last = i + 1;
  }
  return last;
}

}  // namespace

std::optional<Place> after_rules(const std::string& text,
                                 const controlplane::ConduitNode& conduit) {
  if (conduit.rules.empty()) return std::nullopt;
  const std::vector<std::string> lines = lines_of(text);
  const std::uint32_t first = conduit.rules.back().at.line;
  if (first == 0 || first > lines.size()) return std::nullopt;
  const std::string& line = lines[first - 1];
  const std::size_t indent = indent_of(line);
  if (indent == line.size() || line[indent] != '-') return std::nullopt;
  return Place{last_line(lines, first, indent), indent};
}

std::optional<Place> after_conduits(const std::string& text,
                                    const controlplane::PolicyNode& policy) {
  if (policy.conduits.empty()) return std::nullopt;
  const std::vector<std::string> lines = lines_of(text);
  const controlplane::Position at = policy.conduits.back().name.at;
  if (at.line == 0 || at.line > lines.size()) return std::nullopt;
  const std::size_t indent = indent_of(lines[at.line - 1]);
  if (indent + 1 != at.column) return std::nullopt;
  return Place{last_line(lines, at.line, indent), indent};
}

std::string pasted(const std::string& text, std::uint32_t line, const std::string& lines) {
  std::size_t at = 0;
  for (std::uint32_t i = 0; i < line && at < text.size(); ++i) {
    at = std::min(text.find('\n', at), text.size() - 1) + 1;
  }
  std::string before = text.substr(0, at);
  if (!before.empty() && before.back() != '\n') before += '\n';
  return before + lines + text.substr(at);
}

}  // namespace bulkhead::learn
