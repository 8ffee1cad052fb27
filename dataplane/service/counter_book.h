// What the workers have counted since they started, told in pages. Counts of the policy in force
// and of the one before are read where they are; those of older ones are kept by name, in bounds.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "bulkhead/v1/dataplane.pb.h"
#include "dataplane/pipeline/image.h"

namespace bulkhead::service {

class CounterBook {
 public:
  // Of older policies. What comes to more kinds is counted as `counter_overflow`.
  static constexpr std::size_t kKindsMax = 65'536;
  // A page stops at whichever comes first.
  static constexpr int kRowsOfPage = 1000;
  static constexpr std::size_t kCellsOfPage = std::size_t{1} << 18;

  // Oldest first; an absent one is nullptr. They outlive the call.
  using Images = std::array<const pipeline::Image*, 2>;
  struct Page {
    v1::Counters counters;
    std::optional<v1::CounterPlace> next;  // none: it was the last one
  };

  // Nobody counts under the image any more.
  void keep(const pipeline::Image& image);

  // The page from a place on, or from the beginning: rows of one name add up over a look's pages.
  // A place of before a policy's change is none any more, and the look begins anew.
  Page page(const Images& images, std::uint32_t generation,
            const std::optional<v1::CounterPlace>& from) const;

 private:
  v1::Counter& row_of(const v1::Counter& name);

  std::vector<v1::Counter> rows_;
  std::unordered_map<std::string, std::size_t> place_of_name_;
};

}  // namespace bulkhead::service
