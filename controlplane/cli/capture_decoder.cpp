// Conversations by their endpoints; each message is parsed, then accepted into its session's state.
#include "controlplane/cli/capture_decoder.h"

#include <algorithm>
#include <array>
#include <bit>

#include "dataplane/protocols/recognition.h"
#include "dataplane/wire/text.h"

namespace bulkhead::controlplane {

using protocols::Carrier;
using protocols::Direction;
using protocols::Fault;
using protocols::ProtocolSet;

namespace {

constexpr std::size_t kUnreadMax = 4096;         // bytes of no protocol, of one conversation
constexpr std::size_t kRestBytesMax = 16 << 20;  // no message of several datagrams is as long

}  // namespace

void CaptureDecoder::begin() {
  conversations_.clear();
  held_ = 0;
  opened_ = {};
}

void CaptureDecoder::take(const CapturedPacket& packet) {
  const auto ends = sessions_.find(packet);
  if (!ends) return;
  if (ends->protocols == 0) {
    if (ends->is_new) out_.on_service(ServiceSessions::service_of(packet, *ends), packet);
    return;
  }
  const Endpoint source{packet.source, packet.source_port};
  const Endpoint destination{packet.destination, packet.destination_port};
  bool from_client = ends->from_client;
  const ProtocolSet to = sessions_.protocols_of(packet.carrier, destination.port);
  if (const auto direction = opened_direction(packet, to)) {
    from_client = *direction == Direction::request;
  }
  Conversation& conversation = from_client
                                   ? open(packet.carrier, source, destination, ends->protocols)
                                   : open(packet.carrier, destination, source, ends->protocols);
  if (packet.carrier == Carrier::tcp) {
    accept_segment(conversation, packet, from_client);
  } else {
    accept_datagram(conversation, packet, from_client);
  }
  conversation.used = ++packets_;
  count_held(conversation);
  if (held_ > kHeldMax) end_the_quietest();
}

void CaptureDecoder::finish() {
  for (auto& [key, conversation] : conversations_) finish(conversation);
}

void CaptureDecoder::finish(Conversation& conversation) {
  if (conversation.protocol == protocols::kNoProtocol) {
    settle_on(conversation, first_of(conversation.candidates));
  }
  for (const bool from_client : {true, false}) {
    conversation.streams[from_client ? 0 : 1].finish();
    decode_stream(conversation, from_client);
  }
}

void CaptureDecoder::count_held(Conversation& conversation) {
  std::size_t held = sizeof(Conversation) + sizeof(Key) + conversation.name.size() +
                     conversation.session.size() + conversation.names.held() +
                     conversation.unread.size() * sizeof(Conversation::Unread);
  for (const Reassembly& stream : conversation.streams) held += stream.held();
  for (const auto& rest : conversation.rest) held += rest.size();
  held_ += held - conversation.held;
  conversation.held = held;
}

void CaptureDecoder::end_the_quietest() {
  std::vector<std::uint64_t> used;
  used.reserve(conversations_.size());
  for (const auto& [key, conversation] : conversations_) used.push_back(conversation.used);
  const auto last = used.begin() + static_cast<std::ptrdiff_t>(used.size() / 8);
  std::nth_element(used.begin(), last, used.end());
  for (auto at = conversations_.begin(); at != conversations_.end();) {
    if (at->second.used > *last) {
      ++at;
      continue;
    }
    finish(at->second);
    held_ -= at->second.held;
    at = conversations_.erase(at);
  }
}

std::uint8_t CaptureDecoder::first_of(ProtocolSet set) {
  return static_cast<std::uint8_t>(std::countr_zero(set));
}

protocols::MessageContext CaptureDecoder::context_of(const Conversation& conversation,
                                                     Direction direction) {
  protocols::MessageContext context{direction, conversation.carrier, conversation.session};
  context.names = conversation.names.view();
  return context;
}

std::optional<Direction> CaptureDecoder::opened_direction(const CapturedPacket& packet,
                                                          ProtocolSet protocols) {
  if (packet.carrier != Carrier::udp || protocols == 0) return std::nullopt;
  return opened_.direction_of(*protocols::registry()[first_of(protocols)], packet);
}

Conversation& CaptureDecoder::open(Carrier carrier, const Endpoint& client, const Endpoint& server,
                                   ProtocolSet candidates) {
  Conversation& conversation = conversations_[{carrier, client, server}];
  if (conversation.candidates != 0) return conversation;
  conversation.candidates = candidates;
  conversation.carrier = carrier;
  conversation.client = client.address;
  conversation.server = server.address;
  conversation.client_port = client.port;
  conversation.server_port = server.port;
  static constexpr std::array kCarriers = {"tcp ", "udp ", "ethernet "};
  conversation.name = kCarriers[static_cast<std::size_t>(carrier)] +
                      wire::to_text(client.address, client.port) + " > " +
                      wire::to_text(server.address, server.port);
  if (std::has_single_bit(candidates) || carrier != Carrier::tcp) {
    settle_on(conversation, first_of(candidates));
  }
  return conversation;
}

void CaptureDecoder::settle_on(Conversation& conversation, std::uint8_t protocol) {
  conversation.protocol = protocol;
  const protocols::Protocol& module = *protocols::registry()[protocol];
  conversation.session.resize(module.state_layout().bytes_max);
  if (!conversation.begun) module.begin_unseen(conversation.session);
  for (const auto& [frame, direction] : conversation.unread) {
    out_.on_fault(conversation, frame, direction, Fault::not_this_protocol, std::nullopt);
  }
  conversation.unread.clear();
}

void CaptureDecoder::recognise(Conversation& conversation) {
  for (const Direction direction : {Direction::request, Direction::response}) {
    Reassembly& stream = conversation.streams[direction == Direction::request ? 0 : 1];
    if (stream.bytes().empty()) continue;
    const auto recognised = protocols::recognise(conversation.candidates, stream.bytes(),
                                                 {direction, conversation.carrier});
    if (recognised.protocol != protocols::kNoProtocol) {
      return settle_on(conversation, recognised.protocol);
    }
    if (recognised.possible == 0) {  // what is of none of them shows nothing
      if (conversation.unread.size() < kUnreadMax) {
        conversation.unread.push_back({stream.completed_in(1), direction});
      }
      stream.discard();
    }
  }
}

void CaptureDecoder::accept_segment(Conversation& conversation, const CapturedPacket& packet,
                                    bool from_client) {
  Reassembly& own = conversation.streams[from_client ? 0 : 1];
  Reassembly& other = conversation.streams[from_client ? 1 : 0];
  if ((packet.tcp.flags & wire::kTcpSyn) != 0) {
    const bool opens = (packet.tcp.flags & wire::kTcpAck) == 0;
    if (own.begin(packet.tcp.sequence) && opens) {
      conversation.begun = true;
      std::fill(conversation.session.begin(), conversation.session.end(), std::byte{0});
      conversation.names.forget_all();
    }
  }
  if ((packet.tcp.flags & wire::kTcpAck) != 0) {
    other.acknowledged(packet.tcp.acknowledgement);
    decode_stream(conversation, !from_client);
  }
  own.add(packet.tcp.sequence, packet.payload, packet.frame);
  decode_stream(conversation, from_client);
}

void CaptureDecoder::accept_datagram(Conversation& conversation, const CapturedPacket& packet,
                                     bool from_client) {
  const protocols::Protocol& protocol = *protocols::registry()[conversation.protocol];
  const Direction direction = from_client ? Direction::request : Direction::response;
  std::vector<std::uint8_t>& begun = conversation.rest[from_client ? 0 : 1];
  ByteView payload = packet.payload;
  if (packet.carrier == Carrier::ethernet) {
    payload = protocols::without_padding(protocol, payload, context_of(conversation, direction));
  }
  begun.insert(begun.end(), payload.begin(), payload.end());
  ByteView rest = begun;
  while (!rest.empty()) {
    const protocols::Frame frame =
        protocols::frame_in_datagram(protocol, rest, context_of(conversation, direction));
    if (frame.fault == Fault::truncated && protocol.many_in_datagram() &&
        rest.size() <= kRestBytesMax) {
      break;
    }
    if (frame.fault != Fault::none) {
      out_.on_fault(conversation, packet.frame, direction, frame.fault, std::nullopt);
      rest = {};
      break;
    }
    decode(conversation, packet.frame, from_client, rest.first(frame.length));
    rest = rest.subspan(frame.length);
  }
  begun.erase(begun.begin(), begun.end() - static_cast<std::ptrdiff_t>(rest.size()));
}

void CaptureDecoder::decode_stream(Conversation& conversation, bool from_client) {
  Reassembly& stream = conversation.streams[from_client ? 0 : 1];
  if (conversation.protocol == protocols::kNoProtocol) {
    recognise(conversation);
    if (conversation.protocol == protocols::kNoProtocol) return;
    decode_stream(conversation, !from_client);
  }
  const protocols::Protocol& protocol = *protocols::registry()[conversation.protocol];
  if (stream.has_skipped()) protocol.begin_unseen(conversation.session);
  while (!stream.bytes().empty()) {
    const Direction direction = conversation.direction(from_client);
    const protocols::Frame frame =
        protocol.frame(stream.bytes(), context_of(conversation, direction));
    if (frame.fault != Fault::none) {
      out_.on_fault(conversation, stream.completed_in(1), direction, frame.fault, std::nullopt);
      stream.discard();
      protocol.begin_unseen(conversation.session);
      return;
    }
    if (frame.length == 0 || frame.length > stream.bytes().size()) return;
    decode(conversation, stream.completed_in(frame.length), from_client,
           stream.bytes().first(frame.length));
    stream.consume(frame.length);
    if (frame.turns && direction == Direction::request) conversation.turned = true;
  }
}

// A message was not accepted: it has reached its receiver, and its number counts.
void CaptureDecoder::go_on_after(Conversation& conversation) {
  const protocols::Protocol& protocol = *protocols::registry()[conversation.protocol];
  if (const protocols::NumberedMessages* numbered = protocol.numbered_messages()) {
    numbered->forget_numbers(conversation.session);
  }
}

void CaptureDecoder::decode(Conversation& conversation, std::uint32_t frame, bool from_client,
                            ByteView message) {
  const protocols::Protocol& protocol = *protocols::registry()[conversation.protocol];
  const Direction direction =
      protocol.encoded_direction(message).value_or(conversation.direction(from_client));
  conversation.by_client = from_client;
  protocols::Parsed parsed(message, direction);
  const Fault fault = protocol.parse(parsed, context_of(conversation, direction), operations_);
  if (fault != Fault::none) {
    go_on_after(conversation);
    return out_.on_fault(conversation, frame, direction, fault, protocol.claimed_code(message));
  }
  const protocols::RelationStep step =
      Opened::step_of(protocol, parsed, context_of(conversation, direction));
  conversation.names.begin();
  if (const protocols::LearnsNames* names = protocol.learns_names()) {
    names->learn(parsed, conversation.session, conversation.names);
  }
  Fault acceptance = protocol.accept(conversation.session, parsed, 0);
  // What comes before it may not have been recorded.
  if (acceptance == Fault::bad_sequence) {
    go_on_after(conversation);
    acceptance = protocol.accept(conversation.session, parsed, 0);
  }
  if (acceptance != Fault::none) {
    conversation.names.undo();
    go_on_after(conversation);
  } else {
    opened_.note(protocol, conversation.client, conversation.server, parsed, step);
  }
  for (const protocols::Operation& operation : operations_) {
    out_.on_operation(conversation, frame, direction, operation, acceptance);
  }
}

}  // namespace bulkhead::controlplane
