// One run a question: its lines are verdicts.
#include "controlplane/cli/replay_program.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>

#include "controlplane/cli/child.h"
#include "controlplane/cli/session.h"
#include "dataplane/base/write_all.h"

namespace bulkhead::controlplane {

namespace {

constexpr const char* kProgram = "bulkhead-replay";

}  // namespace

ReplayProgram::ReplayProgram(const std::string& path) : program_(path) {
  if (!program_.empty()) {
    if (access(program_.c_str(), X_OK) == 0) return;
    throw CommandFailed{kFileFailed, "cannot run " + program_ + ": " + std::strerror(errno)};
  }
  std::error_code error;
  const auto own = std::filesystem::read_symlink("/proc/self/exe", error);
  const auto beside = own.parent_path() / kProgram;
  program_ = !error && access(beside.c_str(), X_OK) == 0 ? beside.string() : find_program(kProgram);
  if (!program_.empty()) return;
  throw CommandFailed{kFileFailed,
                      "bulkhead-replay is not installed: captures and messages in bytes are judged "
                      "by the data plane's pipeline, which is in the package bulkhead; or name the "
                      "program with --replay"};
}

std::vector<Json> ReplayProgram::run(const std::string& policy, const std::string& capture,
                                     const std::vector<std::string>& options) const {
  std::vector<std::string> words = {program_, "--policy", policy, capture, "--format", "json"};
  words.insert(words.end(), options.begin(), options.end());
  const ChildResult result = run_child(words, "");
  if (result.code != 0) {
    std::string text = result.errors;
    while (!text.empty() && text.back() == '\n') text.pop_back();
    throw CommandFailed{
        result.code == 1 ? kRefused : kFileFailed,
        text.empty() ? program_ + " ended with " + std::to_string(result.code) : text};
  }
  std::vector<Json> verdicts;
  for (std::size_t at = 0; at < result.output.size();) {
    const std::size_t end = std::min(result.output.find('\n', at), result.output.size());
    Json line = Json::parse(result.output.substr(at, end - at), nullptr, false);
    if (line.is_object()) verdicts.push_back(std::move(line));
    at = end + 1;
  }
  return verdicts;
}

TemporaryFile::TemporaryFile(const std::string& bytes) {
  std::string name = (std::filesystem::temp_directory_path() / "bulkheadctl-XXXXXX").string();
  const int file = mkstemp(name.data());
  if (file < 0) {
    throw CommandFailed{kFileFailed, "cannot write " + name + ": " + std::strerror(errno)};
  }
  path_ = name;
  const bool whole = write_all(file, bytes);
  close(file);
  if (whole) return;
  unlink(path_.c_str());
  throw CommandFailed{kFileFailed, "cannot write " + path_ + ": " + std::strerror(errno)};
}

TemporaryFile::~TemporaryFile() { unlink(path_.c_str()); }

}  // namespace bulkhead::controlplane
