// Changes of frames that others made.
#pragma once

#include "tests/support/plant.h"

namespace bulkhead::adversary {

constexpr std::size_t kIpAt = 14;
constexpr std::size_t kIpPayloadAt = kIpAt + 20;  // of IPv4 without options

// Makes the checksum of the IPv4 header right.
void seal_ip(support::Bytes& frame);
// That and the TCP segment's.
void seal_segment(support::Bytes& frame);

}  // namespace bulkhead::adversary
