// Groups of words, the most telling first.
#include "controlplane/cli/event_text.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "controlplane/telemetry/event_json.h"
#include "controlplane/telemetry/event_schema.h"

namespace bulkhead::controlplane {

namespace {

constexpr std::size_t kIndent = 4;

// Fills lines with words.
class Lines {
 public:
  explicit Lines(std::size_t columns) : columns_(columns) {}

  // `gap`: blanks before it, unless it begins a line.
  void add(const std::string& word, std::size_t gap = 1, Colour colour = Colour::plain) {
    if (word.empty()) return;
    const std::size_t width = printable(word).size();
    const bool breaks = columns_ != 0 && used_ + gap + width > columns_ && used_ > kIndent;
    if (breaks) {
      text_ += "\n" + std::string(kIndent, ' ');
      used_ = kIndent;
    } else if (used_ > 0) {
      text_ += std::string(gap, ' ');
      used_ += gap;
    }
    text_ += paint(word, colour).text;
    used_ += width;
  }
  // Each word of a text.
  void add_text(const std::string& text, std::size_t gap) {
    for (std::size_t at = 0; at < text.size();) {
      const std::size_t end = std::min(text.find(' ', at), text.size());
      add(text.substr(at, end - at), std::exchange(gap, 1));
      at = end + 1;
    }
  }
  Shown take() { return {std::move(text_)}; }

 private:
  const std::size_t columns_;
  std::size_t used_ = 0;
  std::string text_;
};

std::string field_text(const v1::FieldSpan& field) {
  const Json span = span_json(field);
  if (!span.is_array()) return field.name() + "=" + json_line(span);
  return field.name() + "=" + span[0].dump() + (span[0] == span[1] ? "" : "-" + span[1].dump());
}

void add_refusal(const v1::Event& event, Lines& lines) {
  lines.add(event.reason() + (event.fault().empty() ? "" : ":" + event.fault()), 2);
  lines.add(event.action(), 2);
  if (event.count() > 1) lines.add("x" + grouped(event.count()), 2, Colour::bold);
  if (!event.fallback().empty()) lines.add("(not alone: " + event.fallback() + ")");
  if (event.transport().empty()) {
    lines.add("from " + event.source_mac(), 2);
  } else {
    lines.add(event.transport(), 2);
    lines.add(event.source());
    lines.add("> " + event.destination());
  }
  if (!event.conduit().empty()) {
    lines.add("conduit " + event.conduit(), 2);
    if (event.rule() != 0) lines.add("rule " + std::to_string(event.rule()));
  }
  lines.add(event.function(), 2);
  if (event.has_difference()) {
    const v1::NumberDifference& numbers = event.difference();
    lines.add(numbers.what() + " " + std::to_string(numbers.received()) + ", expected " +
                  std::to_string(numbers.expected()),
              2);
  }
  for (const v1::FieldSpan& field : event.fields()) lines.add(field_text(field));
}

}  // namespace

Shown event_text(const v1::Event& event, std::size_t columns) {
  Lines lines(columns);
  const std::string number = std::to_string(event.number());
  lines.add(std::string(number.size() < 7 ? 7 - number.size() : 0, ' ') + number);
  lines.add(local_time(event.wall_time_ns()), 2, Colour::dim);
  const std::string_view severity = severity_of(event);
  lines.add(event.kind(), 2, severity == "info" || event.cleared() ? Colour::plain : Colour::bad);
  if (!event.reason().empty()) {
    add_refusal(event, lines);
  } else {
    lines.add(event.alarm(), 2);
    lines.add_text(event.text(), 2);
  }
  return lines.take();
}

std::size_t terminal_columns() {
  winsize size{};
  if (isatty(STDOUT_FILENO) != 1 || ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0) return 0;
  return size.ws_col;
}

}  // namespace bulkhead::controlplane
