// A note: its length in four bytes, the first eight of its SHA-256, its text.
#include "controlplane/revisions/journal.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "controlplane/revisions/files.h"
#include "dataplane/artefact/digest.h"
#include "dataplane/base/bytes.h"

namespace bulkhead::controlplane {

namespace {

constexpr std::size_t kLengthBytes = 4;
constexpr std::size_t kDigestBytes = 8;

std::string digest_of(const std::string& note) {
  return artefact::sha256(note).substr(0, kDigestBytes);
}

std::string framed(const std::string& note) {
  std::string bytes(kLengthBytes, '\0');
  store_be32(reinterpret_cast<std::uint8_t*>(bytes.data()),
             static_cast<std::uint32_t>(note.size()));
  return bytes + digest_of(note) + note;
}

// `bytes`, then zeros, on disk with its name. A descriptor, or -1 and what is wrong.
int make_journal(const std::string& path, const std::string& bytes, std::string& problem) {
  const std::string aside = path + ".new";
  const int file = ::open(aside.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (file < 0) {
    problem = file_problem("cannot create", aside);
    return -1;
  }
  int error = posix_fallocate(file, 0, Journal::kBytes);
  if (error == 0 &&
      pwrite(file, bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size())) {
    error = EIO;
  }
  if (error == 0 && fsync(file) != 0) error = errno;
  if (error == 0 && rename(aside.c_str(), path.c_str()) != 0) error = errno;
  if (error != 0) {
    problem = file_problem("cannot write", aside, error);
    unlink(aside.c_str());
    close(file);
    return -1;
  }
  flush_folder_of(path);
  return file;
}

}  // namespace

Result<std::unique_ptr<Journal>, std::string> Journal::open(const std::string& path,
                                                            std::vector<std::string>& notes) {
  int file = ::open(path.c_str(), O_RDWR | O_CLOEXEC);
  if (file < 0) {
    std::string problem;
    file = make_journal(path, {}, problem);
    if (file < 0) return problem;
  }
  std::unique_ptr<Journal> journal(new Journal(path, file));
  journal->read(notes);
  return journal;
}

Journal::~Journal() { close(file_); }

void Journal::read(std::vector<std::string>& notes) {
  std::string bytes(kBytes, '\0');
  const ssize_t count = pread(file_, bytes.data(), bytes.size(), 0);
  bytes.resize(count < 0 ? 0 : static_cast<std::size_t>(count));
  while (end_ + kHeadBytes <= bytes.size()) {
    const std::size_t length =
        load_be32(reinterpret_cast<const std::uint8_t*>(bytes.data() + end_));
    if (length == 0 || length > kNoteBytesMax || end_ + kHeadBytes + length > bytes.size()) return;
    std::string note = bytes.substr(end_ + kHeadBytes, length);
    if (bytes.compare(end_ + kLengthBytes, kDigestBytes, digest_of(note)) != 0) return;
    notes.push_back(std::move(note));
    end_ += kHeadBytes + length;
  }
}

std::string Journal::add(const std::string& note) {
  const std::string bytes = framed(note);
  const ssize_t count = pwrite(file_, bytes.data(), bytes.size(), static_cast<off_t>(end_));
  if (count != static_cast<ssize_t>(bytes.size())) {
    return file_problem("cannot write", path_, count < 0 ? errno : ENOSPC);
  }
  if (fdatasync(file_) != 0) return file_problem("cannot flush", path_);
  end_ += bytes.size();
  return {};
}

std::string Journal::restart(const std::string& note) {
  std::string problem;
  const std::string bytes = note.empty() ? note : framed(note);
  const int file = make_journal(path_, bytes, problem);
  if (file < 0) return problem;
  close(std::exchange(file_, file));
  end_ = bytes.size();
  return {};
}

}  // namespace bulkhead::controlplane
