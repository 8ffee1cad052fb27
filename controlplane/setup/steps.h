// What setting up consists of: each step is data, so that it can be printed, compared with what is,
// carried out and taken back.
#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "controlplane/setup/machine.h"

namespace bulkhead::setup {

struct WriteFile {
  std::string path;
  std::string text;
  FileKind kind{};
};

struct RemoveFile {
  std::string path;
};

// A number in a file of the kernel, at least; it is written as it is.
struct Reserve {
  std::string path;
  std::uint64_t least = 0;
};

struct BindPort {
  std::string pci;
  std::string driver;
};

// A key that stays, and a request to certify it.
struct MakeKey {
  std::string key_path;
  std::string request_path;
  std::string name;
  std::vector<std::string> hosts;
};

// Done already if the check (unless it is empty) ends well and says `expected`, and no file of
// `after` was changed before in this setup.
struct Run {
  std::vector<std::string> words;
  std::vector<std::string> check{};
  std::string expected{};
  std::vector<std::string> after{};
  std::vector<std::string> undo{};
};

// Something to know, and nothing to do.
struct Note {};

using Deed = std::variant<WriteFile, RemoveFile, Reserve, BindPort, MakeKey, Run, Note>;

struct Step {
  std::string what;  // as what would be done
  Deed deed;
  std::string mend{};  // if it fails
};

}  // namespace bulkhead::setup
