// Datagrams that sessions of a capture opened (dataplane/protocols/related.h): which host opened
// what, since their ports do not show it.
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <tuple>
#include <vector>

#include "controlplane/cli/capture.h"
#include "dataplane/protocols/protocol.h"
#include "dataplane/wire/address.h"

namespace bulkhead::controlplane {

class Opened {
 public:
  // A message between a client and its server, as Protocol::accept() accepted it.
  void note(const protocols::Protocol& protocol, const wire::IpAddress& client,
            const wire::IpAddress& server, ByteView message, protocols::Direction direction);
  // Request: the datagram's sender opened what covers it. Nothing if no session opened it.
  std::optional<protocols::Direction> direction_of(const protocols::Protocol& protocol,
                                                   const CapturedPacket& packet);

 private:
  using Block = std::vector<std::byte>;
  using Hosts = std::tuple<const protocols::Protocol*, wire::IpAddress, wire::IpAddress>;

  std::map<Hosts, Block> blocks_;
};

}  // namespace bulkhead::controlplane
