// Lists are linked through one array, a link for each slot of the flow table.
#include "dataplane/flow/places.h"

#include <algorithm>

namespace bulkhead::flow {

void Places::add(std::uint32_t slot, const PlaceOwner& owner, TimeNs now_ns) {
  remove(slot);
  Link& link = links_[slot];
  link.owner = owner;
  link.added = true;
  link.listed_ns = now_ns;
  shares_.charge(owner.shares, 1);
  ++ports_[index_of(owner.port)];
  if (owner.one_way) list_last(slot);
}

void Places::remove(std::uint32_t slot) {
  Link& link = links_[slot];
  if (!link.added) return;
  if (link.listed) unlist(slot);
  shares_.charge(link.owner.shares, ~std::uint32_t{0});
  --ports_[index_of(link.owner.port)];
  link = Link{};
}

void Places::clear() {
  std::fill(links_.begin(), links_.end(), Link{});
  forget_lists();
  shares_.clear();
  ports_.fill(0);
}

std::size_t Places::fullest() const {
  const auto port = std::max_element(listed_.begin(), listed_.end());
  if (*port == 0) return kLists;
  const std::size_t first = static_cast<std::size_t>(port - listed_.begin()) * kMacIds;
  std::size_t most = first;
  for (std::size_t i = first; i < first + kMacIds; ++i) {
    if (lists_[i].count > lists_[most].count) most = i;
  }
  return most;
}

void Places::list_last(std::uint32_t slot) {
  Link& link = links_[slot];
  List& list = lists_[list_of(link.owner)];
  link.listed = true;
  link.next = kNone;
  link.previous = list.last;
  (list.last == kNone ? list.first : links_[list.last].next) = slot;
  list.last = slot;
  ++list.count;
  ++listed_[index_of(link.owner.port)];
}

void Places::unlist(std::uint32_t slot) {
  Link& link = links_[slot];
  List& list = lists_[list_of(link.owner)];
  link.listed = false;
  (link.previous == kNone ? list.first : links_[link.previous].next) = link.next;
  (link.next == kNone ? list.last : links_[link.next].previous) = link.previous;
  --list.count;
  --listed_[index_of(link.owner.port)];
}

}  // namespace bulkhead::flow
