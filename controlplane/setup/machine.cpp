// Files are replaced by renaming, so that a power cut leaves the old one or the new one.
#include "controlplane/setup/machine.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <sstream>

#include "dataplane/base/write_all.h"

namespace bulkhead::setup {

namespace fs = std::filesystem;

namespace {

constexpr std::size_t kFileBytesMax = 1024 * 1024;
constexpr std::size_t kSaidBytesMax = 256 * 1024;
constexpr auto kRunTime = std::chrono::seconds(300);
constexpr const char* kProgramFolders[] = {"/usr/local/sbin", "/usr/local/bin", "/usr/sbin",
                                           "/usr/bin",        "/sbin",          "/bin"};

std::string failure(const std::string& what) { return what + ": " + std::strerror(errno); }

std::optional<std::string> why_not_written(int file, std::string_view text) {
  if (write_all(file, text)) return std::nullopt;
  return std::string(std::strerror(errno));
}

// Reads until the writers are gone or the time is over.
bool drain(int pipe, std::string& said) {
  const auto end = std::chrono::steady_clock::now() + kRunTime;
  char bytes[4096];
  for (;;) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
        end - std::chrono::steady_clock::now());
    pollfd waits{pipe, POLLIN, 0};
    if (left.count() <= 0 || poll(&waits, 1, static_cast<int>(left.count())) == 0) return false;
    const ssize_t length = ::read(pipe, bytes, sizeof(bytes));
    if (length < 0 && errno == EINTR) continue;
    if (length <= 0) return true;
    const std::size_t room = kSaidBytesMax - said.size();
    said.append(bytes, std::min(room, static_cast<std::size_t>(length)));
  }
}

}  // namespace

bool operator==(const FileKind& a, const FileKind& b) {
  return a.mode == b.mode && a.owner == b.owner && a.group == b.group;
}

Machine::Machine(std::string root) : root_(std::move(root)) {
  while (root_.size() > 1 && root_.back() == '/') root_.pop_back();
}

std::string Machine::at(std::string_view path) const {
  return root_ == "/" ? std::string(path) : root_ + std::string(path);
}

