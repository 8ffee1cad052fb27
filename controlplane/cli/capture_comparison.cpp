// A verdict changes where one lets pass what the other does not; another rule or reason does not.
#include "controlplane/cli/capture_comparison.h"

#include <utility>

namespace bulkhead::controlplane {

void CaptureComparison::compare(ComparedMessage message) {
  const bool known =
      message.before.conduit != policy::kNoConduit || message.after.conduit != policy::kNoConduit;
  judged_ += known ? 1 : 0;
  if (message.before.allowed() != message.after.allowed()) changed_.push_back(std::move(message));
}

void CaptureComparison::compare_service(std::uint32_t frame, const learn::Session& session) {
  ComparedMessage message;
  message.frame = frame;
  message.session = session;
  message.before = learn::judge_service(before_, session);
  message.after = learn::judge_service(after_, session);
  compare(std::move(message));
}

void CaptureComparison::on_service(const ServiceSession& service, const CapturedPacket& packet) {
  const auto grants = [this](const learn::Session& session) {
    return learn::judge_service(before_, session).allowed() ||
           learn::judge_service(after_, session).allowed();
  };
  compare_service(packet.frame, service.settled(grants));
}

void CaptureComparison::take(const CapturedEcho& echo) {
  const learn::Session ping{echo.source, echo.destination, policy::Transport::icmp, 0};
  if (pings_.contains(ping)) return;
  if (pings_.size() < kPingsMax) pings_.insert(ping);
  compare_service(echo.frame, ping);
}

void CaptureComparison::on_operation(const Conversation& conversation, std::uint32_t frame,
                                     protocols::Direction direction,
                                     const protocols::Operation& operation,
                                     protocols::Fault pairing) {
  const protocols::Catalogue& catalogue = protocols::registry()[conversation.protocol]->catalogue();
  const bool judged =
      learn::needs_rule(operation, direction, catalogue.functions[operation.function]);
  if (pairing != protocols::Fault::none || !judged) return;
  ComparedMessage message;
  message.frame = frame;
  message.session = session_of(conversation, direction);
  message.protocol = conversation.protocol;
  message.function = operation.function;
  message.before =
      learn::judge_operation(before_, message.session, conversation.protocol, operation);
  message.after = learn::judge_operation(after_, message.session, conversation.protocol, operation);
  compare(std::move(message));
}

}  // namespace bulkhead::controlplane
