// A message has the time of the frame that completed it.
#include "controlplane/cli/learner.h"

#include <algorithm>
#include <string_view>

namespace bulkhead::controlplane {

using protocols::Direction;
using protocols::Fault;

namespace {

// Of TCP data, or the answer to a SYN.
bool is_of_an_open_session(const CapturedPacket& packet) {
  constexpr std::uint8_t kBoth = wire::kTcpSyn | wire::kTcpAck;
  return packet.carrier != protocols::Carrier::tcp || !packet.payload.empty() ||
         (packet.tcp.flags & kBoth) == kBoth;
}

}  // namespace

void FrameTimes::note(std::uint32_t frame, TimeNs time_ns) {
  auto without_packets = static_cast<std::uint32_t>(frame - first_ - times_.size());
  if (times_.empty() || without_packets >= kFramesMax) {
    times_.clear();
    first_ = frame;
    without_packets = 0;
  }
  times_.insert(times_.end(), without_packets + std::size_t{1}, time_ns);
  while (times_.size() > kFramesMax) {
    times_.pop_front();
    ++first_;
  }
}

TimeNs FrameTimes::find(std::uint32_t frame) const {
  if (times_.empty()) return 0;
  const auto index = static_cast<std::uint32_t>(frame - first_);
  return index < times_.size() ? times_[index] : times_.front();
}

// Of reassembled datagrams the ends and the payload: MAC addresses and hop limits may differ, and a
// stream drops its own copies. A tap compares whole frames (MirroredFrames): a different question.
bool Copies::is_copy(const CapturedPacket& packet) {
  if (packet.carrier == protocols::Carrier::tcp || packet.payload.empty()) return false;
  const auto bytes = [](const auto& field) {
    return std::string_view(reinterpret_cast<const char*>(field.data()), field.size());
  };
  std::size_t hash = std::hash<std::string_view>()(bytes(packet.payload));
  const auto mix = [&hash](std::size_t more) { hash = (hash ^ more) * 0x9e3779b97f4a7c15ULL; };
  mix(std::hash<std::string_view>()(bytes(packet.source.bytes)));
  mix(std::hash<std::string_view>()(bytes(packet.destination.bytes)));
  mix(std::size_t{packet.source_port} << 16 | packet.destination_port);
  for (const Datagram& each : recent_) {
    if (each.hash == hash && each.time_ns != 0 && packet.time_ns >= each.time_ns &&
        packet.time_ns - each.time_ns < kWindowNs) {
      return true;
    }
  }
  recent_[next_++ % recent_.size()] = {hash, packet.time_ns};
  return false;
}

Learner::Learner(const ChosenPorts& ports, learn::Observations& observations, learn::Usage* usage,
                 TimeNs start_ns)
    : novelty(start_ns),
      observations_(observations),
      usage_(usage),
      decoder_(std::make_unique<CaptureDecoder>(ports, *this)) {}

void Learner::read(const std::string& path) {
  begin();
  const CaptureRead done = read_capture(
      path, [this](const CapturedPacket& packet) { take(packet); },
      [this](const CapturedEcho& echo) { take(echo); });
  add_left_out(done.left_out, left_out);
  foreign_tags += done.foreign_tags;
  if (!done.cut.empty()) cut.push_back(done.cut);
  finish();
}

void Learner::begin() {
  times_.forget();
  copies_.forget();
  decoder_->begin();
}

void Learner::finish() { decoder_->finish(); }

void Learner::take(const CapturedPacket& packet) {
  packets.note(packet.time_ns);
  times_.note(packet.frame, packet.time_ns);
  if (packet.vlan) tags.note(packet.source, *packet.vlan);
  if (copies_.is_copy(packet)) return;
  names.note({policy::transport_over(packet.carrier), packet.source_mac, packet.source,
              packet.source_port, packet.destination_port, packet.payload});
  decoder_->take(packet);
  note_opened(packet);
}

void Learner::note_opened(const CapturedPacket& packet) {
  if (packet.carrier != protocols::Carrier::tcp || !is_of_an_open_session(packet)) return;
  observations_.note_opened(
      {packet.source, packet.destination, policy::Transport::tcp, packet.destination_port});
  observations_.note_opened(
      {packet.destination, packet.source, policy::Transport::tcp, packet.source_port});
}

void Learner::take(const CapturedEcho& echo) {
  packets.note(echo.time_ns);
  if (echo.vlan) tags.note(echo.source, *echo.vlan);
  note_service({echo.source, echo.destination, policy::Transport::icmp, 0}, echo.time_ns, true);
}

void Learner::on_service(const ServiceSession& service, const CapturedPacket& packet) {
  const auto grants = [this](const learn::Session& session) {
    return usage_ != nullptr && usage_->grants(session);
  };
  note_service(service.settled(grants), packet.time_ns, is_of_an_open_session(packet));
}

void Learner::note_service(const learn::Session& session, TimeNs time_ns, bool opened) {
  observations_.note_service(session, time_ns, opened);
  novelty.note(session, false, time_ns);
  if (usage_ != nullptr) usage_->note_service(session, time_ns);
}

void Learner::on_operation(const Conversation& conversation, std::uint32_t frame,
                           Direction direction, const protocols::Operation& operation,
                           Fault pairing) {
  const protocols::Catalogue& catalogue = protocols::registry()[conversation.protocol]->catalogue();
  if (!learn::needs_rule(operation, direction, catalogue.functions[operation.function])) return;
  if (pairing != Fault::none) return on_fault(conversation, frame, direction, pairing, {});
  const learn::Session session = session_of(conversation, direction);
  const TimeNs time_ns = times_.find(frame);
  const bool is_new =
      observations_.note_operation(session, conversation.protocol, operation, time_ns);
  novelty.note(session, is_new, time_ns);
  if (usage_ != nullptr) {
    usage_->note_operation(session, conversation.protocol, operation, time_ns);
  }
}

void Learner::on_fault(const Conversation& conversation, std::uint32_t frame, Direction direction,
                       Fault fault, std::optional<std::uint16_t> /*code*/) {
  observations_.note_fault(session_of(conversation, direction), conversation.protocol, fault,
                           times_.find(frame));
}

}  // namespace bulkhead::controlplane
