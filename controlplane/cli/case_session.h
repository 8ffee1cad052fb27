// The session that a case's message belongs to.
#pragma once

#include <optional>

#include "controlplane/cli/policy_cases.h"
#include "controlplane/policy/model.h"

namespace bulkhead::controlplane {

// Where a case's hosts are, and which service it is for.
struct CaseSession {
  struct Host {
    wire::IpAddress address;  // or that of its MAC address
    std::optional<wire::Mac> mac;
    std::size_t zone = 0;
    const ModelAsset* asset = nullptr;
  };
  Host client;
  Host server;
  std::uint16_t port = 0;
  policy::Transport transport{};
};

// Nothing, with the reason in the diagnostics, if a host, port or transport is unknown.
std::optional<CaseSession> find_session(const PolicyCase& each, const Model& model,
                                        Diagnostics& diagnostics);

// The case as a rule without hosts: its service, or its protocol and function. Nothing, with the
// reason in the diagnostics, if its words are unknown.
std::optional<ModelRule> resolve_words(const PolicyCase& each, const Model& model,
                                       Diagnostics& diagnostics);

}  // namespace bulkhead::controlplane
