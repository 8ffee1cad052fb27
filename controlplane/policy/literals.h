// Reads the small languages inside values: addresses, ranges, rates, ports.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "dataplane/base/clock.h"
#include "dataplane/base/range.h"
#include "dataplane/policy/tables.h"

namespace bulkhead::controlplane {

// Names travel into counters, events and file names: 1 to 64 letters, digits, `-`, `_` or `.`.
bool is_clean_name(const std::string& text);

std::optional<wire::IpAddress> read_address(const std::string& text);

// ADDRESS/BITS; host bits must be zero, else `problem` says so.
std::optional<wire::Prefix> read_network(const std::string& text, std::string& problem);

// A multicast address (IPv4 or IPv6), or up to 1,024 of them as a network, or the address of an
// IPv4 broadcast, whose last bits are ones. None if the text is no such thing.
std::vector<wire::IpAddress> read_groups(const std::string& text);
// A MAC address; a group's only with `group_too`.
std::optional<wire::Mac> read_mac(const std::string& text, bool group_too);

// Decimal or 0x hexadecimal, with an optional sign. No zero leads a decimal one: elsewhere that
// means octal.
std::optional<std::int64_t> read_integer(const std::string& text);

// For an error about a text that is no number: a hint, if it has a leading zero.
std::string leading_zero_hint(const std::string& text);

// N, LOW-HIGH or LOW..HIGH.
std::optional<Range> read_integer_range(const std::string& text);

// The same with decimal fractions; limits are rounded inwards to binary32, then ordered.
std::optional<Range> read_float_range(const std::string& text);

// The same without rounding, ordered as binary64. For a field of `width_bits` 32 a fraction means
// the nearest binary32, so that what a device sends for it is met.
std::optional<Range> read_real_range(const std::string& text, unsigned width_bits);

struct Rate {
  TimeNs interval_ns = 0;
  std::uint32_t burst = 1;
};
// COUNT/s, COUNT/min or COUNT/h.
std::optional<Rate> read_rate(const std::string& text);

wire::Prefix host_prefix(const wire::IpAddress& address);

}  // namespace bulkhead::controlplane
