// The latest requests, their answers, and what an acknowledgement or an execution stands for.
#include "dataplane/protocols/genisys/pairing.h"

#include <algorithm>

namespace bulkhead::genisys {

using protocols::Fault;

namespace {

Table table_in(std::span<std::byte> block) { return Table(block.first(kTableBytes)); }

std::size_t pairs_that_fit(std::size_t block_bytes) {
  return (block_bytes - kTableBytes) / sizeof(Pair);
}

bool fits(const Request& asked, const Message& message, std::span<const Pair> pending) {
  switch (message.code) {
    case kAcknowledge:
      return asked.code != kRecall;  // 5.1.2.5
    case kControlCheckback:          // 5.1.3.3
      return asked.code == kControlData && std::ranges::equal(message.pairs(), pending);
    default:
      return true;
  }
}

}  // namespace

std::span<const Pair> pending_for(std::span<const std::byte> block, std::uint8_t station) {
  if (block.size() < kTableBytes) return {};
  const State& state = *Table::state_in(block);
  const std::size_t count = state.pending_count;
  if (state.pending_station != station || count > pairs_that_fit(block.size())) return {};
  return {reinterpret_cast<const Pair*>(block.data() + kTableBytes), count};
}

bool has_unacknowledged(std::span<const std::byte> block, std::uint8_t station) {
  if (block.size() < kTableBytes) return false;
  return (Table::state_in(block)->reported[station / 8] >> station % 8 & 1) != 0;
}

Fault accept_request(std::span<std::byte> block, const Message& message, std::uint32_t now_ms) {
  const bool delivers = message.code == kControlData;
  const std::span<const Pair> pairs = message.pairs();
  if (delivers && pairs.size() > pairs_that_fit(block.size())) return Fault::too_many_outstanding;
  const Table table = table_in(block);
  State& state = table.state();
  // 5.1.2.6: it must follow immediately. One that its station did not answer may be repeated.
  if (message.code != kControlExecute) {
    state.pending_station = delivers ? message.station : std::uint8_t{0};
    state.pending_count = delivers ? message.pair_count : std::uint8_t{0};
    if (delivers) {
      std::ranges::copy(pairs, reinterpret_cast<Pair*>(block.data() + kTableBytes));
    }
  }
  if (message.code == kCommonControl) return Fault::none;  // 5.1.2.1: no station answers
  // A master that asks on has given the oldest up.
  table.add({now_ms, message.station, message.code}, now_ms, [](const Request&) { return true; });
  return Fault::none;
}

Fault accept_answer(std::span<std::byte> block, const Message& message, std::uint32_t now_ms) {
  const Table table = table_in(block);
  const std::span<const Pair> pending = pending_for(block, message.station);
  const Fault fault = table.answer(
      now_ms, [&](const Request& asked) { return asked.station == message.station; },
      [&](const Request& asked) { return fits(asked, message, pending); });
  if (fault != Fault::none) return fault;
  std::uint8_t& reported = table.state().reported[message.station / 8];
  const auto bit = static_cast<std::uint8_t>(1U << message.station % 8);
  const bool data = message.code == kIndicationData;
  reported = static_cast<std::uint8_t>(data ? reported | bit : reported & ~bit);
  return Fault::none;
}

protocols::Difference difference(std::span<std::byte> block, const Message& message) {
  const Table table = table_in(block);
  const auto same = [&](const Request& asked) { return asked.station == message.station; };
  const Request* const latest = table.latest([](const Request&) { return true; });
  if (latest == nullptr || table.latest(same) != nullptr) return {};
  return {"station", latest->station, message.station};
}

std::size_t awaited(std::span<std::byte> block, std::uint32_t now_ms) {
  return table_in(block).awaited(now_ms);
}

}  // namespace bulkhead::genisys
