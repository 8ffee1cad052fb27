// Holes in the numbers become messages.
#include "controlplane/siem/feed.h"

#include <algorithm>

#include "controlplane/siem/syslog_message.h"

namespace bulkhead::siem {

void Feed::go_back(const Place& place) {
  place_ = place;
  page_ = {};
  next_ = 0;
}

// A new collector misses nothing that had left the log before it came.
void Feed::begin() {
  place_.known = true;
  const std::uint64_t newest = page_.newest;
  place_.after = collector_.from_now ? newest : std::max<std::uint64_t>(page_.oldest, 1) - 1;
  place_.sent = place_.after;
}

bool Feed::read() {
  next_ = 0;
  page_ = source_.read(place_.after, kRowsMax, kPageBytesMax);
  if (!page_.is_read) return false;
  if (!place_.known) {
    begin();
    page_ = source_.read(place_.after, kRowsMax, kPageBytesMax);
  }
  const bool is_news = page_.end > place_.after || page_.newest < place_.after;
  return page_.is_read && page_.newest != 0 && is_news;
}

// A log that has lost its end in a power failure goes on with greater numbers; one whose newest
// entry is younger than what was sent is another log.
bool Feed::began_anew() {
  const EventSource::Page newest = source_.read(page_.newest - 1, 1, kPageBytesMax);
  return !newest.entries.empty() && newest.entries.back().wall_ns > place_.wall_ns;
}

void Feed::add(std::string& out, const Entry& entry) {
  out += framed(syslog_message(entry, collector_, hostname_, place_.sent), collector_.framing);
  place_.sent = entry.number;
}

void Feed::add_gap(std::string& out, std::uint64_t last, TimeNs now_ns) {
  const std::uint64_t first = place_.after + 1;
  add(out, gap_entry(stream_, first, last, now_ns));
  const std::uint64_t uncounted = std::max(first, lost_until_ + 1);
  if (last >= uncounted) lost_ += last - uncounted + 1;
  lost_until_ = std::max(lost_until_, last);
  place_.after = last;
}

bool Feed::fill(std::string& out, std::size_t bytes_max, TimeNs now_ns) {
  if (next_ >= page_.entries.size() && place_.after >= page_.end && !read()) return false;
  if (page_.newest < place_.after) {
    if (!began_anew()) return false;
    add(out, restart_entry(stream_, place_.after, now_ns));
    place_ = {.known = true, .after = 0, .sent = 0};
    lost_until_ = 0;
    page_ = {};
    return true;
  }
  while (next_ < page_.entries.size()) {
    if (out.size() >= bytes_max) return true;
    const Entry& entry = page_.entries[next_];
    if (entry.number > place_.after + 1) add_gap(out, entry.number - 1, now_ns);
    if (collector_.wants(entry)) add(out, entry);
    place_.after = entry.number;
    place_.wall_ns = entry.wall_ns;
    ++next_;
  }
  if (page_.end > place_.after) add_gap(out, page_.end, now_ns);
  return page_.newest > place_.after;
}

}  // namespace bulkhead::siem