std::optional<std::string> Machine::read(std::string_view path) const {
  const int file = open(at(path).c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (file < 0) return std::nullopt;
  std::string text;
  char bytes[4096];
  for (;;) {
    const ssize_t length = ::read(file, bytes, sizeof(bytes));
    if (length < 0 && errno == EINTR) continue;
    if (length < 0 || text.size() > kFileBytesMax) {
      close(file);
      return std::nullopt;
    }
    if (length == 0) break;
    text.append(bytes, static_cast<std::size_t>(length));
  }
  close(file);
  return text;
}

std::string Machine::read_line(std::string_view path) const {
  std::string text = read(path).value_or("");
  text.resize(std::min(text.find('\n'), text.size()));
  constexpr const char* kBlanks = " \t\r";
  const std::size_t begin = text.find_first_not_of(kBlanks);
  if (begin == std::string::npos) return {};
  return text.substr(begin, text.find_last_not_of(kBlanks) - begin + 1);
}

bool Machine::exists(std::string_view path) const { return access(at(path).c_str(), F_OK) == 0; }

std::vector<std::string> Machine::list(std::string_view path) const {
  std::vector<std::string> names;
  std::error_code error;
  for (fs::directory_iterator each(at(path), error), end; !error && each != end;
       each.increment(error)) {
    names.push_back(each->path().filename().string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

std::string Machine::link_name(std::string_view path) const {
  std::error_code error;
  const fs::path target = fs::read_symlink(at(path), error);
  return error ? std::string() : target.filename().string();
}

std::vector<std::string> Machine::resolved(std::string_view path) const {
  std::error_code error;
  std::vector<std::string> names;
  for (const fs::path& name : fs::canonical(at(path), error)) names.push_back(name.string());
  if (error) names.clear();
  return names;
}

std::optional<FileKind> Machine::kind_of(std::string_view path) const {
  struct stat info{};
  if (stat(at(path).c_str(), &info) != 0) return std::nullopt;
  // By the names that the tree has for the numbers; a number stands for itself.
  const auto name_in = [this](std::string_view file, unsigned number) {
    std::istringstream lines(read(file).value_or(""));
    for (std::string line; std::getline(lines, line);) {
      const std::string name = line.substr(0, line.find(':'));
      if (number_in(file, name) == number) return name;
    }
    return std::to_string(number);
  };
  return FileKind{info.st_mode & 07777, name_in("/etc/passwd", info.st_uid),
                  name_in("/etc/group", info.st_gid)};
}

std::optional<unsigned> Machine::number_in(std::string_view file, std::string_view name) const {
  std::istringstream lines(read(file).value_or(""));
  for (std::string line; std::getline(lines, line);) {
    std::istringstream fields(line);
    std::string first;
    std::string number;
    std::getline(fields, first, ':');
    std::getline(fields, number, ':');
    std::getline(fields, number, ':');
    if (first == name && !number.empty()) {
      return static_cast<unsigned>(std::strtoul(number.c_str(), nullptr, 10));
    }
  }
  return std::nullopt;
}

std::optional<unsigned> Machine::user(std::string_view name) const {
  return name == "root" ? 0 : number_in("/etc/passwd", name);
}

std::optional<unsigned> Machine::group(std::string_view name) const {
  return name == "root" ? 0 : number_in("/etc/group", name);
}

bool Machine::has_program(std::string_view name) const {
  return std::any_of(
      std::begin(kProgramFolders), std::end(kProgramFolders),
      [&](const char* folder) { return exists(std::string(folder) + "/" + std::string(name)); });
}

std::optional<std::string> Machine::set_kind(int file, const FileKind& kind) const {
  const auto owner = user(kind.owner);
  const auto of_group = group(kind.group);
  if (!owner) return "there is no user " + kind.owner;
  if (!of_group) return "there is no group " + kind.group;
  if (fchown(file, *owner, *of_group) != 0) return failure("chown");
  return std::nullopt;
}

std::optional<std::string> Machine::replace(std::string_view path, std::string_view text,
                                            const FileKind& kind) {
  const fs::path target = at(path);
  std::error_code error;
  fs::create_directories(target.parent_path(), error);
  if (error) return "cannot create " + target.parent_path().string() + ": " + error.message();
  const std::string next = target.string() + ".setup-new";
  ::unlink(next.c_str());
  const int file = open(next.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (file < 0) return failure("cannot create " + next);
  auto problem = why_not_written(file, text);
  if (!problem) problem = set_kind(file, kind);
  if (!problem && fchmod(file, kind.mode) != 0) problem = failure("chmod");
  if (!problem && fsync(file) != 0) problem = failure("fsync");
  close(file);
  if (!problem && rename(next.c_str(), target.c_str()) != 0) problem = failure("rename");
  if (problem) {
    ::unlink(next.c_str());
    return "cannot write " + std::string(path) + ": " + *problem;
  }
  const int folder = open(target.parent_path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (folder >= 0) {
    fsync(folder);
    close(folder);
  }
  return std::nullopt;
}

std::optional<std::string> Machine::remove(std::string_view path) {
  if (::unlink(at(path).c_str()) == 0 || errno == ENOENT) return std::nullopt;
  return failure("cannot remove " + std::string(path));
}

std::optional<std::string> Machine::write(std::string_view path, std::string_view text) {
  const int file = open(at(path).c_str(), O_WRONLY | O_CLOEXEC);
  if (file < 0) return failure("cannot open " + std::string(path));
  auto problem = why_not_written(file, text);
  close(file);
  if (problem) return "the kernel refuses it at " + std::string(path) + ": " + *problem;
  return std::nullopt;
}

Ran Machine::run(const std::vector<std::string>& words) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return {-1, failure("pipe")};
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&actions, ends[1], STDERR_FILENO);
  // In a process group of its own: what breaks setup off on the terminal does not tear the step
  // that runs in two.
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP);
  std::vector<std::string> copies = words;
  std::vector<char*> argv;
  for (std::string& word : copies) argv.push_back(word.data());
  argv.push_back(nullptr);
  // Nothing of the caller's surroundings decides which program runs, or in which language it
  // answers.
  char path[] = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
  char language[] = "LC_ALL=C.UTF-8";
  char* environment[] = {path, language, nullptr};
  std::string program = words.at(0);
  for (const char* folder : kProgramFolders) {
    if (program.find('/') == std::string::npos &&
        access((std::string(folder) + "/" + program).c_str(), X_OK) == 0) {
      program = std::string(folder) + "/" + program;
    }
  }
  pid_t child = -1;
  const int error =
      posix_spawn(&child, program.c_str(), &actions, &attributes, argv.data(), environment);
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&actions);
  close(ends[1]);
  Ran ran;
  if (error != 0) {
    close(ends[0]);
    ran.said = "cannot run " + words.at(0) + ": " + std::strerror(error);
    return ran;
  }
  const bool ended = drain(ends[0], ran.said);
  close(ends[0]);
  if (!ended) kill(child, SIGKILL);
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  while (!ran.said.empty() && ran.said.back() == '\n') ran.said.pop_back();
  if (!ended) {
    ran.said += "; ended after " + std::to_string(kRunTime.count()) + " s";
  } else if (WIFEXITED(status)) {
    ran.code = WEXITSTATUS(status);
  }
  return ran;
}

std::string joined(const std::vector<std::string>& words, std::string_view between) {
  std::string text;
  for (const std::string& word : words) {
    if (&word != words.data()) text += between;
    text += word;
  }
  return text;
}

}  // namespace bulkhead::setup
