// The Internet Group Management Protocol: by membership reports, here of version 2 (RFC 2236),
// switches learn to which of their ports a multicast group has to be sent (RFC 4541); a querier
// asks for them.
#pragma once

#include <cstdint>
#include <span>

#include "dataplane/wire/address.h"
#include "dataplane/wire/ethernet.h"

namespace bulkhead::wire {

constexpr std::size_t kIgmpReportBytesMax = 60 + 2 * kVlanTagBytes;

// Whether hosts report the group: IPv4 multicast except link-local groups (224.0.0.0/24), which
// every switch floods.
bool is_reported(const IpAddress& group);

// Whether an IPv4 packet is a query, of any version (RFC 2236, 2; RFC 3376, 4.1).
bool is_igmp_query(ByteView packet);

// Writes a report with source 0.0.0.0, as a switch that reports for others does (RFC 4541, 2.1.1):
// a querier cannot take the sender for a member. Returns its length. Precondition: is_reported().
std::size_t write_igmp_report(const Mac& sender, VlanIds vlan, const IpAddress& group,
                              std::span<std::uint8_t, kIgmpReportBytesMax> frame);

}  // namespace bulkhead::wire
