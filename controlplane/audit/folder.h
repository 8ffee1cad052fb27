// The folder of the log: segments, each named after the number of its first record. Reads what a
// former writer has left, and decides where the next one goes on.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "controlplane/audit/record.h"

namespace bulkhead::audit {

// What is written with one flush, at most: no more can be torn.
inline constexpr std::size_t kBatchBytesMax = 64 * 1024;

std::string segment_path(const std::string& folder, std::uint64_t first);

struct Segment {
  std::string path;
  std::uint64_t first = 0;    // by its name
  std::uint64_t bytes = 0;    // without zeros at its end
  Head last = {};             // its last line, if that is a record; else number 0
  std::string previous = {};  // as its first record has it; empty if that cannot be read
};

// By name, without what is in them; nothing if the folder cannot be read.
std::optional<std::vector<Segment>> list_segments(const std::string& folder);

// How a log ends.
struct Ending {
  Head head;                        // the last record that is right
  std::uint64_t next = 1;           // number of the next record
  std::uint64_t end = 0;            // where it goes, in the last segment
  std::uint64_t torn = 0;           // bytes after `end` that a crash has left of unanswered records
  std::string torn_hash;            // SHA-256 of these, hexadecimal
  bool is_damaged = false;          // the last segment, which must not be written any more
  std::vector<std::string> damage;  // a sentence each, at most kDamageMax
  std::vector<std::string> reported;      // damage that the segment has records of
  std::optional<Stamp> stamp;             // of the last record
  std::uint64_t exported = 0;             // records up to this one are in an export
  Head removed;                           // the last record that was removed
  bool runs = false;                      // the agent's start has no stop
  std::vector<std::uint64_t> unfinished;  // acts that began and have no result

  static constexpr std::size_t kDamageMax = 8;
  static constexpr std::size_t kUnfinishedMax = 8;
};

// Reads the text of the last segment. `before` is the end of the one before it.
Ending read_ending(const Segment& segment, std::string_view text, const Head& before);

// Reads the segments' ends: sets bytes, last and previous. Sentences on what does not fit.
std::vector<std::string> read_ends(std::vector<Segment>& segments);

}  // namespace bulkhead::audit
