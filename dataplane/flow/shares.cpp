// Lists of openings are linked through one array, a link for each slot of the flow table.
#include "dataplane/flow/shares.h"

#include <rte_jhash.h>

namespace bulkhead::flow {

ShareIds Shares::ids(std::uint32_t seed, std::uint16_t port, const wire::IpAddress& host,
                     std::uint16_t conduit) {
  const std::uint32_t hash =
      rte_jhash(host.bytes.data(), static_cast<std::uint32_t>(host.bytes.size()), seed ^ port);
  return {static_cast<std::uint16_t>(hash % kHosts),
          static_cast<std::uint16_t>(conduit % kConduits)};
}

void Openings::add(std::uint32_t slot, ShareIds ids, bool replaceable) {
  remove(slot);
  Link& link = links_[slot];
  link = {kNone, kNone, ids, true, replaceable};
  shares_.charge(ids, 1);
  ++count_;
  if (!replaceable) return;
  link.previous = last_[ids.conduit];
  (link.previous == kNone ? first_[ids.conduit] : links_[link.previous].next) = slot;
  last_[ids.conduit] = slot;
}

void Openings::remove(std::uint32_t slot) {
  Link& link = links_[slot];
  if (!link.added) return;
  shares_.charge(link.ids, ~std::uint32_t{0});
  --count_;
  if (link.listed) {
    const std::uint16_t list = link.ids.conduit;
    (link.previous == kNone ? first_[list] : links_[link.previous].next) = link.next;
    (link.next == kNone ? last_[list] : links_[link.next].previous) = link.previous;
  }
  link = Link{};
}

void Openings::clear() {
  for (Link& link : links_) link = Link{};
  first_.fill(kNone);
  last_.fill(kNone);
  shares_.clear();
  count_ = 0;
}

}  // namespace bulkhead::flow
