// Makes DPDK rings whose elements are values rather than pointers.
#pragma once

#include <cstddef>
#include <string>

struct rte_ring;

namespace bulkhead::ports {

// A ring of `count` elements (a power of two) of `element_bytes` each, a multiple of 4; nothing if
// there is not enough memory. `flags` are DPDK's (RING_F_...). rte_ring_free() frees it.
rte_ring* make_element_ring(const std::string& name, std::size_t element_bytes, unsigned count,
                            unsigned flags);

}  // namespace bulkhead::ports
