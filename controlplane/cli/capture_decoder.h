// Finds the messages of protocols in the packets of a capture and decodes them, each in the state
// of its session. Lenient where enforcement is not: captures begin anywhere and lack packets.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "controlplane/cli/capture.h"
#include "controlplane/cli/known_names.h"
#include "controlplane/cli/opened.h"
#include "controlplane/cli/reassembly.h"
#include "controlplane/cli/service_sessions.h"
#include "dataplane/protocols/registry.h"

namespace bulkhead::controlplane {

// What is known of a conversation between a client and a server.
struct Conversation {
  protocols::ProtocolSet candidates = 0;           // by its port
  std::uint8_t protocol = protocols::kNoProtocol;  // once its content told
  protocols::Carrier carrier{};
  wire::IpAddress client;
  wire::IpAddress server;
  std::uint16_t client_port = 0;
  std::uint16_t server_port = 0;
  std::string name;
  Reassembly streams[2];              // from the client, from the server
  std::vector<std::uint8_t> rest[2];  // of datagrams, a message that goes on in the next
  std::vector<std::byte> session;
  KnownNames names;
  struct Unread {
    std::uint32_t frame = 0;
    protocols::Direction direction{};
  };
  std::vector<Unread> unread;  // bytes of no candidate, before the content told which it is
  bool begun = false;          // its beginning is in the capture
  bool turned = false;         // its opener is the server
  bool by_client = false;      // sent the message that was decoded last
  std::uint64_t used = 0;      // counts packets: when its last one came
  std::size_t held = 0;        // bytes of memory, about

  protocols::Direction direction(bool from_client) const {
    return from_client != turned ? protocols::Direction::request : protocols::Direction::response;
  }
};

// Receives what was decoded, in the order in which messages became complete. `frame` is the one in
// which this one did. Views are good during the call.
class DecodedMessages {
 public:
  // `pairing`: why enforcement would refuse the message although its operations stand.
  virtual void on_operation(const Conversation& conversation, std::uint32_t frame,
                            protocols::Direction direction, const protocols::Operation& operation,
                            protocols::Fault pairing) = 0;
  // `code` is what the message claims to be, where that can be read.
  virtual void on_fault(const Conversation& conversation, std::uint32_t frame,
                        protocols::Direction direction, protocols::Fault fault,
                        std::optional<std::uint16_t> code) = 0;
  // A session that no module decodes, with its first packet.
  virtual void on_service(const ServiceSession& /*service*/, const CapturedPacket& /*packet*/) {}

 protected:
  ~DecodedMessages() = default;
};

class CaptureDecoder {
 public:
  // `out` lives as long as this.
  CaptureDecoder(ChosenPorts ports, DecodedMessages& out)
      : sessions_(std::move(ports)), out_(out) {}

  // Another capture follows: of its sessions only who asks in them is known.
  void begin();
  void take(const CapturedPacket& packet);
  // The capture is over.
  void finish();

  // As bytes of memory. When conversations take more, an eighth of them end: those in which nothing
  // was said for longest. What goes on after that is decoded as if the capture began there.
  static constexpr std::size_t kHeldMax = 256 << 20;
  std::size_t held() const { return held_; }
  std::size_t conversations() const { return conversations_.size(); }

 private:
  using Key = std::tuple<protocols::Carrier, Endpoint, Endpoint>;

  static std::uint8_t first_of(protocols::ProtocolSet set);
  static protocols::MessageContext context_of(const Conversation& conversation,
                                              protocols::Direction direction);
  // Where sessions opened datagrams whose two ports are alike.
  std::optional<protocols::Direction> opened_direction(const CapturedPacket& packet,
                                                       protocols::ProtocolSet protocols);
  Conversation& open(protocols::Carrier carrier, const Endpoint& client, const Endpoint& server,
                     protocols::ProtocolSet candidates);
  void settle_on(Conversation& conversation, std::uint8_t protocol);
  void finish(Conversation& conversation);
  void count_held(Conversation& conversation);
  void end_the_quietest();
  // Several protocols share the port: as the data plane, by what either side said first.
  void recognise(Conversation& conversation);
  void accept_segment(Conversation& conversation, const CapturedPacket& packet, bool from_client);
  // A message may go on in the next datagram.
  void accept_datagram(Conversation& conversation, const CapturedPacket& packet, bool from_client);
  // After bytes that are not a message the next segment is taken to begin one.
  void decode_stream(Conversation& conversation, bool from_client);
  void decode(Conversation& conversation, std::uint32_t frame, bool from_client, ByteView message);
  void go_on_after(Conversation& conversation);

  ServiceSessions sessions_;
  DecodedMessages& out_;
  std::map<Key, Conversation> conversations_;
  std::uint64_t packets_ = 0;
  std::size_t held_ = 0;
  Opened opened_;
  protocols::OperationList operations_;
};

}  // namespace bulkhead::controlplane
