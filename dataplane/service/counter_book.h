// Pages of the workers' counters since their start. Counters of the current and the previous policy
// are read in place; those of older ones are kept by name, within bounds.
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
  // For older policies. More kinds are counted as `counter_overflow`.
  static constexpr std::size_t kKindsMax = 65'536;
  // A page ends at the first of these limits.
  static constexpr int kRowsOfPage = 1000;
  static constexpr std::size_t kCellsOfPage = std::size_t{1} << 18;

  // Oldest first; an absent one is nullptr. They outlive the call.
  using Images = std::array<const pipeline::Image*, 2>;
  struct Page {
    v1::Counters counters;
    std::optional<v1::CounterPlace> next;  // none: it was the last one
  };

  // Precondition: no worker uses the image any more.
  void keep(const pipeline::Image& image);

  // The page from a place on, or the first: rows of one name add up over a listing's pages. After
  // a change of policy an earlier place is void, and the listing starts over.
  Page page(const Images& images, std::uint32_t generation,
            const std::optional<v1::CounterPlace>& from) const;

 private:
  v1::Counter& row_of(const v1::Counter& name);

  std::vector<v1::Counter> rows_;
  std::unordered_map<std::string, std::size_t> place_of_name_;
};

}  // namespace bulkhead::service
