// Lists are linked through one array, a link for each slot of the flow table.
#include "dataplane/flow/openings.h"

namespace bulkhead::flow {

// `more` counts modulo 2^32, so that it may be less as well.
void Openings::count(const Opening& opening, std::uint32_t more) {
  shares_.charge(opening.ids, more);
  servers_[opening.server] += more;
  ports_[opening.port % policy::kPortsMax] += more;
  count_ += more;
}

void Openings::add(std::uint32_t slot, const Opening& opening) {
  remove(slot);
  Link& link = links_[slot];
  link = {kNone, kNone, opening, true};
  count(opening, 1);
  if (!opening.replaceable) return;
  const std::size_t list = list_of(opening.port, opening.proven);
  link.previous = last_[list];
  (link.previous == kNone ? first_[list] : links_[link.previous].next) = slot;
  last_[list] = slot;
}

void Openings::remove(std::uint32_t slot) {
  Link& link = links_[slot];
  if (!link.added) return;
  count(link.opening, ~std::uint32_t{0});
  if (link.opening.replaceable) {
    const std::size_t list = list_of(link.opening.port, link.opening.proven);
    (link.previous == kNone ? first_[list] : links_[link.previous].next) = link.next;
    (link.next == kNone ? last_[list] : links_[link.next].previous) = link.previous;
  }
  link = Link{};
}

void Openings::clear() {
  for (Link& link : links_) link = Link{};
  forget_lists();
  shares_.clear();
  servers_.fill(0);
  ports_.fill(0);
  count_ = 0;
}

std::uint32_t Openings::oldest(std::uint16_t port) const {
  const std::uint32_t unproven = first_[list_of(port, false)];
  return unproven != kNone ? unproven : first_[list_of(port, true)];
}

}  // namespace bulkhead::flow
