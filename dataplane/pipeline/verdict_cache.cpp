// One line an entry, two in each place: the newer one stands first and the older one goes.
#include "dataplane/pipeline/verdict_cache.h"

#include <algorithm>

namespace bulkhead::pipeline {

VerdictCache::VerdictCache(std::uint32_t entries)
    : entries_(entries == 0 ? 0 : std::max<std::size_t>(std::bit_ceil(entries), kWays)) {}

}  // namespace bulkhead::pipeline
