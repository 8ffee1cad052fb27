// Messages in bytes as a capture: each case is a session of its own between its two hosts, begun
// properly and a long time after the case before, so that no case changes the verdict on another.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "controlplane/cli/case_session.h"

namespace bulkhead::controlplane {

struct FramedCase {
  std::vector<std::uint32_t> opening;  // the frames that open the session
  std::vector<std::uint32_t> before;   // those of the messages that come first
  std::uint32_t message = 0;           // the frame of the message itself
};

class CaseCapture {
 public:
  CaseCapture();

  // Adds the frames of one case. `zones`: whose VLAN tags its frames have, the client's and the
  // server's.
  FramedCase add(const PolicyCase& each, const CaseSession& session, const Model& model);
  // The capture, in the format of pcap with nanoseconds.
  const std::string& bytes() const { return bytes_; }

 private:
  struct Talk;

  void record(const std::vector<std::uint8_t>& frame);
  void pass_time(std::uint64_t seconds) { second_ += seconds; }

  std::string bytes_;
  std::uint32_t frames_ = 0;
  std::uint64_t second_ = 1'700'000'000;
  std::uint32_t nanosecond_ = 0;
  std::uint16_t client_port_ = 20'000;
};

}  // namespace bulkhead::controlplane
