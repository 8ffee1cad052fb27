// A file that ends in the middle of a frame is damaged from there on.
#include "dataplane/capture/capture_file.h"

#include <utility>

namespace bulkhead::capture {

Result<CaptureFile, std::string> CaptureFile::open(const std::string& path) {
  char error[PCAP_ERRBUF_SIZE] = {};
  pcap_t* file =
      pcap_open_offline_with_tstamp_precision(path.c_str(), PCAP_TSTAMP_PRECISION_NANO, error);
  if (file == nullptr) {
    const std::string why = error;  // begins with the path only where the file does not open
    return "cannot read " + (why.starts_with(path) ? why : path + ": " + why);
  }
  return CaptureFile(path, file);
}

bool CaptureFile::next() {
  const int result = pcap_next_ex(file_.get(), &header_, &bytes_);
  if (result == 1) {
    ++number_;
    return true;
  }
  if (result != PCAP_ERROR_BREAK) problem_ = path_ + ": " + pcap_geterr(file_.get());
  return false;
}

TimeNs CaptureFile::time_ns() const {
  return static_cast<TimeNs>(header_->ts.tv_sec) * kSecondNs +
         static_cast<TimeNs>(header_->ts.tv_usec);
}

}  // namespace bulkhead::capture
