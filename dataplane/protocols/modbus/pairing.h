// Outstanding requests of one session, and which response answers which (Messaging guide 4.2: the
// transaction identifier ties them). Plain data, good when all zero.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "dataplane/protocols/modbus/layout.h"

namespace bulkhead::modbus {

constexpr std::size_t kOutstandingUsual = 7;
constexpr std::size_t kOutstandingMax = 256;
// Longer than TCP tries to bring a request to its server (RFC 9293, 3.8.3), and its answer back.
constexpr std::uint32_t kOutstandingAgeMs = 300'000;
constexpr std::uint32_t kAwaitedMs = 30'000;
// Once the table is full, a request this old makes room: servers leave some functions unanswered.
constexpr std::uint32_t kReplaceableAgeMs = 1'000;

struct Outstanding {
  std::uint32_t asked_ms = 0;
  std::uint16_t transaction = 0;
  std::uint16_t address = 0;     // or the sub-function of diagnostics
  std::uint16_t second = 0;      // quantity, value or and mask: what an echo must repeat
  std::uint16_t third = 0;       // or mask
  std::uint16_t data_bytes = 0;  // of the answer behind its byte count; 0: not fixed
  std::uint8_t unit = 0;
  std::uint8_t code = 0;
};

// A session's block: how many there are, and they, oldest first. The block's size is their bound.
class Session {
 public:
  static constexpr std::size_t bytes_for(std::size_t outstanding) {
    return kHeaderBytes + outstanding * sizeof(Outstanding);
  }

  // Precondition: bytes_for(1) bytes or more, aligned as Outstanding is.
  explicit Session(std::span<std::byte> block)
      : count_(reinterpret_cast<std::uint32_t*>(block.data())),
        entries_(reinterpret_cast<Outstanding*>(block.data() + kHeaderBytes),
                 (block.size() - kHeaderBytes) / sizeof(Outstanding)) {}

  std::span<Outstanding> outstanding() const { return entries_.first(*count_); }
  bool full() const { return *count_ >= entries_.size(); }
  void add(const Outstanding& entry) { entries_[(*count_)++] = entry; }
  void remove(std::size_t index);

 private:
  static constexpr std::size_t kHeaderBytes = 8;

  std::uint32_t* count_;
  std::span<Outstanding> entries_;
};

// Requests that a server is expected to answer: not those to all units (AP 4.1), and none that has
// waited longer than kAwaitedMs.
std::size_t awaited(Session session, std::uint32_t now_ms);

// Both expect a message that decode accepted.
protocols::Fault accept_request(Session session, const Adu& adu, std::uint32_t now_ms);
protocols::Fault accept_response(Session session, const Adu& adu, std::uint32_t now_ms);

}  // namespace bulkhead::modbus
