// Verdicts that are remembered: plants poll, and most requests repeat one that was granted. Without
// this interface a module's messages are parsed and judged each time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "dataplane/base/bytes.h"
#include "dataplane/protocols/fault.h"

namespace bulkhead::protocols {

class RememberedVerdicts {
 public:
  // The part of a request that its verdict depends on: requests to one host with the same key parse
  // to the same operations in every session; of those to many no verdict is remembered. Identifiers
  // that only tie it to its answer are no part of it. Empty where the session's state changes what
  // the request means, or where no request repeats another. It is also called with bytes that are
  // not framed yet.
  virtual ByteView key(ByteView request) const = 0;

  // Protocol::accept() for a request whose verdict was remembered. parse() was not called: it
  // accepted another request with the same key. If this is a fault, parse() is called after all, so
  // that refuse() and Splicing::take_out() have what it keeps. Modules with Expectations or
  // LearnsNames get accept() instead: these read what parse() keeps, so that it is called each time
  // and only the rules are not asked again.
  virtual Fault accept_known(std::span<std::byte> session, ByteView request,
                             std::uint32_t now_ms) const = 0;

 protected:
  ~RememberedVerdicts() = default;
};

}  // namespace bulkhead::protocols
