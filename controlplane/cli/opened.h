// Datagrams that sessions of a capture opened (dataplane/protocols/expectation.h): which host
// opened what, since their ports do not show it.
#pragma once

#include <cstddef>
#include <list>
#include <optional>
#include <vector>

#include "controlplane/cli/capture.h"
#include "dataplane/protocols/expectation.h"
#include "dataplane/wire/address.h"

namespace bulkhead::controlplane {

class Opened {
 public:
  // What a message that parsed does, to be asked before Protocol::accept().
  static protocols::RelationStep step_of(const protocols::Protocol& protocol,
                                         const protocols::Parsed& message,
                                         const protocols::MessageContext& context);
  // A message between a client and its server was accepted.
  void note(const protocols::Protocol& protocol, const wire::IpAddress& client,
            const wire::IpAddress& server, const protocols::Parsed& message,
            const protocols::RelationStep& step);
  // Request: the datagram's sender opened what covers it. Nothing if no session opened it.
  std::optional<protocols::Direction> direction_of(const protocols::Protocol& protocol,
                                                   const CapturedPacket& packet) const;

 private:
  struct Relation {
    const protocols::Protocol* protocol = nullptr;
    wire::IpAddress client;
    wire::IpAddress server;
    protocols::RelationName name;
    bool is_open = false;
    std::vector<std::byte> asked{};
    std::vector<protocols::Expectation> expectations{};

    bool covers(const CapturedPacket& packet, const protocols::Expectation& expectation) const;
  };

  static constexpr std::size_t kRelationsMax = 10'000;  // then the oldest one is forgotten

  void end(const Relation& named, bool is_open);
  void keep(const Relation& relation);

  std::list<Relation> relations_;
};

}  // namespace bulkhead::controlplane
