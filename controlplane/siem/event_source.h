// A log that collectors are served from. Called on the exporter's thread alone.
#pragma once

#include <cstdint>
#include <vector>

#include "controlplane/siem/entry.h"

namespace bulkhead::siem {

class EventSource {
 public:
  struct Page {
    std::vector<Entry> entries;  // in the order of their numbers
    std::uint64_t end = 0;       // numbers up to this one that are not among them are gone
    bool is_read = true;         // false: the log cannot be read now
    std::uint64_t oldest = 0;    // numbers that the log has; 0: it is empty
    std::uint64_t newest = 0;
  };

  virtual ~EventSource() = default;
  // What follows the number, without a filter. May read a disk for a short time.
  virtual Page read(std::uint64_t after, std::size_t rows_max, std::size_t bytes_max) = 0;
  // Of the newest entry; 0 if there is none. Does not wait.
  virtual std::uint64_t newest() = 0;
};

}  // namespace bulkhead::siem
