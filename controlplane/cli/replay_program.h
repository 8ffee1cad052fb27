// Runs bulkhead-replay, which has the data plane's pipeline: captures and messages in bytes are
// judged by the program that the appliance enforces with, not by a second copy of it.
#pragma once

#include <string>
#include <vector>

#include "controlplane/cli/output.h"

namespace bulkhead::controlplane {

class ReplayProgram {
 public:
  // `path`: from --replay; if empty, the program beside this one, or in PATH. Throws CommandFailed
  // if there is none.
  explicit ReplayProgram(const std::string& path);

  // The verdicts on a capture under a policy, as the program prints them in JSON. Throws
  // CommandFailed with the program's words if it fails.
  std::vector<Json> run(const std::string& policy, const std::string& capture,
                        const std::vector<std::string>& options) const;

 private:
  std::string program_;
};

// A file of its own in a folder for temporary files, gone at the end.
class TemporaryFile {
 public:
  explicit TemporaryFile(const std::string& bytes);
  ~TemporaryFile();
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;

  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

}  // namespace bulkhead::controlplane
