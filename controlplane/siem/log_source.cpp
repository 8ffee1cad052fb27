// A log that cannot be read looks as if it had nothing new.
#include "controlplane/siem/log_source.h"

namespace bulkhead::siem {

EventSource::Page LogSource::read(std::uint64_t after, std::size_t rows_max,
                                  std::size_t bytes_max) {
  Page page;
  page.end = after;
  const controlplane::EventFilter all;
  const auto read = log_.read(after, all, rows_max, bytes_max);
  page.is_read = read.ok();
  if (!read) return page;
  const v1::EventLogStatus status = log_.status();
  page.oldest = status.first();
  page.newest = status.last();
  page.end = read.value().after;
  for (const v1::Event& event : read.value().events) page.entries.push_back(entry_of(event));
  return page;
}

}  // namespace bulkhead::siem
