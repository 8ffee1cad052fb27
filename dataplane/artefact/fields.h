// Shared parts of the protobuf form and the tables: enumerations with equal values, and addresses
// as bytes.
#pragma once

#include <string>

#include "bulkhead/v1/policy.pb.h"
#include "dataplane/policy/tables.h"

namespace bulkhead::artefact {

template <typename Wire, typename Table>
constexpr bool same(Wire wire, Table table) {
  return static_cast<int>(wire) == static_cast<int>(table);
}

static_assert(same(v1::ON_DENY_DROP, policy::OnDeny::drop));
static_assert(same(v1::ON_DENY_RESET, policy::OnDeny::reset));
static_assert(same(v1::ON_DENY_REJECT, policy::OnDeny::reject));
static_assert(v1::OnDeny_ARRAYSIZE == 3);

static_assert(same(v1::TRANSPORT_TCP, policy::Transport::tcp));
static_assert(same(v1::TRANSPORT_UDP, policy::Transport::udp));
static_assert(same(v1::TRANSPORT_ICMP, policy::Transport::icmp));
static_assert(same(v1::TRANSPORT_ETHERNET, policy::Transport::ethernet));
static_assert(v1::Transport_ARRAYSIZE == 4);

static_assert(same(v1::VALUE_TYPE_PLAIN, policy::ValueType::plain));
static_assert(same(v1::VALUE_TYPE_INT16, policy::ValueType::int16));
static_assert(same(v1::VALUE_TYPE_UINT32, policy::ValueType::uint32));
static_assert(same(v1::VALUE_TYPE_INT32, policy::ValueType::int32));
static_assert(same(v1::VALUE_TYPE_FLOAT32, policy::ValueType::float32));
static_assert(v1::ValueType_ARRAYSIZE == 5);

static_assert(same(v1::WORD_ORDER_BIG, policy::WordOrder::big));
static_assert(same(v1::WORD_ORDER_LITTLE, policy::WordOrder::little));
static_assert(v1::WordOrder_ARRAYSIZE == 2);

inline std::string bytes_of(const wire::IpAddress& address) {
  return {reinterpret_cast<const char*>(address.bytes.data()), address.bytes.size()};
}
inline std::string bytes_of(const wire::Mac& mac) {
  return {reinterpret_cast<const char*>(mac.bytes.data()), mac.bytes.size()};
}

// False, and nothing is changed, if the bytes are not as many as such an address has.
inline bool read_address(const std::string& bytes, wire::IpAddress& address) {
  if (bytes.size() != address.bytes.size()) return false;
  address = wire::IpAddress::from_v6(reinterpret_cast<const std::uint8_t*>(bytes.data()));
  return true;
}
inline bool read_mac(const std::string& bytes, wire::Mac& mac) {
  if (bytes.size() != mac.bytes.size()) return false;
  mac = wire::Mac::from(reinterpret_cast<const std::uint8_t*>(bytes.data()));
  return true;
}

}  // namespace bulkhead::artefact
