// The usual state of a session: requests that wait for their answers, and nothing else. What
// follows from that alone stands here, so that a module has six functions: catalogue(), frame(),
// parse(), claimed_code(), accept() and refuse().
#pragma once

#include "dataplane/protocols/outstanding.h"
#include "dataplane/protocols/protocol.h"

namespace bulkhead::protocols {

// `Session` is an OutstandingTable, and `kLayout` its layout().
template <typename Session, StateLayout kLayout>
class PairedProtocol : public Protocol {
 public:
  StateLayout state_layout() const final { return kLayout; }
  std::size_t outstanding(std::span<std::byte> session, std::uint32_t now_ms) const override {
    return Session(session).awaited(now_ms);
  }

 protected:
  ~PairedProtocol() = default;
};

}  // namespace bulkhead::protocols
