// From the newest segment back: the rest is not read once there are enough.
#include "controlplane/audit/query.h"

#include <algorithm>
#include <filesystem>
#include <fstream>

namespace bulkhead::audit {

bool Filter::matches(const Record& record) const {
  return record.number >= first && record.number <= last && record.stamp.wall_ns >= since_ns &&
         record.stamp.wall_ns <= until_ns &&
         (identity.empty() || record.entry.caller.identity == identity) &&
         (kind.empty() || record.entry.kind == kind);
}

std::string text_of(const Log::Piece& piece) {
  std::ifstream file(piece.path, std::ios::binary);
  std::string text(piece.bytes, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(std::max<std::streamsize>(0, file.gcount())));
  return text;
}

Found find(const Log::Snapshot& snapshot, const Filter& filter) {
  Found found;
  std::size_t bytes = 0;
  for (auto piece = snapshot.pieces.rbegin(); piece != snapshot.pieces.rend(); ++piece) {
    if (piece->first > filter.last) continue;
    const std::string text = text_of(*piece);
    SegmentReader reader(text);
    std::vector<std::string> matching;
    while (const auto line = reader.next()) {
      if (line->record && filter.matches(*line->record)) matching.emplace_back(line->text);
    }
    for (auto line = matching.rbegin(); line != matching.rend(); ++line) {
      bytes += line->size();
      found.more = found.lines.size() >= filter.limit || bytes > Filter::kBytesMax;
      if (found.more) break;
      found.lines.push_back(std::move(*line));
    }
    if (found.more || piece->first <= filter.first) break;
  }
  std::reverse(found.lines.begin(), found.lines.end());
  return found;
}

Report verify(const Log::Snapshot& snapshot, const std::optional<Head>& expected) {
  Verifier verifier;
  for (const Log::Piece& piece : snapshot.pieces) {
    verifier.add(std::filesystem::path(piece.path).filename().string(), text_of(piece));
  }
  return verifier.finish(expected);
}

}  // namespace bulkhead::audit
