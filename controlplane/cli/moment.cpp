// <chrono> knows the calendar.
#include "controlplane/cli/moment.h"

#include <charconv>
#include <chrono>

#include "dataplane/base/duration.h"

namespace bulkhead::controlplane {

namespace {

// A number of exactly so many digits, taken from the text's begin.
std::optional<unsigned> take_digits(std::string_view& text, std::size_t digits) {
  unsigned number = 0;
  if (text.size() < digits) return std::nullopt;
  const auto [stop, error] = std::from_chars(text.data(), text.data() + digits, number);
  if (error != std::errc() || stop != text.data() + digits) return std::nullopt;
  text.remove_prefix(digits);
  return number;
}

bool take(std::string_view& text, char expected) {
  if (!text.starts_with(expected)) return false;
  text.remove_prefix(1);
  return true;
}

// "", "T22:52" or "T22:52:36", with or without Z.
std::optional<std::chrono::seconds> parse_clock(std::string_view text) {
  if (text.ends_with('Z')) text.remove_suffix(1);
  if (text.empty()) return std::chrono::seconds(0);
  if (!take(text, 'T')) return std::nullopt;
  const auto hour = take_digits(text, 2);
  if (!hour || *hour > 23 || !take(text, ':')) return std::nullopt;
  const auto minute = take_digits(text, 2);
  if (!minute || *minute > 59) return std::nullopt;
  unsigned second = 0;
  if (!text.empty()) {
    const bool has_second = take(text, ':');
    const auto digits = has_second ? take_digits(text, 2) : std::nullopt;
    if (!digits || *digits > 59 || !text.empty()) return std::nullopt;
    second = *digits;
  }
  return std::chrono::hours(*hour) + std::chrono::minutes(*minute) + std::chrono::seconds(second);
}

}  // namespace

std::optional<std::uint64_t> parse_moment(std::string_view text, std::uint64_t now_ns) {
  if (const auto age_ns = parse_duration(text)) return *age_ns < now_ns ? now_ns - *age_ns : 0;
  const auto year = take_digits(text, 4);
  if (!year || *year < 1970 || *year > 2500 || !take(text, '-')) return std::nullopt;
  const auto month = take_digits(text, 2);
  if (!month || !take(text, '-')) return std::nullopt;
  const auto day = take_digits(text, 2);
  if (!day) return std::nullopt;
  const std::chrono::year_month_day date{std::chrono::year(static_cast<int>(*year)),
                                         std::chrono::month(*month), std::chrono::day(*day)};
  const auto clock = parse_clock(text);
  if (!date.ok() || !clock) return std::nullopt;
  const auto since_epoch = std::chrono::sys_days(date).time_since_epoch() + *clock;
  return static_cast<std::uint64_t>(
      std::chrono::duration_cast<std::chrono::nanoseconds>(since_epoch).count());
}

}  // namespace bulkhead::controlplane
