// An entry as a syslog message: header, structured data and body (RFC 5424), and its frame on a
// stream. Pure functions.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "controlplane/siem/collector.h"
#include "controlplane/siem/entry.h"

namespace bulkhead::siem {

// The message, at most Collector::message_bytes_max long: values that are too long are cut with a
// note of how much is missing, and where that is not enough members are left out and `cut` says so.
// One line without control characters, whatever foreign names the entry has.
//
// `previous` is the number of the message of this stream that the collector was sent before, so
// that it can tell what was lost from what its filter left out. `hostname` counts where the entry
// has no appliance.
std::string syslog_message(const Entry& entry, const Collector& collector,
                           std::string_view hostname, std::uint64_t previous);

std::string framed(const std::string& message, Framing framing);

}  // namespace bulkhead::siem
