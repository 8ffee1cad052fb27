// An open-addressing table of fixed size; cells are never freed while their image lives.
#include "dataplane/pipeline/counters.h"

namespace bulkhead::pipeline {

namespace {

// Single writer: a plain addition published with a store, with no locked instruction.
void bump(std::atomic<std::uint64_t>& cell, std::uint64_t by) {
  cell.store(cell.load(std::memory_order_relaxed) + by, std::memory_order_relaxed);
}

constexpr unsigned kConduitBits = 12;  // kConduitsMax and kNoConduit
constexpr unsigned kRuleBits = 12;
constexpr unsigned kFunctionBits = 12;
constexpr std::uint64_t kLow12 = 0xfff;

}  // namespace

std::uint64_t Counters::pack(const CounterKey& key) {
  std::uint64_t packed = 1;
  packed = (packed << kConduitBits) | (key.conduit & kLow12);
  packed = (packed << kRuleBits) | (key.rule & kLow12);
  packed = (packed << kFunctionBits) | (key.function & kLow12);
  packed = (packed << 8) | key.protocol;
  packed = (packed << 8) | static_cast<std::uint8_t>(key.reason);
  return (packed << 8) | static_cast<std::uint8_t>(key.fault);
}

CounterKey Counters::unpack(std::uint64_t packed) {
  const auto widen = [](std::uint64_t value) {
    return static_cast<std::uint16_t>(value == kLow12 ? 0xffff : value);
  };
  CounterKey key;
  key.fault = static_cast<protocols::Fault>(packed & 0xff);
  key.reason = static_cast<Reason>(packed >> 8 & 0xff);
  key.protocol = static_cast<std::uint8_t>(packed >> 16);
  key.function = widen(packed >> 24 & kLow12);
  key.rule = static_cast<std::uint16_t>(packed >> 36 & kLow12);
  key.conduit = widen(packed >> 48 & kLow12);
  return key;
}

void Counters::add(const CounterKey& key, std::uint32_t bytes) {
  constexpr std::size_t kProbesMax = 64;
  const std::uint64_t packed = pack(key);
  const std::uint64_t mixed = packed * 0x9e3779b97f4a7c15ULL;
  for (std::size_t probe = 0; probe < kProbesMax; ++probe) {
    Cell& cell = cells_[((mixed >> 48) + probe) % kCells];
    const std::uint64_t present = cell.key.load(std::memory_order_relaxed);
    if (present != packed && present != 0) continue;
    bump(cell.messages, 1);
    bump(cell.bytes, bytes);
    if (present == 0) cell.key.store(packed, std::memory_order_release);
    return;
  }
  bump(overflow_, 1);
}

}  // namespace bulkhead::pipeline
