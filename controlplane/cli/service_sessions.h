// Sessions of a capture as policies judge them: those that modules decode, and those of services
// that none does.
#pragma once

#include <optional>
#include <set>
#include <tuple>

#include "controlplane/cli/capture_decoder.h"
#include "controlplane/learn/observations.h"

namespace bulkhead::controlplane {

// Of a message that was just decoded. Between equal ports of UDP either side may ask: the one that
// does is the client.
learn::Session session_of(const Conversation& conversation, protocols::Direction direction);

class ServiceSessions {
 public:
  // `ports` live as long as this.
  explicit ServiceSessions(const ChosenPorts& ports) : ports_(ports) {}

  // The session that the packet is the first of, if no module decodes its port. Who opened it shows
  // in a SYN; else the smaller port is the server's.
  std::optional<learn::Session> find(const CapturedPacket& packet);
  // Another capture follows.
  void forget() {
    flows_.clear();
    older_.clear();
  }

 private:
  // Then those that were not seen since as many others are forgotten, and count again.
  static constexpr std::size_t kFlowsMax = 500'000;
  using Flow = std::tuple<protocols::Carrier, Endpoint, Endpoint>;

  bool is_decoded(protocols::Carrier carrier, std::uint16_t port) const;

  const ChosenPorts& ports_;
  // Whether the flow was seen, either way.
  bool knows(const Flow& flow);
  void note(const Flow& flow);

  std::set<Flow> flows_;
  std::set<Flow> older_;
};

}  // namespace bulkhead::controlplane
