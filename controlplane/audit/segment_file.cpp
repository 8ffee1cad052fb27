// Zeros are written, not only reserved: a record then changes no block map, and its flush is one of
// data alone.
#include "controlplane/audit/segment_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <utility>

#include "controlplane/audit/segment.h"
#include "controlplane/revisions/files.h"

namespace bulkhead::audit {

namespace {

using controlplane::file_problem;

Problem problem_of(const std::string& what, const std::string& path, int error) {
  const bool full = error == ENOSPC || error == EDQUOT || error == EFBIG;
  return {full ? Problem::Kind::full : Problem::Kind::failed,
          file_problem(what, path, error) +
              (full ? "; free space on that file system" : "; check that file system")};
}

// 0, or the error.
int write_all(int file, std::string_view bytes, std::uint64_t at) {
  while (!bytes.empty()) {
    const ssize_t count = pwrite(file, bytes.data(), bytes.size(), static_cast<off_t>(at));
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return count < 0 ? errno : ENOSPC;
    bytes.remove_prefix(static_cast<std::size_t>(count));
    at += static_cast<std::uint64_t>(count);
  }
  return 0;
}

int write_zeros(int file, std::uint64_t from, std::uint64_t to) {
  const std::string zeros(64 * 1024, '\0');
  int error = 0;
  while (error == 0 && from < to) {
    const auto count = static_cast<std::size_t>(std::min<std::uint64_t>(zeros.size(), to - from));
    error = write_all(file, std::string_view(zeros).substr(0, count), from);
    from += count;
  }
  return error;
}

}  // namespace

Result<std::unique_ptr<SegmentFile>, Problem> SegmentFile::make(const std::string& path,
                                                                std::size_t bytes) {
  const std::string aside = path + ".new";
  const int file = ::open(aside.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (file < 0) return problem_of("cannot create", aside, errno);
  const std::string header = segment_header();
  int error = posix_fallocate(file, 0, static_cast<off_t>(bytes));
  if (error == EOPNOTSUPP || error == EINVAL) error = 0;  // writing reserves too
  if (error == 0) error = write_zeros(file, header.size(), bytes);
  if (error == 0) error = write_all(file, header, 0);
  if (error == 0 && fsync(file) != 0) error = errno;
  if (error == 0 && rename(aside.c_str(), path.c_str()) != 0) error = errno;
  if (error != 0) {
    unlink(aside.c_str());
    close(file);
    return problem_of("cannot write", aside, error);
  }
  controlplane::flush_folder_of(path);
  return std::unique_ptr<SegmentFile>(new SegmentFile(path, file, header.size(), bytes));
}

Result<std::unique_ptr<SegmentFile>, Problem> SegmentFile::open(const std::string& path,
                                                                std::uint64_t end,
                                                                std::uint64_t clear_to) {
  const int file = ::open(path.c_str(), O_RDWR | O_CLOEXEC);
  if (file < 0) return problem_of("cannot open", path, errno);
  struct stat info{};
  int error = fstat(file, &info) == 0 ? 0 : errno;
  if (error == 0 && clear_to > end) {
    error = write_zeros(file, end, clear_to);
    if (error == 0 && fdatasync(file) != 0) error = errno;
  }
  if (error != 0) {
    close(file);
    return problem_of("cannot write", path, error);
  }
  const auto bytes = std::max(static_cast<std::uint64_t>(info.st_size), end);
  return std::unique_ptr<SegmentFile>(new SegmentFile(path, file, end, bytes));
}

SegmentFile::~SegmentFile() { close(file_); }

std::string SegmentFile::append(std::string_view lines) {
  int error = write_all(file_, lines, end_);
  if (error == 0 && fdatasync(file_) != 0) error = errno;
  if (error == 0) {
    end_ += lines.size();
    return {};
  }
  // Nobody gets an answer to them, so they must not be read.
  if (write_zeros(file_, end_, end_ + lines.size()) == 0) fdatasync(file_);
  return file_problem("cannot write", path_, error);
}

void SegmentFile::seal() {
  if (ftruncate(file_, static_cast<off_t>(end_)) == 0) fsync(file_);
  bytes_ = end_;
}

}  // namespace bulkhead::audit
