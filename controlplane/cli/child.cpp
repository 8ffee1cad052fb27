// Pipes are served by poll(), so that neither side waits for the other.
#include "controlplane/cli/child.h"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <string_view>

extern char** environ;

namespace bulkhead::controlplane {

namespace {

// Both ends of a pipe; closed in children, and here at the end.
struct Pipe {
  std::array<int, 2> ends{-1, -1};

  Pipe() {
    if (pipe2(ends.data(), O_CLOEXEC) != 0) ends = {-1, -1};
  }
  ~Pipe() {
    close_end(0);
    close_end(1);
  }
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;

  void close_end(std::size_t which) {
    if (ends[which] >= 0) close(ends[which]);
    ends[which] = -1;
  }
};

// Reads what is there; closes the end when that is all.
void drain(Pipe& from, std::string& to) {
  std::array<char, 65536> room;
  const ssize_t count = read(from.ends[0], room.data(), room.size());
  if (count > 0) {
    to.append(room.data(), static_cast<std::size_t>(count));
  } else if (count == 0 || errno != EINTR) {
    from.close_end(0);
  }
}

void feed(Pipe& to, std::string_view& rest) {
  const ssize_t count = write(to.ends[1], rest.data(), rest.size());
  if (count > 0) rest.remove_prefix(static_cast<std::size_t>(count));
  if ((count < 0 && errno != EINTR && errno != EAGAIN) || rest.empty()) to.close_end(1);
}

void serve(Pipe& input, Pipe& output, Pipe& errors, std::string_view rest, ChildResult& result) {
  if (rest.empty()) input.close_end(1);
  fcntl(input.ends[1], F_SETFL, O_NONBLOCK);
  while (output.ends[0] >= 0 || errors.ends[0] >= 0) {
    std::array<pollfd, 3> ready = {pollfd{output.ends[0], POLLIN, 0},
                                   pollfd{errors.ends[0], POLLIN, 0},
                                   pollfd{input.ends[1], POLLOUT, 0}};
    if (poll(ready.data(), ready.size(), -1) < 0 && errno != EINTR) return;
    if (ready[0].revents != 0) drain(output, result.output);
    if (ready[1].revents != 0) drain(errors, result.errors);
    if (ready[2].revents != 0) feed(input, rest);
  }
}

}  // namespace

std::string find_program(const std::string& name) {
  const char* folders = std::getenv("PATH");
  const std::string list = folders == nullptr ? "/usr/local/bin:/usr/bin:/bin" : folders;
  for (std::size_t at = 0; at <= list.size();) {
    const std::size_t end = std::min(list.find(':', at), list.size());
    const std::string path = list.substr(at, end - at) + "/" + name;
    if (end > at && access(path.c_str(), X_OK) == 0) return path;
    at = end + 1;
  }
  return {};
}

ChildResult run_child(const std::vector<std::string>& words, const std::string& input) {
  ChildResult result;
  Pipe in;
  Pipe out;
  Pipe err;
  if (in.ends[0] < 0 || out.ends[0] < 0 || err.ends[0] < 0) {
    result.errors = std::string("no pipe: ") + std::strerror(errno);
    return result;
  }
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, in.ends[0], STDIN_FILENO);
  posix_spawn_file_actions_adddup2(&actions, out.ends[1], STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&actions, err.ends[1], STDERR_FILENO);
  std::vector<std::string> copies = words;
  std::vector<char*> argv;
  for (std::string& word : copies) argv.push_back(word.data());
  argv.push_back(nullptr);
  pid_t child = -1;
  const int error = posix_spawn(&child, argv[0], &actions, nullptr, argv.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  if (error != 0) {
    result.errors = "cannot run " + words.at(0) + ": " + std::strerror(error);
    return result;
  }
  in.close_end(0);
  out.close_end(1);
  err.close_end(1);
  const auto before = std::signal(SIGPIPE, SIG_IGN);  // a child that does not read its input
  serve(in, out, err, input, result);
  std::signal(SIGPIPE, before);
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (WIFEXITED(status)) result.code = WEXITSTATUS(status);
  return result;
}

}  // namespace bulkhead::controlplane
