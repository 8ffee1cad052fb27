// Messages in captures. As in `bulkheadctl decode`, missing beginnings and lost packets are
// forgiven; only what a module frames is a message.
#include <algorithm>
#include <map>
#include <tuple>

#include "controlplane/cli/capture.h"
#include "controlplane/cli/reassembly.h"
#include "dataplane/protocols/registry.h"
#include "tests/adversarial/accounting/messages.h"

namespace bulkhead::accounting {

namespace {

using controlplane::CapturedPacket;
using controlplane::Reassembly;
using protocols::Carrier;
using protocols::Direction;
using protocols::MessageContext;
using protocols::Protocol;

using Endpoint = std::pair<wire::IpAddress, std::uint16_t>;
using Key = std::tuple<Carrier, Endpoint, Endpoint>;

struct Talk {
  Conversation conversation;
  Reassembly streams[2];
};

class Reader {
 public:
  Reader(const Protocol& protocol, std::string source)
      : protocol_(protocol), source_(std::move(source)) {}

  void take(const CapturedPacket& packet) {
    const Endpoint source{packet.source, packet.source_port};
    const Endpoint destination{packet.destination, packet.destination_port};
    bool from_client = is_server(packet.carrier, packet.destination_port);
    if (!from_client && !is_server(packet.carrier, packet.source_port)) return;
    if (talks_.contains({packet.carrier, destination, source})) from_client = false;
    if (talks_.contains({packet.carrier, source, destination})) from_client = true;
    const Key key = from_client ? Key{packet.carrier, source, destination}
                                : Key{packet.carrier, destination, source};
    Talk& talk = talks_[key];
    talk.conversation.source = source_;
    talk.conversation.carrier = packet.carrier;
    const Direction direction = from_client ? Direction::request : Direction::response;
    if (packet.carrier == Carrier::tcp) {
      accept_segment(talk, packet, direction);
    } else {
      accept_datagram(talk, packet, direction);
    }
  }

  std::vector<Conversation> finish() {
    std::vector<Conversation> all;
    for (auto& [key, talk] : talks_) {
      for (const Direction direction : {Direction::request, Direction::response}) {
        stream_of(talk, direction).finish();
        read_stream(talk, direction);
      }
      if (!talk.conversation.messages.empty()) all.push_back(std::move(talk.conversation));
    }
    return all;
  }

 private:
  static Reassembly& stream_of(Talk& talk, Direction direction) {
    return talk.streams[direction == Direction::request ? 0 : 1];
  }

  bool is_server(Carrier carrier, std::uint16_t port) const {
    const auto ports = protocol_.catalogue().ports;
    return std::any_of(ports.begin(), ports.end(), [&](const protocols::DefaultPort& known) {
      return known.carrier == carrier && known.port == port;
    });
  }

  void accept_segment(Talk& talk, const CapturedPacket& packet, Direction direction) {
    const Direction back =
        direction == Direction::request ? Direction::response : Direction::request;
    const bool syn = (packet.tcp.flags & wire::kTcpSyn) != 0;
    if (syn) stream_of(talk, direction).begin(packet.tcp.sequence);
    if (!syn && talk.conversation.messages.empty() && !seen_syn(talk)) {
      talk.conversation.begun = false;
    }
    if (syn) syn_of_.push_back(&talk);
    if ((packet.tcp.flags & wire::kTcpAck) != 0) {
      stream_of(talk, back).acknowledged(packet.tcp.acknowledgement);
      read_stream(talk, back);
    }
    stream_of(talk, direction).add(packet.tcp.sequence, packet.payload, packet.frame);
    read_stream(talk, direction);
  }

  bool seen_syn(const Talk& talk) const {
    return std::find(syn_of_.begin(), syn_of_.end(), &talk) != syn_of_.end();
  }

  void read_stream(Talk& talk, Direction direction) {
    Reassembly& stream = stream_of(talk, direction);
    while (!stream.bytes().empty()) {
      const protocols::Frame frame = protocol_.frame(stream.bytes(), {direction, Carrier::tcp});
      if (frame.fault != protocols::Fault::none) return stream.discard();
      if (frame.length == 0 || frame.length > stream.bytes().size()) return;
      note(talk, direction, stream.bytes().first(frame.length), stream.completed_in(frame.length));
      stream.consume(frame.length);
    }
  }

  void accept_datagram(Talk& talk, const CapturedPacket& packet, Direction direction) {
    const MessageContext context{direction, packet.carrier};
    ByteView payload = packet.payload;
    if (packet.carrier == Carrier::ethernet) {
      payload = protocols::without_padding(protocol_, payload, context);
    }
    note(talk, direction, payload, packet.frame);
  }

  static void note(Talk& talk, Direction direction, ByteView bytes, std::uint32_t frame) {
    talk.conversation.messages.push_back(
        {direction, {bytes.begin(), bytes.end()}, "frame " + std::to_string(frame)});
  }

  const Protocol& protocol_;
  std::string source_;
  std::map<Key, Talk> talks_;
  std::vector<const Talk*> syn_of_;
};

}  // namespace

std::vector<Conversation> read_captures(const std::filesystem::path& captures,
                                        const Protocol& protocol) {
  std::vector<std::filesystem::path> files;
  if (!std::filesystem::is_directory(captures)) return {};
  for (const auto& entry : std::filesystem::recursive_directory_iterator(captures)) {
    if (entry.path().extension() == ".pcap") files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  std::vector<Conversation> all;
  for (const std::filesystem::path& file : files) {
    Reader reader(protocol, file.filename().string());
    controlplane::read_capture(file.string(),
                               [&](const CapturedPacket& packet) { reader.take(packet); });
    for (Conversation& conversation : reader.finish()) all.push_back(std::move(conversation));
  }
  return all;
}

}  // namespace bulkhead::accounting
