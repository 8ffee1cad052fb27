// Which end of each flow of a capture asks, and whether a module decodes what it asks for.
#pragma once

#include <map>
#include <optional>
#include <tuple>
#include <utility>

#include "controlplane/cli/capture.h"
#include "controlplane/learn/observations.h"

namespace bulkhead::controlplane {

// Which protocol a port has, instead of the usual ones.
using ChosenPorts = std::map<std::uint16_t, std::uint8_t>;

struct Endpoint {
  wire::IpAddress address;
  std::uint16_t port = 0;
  auto operator<=>(const Endpoint&) const = default;
};

struct Conversation;

// Of a message that was just decoded. Between equal ports of UDP either side may ask: the one that
// does is the client.
learn::Session session_of(const Conversation& conversation, protocols::Direction direction);

// A session of a service that no module decodes.
struct ServiceSession {
  learn::Session session;
  learn::Session turned;  // the same, as if its server had opened it
  bool begun = false;     // the capture shows who opened it: a SYN, or the first datagram

  // Where nothing shows who opened it, a policy that grants one way alone is right.
  template <typename Grants>
  const learn::Session& settled(const Grants& grants) const {
    return !begun && !grants(session) && grants(turned) ? turned : session;
  }
};

class ServiceSessions {
 public:
  explicit ServiceSessions(ChosenPorts ports) : ports_(std::move(ports)) {}

  struct Ends {
    bool from_client = false;
    protocols::ProtocolSet protocols = 0;  // of the server's port; none: a plain service
    bool begun = false;
    bool is_new = false;  // the packet is the first of its flow
  };

  // Of all packets in their order; nothing where a packet shows nothing. A flow keeps its ends, in
  // the captures that follow too.
  std::optional<Ends> find(const CapturedPacket& packet);
  static ServiceSession service_of(const CapturedPacket& packet, const Ends& ends);

  protocols::ProtocolSet protocols_of(protocols::Carrier carrier, std::uint16_t port) const;

 private:
  // Then those that were not seen since as many others are forgotten, and count again.
  static constexpr std::size_t kFlowsMax = 500'000;
  using Key = std::tuple<protocols::Carrier, Endpoint, Endpoint>;  // the client first
  struct Flow {
    protocols::ProtocolSet protocols = 0;
    bool begun = false;
  };

  // RFC 6335, 6: of the system; of services; of clients.
  enum class PortRange : std::uint8_t { system, service, client };
  PortRange range_of(std::uint16_t port) const;
  Ends ends_of(const CapturedPacket& packet) const;
  Ends ends_of_datagram(const CapturedPacket& packet) const;
  bool answers(const CapturedPacket& packet) const;
  static bool is_of(protocols::ProtocolSet protocols, const CapturedPacket& packet,
                    protocols::Direction direction);

  const Flow* find_flow(const Key& key);
  void note(const Key& key, const Flow& flow);

  ChosenPorts ports_;
  std::map<Key, Flow> flows_;
  std::map<Key, Flow> older_;
};

}  // namespace bulkhead::controlplane
