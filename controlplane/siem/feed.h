// One stream of one collector: reads its log from a place on and writes messages. It has no queue:
// what it has read and not written is read again.
#pragma once

#include <cstdint>
#include <string>

#include "controlplane/siem/collector.h"
#include "controlplane/siem/event_source.h"
#include "controlplane/siem/place.h"

namespace bulkhead::siem {

class Feed {
 public:
  static constexpr std::size_t kRowsMax = 128;
  static constexpr std::size_t kPageBytesMax = std::size_t{256} << 10;

  // Source and collector outlive it.
  Feed(EventSource& source, Stream stream, const Collector& collector, std::string hostname,
       const Place& place)
      : source_(source),
        stream_(stream),
        collector_(collector),
        hostname_(std::move(hostname)),
        place_(place) {}

  // Appends framed messages until `out` has `bytes_max` or a page has been read. True if there may
  // be more now. `now_ns` is the time of messages about the log itself.
  bool fill(std::string& out, std::size_t bytes_max, TimeNs now_ns);

  // After what was filled.
  const Place& place() const { return place_; }
  void go_back(const Place& place);
  // Number of the log's newest entry.
  std::uint64_t newest() const { return source_.newest(); }
  // Numbers that were gone when they should have been sent.
  std::uint64_t lost() const { return lost_; }

 private:
  bool read();
  void begin();
  bool began_anew();
  void add(std::string& out, const Entry& entry);
  void add_gap(std::string& out, std::uint64_t last, TimeNs now_ns);

  EventSource& source_;
  const Stream stream_;
  const Collector& collector_;
  const std::string hostname_;
  Place place_;
  EventSource::Page page_;
  std::size_t next_ = 0;  // in the page
  std::uint64_t lost_ = 0;
  std::uint64_t lost_until_ = 0;  // numbers up to this one have been counted
};

}  // namespace bulkhead::siem
