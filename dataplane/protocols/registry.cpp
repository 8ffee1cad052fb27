// Collects the modules that registry.def names.
#include "dataplane/protocols/registry.h"

#include <array>
#include <cstdlib>

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

constexpr std::size_t kSharedServicesMax = 64;

Module module_of(const Protocol& protocol) {
  return {&protocol,
          protocol.remembered_verdicts(),
          protocol.numbered_messages(),
          protocol.splicing(),
          protocol.spanning_messages(),
          protocol.questions_to_many(),
          protocol.shared_port(),
          protocol.expectations(),
          protocol.learns_names(),
          protocol.frames_by_session()};
}

struct Registry {
  std::array<const Protocol*, kCount + kTestProtocolsMax> protocols = {
#define BULKHEAD_PROTOCOL(name) &bulkhead::name::protocol(),
#include "dataplane/protocols/registry.def"
#undef BULKHEAD_PROTOCOL
  };
  std::array<Module, kCount + kTestProtocolsMax> modules;
  std::size_t count = kCount;
  std::array<SharedService, kSharedServicesMax> shared_services;
  std::size_t shared_services_count = 0;

  Registry() {
    for (std::size_t i = 0; i < kCount; ++i) note(i);
  }
  void note(std::size_t i) {
    modules[i] = module_of(*protocols[i]);
    const Expectations* expectations = modules[i].expectations;
    if (expectations == nullptr) return;
    for (const SharedService& service : expectations->shared_services()) {
      if (shared_services_count == kSharedServicesMax) std::abort();  // raise it
      shared_services[shared_services_count++] = service;
    }
  }
};

Registry& all() {
  static Registry registry;
  return registry;
}

}  // namespace

static_assert(kCount + kTestProtocolsMax < 64);  // ProtocolSet

std::span<const Protocol* const> registry() { return {all().protocols.data(), all().count}; }

std::span<const Module> modules() { return {all().modules.data(), all().count}; }

void add_protocol_for_tests(const Protocol& protocol) {
  if (all().count == all().modules.size()) std::abort();
  all().protocols[all().count] = &protocol;
  all().note(all().count++);
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

std::span<const SharedService> shared_services() {
  return {all().shared_services.data(), all().shared_services_count};
}

}  // namespace bulkhead::protocols
