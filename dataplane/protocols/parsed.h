// A message, and what Protocol::parse() keeps of it for later functions on the same message, so
// that nothing is parsed twice.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <new>
#include <type_traits>

#include "dataplane/base/bytes.h"
#include "dataplane/protocols/catalogue.h"

namespace bulkhead::protocols {

// The storage is the caller's, one for a worker. It keeps plain types of the module, at most one
// object of each. They may hold views of the message, or of memory of the thread where the module
// joins a message's pieces: those are valid until the message's bytes move or the thread parses
// another message.
class Parsed {
 public:
  static constexpr std::size_t kBytesMax = 512;
  static constexpr std::size_t kTypesMax = 4;

  Parsed() = default;
  Parsed(ByteView message, Direction direction) : message_(message), direction_(direction) {}
  Parsed(const Parsed&) = delete;
  Parsed& operator=(const Parsed&) = delete;

  // The caller puts a message here before it calls parse(). Nothing is kept of it yet.
  void begin(ByteView message, Direction direction) {
    message_ = message;
    direction_ = direction;
    count_ = 0;
    used_ = 0;
  }

  ByteView message() const { return message_; }
  Direction direction() const { return direction_; }
  bool is_request() const { return direction_ == Direction::request; }

  // For parse() alone. Keep something as soon as a refusal or Splicing::take_out() needs it: they
  // may follow a fault.
  template <typename T>
  T& keep(const T& value = T{}) {
    static_assert(sizeof(T) <= kBytesMax && alignof(T) <= kAlignment);
    static_assert(std::is_trivially_copyable_v<T> && std::is_trivially_destructible_v<T>);
    const std::size_t at = used_;
    used_ += (sizeof(T) + kAlignment - 1) / kAlignment * kAlignment;
    // The module keeps too much: its first message shows it.
    if (count_ == kTypesMax || used_ > kBytesMax) std::abort();
    entries_[count_++] = {&kType<T>, at};
    return *new (bytes_.data() + at) T(value);
  }
  // nullptr where parse() found a fault before it kept a T.
  template <typename T>
  const T* kept() const {
    for (std::size_t i = 0; i < count_; ++i) {
      if (entries_[i].type != &kType<T>) continue;
      return std::launder(reinterpret_cast<const T*>(bytes_.data() + entries_[i].at));
    }
    return nullptr;
  }

 private:
  static constexpr std::size_t kAlignment = alignof(std::uint64_t);
  template <typename T>
  static constexpr char kType = 0;  // its address names the type
  struct Entry {
    const char* type;
    std::size_t at;
  };

  ByteView message_{};
  Direction direction_{};
  std::size_t count_ = 0;
  std::size_t used_ = 0;
  std::array<Entry, kTypesMax> entries_;                        // unspecified beyond count_
  alignas(kAlignment) std::array<std::byte, kBytesMax> bytes_;  // unspecified beyond used_
};

}  // namespace bulkhead::protocols
