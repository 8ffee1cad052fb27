// The language's words that do not come from a catalogue.
#pragma once

#include <array>
#include <string>
#include <vector>

namespace bulkhead::controlplane {

// In the order of protocols::Carrier.
inline constexpr std::array kTransportWords = {"tcp", "udp", "ethernet"};

// Plain services that rules can name without a port.
std::vector<std::string> plain_service_names();

}  // namespace bulkhead::controlplane
