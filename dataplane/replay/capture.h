// Captures for the replay, and their errors.
#pragma once

#include <pcap/pcap.h>

#include <memory>
#include <string>

#include "dataplane/base/bytes.h"
#include "dataplane/base/clock.h"
#include "dataplane/policy/tables.h"

namespace bulkhead::replay {

enum ExitCode : int { kOk = 0, kPolicyFailed = 1, kUsage = 2, kEalFailed = 3, kFileFailed = 4 };

struct Failure {
  int exit_code;
  std::string text;
};

// A pcap or pcapng file of Ethernet frames, from its beginning to its end. Throws Failure.
class Capture {
 public:
  explicit Capture(const std::string& path);

  // Moves to the next frame; false at the end.
  bool next();
  ByteView frame() const { return {bytes_, header_->caplen}; }
  const pcap_pkthdr& header() const { return *header_; }
  TimeNs time_ns() const;

 private:
  char error_[PCAP_ERRBUF_SIZE] = {};
  std::unique_ptr<pcap_t, decltype(&pcap_close)> file_;
  pcap_pkthdr* header_ = nullptr;
  const u_char* bytes_ = nullptr;
};

// The port of the zone whose networks hold the frame's source; 0 if none does.
std::uint16_t port_of(const policy::Tables& tables, ByteView frame);

}  // namespace bulkhead::replay
