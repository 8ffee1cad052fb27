// A command is run only if root alone may change it: it runs as root.
#include "dataplane/daemon/bypass.h"

#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstring>

namespace bulkhead::daemon {

namespace {

constexpr std::array<const char*, 3> kNames = {"starting", "enforcing", "stopped"};

}  // namespace

std::optional<BypassMoment> bypass_moment(std::string_view name) {
  for (std::size_t i = 0; i < kNames.size(); ++i) {
    if (name == kNames[i]) return static_cast<BypassMoment>(i);
  }
  return std::nullopt;
}

std::string bypass_problem(const std::vector<std::string>& command, bool pair) {
  if (command.empty()) return {};
  if (pair) {
    return "--bypass and --pair: joined around one appliance and forwarded by the other, the zones "
           "would be a loop; leave one of them out";
  }
  const std::string& path = command.front();
  if (path.empty() || path.front() != '/') {
    return "--bypass " + path + ": give the command's whole path, as /usr/local/sbin/bypass";
  }
  struct stat found{};
  if (stat(path.c_str(), &found) != 0) return "--bypass " + path + ": " + std::strerror(errno);
  if (found.st_uid != 0 || (found.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
    return "--bypass " + path + ": others than root may change it; chown root, chmod go-w";
  }
  return {};
}

std::string become_bypass(std::vector<std::string> command, BypassMoment moment) {
  command.emplace_back(kNames[static_cast<std::size_t>(moment)]);
  std::vector<char*> words;
  words.reserve(command.size() + 1);
  for (std::string& word : command) words.push_back(word.data());
  words.push_back(nullptr);
  execv(words.front(), words.data());
  return command.front() + ": " + std::strerror(errno);
}

}  // namespace bulkhead::daemon
