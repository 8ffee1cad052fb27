// The text of a segment of the log, or of an export: a header line, then records, a line each. The
// segment that is written has zeros from its last record to its size.
//
// A segment's header is `bulkhead-audit 1`; an export's has the head of the chain too,
// `bulkhead-audit 1 NUMBER:HASH`, so that a cut end shows.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "controlplane/audit/record.h"

namespace bulkhead::audit {

std::string segment_header();
std::string export_header(const Head& head);

struct Header {
  std::optional<Head> head;  // of an export
};

// A line of the text, as far as it can be read. Views live as long as the text.
struct Line {
  std::size_t offset = 0;
  std::string_view text;         // with its line feed, if it has one
  std::optional<Record> record;  // nothing if hash or object is not right
  std::string hash;              // of the object, computed

  // A line that a writer has finished: whatever it contains, it was not torn by a crash.
  bool is_whole() const {
    return text.ends_with('\n') && text.find('\0') == std::string_view::npos;
  }
};

// Reads a text line by line. Never fails: what is no record is a line without one.
class SegmentReader {
 public:
  // The text outlives the reader.
  explicit SegmentReader(std::string_view text);

  // Nothing if the first line is no header; it then counts as a line.
  const std::optional<Header>& header() const { return header_; }
  // Nothing at the end. Zeros up to the end of the text are no line.
  std::optional<Line> next();
  // Where the bytes end that are not zeros.
  std::size_t end() const { return text_.size(); }

 private:
  std::string_view text_;
  std::size_t at_ = 0;
  std::optional<Header> header_;
};

}  // namespace bulkhead::audit
