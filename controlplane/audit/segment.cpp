// Line feeds delimit, so that a damaged line costs no other.
#include "controlplane/audit/segment.h"

namespace bulkhead::audit {

namespace {

constexpr std::string_view kMagic = "bulkhead-audit 1";

std::optional<Header> parse_header(std::string_view line) {
  if (!line.starts_with(kMagic) || !line.ends_with('\n')) return std::nullopt;
  line.remove_prefix(kMagic.size());
  line.remove_suffix(1);
  if (line.empty()) return Header{};
  if (line.front() != ' ') return std::nullopt;
  const auto head = parse_head(line.substr(1));
  return head ? std::optional(Header{head}) : std::nullopt;
}

// Sets the line's record if its hash fits.
void parse_line(Line& line) {
  std::string_view text = line.text;
  if (!text.ends_with('\n') || text.size() < kHashDigits + 3) return;
  text.remove_suffix(1);
  const std::string_view object = text.substr(kHashDigits + 1);
  line.hash = hash_of(object);
  if (text.substr(0, kHashDigits) != line.hash || text[kHashDigits] != ' ') return;
  line.record = decode(object);
}

}  // namespace

std::string segment_header() { return std::string(kMagic) + "\n"; }

std::string export_header(const Head& head) {
  return std::string(kMagic) + " " + text_of(head) + "\n";
}

SegmentReader::SegmentReader(std::string_view text)
    : text_(text.substr(0, text.find_last_not_of('\0') + 1)) {
  const std::size_t end = text_.find('\n');
  if (end == std::string_view::npos) return;
  header_ = parse_header(text_.substr(0, end + 1));
  if (header_) at_ = end + 1;
}

std::optional<Line> SegmentReader::next() {
  if (at_ >= text_.size()) return std::nullopt;
  const std::size_t end = text_.find('\n', at_);
  Line line;
  line.offset = at_;
  line.text = text_.substr(at_, end == std::string_view::npos ? end : end + 1 - at_);
  at_ += line.text.size();
  if (line.text.size() <= kLineBytesMax) parse_line(line);
  return line;
}

}  // namespace bulkhead::audit
