// Puts single messages to a module as the pipeline does: parsed in a session first.
#pragma once

#include "dataplane/protocols/registry.h"

namespace bulkhead::support {

// A message that was parsed with what its session knows, and the fault that was found.
struct Put {
  protocols::Parsed parsed;
  protocols::Fault fault{};

  Put(const protocols::Protocol& module, ByteView message, const protocols::MessageContext& context)
      : parsed(message, context.direction) {
    fault = module.parse(parsed, context, operations());
  }

 private:
  static protocols::OperationList& operations() {
    static protocols::OperationList list;
    return list;
  }
};

inline protocols::MessageContext context_in(const protocols::Protocol& module,
                                            std::span<const std::byte> session,
                                            protocols::Direction direction) {
  return {direction, module.catalogue().ports[0].carrier, session};
}

inline protocols::Fault accept(const protocols::Protocol& module, std::span<std::byte> session,
                               ByteView message, protocols::Direction direction,
                               std::uint32_t now_ms) {
  const Put put(module, message, context_in(module, session, direction));
  return put.fault != protocols::Fault::none ? put.fault
                                             : module.accept(session, put.parsed, now_ms);
}

inline protocols::Difference difference(const protocols::Protocol& module,
                                        std::span<std::byte> session, ByteView answer) {
  const Put put(module, answer, context_in(module, session, protocols::Direction::response));
  if (put.fault != protocols::Fault::none) return {};
  return module.difference(session, put.parsed);
}

inline std::size_t refuse(const protocols::Protocol& module, ByteView request,
                          protocols::DeniedPart denied_part, std::span<std::uint8_t> reply,
                          std::span<const std::byte> session = {}) {
  const Put put(module, request, context_in(module, session, protocols::Direction::request));
  return module.refuse(put.parsed, denied_part, reply);
}

inline bool take_out(const protocols::Protocol& module, std::span<std::byte> session,
                     ByteView message, protocols::Direction direction) {
  const Put put(module, message, context_in(module, session, direction));
  return module.splicing() == nullptr || module.splicing()->take_out(session, put.parsed);
}

// Empty where no verdict on the request is remembered.
inline ByteView verdict_key(const protocols::Protocol& module, ByteView request) {
  const protocols::RememberedVerdicts* remembered = module.remembered_verdicts();
  return remembered != nullptr ? remembered->key(request) : ByteView{};
}

}  // namespace bulkhead::support
