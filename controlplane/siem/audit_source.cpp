// A page is looked for in the segments that can have it.
#include "controlplane/siem/audit_source.h"

#include <algorithm>

#include "controlplane/audit/query.h"

namespace bulkhead::siem {

EventSource::Page AuditSource::read(std::uint64_t after, std::size_t rows_max,
                                    std::size_t bytes_max) {
  const audit::Log::State state = log_.state();
  Page page;
  page.oldest = state.head.number == 0 ? 0 : state.first;
  page.newest = state.head.number;
  page.end = after;
  if (after >= page.newest) return page;
  audit::Filter filter;
  filter.first = std::max(after + 1, page.oldest);
  filter.last = filter.first + rows_max - 1;
  filter.limit = rows_max;
  std::size_t bytes = 0;
  for (const std::string& text : audit::find(log_.snapshot(), filter).lines) {
    audit::SegmentReader reader(text);
    const auto line = reader.next();
    if (!line || !line->record) continue;
    bytes += text.size();
    if (bytes > bytes_max && !page.entries.empty()) {
      page.end = page.entries.back().number;
      return page;
    }
    page.entries.push_back(entry_of(*line->record, line->hash));
  }
  page.end = std::min(filter.last, page.newest);
  return page;
}

}  // namespace bulkhead::siem
