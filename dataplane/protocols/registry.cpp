// Collects the modules that registry.def names.
#include "dataplane/protocols/registry.h"

#include <array>

#include "dataplane/protocols/related.h"

#define BULKHEAD_PROTOCOL(name)          \
  namespace bulkhead::name {             \
  const protocols::Protocol& protocol(); \
  }
#include "dataplane/protocols/registry.def"
#undef BULKHEAD_PROTOCOL

namespace bulkhead::protocols {

namespace {

constexpr std::size_t kCount = 0
#define BULKHEAD_PROTOCOL(name) +1
#include "dataplane/protocols/registry.def"
#undef BULKHEAD_PROTOCOL
    ;

Module module_of(const Protocol& protocol) {
  return {&protocol,
          protocol.remembered_verdicts(),
          protocol.numbered_messages(),
          protocol.splicing(),
          protocol.spanning_messages(),
          protocol.questions_to_many(),
          protocol.shared_port(),
          protocol.frames_by_session()};
}

struct Registry {
  std::array<const Protocol*, kCount + 1> protocols = {
#define BULKHEAD_PROTOCOL(name) &bulkhead::name::protocol(),
#include "dataplane/protocols/registry.def"
#undef BULKHEAD_PROTOCOL
  };
  std::array<Module, kCount + 1> modules;
  std::size_t count = kCount;

  Registry() {
    for (std::size_t i = 0; i < kCount; ++i) modules[i] = module_of(*protocols[i]);
  }
};

Registry& all() {
  static Registry registry;
  return registry;
}

}  // namespace

static_assert(kCount < 64);  // ProtocolSet

std::span<const Protocol* const> registry() { return {all().protocols.data(), all().count}; }

std::span<const Module> modules() { return {all().modules.data(), all().count}; }

void add_protocol_for_tests(const Protocol& protocol) {
  all().protocols[kCount] = &protocol;
  all().modules[kCount] = module_of(protocol);
  all().count = kCount + 1;
}

std::optional<std::uint8_t> find_protocol(std::string_view name) {
  for (std::size_t i = 0; i < registry().size(); ++i) {
    if (registry()[i]->catalogue().name == name) return static_cast<std::uint8_t>(i);
  }
  return std::nullopt;
}

ProtocolSet find_protocols(Carrier carrier, std::uint16_t port) {
  ProtocolSet found = 0;
  for (std::size_t i = 0; i < registry().size(); ++i) {
    for (const DefaultPort& known : registry()[i]->catalogue().ports) {
      if (known.carrier == carrier && known.port == port) found |= ProtocolSet{1} << i;
    }
  }
  return found;
}

namespace {

struct RelatedPorts {
  std::array<RelatedPort, kCount> ports;
  std::size_t count = 0;
  ProtocolSet protocols = 0;

  RelatedPorts() {
    for (std::size_t i = 0; i < kCount; ++i) {
      const Protocol& protocol = *registry()[i];
      if (protocol.related() == nullptr) continue;
      RelatedPort& related = ports[count++];
      related.port = protocol.related()->port();
      related.protocol = static_cast<std::uint8_t>(i);
      protocols |= ProtocolSet{1} << i;
      for (const DefaultPort& known : protocol.catalogue().ports) {
        if (known.carrier == Carrier::tcp) related.session_port = known.port;
      }
    }
  }
};

const RelatedPorts& all_related() {
  static const RelatedPorts kRelated;
  return kRelated;
}

}  // namespace

std::span<const RelatedPort> related_ports() {
  return {all_related().ports.data(), all_related().count};
}

ProtocolSet protocols_with_related() { return all_related().protocols; }

}  // namespace bulkhead::protocols
