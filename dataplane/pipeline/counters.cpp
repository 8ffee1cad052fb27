// An open-addressing table of fixed size; cells are never freed while their image lives.
#include "dataplane/pipeline/counters.h"

#include <algorithm>
#include <bit>
#include <type_traits>

namespace bulkhead::pipeline {

namespace {

std::uint64_t mix(std::uint64_t value) {
  value *= 0x9e3779b97f4a7c15ULL;
  return value ^ value >> 32;
}

// Cells that a conduit's neighbouring rules share: what one session counts lies together.
constexpr std::size_t kHomeCells = 16;

}  // namespace

Counters::Counters(std::size_t cells)
    : cells_(static_cast<Cell*>(std::calloc(cells, sizeof(Cell)))), count_(cells) {
  static_assert(std::is_trivially_destructible_v<Cell>);
  if (cells_ == nullptr) std::abort();  // as operator new would end
}

std::size_t Counters::cells_for(const policy::Tables& tables) {
  constexpr std::size_t kLeast = 4096;
  constexpr std::size_t kMost = std::size_t{1} << 20;
  std::size_t wanted = kLeast + tables.conduits.size() * kHomeCells;
  for (const policy::Conduit& conduit : tables.conduits) wanted += conduit.rules.size() * 4;
  return std::min(std::bit_ceil(wanted), kMost);
}

CounterKey Counters::unpack(std::uint64_t packed) {
  CounterKey key;
  const auto take = [&packed](unsigned bits) {
    const std::uint64_t value = packed & ((std::uint64_t{1} << bits) - 1);
    packed >>= bits;
    return value;
  };
  key.fault = static_cast<protocols::Fault>(take(8));
  key.observed = take(1) != 0;
  key.reason = static_cast<Reason>(take(kReasonBits));
  key.protocol = static_cast<std::uint8_t>(take(8));
  key.function = static_cast<std::uint16_t>(take(kFunctionBits));
  if (key.function == kFunctionMask) key.function = kNoFunction;
  key.rule = static_cast<std::uint16_t>(take(kRuleBits));
  key.conduit = static_cast<std::uint16_t>(take(kConduitBits));
  return key;
}

std::uint32_t Counters::find(std::size_t first, std::size_t probes, std::uint64_t packed) {
  for (std::size_t probe = 0; probe < probes; ++probe) {
    const std::size_t place = (first + probe) & (count_ - 1);
    const std::uint64_t present = cells_[place].key.load(std::memory_order_relaxed);
    if (present != packed && present != 0) continue;
    if (present == 0) cells_[place].key.store(packed, std::memory_order_release);
    return static_cast<std::uint32_t>(place);
  }
  return kNowhere;
}

Counters::Cell* Counters::claim(const CounterKey& key, std::uint64_t packed, std::uint32_t& place) {
  constexpr std::size_t kProbesMax = 64;
  constexpr unsigned kRulesTogether = 4;
  const std::uint64_t mixed = mix(packed);
  const std::uint64_t home =
      mix(std::uint64_t{key.conduit} << 16 | key.rule / kRulesTogether) * kHomeCells;
  std::uint32_t found = find(home + (mixed & (kHomeCells / 2 - 1)), kHomeCells / 2, packed);
  if (found == kNowhere) found = find(mixed >> 16, kProbesMax, packed);
  if (found == kNowhere) return nullptr;
  place = found;
  return &cells_[found];
}

}  // namespace bulkhead::pipeline
