// Collects the modules that registry.def names.
#include "dataplane/protocols/registry.h"

#include <array>

#define BULKHEAD_PROTOCOL(name)          \
  namespace bulkhead::name {             \
  const protocols::Protocol& protocol(); \
  }
#include "dataplane/protocols/registry.def"
#undef BULKHEAD_PROTOCOL

namespace bulkhead::protocols {

std::span<const Protocol* const> registry() {
  static const std::array kProtocols = {
#define BULKHEAD_PROTOCOL(name) &bulkhead::name::protocol(),
#include "dataplane/protocols/registry.def"
#undef BULKHEAD_PROTOCOL
  };
  return kProtocols;
}

std::optional<std::uint8_t> find_protocol(std::string_view name) {
  for (std::size_t i = 0; i < registry().size(); ++i) {
    if (registry()[i]->catalogue().name == name) return static_cast<std::uint8_t>(i);
  }
  return std::nullopt;
}

std::optional<std::uint8_t> find_protocol(Carrier carrier, std::uint16_t port) {
  for (std::size_t i = 0; i < registry().size(); ++i) {
    for (const DefaultPort& known : registry()[i]->catalogue().ports) {
      if (known.carrier == carrier && known.port == port) return static_cast<std::uint8_t>(i);
    }
  }
  return std::nullopt;
}

}  // namespace bulkhead::protocols
