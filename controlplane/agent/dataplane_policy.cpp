// Without a data plane the artefact is decoded here: a policy can be staged before there is one.
#include "controlplane/agent/dataplane_policy.h"

#include "dataplane/artefact/artefact.h"

namespace bulkhead::controlplane {

namespace {

constexpr auto kCheckTimeout = std::chrono::seconds(60);

}  // namespace

DataplaneClient::Answer apply_policy(DataplaneClient& dataplane, const v1::PolicyArtefact& artefact,
                                     std::chrono::milliseconds timeout) {
  v1::DataplaneRequest request;
  *request.mutable_apply_policy()->mutable_artefact() = artefact;
  return dataplane.call(std::move(request), timeout);
}

Result<v1::PolicyApplied, Refusal> check_policy(DataplaneClient& dataplane,
                                                const v1::PolicyArtefact& artefact) {
  if (!dataplane.connected()) {
    const auto tables = artefact::decode(artefact);
    if (!tables) return Refusal{Refusal::Kind::invalid, tables.error()};
    v1::PolicyApplied known;
    known.set_site(tables.value().site);
    known.set_sha256(tables.value().digest);
    return known;
  }
  v1::DataplaneRequest request;
  *request.mutable_apply_policy()->mutable_artefact() = artefact;
  request.mutable_apply_policy()->set_check_only(true);
  const auto answer = dataplane.call(std::move(request), kCheckTimeout);
  if (answer) return answer.value().policy_applied();
  const bool refused = answer.error().kind == DataplaneClient::Failure::Kind::refused;
  return Refusal{refused ? Refusal::Kind::invalid : Refusal::Kind::unavailable,
                 answer.error().text + "; nothing was changed"};
}

}  // namespace bulkhead::controlplane
