// A segment of the audit log, or an export, that anybody may have written: it is read to its end,
// and what is taken for a record is exactly one. The first byte says whether the rest is a text as
// it stands, or objects, a line each, that get a header and their hashes.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "controlplane/audit/folder.h"
#include "controlplane/audit/verify.h"

namespace {

using namespace bulkhead::audit;

std::string with_hashes(std::string_view objects) {
  std::string text = segment_header();
  while (!objects.empty()) {
    const std::string_view object = objects.substr(0, objects.find('\n'));
    text += line_of(object);
    objects.remove_prefix(std::min(objects.size(), object.size() + 1));
  }
  return text;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view input(reinterpret_cast<const char*>(data) + 1, size - 1);
  const std::string text = data[0] % 2 == 0 ? std::string(input) : with_hashes(input);
  SegmentReader reader(text);
  std::size_t records = 0;
  while (const auto line = reader.next()) {
    if (!line->record) continue;
    ++records;
    if (line_of(encode(*line->record)) != line->text) std::abort();
  }
  const Ending ending = read_ending({.path = "a/b", .first = 1}, text, {});
  if (!ending.is_damaged && ending.end + ending.torn > text.size()) std::abort();
  Verifier verifier;
  verifier.add("one", text);
  verifier.add("other", text);
  const Report report = verifier.finish(Head{1, std::string(kHashDigits, '0')});
  if (report.records > 2 * records) std::abort();
  return 0;
}
