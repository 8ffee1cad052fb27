// What the pipeline decided about a message or a packet, and those who hear of it.
#pragma once

#include <rte_mbuf.h>

#include <cstdint>

#include "dataplane/base/reason.h"
#include "dataplane/flow/packet.h"
#include "dataplane/policy/tables.h"
#include "dataplane/protocols/protocol.h"

namespace bulkhead::pipeline {

constexpr std::uint16_t kNoFunction = 0xffff;

// Views and pointers are good only during the call that brings the record.
struct Verdict {
  Reason reason{};
  protocols::Fault fault = protocols::Fault::none;
  bool is_message = false;  // about one message of a protocol, not about the packet
  protocols::Direction direction = protocols::Direction::request;
  std::uint16_t conduit = policy::kNoConduit;
  std::uint16_t rule = policy::kNoRule;
  std::uint16_t function = kNoFunction;
  std::uint8_t protocol = protocols::kNoProtocol;
  std::uint32_t bytes = 0;                          // of the message, or of the frame
  const protocols::Operation* operation = nullptr;  // the refused one, or the first
};

class Observer {
 public:
  // `packet` is the one that was judged, or that made the message whole.
  virtual void on_verdict(const Verdict& verdict, const flow::Packet& packet) = 0;

 protected:
  ~Observer() = default;
};

class Output {
 public:
  // Takes the buffer.
  virtual void transmit(rte_mbuf* mbuf, std::uint16_t port) = 0;

 protected:
  ~Output() = default;
};

}  // namespace bulkhead::pipeline
