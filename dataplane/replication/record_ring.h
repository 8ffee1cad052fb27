// A ring of byte records between two threads, without locks or allocation: one writer, one reader.
#pragma once

#include <atomic>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>

#include "dataplane/base/bytes.h"

namespace bulkhead::replication {

class RecordRing {
 public:
  // `bytes` is a power of two. A record may take up to half of it.
  explicit RecordRing(std::size_t bytes) : bytes_(new std::uint8_t[bytes]), size_(bytes) {}

  // For the writer: room for a record of at most `most` bytes, empty if there is none now. Only
  // commit() turns it into a record.
  std::span<std::uint8_t> reserve(std::size_t most) {
    const std::size_t needed = kHeadBytes + most;
    const std::size_t write = write_.load(std::memory_order_relaxed);
    const std::size_t used = write - read_.load(std::memory_order_acquire);
    const std::size_t at = write & (size_ - 1);
    // A record is contiguous: the rest at the end of the ring is skipped.
    skipped_ = size_ - at < needed ? size_ - at : 0;
    if (needed > size_ / 2 || used + skipped_ + needed > size_) return {};
    return {bytes_.get() + ((at + skipped_) & (size_ - 1)) + kHeadBytes, most};
  }
  // Precondition: the last reserve() gave room for as many.
  void commit(std::size_t length) {
    std::size_t write = write_.load(std::memory_order_relaxed);
    if (skipped_ >= kHeadBytes) put_head(write, kSkip);
    write += skipped_;
    put_head(write, static_cast<std::uint32_t>(length));
    write_.store(write + whole(length), std::memory_order_release);
  }

  // For the reader: the oldest record, empty if there is none. Valid until release().
  ByteView front() {
    for (;;) {
      const std::size_t read = read_.load(std::memory_order_relaxed);
      if (read == write_.load(std::memory_order_acquire)) return {};
      const std::size_t at = read & (size_ - 1);
      const std::size_t left = size_ - at;
      const std::uint32_t length = left < kHeadBytes ? kSkip : load_be32(bytes_.get() + at);
      if (length != kSkip) return {bytes_.get() + at + kHeadBytes, length};
      read_.store(read + left, std::memory_order_release);
    }
  }
  void release() {
    const std::size_t read = read_.load(std::memory_order_relaxed);
    const std::uint32_t length = load_be32(bytes_.get() + (read & (size_ - 1)));
    read_.store(read + whole(length), std::memory_order_release);
  }
  bool is_empty() const {
    return read_.load(std::memory_order_acquire) == write_.load(std::memory_order_acquire);
  }

 private:
  static constexpr std::size_t kHeadBytes = 4;
  static constexpr std::uint32_t kSkip = 0xffffffff;

  static std::size_t whole(std::size_t length) { return kHeadBytes + (length + 3) / 4 * 4; }
  void put_head(std::size_t write, std::uint32_t length) {
    store_be32(bytes_.get() + (write & (size_ - 1)), length);
  }

  std::unique_ptr<std::uint8_t[]> bytes_;
  std::size_t size_;
  std::size_t skipped_ = 0;  // the writer's
  alignas(64) std::atomic<std::size_t> write_{0};
  alignas(64) std::atomic<std::size_t> read_{0};
};

}  // namespace bulkhead::replication
