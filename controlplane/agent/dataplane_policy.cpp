// Without a data plane the artefact is decoded here: a policy can be staged before there is one.
#include "controlplane/agent/dataplane_policy.h"

#include "dataplane/artefact/artefact.h"

namespace bulkhead::controlplane {

namespace {

constexpr auto kPrepareTimeout = std::chrono::seconds(60);

}  // namespace

Result<v1::PolicyPrepared, Refusal> prepare_policy(DataplaneClient& dataplane,
                                                   v1::PolicyArtefact& artefact) {
  if (!dataplane.connected()) {
    const auto tables = artefact::decode(artefact);
    if (!tables) return Refusal{Refusal::Kind::invalid, tables.error()};
    v1::PolicyPrepared known;
    known.set_site(tables.value().site);
    known.set_sha256(tables.value().digest);
    return known;
  }
  v1::DataplaneRequest request;
  v1::PolicyArtefact& lent = *request.mutable_prepare_policy()->mutable_artefact();
  lent.Swap(&artefact);
  const auto answer = dataplane.call(request, kPrepareTimeout);
  lent.Swap(&artefact);
  if (answer) return answer.value().policy_prepared();
  const bool refused = answer.error().kind == DataplaneClient::Failure::Kind::refused;
  return Refusal{refused ? Refusal::Kind::invalid : Refusal::Kind::unavailable,
                 answer.error().text};
}

bool is_prepared(DataplaneClient& dataplane, const std::string& sha256) {
  v1::DataplaneRequest request;
  request.mutable_prepare_policy()->set_sha256(sha256);
  return dataplane.call(std::move(request)).ok();
}

DataplaneClient::Answer apply_prepared(DataplaneClient& dataplane, const std::string& sha256,
                                       std::chrono::milliseconds timeout) {
  v1::DataplaneRequest request;
  request.mutable_apply_prepared()->set_sha256(sha256);
  return dataplane.call(std::move(request), timeout);
}

}  // namespace bulkhead::controlplane
