// The classifier and the matcher of the data plane answer.
#include "controlplane/learn/verdict.h"

#include "dataplane/policy/classifier.h"
#include "dataplane/policy/matcher.h"
#include "dataplane/policy/observed.h"

namespace bulkhead::learn {

namespace {

policy::Classification classify(const policy::Tables& tables, const Session& session) {
  const std::uint16_t from = policy::find_zone(tables, session.client);
  const bool group = policy::is_group(tables, session.server);
  const std::uint16_t to = group ? policy::find_destination_zone(tables, from, session.server)
                                 : policy::find_zone(tables, session.server);
  return policy::classify(tables, from, to,
                          {session.client, session.server, session.port, session.transport});
}

}  // namespace

bool is_observed(const policy::Tables& tables, const wire::IpAddress& one,
                 const wire::IpAddress& other) {
  const std::uint16_t zone = policy::find_zone(tables, one);
  return policy::observes_between(tables, zone, policy::find_destination_zone(tables, zone, other),
                                  {});
}

Verdict judge_service(const policy::Tables& tables, const Session& session) {
  const policy::Classification found = classify(tables, session);
  return {found.reason, found.standing.conduit, found.standing.rule,
          is_observed(tables, session.client, session.server)};
}

Verdict judge_operation(const policy::Tables& tables, const Session& session, std::uint8_t protocol,
                        const protocols::Operation& operation) {
  const policy::Classification found = classify(tables, session);
  Verdict verdict{found.reason, found.standing.conduit, found.standing.rule,
                  is_observed(tables, session.client, session.server)};
  const bool plain = found.protocol == protocols::kNoProtocol;
  if (found.reason != Reason::service_granted || plain) return verdict;
  const bool named = found.protocol == protocol || (found.protocols >> protocol & 1U) != 0;
  if (!named) {
    verdict.reason = Reason::protocol_fault;
    return verdict;
  }
  const policy::Decision decision = policy::judge(tables.conduits[found.standing.conduit],
                                                  found.standing.cell, protocol, operation, 0);
  verdict.reason = decision.reason;
  verdict.rule = decision.rule;
  return verdict;
}

}  // namespace bulkhead::learn
