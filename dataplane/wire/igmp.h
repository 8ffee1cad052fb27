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

// Whether hosts tell of the group: IPv4 multicast, but for what never leaves its link, which every
// switch floods (224.0.0.0/24).
bool is_reported(const IpAddress& group);

// Whether an IPv4 packet is a query, of any version (RFC 2236, 2; RFC 3376, 4.1).
bool is_igmp_query(ByteView packet);

// Writes the frame of a report in whose sender's name nobody can be asked: its IP source is
// 0.0.0.0, as that of a switch which reports for others (RFC 4541, 2.1.1). Returns its length.
// Precondition: is_reported().
std::size_t write_igmp_report(const Mac& sender, VlanIds vlan, const IpAddress& group,
                              std::span<std::uint8_t, kIgmpReportBytesMax> frame);

}  // namespace bulkhead::wire
