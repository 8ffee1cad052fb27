// Reads capture files (pcap and pcapng) through libpcap, frame by frame.
#pragma once

#include <pcap/pcap.h>

#include <cstdint>
#include <memory>
#include <string>

#include "dataplane/base/bytes.h"
#include "dataplane/base/clock.h"
#include "dataplane/base/result.h"

namespace bulkhead::capture {

class CaptureFile {
 public:
  // The error names the file and what is wrong with it.
  static Result<CaptureFile, std::string> open(const std::string& path);

  // Moves to the next frame. False at the end, or where the file is damaged: see problem().
  bool next();
  // Empty unless next() met damage.
  const std::string& problem() const { return problem_; }

  // Of the frame that next() moved to; bytes are good until the next call of it.
  ByteView frame() const { return {bytes_, header_->caplen}; }
  const pcap_pkthdr& header() const { return *header_; }  // its time has nanoseconds in tv_usec
  TimeNs time_ns() const;
  std::uint32_t number() const { return number_; }  // from 1

  int link_type() const { return pcap_datalink(file_.get()); }  // DLT_...
  bool is_ethernet() const { return link_type() == DLT_EN10MB; }

 private:
  CaptureFile(std::string path, pcap_t* file) : path_(std::move(path)), file_(file, pcap_close) {}

  std::string path_;
  std::unique_ptr<pcap_t, decltype(&pcap_close)> file_;
  std::string problem_;
  pcap_pkthdr* header_ = nullptr;
  const u_char* bytes_ = nullptr;
  std::uint32_t number_ = 0;
};

}  // namespace bulkhead::capture
