// One line an entry, two in each place: the newer one stands first and the older one goes.
#include "dataplane/pipeline/verdict_cache.h"

#include <rte_hash_crc.h>

#include <algorithm>
#include <bit>
#include <cstring>

namespace bulkhead::pipeline {

VerdictCache::Question::Question(const flow::Flow& flow, ByteView judged) {
  words_[0] = std::uint64_t{flow.generation} << 32 | std::uint64_t{flow.conduit} << 16 |
              std::uint64_t{flow.protocol} << 8 | judged.size();
  words_[1] = std::uint64_t{flow.cell.clients} << 32 | std::uint64_t{flow.cell.servers} << 16 |
              flow.cell.service;
  std::memcpy(&words_[2], judged.data(), judged.size());
}

std::uint32_t VerdictCache::Question::hash() const {
  const std::size_t bytes = words_[0] & 0xff;
  std::uint32_t hash = rte_hash_crc_8byte(words_[0], 0);
  for (std::size_t i = 1; i < 2 + (bytes + 7) / 8; ++i) hash = rte_hash_crc_8byte(words_[i], hash);
  return hash;
}

VerdictCache::VerdictCache(std::uint32_t entries)
    : entries_(entries == 0 ? 0 : std::max<std::size_t>(std::bit_ceil(entries), kWays)) {}

}  // namespace bulkhead::pipeline
