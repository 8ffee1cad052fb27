// Protocols that the same hosts may use on one port, each in sessions of its own: all of them
// delimit messages alike, and the content identifies the protocol.
#pragma once

#include <cstdint>

#include "dataplane/base/bytes.h"

namespace bulkhead::protocols {

struct MessageContext;

// `unknown`: more bytes may decide it.
enum class Recognition : std::uint8_t { no, unknown, yes };

class SharedPort {
 public:
  // Whether the beginning of a stream is this protocol's.
  virtual Recognition recognise(ByteView stream, const MessageContext& context) const = 0;

 protected:
  ~SharedPort() = default;
};

}  // namespace bulkhead::protocols
