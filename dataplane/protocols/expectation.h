// Expectations: traffic that a session opens beside itself, as data: EtherNet/IP's class 1
// connections, a TCP port that an answer names, cyclic frames that a datagram agreed on. A module
// reads from its granted messages which relation they ask for, open or close; the pipeline keeps
// relations in a bounded table, finds the worker that owns them, polices size and interval, ends
// them, judges what was asked for anew after a change of policy, and replicates them to the peer.
// As in protocol.h nothing allocates, throws, blocks or reads a clock, and all functions are total
// over any input.
//
// A relation lives from the request that asks for it (`ask`) through the answer that opens it
// (`open`) until it is closed, until nothing of it is heard for `silence_ms`, or until the policy
// no longer grants what was asked for. It outlives its session: only the protocol says when it
// ends.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "dataplane/protocols/protocol.h"

namespace bulkhead::protocols {

constexpr std::size_t kAskedBytesMax = 384;
constexpr std::size_t kExpectationsMax = 8;  // of one relation
constexpr std::uint32_t kAnySize = 0xffffffff;

// An address in the one form of wire/address.h: IPv6, IPv4 mapped into it (RFC 4291, 2.5.5.2), or
// ::fffe and a MAC address. All zero: none.
struct EndpointAddress {
  std::array<std::uint8_t, 16> bytes{};

  // The first byte of the address is the most significant.
  static EndpointAddress of_ipv4(std::uint32_t address) {
    EndpointAddress endpoint;
    store_be64(endpoint.bytes.data() + 8, std::uint64_t{0xffff} << 32 | address);
    return endpoint;
  }
  // Precondition: six bytes.
  static EndpointAddress of_mac(ByteView mac) {
    EndpointAddress endpoint;
    store_be16(endpoint.bytes.data() + 8, 0xfffe);
    std::copy_n(mac.begin(), 6, endpoint.bytes.begin() + 10);
    return endpoint;
  }
  bool is_none() const { return *this == EndpointAddress{}; }
  bool operator==(const EndpointAddress&) const = default;
};

// `other` is a group of the zone that the expectation leads to, or a third host, which a rule must
// let the other endpoint reach at the session's own service.
enum class Party : std::uint8_t { client, server, other };

// One end of an expectation. Of client and server the session has the address; on Ethernet, beside
// a session over IP, it is the MAC address that the host was seen with, and `address`, if the
// messages name one, must be the same.
struct Endpoint {
  Party party = Party::client;
  EndpointAddress address{};
};

enum class Covers : std::uint8_t {
  // Datagrams or frames from one endpoint to the other. They need no rule and are not judged by
  // their content: the module identifies them (observe()), the pipeline polices them.
  messages,
  // Sessions of TCP or UDP that `from` opens at the port of `to`. They are inspected as the
  // module's protocol, under the rules of the session beside which they were opened.
  session,
};

struct Expectation {
  Covers covers = Covers::messages;
  Carrier carrier = Carrier::udp;
  Direction direction = Direction::request;  // of the messages that it covers
  Endpoint from;
  Endpoint to;
  std::uint16_t port = 0;              // destination port, or EtherType; any source port
  std::uint32_t identifier = 0;        // of messages, see observe(); 0 of sessions
  std::uint32_t bytes_max = kAnySize;  // of what observe() counts
  std::uint32_t interval_us = 0;       // mean time between messages, at least; 0: not limited
  // The whole relation ends when nothing that this covers has passed for longer; 0: never.
  std::uint32_t silence_ms = 0;
};

// Names a relation among those of the same client, server, VLAN and protocol.
struct RelationName {
  std::array<std::uint8_t, 16> bytes{};

  bool operator==(const RelationName&) const = default;
};

// What a message does to a relation.
struct RelationStep {
  enum class Kind : std::uint8_t {
    none,
    ask,     // a request: `asked` is kept until its answer comes, for `wait_ms` at most
    open,    // an answer: open() gives its expectations; replaces the relation of that name.
             // With `asked`: opens without a request
    refuse,  // an answer: what was asked for does not open
    close,   // what is asked for or open under the name ends
  };

  Kind kind = Kind::none;
  RelationName name;
  std::uint32_t wait_ms = 0;
  std::uint16_t asked_bytes = 0;
  // Plain data of the module, good up to `asked_bytes`: all of the request that open() and
  // describe() need. Replicated as is.
  alignas(8) std::array<std::byte, kAskedBytesMax> asked;
};

// A service whose packets all have the same worker in a VLAN, whatever host sends them.
struct SharedService {
  Carrier carrier{};
  std::uint16_t port = 0;
};

using OpenedExpectations = std::span<Expectation, kExpectationsMax>;

class Expectations {
 public:
  // What a granted request or an answer does to a relation, by what parse() kept of it; the session
  // is as it was before accept(). `step` is a new one. It is made once accept() has accepted the
  // message, so that what is refused leaves nothing. A fault refuses the message.
  virtual Fault follow(const Parsed& message, const MessageContext& context,
                       RelationStep& step) const = 0;

  // What an answer opens of what was asked for: how many expectations were written, all of them new
  // ones before. 0: nothing opens.
  virtual std::size_t open(std::span<const std::byte> asked, const Parsed& answer,
                           OpenedExpectations expectations) const = 0;

  // The operations that the request asked for, judged anew after a change of policy. Names point
  // into `asked` or are composed in the list.
  virtual void describe(std::span<const std::byte> asked, OperationList& operations) const = 0;

  // What distinguishes a datagram or frame from others between the same endpoints, its size, and
  // its function in the catalogue: it is parsed only where its operations are reported. Nothing if
  // no expectation covers such messages. Bytes of any sender, not framed.
  struct Observed {
    std::uint32_t identifier = 0;
    std::size_t bytes = 0;
    std::uint16_t function = 0;
  };
  virtual std::optional<Observed> observe(ByteView message, Carrier carrier) const {
    (void)message, (void)carrier;
    return std::nullopt;
  }

  // Services of its sessions and expectations that one worker must own together, because one
  // message may belong to relations of several sessions (a group's), or because packets are too
  // many to be handed from worker to worker. Other expectations are found by the worker that
  // receives their packets, which hands those to the owner of the session.
  virtual std::span<const SharedService> shared_services() const { return {}; }

 protected:
  ~Expectations() = default;
};

}  // namespace bulkhead::protocols
