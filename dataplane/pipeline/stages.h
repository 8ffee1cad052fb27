// The stages, in order: each processes the packets that are left in the burst, and declares what it
// needs for that.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "dataplane/flow/fragments.h"
#include "dataplane/pipeline/context.h"

namespace bulkhead::pipeline {

// Where a worker's time goes.
enum class Stage : std::uint8_t { parse, resolve, find_flows, classify, inspect, pass_time };
constexpr std::array<std::string_view, 6> kStageNames = {"parse",    "resolve", "find_flows",
                                                         "classify", "inspect", "pass_time"};

using StageCycles = std::array<std::uint64_t, kStageNames.size()>;

// Headers and checksums; fragments are collected by the reassembler.
void parse(BurstContext& context, flow::Reassembler& reassembler);
// ARP, neighbour discovery and PRP supervision.
void resolve_neighbours(NeighbourContext& context);
// Looks the packets' sessions up.
void find_flows(BurstContext& context, flow::FlowTable& table);
// Admits packets to their sessions, old and new.
void classify(Context& context);
// Judges messages; what is granted leaves.
void inspect(Context& context);

}  // namespace bulkhead::pipeline
