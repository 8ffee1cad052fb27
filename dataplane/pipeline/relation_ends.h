// A relation's ends, and how it is found by them.
#pragma once

#include "dataplane/pipeline/context.h"

namespace bulkhead::pipeline {

inline bool is_group(const wire::IpAddress& address) {
  return address.is_mac() ? address.mac().is_group() : address.is_multicast();
}

inline flow::ExpectationKey session_key(const flow::Flow& flow) {
  flow::ExpectationKey key;
  key.from = flow.client();
  key.to = flow.server();
  key.port = flow.server_port();
  key.vlan_outer = flow.key.vlan_outer;
  key.vlan_inner = flow.key.vlan_inner;
  key.carrier = policy::carrier_over(flow.transport);
  key.covers = protocols::Covers::session;
  key.protocol = flow.protocol;
  return key;
}

inline bool has_ended(const Context& context, const flow::Relation& relation) {
  return relation.has_ended(context.now_ns, context.forwards_since_ns);
}

inline const wire::IpAddress& address_of(const flow::Relation& relation, bool server) {
  return server ? relation.id.server : relation.id.client;
}

}  // namespace bulkhead::pipeline
