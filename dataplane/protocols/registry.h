// All protocol modules, in the order of registry.def. A protocol's index is only good inside one
// process: artefacts and wires carry names.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "dataplane/protocols/expectation.h"
#include "dataplane/protocols/protocol.h"

namespace bulkhead::protocols {

constexpr std::uint8_t kNoProtocol = 0xff;

std::span<const Protocol* const> registry();

// A module and the interfaces that it has, asked for once: nullptr where it has not.
struct Module {
  const Protocol* protocol = nullptr;
  const RememberedVerdicts* remembered = nullptr;
  const NumberedMessages* numbered = nullptr;
  const Splicing* splicing = nullptr;
  const SpanningMessages* spanning = nullptr;
  const QuestionsToMany* questions = nullptr;
  const SharedPort* shared_port = nullptr;
  const Expectations* expectations = nullptr;
  const LearnsNames* names = nullptr;
  bool frames_by_session = false;
};
// In the order of registry().
std::span<const Module> modules();

// One more module after those of registry.def, kTestProtocolsMax at most, for tests of the engine
// with messages that no protocol here has. Call it before anything else asks for the registry; the
// product never does.
constexpr std::size_t kTestProtocolsMax = 4;
void add_protocol_for_tests(const Protocol& protocol);

std::optional<std::uint8_t> find_protocol(std::string_view name);

// A set of modules: bit i is the one of index i.
using ProtocolSet = std::uint64_t;

// The modules that expect this port by default, for decoding captures.
ProtocolSet find_protocols(Carrier carrier, std::uint16_t port);

// Services whose packets have one worker (Expectations::shared_services), of all modules.
std::span<const SharedService> shared_services();

}  // namespace bulkhead::protocols
