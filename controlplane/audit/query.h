// Records that match, from a log that is being written.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "controlplane/audit/log.h"
#include "controlplane/audit/verify.h"

namespace bulkhead::audit {

struct Filter {
  static constexpr std::size_t kLimitDefault = 200;
  static constexpr std::size_t kLimitMax = 10'000;
  static constexpr std::size_t kBytesMax = std::size_t{16} << 20;  // of an answer

  std::uint64_t first = 0;
  std::uint64_t last = UINT64_MAX;
  TimeNs since_ns = 0;
  TimeNs until_ns = UINT64_MAX;
  std::string identity;  // empty: any
  std::string kind;
  std::size_t limit = kLimitDefault;

  bool matches(const Record& record) const;
};

struct Found {
  std::vector<std::string> lines;  // the newest that match, oldest first
  bool more = false;               // older ones match too
};
Found find(const Log::Snapshot& snapshot, const Filter& filter);

// A segment's text as far as the snapshot goes; empty if it has been removed since.
std::string text_of(const Log::Piece& piece);

Report verify(const Log::Snapshot& snapshot, const std::optional<Head>& expected);

}  // namespace bulkhead::audit
