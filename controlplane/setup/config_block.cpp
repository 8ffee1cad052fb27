// The two lines are comments to the programs that read the file.
#include "controlplane/setup/config_block.h"

#include <algorithm>
#include <sstream>

namespace bulkhead::setup {

namespace {

constexpr char kBegin[] =
    "# From here on written by `bulkheadctl setup`; what stands here is replaced by it.";
constexpr char kEnd[] = "# Written by `bulkheadctl setup` up to here.";

// The name that a line sets; empty for comments.
std::string name_in(const std::string& line) {
  const std::size_t begin = line.find_first_not_of(" \t");
  if (begin == std::string::npos || line[begin] == '#' || line[begin] == ';') return {};
  const std::size_t end = line.find_first_of(" \t=", begin);
  return line.substr(begin, end == std::string::npos ? end : end - begin);
}

}  // namespace

std::string quoted(const std::string& value) { return "\"" + value + "\""; }

Result<std::string, Problem> with_options(const std::string& path, const std::string& text,
                                          const Options& options) {
  std::string kept;
  std::istringstream lines(text);
  bool is_ours = false;
  int number = 0;
  for (std::string line; std::getline(lines, line);) {
    ++number;
    if (line == kBegin) is_ours = true;
    if (!is_ours) {
      const std::string name = name_in(line);
      const bool is_set = std::any_of(options.begin(), options.end(),
                                      [&](const auto& option) { return option.first == name; });
      if (is_set) {
        return Problem{path + " line " + std::to_string(number) + " sets " + name + " itself",
                       "remove that line: setup writes it"};
      }
      kept += line + "\n";
    }
    if (line == kEnd) is_ours = false;
  }
  if (is_ours) {
    return Problem{
        path + " has the line where setup's options begin, and not the one where they end",
        "remove the lines from \"# From here on\" on"};
  }
  kept += std::string(kBegin) + "\n";
  for (const auto& [name, value] : options) kept += name + " = " + value + "\n";
  return kept + kEnd + "\n";
}

}  // namespace bulkhead::setup
