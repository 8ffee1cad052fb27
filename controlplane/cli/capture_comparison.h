// Two policies' verdicts on the messages of one capture, side by side. Each message is judged by
// itself, as if all before it had passed: what one policy refuses hides no difference after it.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "controlplane/cli/capture_decoder.h"
#include "controlplane/learn/verdict.h"

namespace bulkhead::controlplane {

// An operation of a message, the first packet of a service's session, or the first ping of a host
// to another.
struct ComparedMessage {
  std::uint32_t frame = 0;
  learn::Session session;
  std::uint8_t protocol = protocols::kNoProtocol;  // none: a service
  std::uint16_t function = 0;
  learn::Verdict before;
  learn::Verdict after;
};

class CaptureComparison final : public DecodedMessages {
 public:
  // Finished tables, which live as long as this.
  CaptureComparison(const policy::Tables& before, const policy::Tables& after)
      : before_(before), after_(after) {}

  void take(const CapturedEcho& echo);
  void on_operation(const Conversation& conversation, std::uint32_t frame,
                    protocols::Direction direction, const protocols::Operation& operation,
                    protocols::Fault pairing) override;
  // Malformed messages are refused by every policy.
  void on_fault(const Conversation& /*conversation*/, std::uint32_t /*frame*/,
                protocols::Direction /*direction*/, protocols::Fault /*fault*/,
                std::optional<std::uint16_t> /*code*/) override {}
  void on_service(const ServiceSession& service, const CapturedPacket& packet) override;

  // In the order in which they became complete.
  const std::vector<ComparedMessage>& changed() const { return changed_; }
  // Those that either policy has a conduit for.
  std::size_t judged() const { return judged_; }

 private:
  static constexpr std::size_t kPingsMax = 100'000;  // after that each ping is compared

  void compare(ComparedMessage message);
  void compare_service(std::uint32_t frame, const learn::Session& session);

  const policy::Tables& before_;
  const policy::Tables& after_;
  std::set<learn::Session> pings_;
  std::size_t judged_ = 0;
  std::vector<ComparedMessage> changed_;
};

}  // namespace bulkhead::controlplane
