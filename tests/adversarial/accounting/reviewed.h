// The reviewed list: what each module may declare free, and why nobody acts on it.
#pragma once

#include <fstream>
#include <map>
#include <sstream>
#include <stdexcept>
#include <string>

namespace bulkhead::accounting {

using Reviewed = std::map<std::string, std::string>;  // the module's reason, and why it holds

// Lines of `protocol`, a tabulator, the reason, a tabulator, why; those with # are comments.
inline Reviewed read_reviewed(const std::string& path, const std::string& protocol) {
  Reviewed reviewed;
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    if (line.empty() || line[0] == '#') continue;
    std::istringstream cells(line);
    std::string name;
    std::string reason;
    std::string why;
    std::getline(cells, name, '\t');
    std::getline(cells, reason, '\t');
    std::getline(cells, why, '\t');
    if (why.empty()) throw std::runtime_error(path + ": no reason why: " + line);
    if (name != protocol) continue;
    if (!reviewed.emplace(reason, why).second) throw std::runtime_error(path + ": twice: " + line);
  }
  return reviewed;
}

}  // namespace bulkhead::accounting
