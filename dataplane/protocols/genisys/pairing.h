// What a session keeps: the latest requests, so that answers are tied to them; stations whose last
// answer was data, which an acknowledgement takes off them; and the control data that a control
// execute message would execute. Plain data, good when all zero.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "dataplane/protocols/genisys/layout.h"
#include "dataplane/protocols/outstanding.h"

namespace bulkhead::genisys {

struct Request {
  std::uint32_t asked_ms = 0;
  std::uint8_t station = 0;
  std::uint8_t code = 0;
};

struct State {
  std::array<std::uint8_t, 32> reported{};  // bit n: the last answer of station n was data
  std::uint8_t pending_station = 0;  // of the control data that the last request brought; 0: none
  std::uint8_t pending_count = 0;    // of its pairs, which stand behind the table
};

// A line has one request at a time. More than one waits where stations do not answer.
constexpr std::size_t kRequestsMax = 8;
using Table = protocols::OutstandingTable<Request, State>;
constexpr auto kTableLayout = Table::layout<kRequestsMax, 8, 34>(1);
constexpr std::size_t kTableBytes = kTableLayout.bytes;
static_assert(sizeof(Pair) == 2);
constexpr protocols::StateLayout kStateLayout = {
    kTableLayout.version, protocols::kSessionBytesUsual, kTableBytes + kPairsMax * sizeof(Pair)};

// The functions below that read take a block that may be empty.

// 5.1.2.6: what a control execute message to the station executes now; empty if it is nothing.
std::span<const Pair> pending_for(std::span<const std::byte> block, std::uint8_t station);

// 5.1.2.2: whether there is data of the station that its master, this session, has not
// acknowledged.
bool has_unacknowledged(std::span<const std::byte> block, std::uint8_t station);

// Both expect a message that parse() accepted.
protocols::Fault accept_request(std::span<std::byte> block, const Message& message,
                                std::uint32_t now_ms);
protocols::Fault accept_answer(std::span<std::byte> block, const Message& message,
                               std::uint32_t now_ms);

// By which number an answer that accept_answer() refused differs: its station.
protocols::Difference difference(std::span<std::byte> block, const Message& message);

std::size_t awaited(std::span<std::byte> block, std::uint32_t now_ms);

}  // namespace bulkhead::genisys
