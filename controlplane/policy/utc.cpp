// <chrono> knows the calendar.
#include "controlplane/policy/utc.h"

#include <charconv>
#include <chrono>
#include <cstdio>

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

// "22:52", taken from the text's begin.
std::optional<std::uint32_t> take_clock(std::string_view& text) {
  const auto hour = take_digits(text, 2);
  if (!hour || *hour > 23 || !take(text, ':')) return std::nullopt;
  const auto minute = take_digits(text, 2);
  if (!minute || *minute > 59) return std::nullopt;
  return *hour * 3600 + *minute * 60;
}

// "", "T22:52" or "T22:52:36", with or without Z.
std::optional<std::uint32_t> parse_time_of_day(std::string_view text) {
  if (text.ends_with('Z')) text.remove_suffix(1);
  if (text.empty()) return 0;
  if (!take(text, 'T')) return std::nullopt;
  const auto clock = take_clock(text);
  if (!clock || text.empty()) return clock;
  const bool has_second = take(text, ':');
  const auto second = has_second ? take_digits(text, 2) : std::nullopt;
  if (!second || *second > 59 || !text.empty()) return std::nullopt;
  return *clock + *second;
}

}  // namespace

std::optional<std::uint64_t> parse_utc(std::string_view text) {
  const auto year = take_digits(text, 4);
  if (!year || *year < 1970 || *year > 2500 || !take(text, '-')) return std::nullopt;
  const auto month = take_digits(text, 2);
  if (!month || !take(text, '-')) return std::nullopt;
  const auto day = take_digits(text, 2);
  if (!day) return std::nullopt;
  const std::chrono::year_month_day date{std::chrono::year(static_cast<int>(*year)),
                                         std::chrono::month(*month), std::chrono::day(*day)};
  const auto time = parse_time_of_day(text);
  if (!date.ok() || !time) return std::nullopt;
  const auto midnight = std::chrono::sys_days(date).time_since_epoch();
  return static_cast<std::uint64_t>(std::chrono::seconds(midnight).count()) + *time;
}

std::optional<std::uint32_t> parse_clock(std::string_view text) {
  const auto clock = take_clock(text);
  return text.empty() ? clock : std::nullopt;
}

std::string utc_text(std::uint64_t seconds) {
  const std::chrono::sys_seconds time{std::chrono::seconds(seconds)};
  const auto day = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date{day};
  const auto minutes = std::chrono::duration_cast<std::chrono::minutes>(time - day).count();
  char text[48];
  std::snprintf(text, sizeof(text), "%04d-%02u-%02uT%02u:%02uZ", static_cast<int>(date.year()),
                static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                static_cast<unsigned>(minutes / 60), static_cast<unsigned>(minutes % 60));
  return text;
}

}  // namespace bulkhead::controlplane
