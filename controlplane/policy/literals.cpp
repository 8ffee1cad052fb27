// Each reader takes the whole text or nothing.
#include "controlplane/policy/literals.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <limits>
#include <regex>

#include "dataplane/wire/text.h"

namespace bulkhead::controlplane {

namespace {

struct Split {
  std::string low;
  std::string high;
};

// At the first `..`, or at a `-` that stands neither at the start nor behind an exponent's e.
Split split_range(const std::string& text) {
  if (const std::size_t dots = text.find(".."); dots != std::string::npos) {
    return {text.substr(0, dots), text.substr(dots + 2)};
  }
  const bool hexadecimal = text.find("0x") != std::string::npos;
  for (std::size_t i = 1; i < text.size(); ++i) {
    const bool exponent = !hexadecimal && (text[i - 1] == 'e' || text[i - 1] == 'E');
    if (text[i] == '-' && !exponent) return {text.substr(0, i), text.substr(i + 1)};
  }
  return {text, text};
}

std::string strip(const std::string& text) {
  const std::size_t first = text.find_first_not_of(' ');
  if (first == std::string::npos) return {};
  return text.substr(first, text.find_last_not_of(' ') - first + 1);
}

std::optional<double> read_decimal(const std::string& text) {
  static const std::regex kDecimal(R"(-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE]-?[0-9]+)?)");
  if (!std::regex_match(text, kDecimal)) return std::nullopt;
  return std::strtod(text.c_str(), nullptr);
}

std::optional<std::int64_t> order_of(float value) {
  if (!std::isfinite(value)) return std::nullopt;
  return float32_order(std::bit_cast<std::uint32_t>(value));
}

}  // namespace

bool is_clean_name(const std::string& text) {
  return !text.empty() && text.size() <= policy::kNameBytesMax &&
         std::all_of(text.begin(), text.end(), [](unsigned char c) {
           return std::isalnum(c) != 0 || c == '-' || c == '_' || c == '.';
         });
}

std::optional<wire::IpAddress> read_address(const std::string& text) { return wire::read_ip(text); }

wire::Prefix host_prefix(const wire::IpAddress& address) {
  return {address, wire::kPrefixLengthMax};
}

std::optional<wire::Prefix> read_network(const std::string& text, std::string& problem) {
  problem.clear();
  const std::size_t slash = text.find('/');
  const auto address = read_address(text.substr(0, slash));
  if (!address || slash == std::string::npos) return std::nullopt;
  const auto length = read_integer(text.substr(slash + 1));
  const unsigned offset = address->is_v4() ? 96 : 0;
  if (!length || *length < 0 || *length > wire::kPrefixLengthMax - offset) return std::nullopt;
  wire::Prefix prefix{*address, static_cast<std::uint8_t>(*length + offset)};
  for (std::size_t bit = prefix.length; bit < wire::kPrefixLengthMax; ++bit) {
    if ((address->bytes[bit / 8] >> (7 - bit % 8) & 1) != 0) {
      problem = "has host bits set after its first " + std::to_string(*length) + " bits";
      return std::nullopt;
    }
  }
  return prefix;
}

std::vector<wire::IpAddress> read_groups(const std::string& text) {
  constexpr std::size_t kLastBits = 10;  // that may differ
  if (const auto address = read_address(text)) {
    const bool many = address->is_multicast() || address->may_be_broadcast();
    return many ? std::vector{*address} : std::vector<wire::IpAddress>{};
  }
  std::string problem;
  const auto network = read_network(text, problem);
  if (!network || !network->address.is_multicast() ||
      network->length + kLastBits < wire::kPrefixLengthMax) {
    return {};
  }
  std::vector<wire::IpAddress> groups(std::size_t{1} << (wire::kPrefixLengthMax - network->length),
                                      network->address);
  for (std::size_t i = 0; i < groups.size(); ++i) {
    store_be64(groups[i].bytes.data() + 8, network->address.low() + i);
  }
  return groups;
}

std::optional<wire::Mac> read_mac(const std::string& text, bool group_too) {
  const auto mac = wire::read_mac(text);
  if (!mac || (mac->is_group() && !group_too) || mac->is_zero()) return std::nullopt;
  return mac;
}

std::optional<std::int64_t> read_integer(const std::string& given) {
  std::string text = strip(given);
  const bool negative = !text.empty() && text[0] == '-';
  if (negative) text.erase(0, 1);
  const bool hexadecimal = text.rfind("0x", 0) == 0;
  if (hexadecimal) text.erase(0, 2);
  if (!hexadecimal && text.size() > 1 && text[0] == '0') return std::nullopt;
  std::int64_t value = 0;
  const char* end = text.data() + text.size();
  const auto result = std::from_chars(text.data(), end, value, hexadecimal ? 16 : 10);
  if (result.ec != std::errc() || result.ptr != end || text.empty() || text[0] == '-') {
    return std::nullopt;
  }
  return negative ? -value : value;
}

std::string leading_zero_hint(const std::string& text) {
  static const std::regex kLeadingZero(R"((^|[^0-9a-zA-Z.])0+[0-9])");
  if (!std::regex_search(text, kLeadingZero)) return {};
  return "; a number does not begin with a zero, which means octal elsewhere: leave it out, or "
         "write hexadecimal as 0x10";
}

std::optional<Range> read_integer_range(const std::string& text) {
  const Split split = split_range(strip(text));
  const auto low = read_integer(split.low);
  const auto high = read_integer(split.high);
  if (!low || !high) return std::nullopt;
  return Range{*low, *high};
}

std::optional<Range> read_float_range(const std::string& text) {
  const Split split = split_range(strip(text));
  const auto low = read_decimal(strip(split.low));
  const auto high = read_decimal(strip(split.high));
  if (!low || !high) return std::nullopt;
  auto low32 = static_cast<float>(*low);
  auto high32 = static_cast<float>(*high);
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  const bool point = *low == *high;  // a single value means the nearest binary32
  if (!point && low32 < *low) low32 = std::nextafter(low32, kInfinity);
  if (!point && high32 > *high) high32 = std::nextafter(high32, -kInfinity);
  const auto low_order = order_of(low32);
  const auto high_order = order_of(high32);
  if (!low_order || !high_order) return std::nullopt;
  return Range{*low_order, *high_order};
}

std::optional<Range> read_real_range(const std::string& text, unsigned width_bits) {
  const Split split = split_range(strip(text));
  const auto limit = [width_bits](const std::string& word) -> std::optional<std::int64_t> {
    auto value = read_decimal(strip(word));
    if (!value || !std::isfinite(*value)) return std::nullopt;
    const bool narrow = width_bits == 32 && std::trunc(*value) != *value;
    return float64_order(narrow ? static_cast<double>(static_cast<float>(*value)) : *value);
  };
  const auto low = limit(split.low);
  const auto high = limit(split.high);
  if (!low || !high) return std::nullopt;
  return Range{*low, *high};
}

std::optional<Rate> read_rate(const std::string& text) {
  static const std::regex kRate("([1-9][0-9]{0,5})/(s|min|h)");
  std::smatch match;
  if (!std::regex_match(text, match, kRate)) return std::nullopt;
  const auto count = static_cast<std::uint32_t>(std::stoul(match[1]));
  if (count == 0) return std::nullopt;
  TimeNs period = kSecondNs;
  if (match[2] == "min") period = 60 * kSecondNs;
  if (match[2] == "h") period = 3600 * kSecondNs;
  return Rate{period / count, count};
}

}  // namespace bulkhead::controlplane
