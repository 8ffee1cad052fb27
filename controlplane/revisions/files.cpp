// Beside the file with its name stands `.new` until all of it is on disk.
#include "controlplane/revisions/files.h"

#include <fcntl.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <system_error>

#include "dataplane/base/write_all.h"

namespace bulkhead::controlplane {

std::string file_problem(const std::string& what, const std::string& path, int error) {
  return what + " " + path + ": " + std::strerror(error);
}

void flush_folder_of(const std::string& path) {
  const std::string folder = std::filesystem::path(path).parent_path().string();
  const int handle = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (handle < 0) return;
  fsync(handle);
  close(handle);
}

namespace {

std::string write_bytes(int file, const std::string& bytes, const std::string& path) {
  return write_all(file, bytes) ? std::string() : file_problem("cannot write", path);
}

// The file beside the one that it is to replace, whole and flushed. Empty on success.
std::string write_aside(const std::string& path, const std::string& bytes) {
  const std::string aside = path + ".new";
  const int file = ::open(aside.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (file < 0) return file_problem("cannot create", aside);
  std::string error = write_bytes(file, bytes, aside);
  if (error.empty() && fsync(file) != 0) error = file_problem("cannot flush", aside);
  close(file);
  if (!error.empty()) unlink(aside.c_str());
  return error;
}

std::string put_in_place(const std::string& path) {
  const std::string aside = path + ".new";
  if (rename(aside.c_str(), path.c_str()) != 0) {
    const std::string error = file_problem("cannot rename to", path);
    unlink(aside.c_str());
    return error;
  }
  flush_folder_of(path);
  return {};
}

}  // namespace

std::string replace_file(const std::string& path, const std::string& bytes) {
  std::string error = write_aside(path, bytes);
  return error.empty() ? put_in_place(path) : error;
}

// The file has its name before the flush: where both are new that brings both to disk.
std::string make_file(const std::string& path, const std::string& bytes) {
  const std::string aside = path + ".new";
  const int file = ::open(aside.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (file < 0) return file_problem("cannot create", aside);
  std::string error = write_bytes(file, bytes, aside);
  const bool named = error.empty() && rename(aside.c_str(), path.c_str()) == 0;
  if (error.empty() && !named) error = file_problem("cannot rename to", path);
  if (error.empty() && fsync(file) != 0) error = file_problem("cannot flush", path);
  close(file);
  if (!error.empty()) unlink((named ? path : aside).c_str());
  return error;
}

std::optional<std::string> read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::error_code error;
  const auto bytes = std::filesystem::file_size(path, error);
  if (!file || error) return std::nullopt;
  std::string text(bytes, '\0');
  file.read(text.data(), static_cast<std::streamsize>(bytes));
  text.resize(static_cast<std::size_t>(file.gcount()));
  return text;
}

}  // namespace bulkhead::controlplane
