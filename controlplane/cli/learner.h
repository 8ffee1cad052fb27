// Hands what packets hold to the observations and to a policy's usage, if there is one: of
// captures, one after the other, and of an interface that is listened on. Bounded however long that
// is.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "controlplane/cli/capture_decoder.h"
#include "controlplane/learn/host_names.h"
#include "controlplane/learn/host_tags.h"
#include "controlplane/learn/novelty.h"
#include "controlplane/learn/usage.h"

namespace bulkhead::controlplane {

// The times of the newest frames, by their number.
class FrameTimes {
 public:
  static constexpr std::size_t kFramesMax = 1 << 20;

  void note(std::uint32_t frame, TimeNs time_ns);
  // Of a frame that is too old it is the oldest time that is known.
  TimeNs find(std::uint32_t frame) const;
  void forget() { times_.clear(); }

 private:
  std::uint32_t first_ = 0;
  std::deque<TimeNs> times_;
};

// Finds the second copy of a datagram: a switch that mirrors what enters and what leaves sends each
// frame twice. Nobody repeats himself as soon.
class Copies {
 public:
  static constexpr TimeNs kWindowNs = 20 * kMillisecondNs;

  bool is_copy(const CapturedPacket& packet);
  void forget() { recent_ = {}; }

 private:
  struct Datagram {
    std::size_t hash = 0;
    TimeNs time_ns = 0;
  };
  std::array<Datagram, 64> recent_{};
  std::size_t next_ = 0;
};

class Learner final : public DecodedMessages {
 public:
  // `observations` and `usage` live as long as this; `usage` may be null.
  Learner(const ChosenPorts& ports, learn::Observations& observations, learn::Usage* usage,
          TimeNs start_ns);

  // Throws CommandFailed if the file cannot be read.
  void read(const std::string& path);

  // Before the first packet of a capture or interface, and after its last one.
  void begin();
  void finish();
  void take(const CapturedPacket& packet);
  void take(const CapturedEcho& echo);

  void on_operation(const Conversation& conversation, std::uint32_t frame,
                    protocols::Direction direction, const protocols::Operation& operation,
                    protocols::Fault pairing) override;
  void on_fault(const Conversation& conversation, std::uint32_t frame,
                protocols::Direction direction, protocols::Fault fault,
                std::optional<std::uint16_t> code) override;
  void on_service(const ServiceSession& service, const CapturedPacket& packet) override;

  learn::Seen packets;
  learn::HostNames names;
  learn::HostTags tags;
  LeftOutFrames left_out;
  std::uint64_t foreign_tags = 0;  // frames with VLAN tags that no appliance lets pass
  std::vector<std::string> cut;    // what is said of captures that end within a frame
  learn::Novelty novelty;

 private:
  void note_service(const learn::Session& session, TimeNs time_ns, bool opened);
  void note_opened(const CapturedPacket& packet);

  learn::Observations& observations_;
  learn::Usage* usage_;
  FrameTimes times_;
  Copies copies_;
  std::unique_ptr<CaptureDecoder> decoder_;
};

}  // namespace bulkhead::controlplane
