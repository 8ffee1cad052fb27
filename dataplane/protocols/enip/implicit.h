// Implicit connections (CIP 3-4, EIP 3-2): opened by a forward open on TCP, carried by datagrams to
// UDP 2222 both ways, ended by a forward close or by silence.
#pragma once

#include "dataplane/protocols/enip/layout.h"
#include "dataplane/protocols/expectation.h"

namespace bulkhead::enip {

constexpr std::uint16_t kIoPort = 2222;         // EIP 3-2.1: 0x08AE
constexpr std::uint16_t kSessionPort = 0xaf12;  // EIP 2-2: 44818

const protocols::Expectations& implicit_connections();

}  // namespace bulkhead::enip
