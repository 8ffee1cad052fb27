// The machine that is set up: files below a folder that stands for /, and programs. Tests give it
// an invented tree, and derive from it where the kernel would answer.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace bulkhead::setup {

// What went wrong, and what mends it.
struct Problem {
  std::string cause;
  std::string mend;
};

struct FileKind {
  mode_t mode = 0644;
  std::string owner = "root";
  std::string group = "root";
};
bool operator==(const FileKind& a, const FileKind& b);

// What a program said; `code` is -1 where it could not be started or took too long.
struct Ran {
  int code = -1;
  std::string said;
};

class Machine {
 public:
  explicit Machine(std::string root = "/");
  virtual ~Machine() = default;
  Machine(const Machine&) = delete;
  Machine& operator=(const Machine&) = delete;

  // False for the tree of another machine, in which no program is run.
  bool is_live() const { return root_ == "/"; }

  // A file of at most 1 MiB.
  std::optional<std::string> read(std::string_view path) const;
  // Its first line, without blanks around it; empty if there is none.
  std::string read_line(std::string_view path) const;
  bool exists(std::string_view path) const;
  // Names in a folder, sorted.
  std::vector<std::string> list(std::string_view path) const;
  // The last component of what a link points to; empty if it is none.
  std::string link_name(std::string_view path) const;
  // The path with all links followed, as names from the root on; empty if it leads nowhere.
  std::vector<std::string> resolved(std::string_view path) const;
  // Nothing if there is no such file.
  std::optional<FileKind> kind_of(std::string_view path) const;
  // The number of a user or a group by the tree's own files.
  std::optional<unsigned> user(std::string_view name) const;
  std::optional<unsigned> group(std::string_view name) const;
  // Looked for where a system has its programs.
  bool has_program(std::string_view name) const;

  // Replaces a file whole, on disk before it returns; makes its folders. Returns what failed.
  std::optional<std::string> replace(std::string_view path, std::string_view text,
                                     const FileKind& kind);
  std::optional<std::string> remove(std::string_view path);
  // Writes to a file of the kernel.
  virtual std::optional<std::string> write(std::string_view path, std::string_view text);
  virtual Ran run(const std::vector<std::string>& words);

 protected:
  virtual std::optional<std::string> set_kind(int file, const FileKind& kind) const;
  std::string at(std::string_view path) const;

 private:
  std::optional<unsigned> number_in(std::string_view file, std::string_view name) const;

  std::string root_;
};

// Words as one would type them.
std::string joined(const std::vector<std::string>& words, std::string_view between = " ");

}  // namespace bulkhead::setup
