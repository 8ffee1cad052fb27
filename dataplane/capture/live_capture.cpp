// Reads without blocking and waits with poll(), so that signals and times are seen without frames.
#include "dataplane/capture/live_capture.h"

#include <poll.h>

#include <utility>

namespace bulkhead::capture {

namespace {

// What comes while a long message or a proposal is worked on: half a second of 1 Gbit/s.
constexpr int kBufferBytes = 64 << 20;
constexpr int kFrameBytesMax = 262'144;

std::string why_not(const std::string& name, pcap_t* interface, int status) {
  std::string text = "cannot listen on " + name + ": " + pcap_statustostr(status);
  const std::string more = pcap_geterr(interface);
  if (!more.empty()) text += " (" + more + ")";
  const bool forbidden =
      status == PCAP_ERROR_PERM_DENIED || status == PCAP_ERROR_PROMISC_PERM_DENIED;
  return forbidden ? text + "; it takes root, or CAP_NET_RAW" : text;
}

}  // namespace

Result<LiveCapture, std::string> LiveCapture::open(const std::string& interface) {
  char error[PCAP_ERRBUF_SIZE] = {};
  pcap_t* created = pcap_create(interface.c_str(), error);
  if (created == nullptr) return "cannot listen on " + interface + ": " + error;
  LiveCapture live(interface, created);
  pcap_set_snaplen(created, kFrameBytesMax);
  pcap_set_promisc(created, 1);
  pcap_set_timeout(created, kLateMs);
  pcap_set_buffer_size(created, kBufferBytes);
  pcap_set_tstamp_precision(created, PCAP_TSTAMP_PRECISION_NANO);
  const int status = pcap_activate(created);
  if (status < 0) return why_not(interface, created, status);
  if (pcap_setnonblock(created, 1, error) < 0 || pcap_get_selectable_fd(created) < 0) {
    return "cannot listen on " + interface + ": " + error;
  }
  return live;
}

bool LiveCapture::step() {
  const int result = pcap_next_ex(interface_.get(), &header_, &bytes_);
  if (result == 1) {
    ++number_;
    return true;
  }
  if (result < 0) problem_ = name_ + ": " + pcap_geterr(interface_.get());
  return false;
}

bool LiveCapture::next(int wait_ms) {
  if (step()) return true;
  if (!problem_.empty()) return false;
  pollfd ready{pcap_get_selectable_fd(interface_.get()), POLLIN, 0};
  return poll(&ready, 1, wait_ms) > 0 && step();
}

TimeNs LiveCapture::time_ns() const {
  const auto fraction = static_cast<TimeNs>(header_->ts.tv_usec);
  const bool nanoseconds =
      pcap_get_tstamp_precision(interface_.get()) == PCAP_TSTAMP_PRECISION_NANO;
  return static_cast<TimeNs>(header_->ts.tv_sec) * kSecondNs +
         (nanoseconds ? fraction : fraction * 1000);
}

std::uint64_t LiveCapture::lost() {
  pcap_stat counts{};
  if (pcap_stats(interface_.get(), &counts) != 0) return 0;
  return std::uint64_t{counts.ps_drop} + counts.ps_ifdrop;
}

}  // namespace bulkhead::capture
