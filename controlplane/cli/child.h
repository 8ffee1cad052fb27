// Runs another program and collects what it writes. No shell is asked.
#pragma once

#include <string>
#include <vector>

namespace bulkhead::controlplane {

struct ChildResult {
  int code = -1;       // its exit code; -1 if it could not be run or was killed
  std::string output;  // all that it wrote
  std::string errors;
};

// The program of that name in PATH; empty if there is none.
std::string find_program(const std::string& name);

// `words`: the program's path and its arguments; `input` is what it reads.
ChildResult run_child(const std::vector<std::string>& words, const std::string& input);

}  // namespace bulkhead::controlplane
