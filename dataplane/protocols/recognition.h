// Which protocol a session has, where several share its port: its messages show it.
#pragma once

#include <bit>

#include "dataplane/protocols/registry.h"

namespace bulkhead::protocols {

struct Recognised {
  std::uint8_t protocol = kNoProtocol;  // the session has this one
  ProtocolSet possible = 0;             // if that is not known yet: those that it may have
};

// `stream`: what one side sends, from the beginning of a message on. Precondition: each of the
// candidates has a SharedPort.
inline Recognised recognise(ProtocolSet candidates, ByteView stream,
                            const MessageContext& context) {
  Recognised recognised;
  for (auto rest = candidates; rest != 0; rest &= rest - 1) {
    const auto protocol = static_cast<std::uint8_t>(std::countr_zero(rest));
    switch (modules()[protocol].shared_port->recognise(stream, context)) {
      case Recognition::yes:
        return {protocol, 0};
      case Recognition::unknown:
        recognised.possible |= ProtocolSet{1} << protocol;
        break;
      case Recognition::no:
        break;
    }
  }
  return recognised;
}

}  // namespace bulkhead::protocols
