// Every module of the registry has its samples.
#include "dataplane/protocols/sample.h"

#include <array>

// Declared here, since nobody else asks a module for them.
#define BULKHEAD_PROTOCOL(name)        \
  namespace bulkhead::name {           \
  const protocols::Samples& samples(); \
  }
#include "dataplane/protocols/registry.def"
#undef BULKHEAD_PROTOCOL

namespace bulkhead::protocols {

Samples samples_of(std::uint8_t protocol) {
  using Give = const Samples& (*)();
  static constexpr std::array kGive = {
#define BULKHEAD_PROTOCOL(name) Give{&bulkhead::name::samples},
#include "dataplane/protocols/registry.def"
#undef BULKHEAD_PROTOCOL
  };
  return protocol < kGive.size() ? kGive[protocol]() : Samples{};
}

}  // namespace bulkhead::protocols
