// Listens on an interface of this host through libpcap: what a mirror port brings, frame by frame.
// Nothing is sent.
#pragma once

#include <pcap/pcap.h>

#include <cstdint>
#include <memory>
#include <string>

#include "dataplane/base/bytes.h"
#include "dataplane/base/clock.h"
#include "dataplane/base/result.h"

namespace bulkhead::capture {

class LiveCapture {
 public:
  // How late a frame may be: the kernel hands them over in blocks.
  static constexpr int kLateMs = 100;

  // Listens from here on. The error says what is wrong, and what would help.
  static Result<LiveCapture, std::string> open(const std::string& interface);

  // Moves to the next frame; waits for one at most so long. False if none came, if a signal came,
  // or if the interface is gone: see problem().
  bool next(int wait_ms);
  // Empty unless the interface can no longer be listened on.
  const std::string& problem() const { return problem_; }

  // Of the frame that next() moved to; bytes are good until the next call of it.
  ByteView frame() const { return {bytes_, header_->caplen}; }
  TimeNs time_ns() const;                           // by the clock on the wall
  std::uint32_t number() const { return number_; }  // from 1; begins anew after 2^32

  int link_type() const { return pcap_datalink(interface_.get()); }  // DLT_...

  // Frames that the kernel or the interface dropped, since nobody read them in time.
  std::uint64_t lost();

 private:
  LiveCapture(std::string name, pcap_t* interface)
      : name_(std::move(name)), interface_(interface, pcap_close) {}

  bool step();

  std::string name_;
  std::unique_ptr<pcap_t, decltype(&pcap_close)> interface_;
  std::string problem_;
  pcap_pkthdr* header_ = nullptr;
  const u_char* bytes_ = nullptr;
  std::uint32_t number_ = 0;
};

}  // namespace bulkhead::capture
