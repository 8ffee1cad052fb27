// The one source that calls rte_ring_create_elem. DPDK 24.11 declares it outside extern "C", and
// the first declaration decides about linkage: this one, before any of DPDK's headers.
struct rte_ring;
extern "C" rte_ring* rte_ring_create_elem(const char* name, unsigned int esize, unsigned int count,
                                          int socket_id, unsigned int flags);

#include "dataplane/ports/element_ring.h"

#include <rte_ring_elem.h>

namespace bulkhead::ports {

rte_ring* make_element_ring(const std::string& name, std::size_t element_bytes, unsigned count,
                            unsigned flags) {
  return rte_ring_create_elem(name.c_str(), static_cast<unsigned>(element_bytes), count,
                              SOCKET_ID_ANY, flags);
}

}  // namespace bulkhead::ports
