// A protocol for tests whose datagrams agree on Ethernet frames, as a controller and a device of
// PROFINET do (IEC 61158-6-10, 5.2.4: connect request and response; 4.2.2.3: FrameID): at UDP 7001
// each end says which identifier its frames will have and from which MAC address they come. A
// message has ten bytes: 'A', a type, the identifier, the MAC address. A frame of EtherType 88b5
// (IEEE 802: local experiments) begins with its identifier. The same messages in frames of 88b6 may
// announce frames without an answer.
#pragma once

#include <cstring>

#include "dataplane/protocols/expectation.h"
#include "dataplane/protocols/registry.h"
#include "tests/support/plant.h"

namespace bulkhead::support {

class Agreement final : public protocols::Protocol, public protocols::Expectations {
 public:
  static constexpr std::uint16_t kPort = 7001;
  static constexpr std::uint16_t kEtherType = 0x88b5;
  static constexpr std::uint16_t kAnnouncements = 0x88b6;
  static constexpr std::size_t kBytes = 10;
  static constexpr std::uint32_t kBytesMax = 60;
  static constexpr std::uint32_t kIntervalUs = 1000;
  static constexpr std::uint32_t kSilenceMs = 500;
  enum Type : std::uint8_t { agree = 1, agreed, refused, end, ended, announce };
  enum Function : std::uint8_t { kAgree, kEnd, kCyclic };
  enum Field : std::uint8_t { kFrame };

  static std::uint8_t index() {
    static const Agreement kAgreement;
    if (!protocols::find_protocol("agreement")) protocols::add_protocol_for_tests(kAgreement);
    return *protocols::find_protocol("agreement");
  }
  static Bytes message(Type type, std::uint16_t frame, const wire::Mac& mac) {
    Bytes bytes = {'A', type, 0, 0};
    store_be16(bytes.data() + 2, frame);
    bytes.insert(bytes.end(), mac.bytes.begin(), mac.bytes.end());
    return bytes;
  }

  const protocols::Catalogue& catalogue() const override {
    using protocols::AccessClass;
    static constexpr std::array kFunctions = {
        protocols::FunctionInfo{"agree", agree, protocols::kNoSubCode, AccessClass::operate, 1},
        protocols::FunctionInfo{"end", end, protocols::kNoSubCode, AccessClass::session, 1},
        protocols::FunctionInfo{"cyclic", 0, protocols::kNoSubCode, AccessClass::operate, 1}};
    static constexpr std::array kFields = {protocols::FieldInfo{
        "frame", protocols::FieldKind::integer, 16, "", "Identifier of the client's frames"}};
    static constexpr std::array kPorts = {protocols::DefaultPort{protocols::Carrier::udp, kPort}};
    static constexpr protocols::Catalogue kCatalogue = {"agreement", "Agreement", "this test",
                                                        kFunctions,  kFields,     kPorts};
    return kCatalogue;
  }
  bool many_in_datagram() const override { return true; }
  protocols::Frame frame(ByteView stream, const protocols::MessageContext& context) const override {
    const bool ethernet = context.carrier == protocols::Carrier::ethernet;
    if (ethernet && !is_announcement(stream)) {
      return {protocols::Fault::none, stream.size(), 2};
    }
    return {protocols::Fault::none, stream.size() < kBytes ? 0 : kBytes, kBytes};
  }
  protocols::Fault parse(protocols::Parsed& parsed, const protocols::MessageContext& context,
                         protocols::OperationList& operations) const override {
    const ByteView message = parsed.message();
    operations.clear();
    if (message.size() < 4) return protocols::Fault::truncated;
    if (context.carrier == protocols::Carrier::ethernet && !is_announcement(message)) {
      operations.add(kCyclic)->set(kFrame, load_be16(message.data()));
      return protocols::Fault::none;
    }
    if (message.size() != kBytes || message[0] != 'A') return protocols::Fault::not_this_protocol;
    const std::uint8_t type = message[1];
    const bool request = context.direction == protocols::Direction::request;
    if ((type == agree || type == end || type == announce) != request) {
      return protocols::Fault::unknown_function;
    }
    operations.add(type == end || type == ended ? kEnd : kAgree)
        ->set(kFrame, load_be16(message.data() + 2));
    return protocols::Fault::none;
  }
  std::optional<std::uint16_t> claimed_code(ByteView message) const override {
    return message.size() < 2 ? std::nullopt : std::optional<std::uint16_t>(message[1]);
  }

  // The identifier that the client asked with.
  protocols::StateLayout state_layout() const override { return {1, 4, 4}; }
  protocols::Fault accept(std::span<std::byte> session, const protocols::Parsed& parsed,
                          std::uint32_t /*now_ms*/) const override {
    const ByteView message = parsed.message();
    const protocols::Direction direction = parsed.direction();
    auto* asked = reinterpret_cast<std::uint8_t*>(session.data());
    if (direction != protocols::Direction::request) {
      return asked[0] != 0 ? protocols::Fault::none : protocols::Fault::unrequested_response;
    }
    asked[0] = message[1];
    std::copy_n(message.begin() + 2, 2, asked + 1);
    return protocols::Fault::none;
  }

  const protocols::Expectations* expectations() const override { return this; }
  protocols::Fault follow(const protocols::Parsed& parsed, const protocols::MessageContext& context,
                          protocols::RelationStep& step) const override {
    using Kind = protocols::RelationStep::Kind;
    const ByteView message = parsed.message();
    const std::uint8_t type = message[1];
    if (type == agree || type == announce) {
      step.kind = type == agree ? Kind::ask : Kind::open;
      step.wait_ms = 10'000;
      step.asked_bytes = kBytes - 2;
      std::memcpy(step.asked.data(), message.data() + 2, kBytes - 2);
      std::copy_n(message.begin() + 2, 2, step.name.bytes.begin());
      return protocols::Fault::none;
    }
    if (type == end) return protocols::Fault::none;
    const auto* asked = reinterpret_cast<const std::uint8_t*>(context.session.data());
    std::copy_n(asked + 1, 2, step.name.bytes.begin());
    if (type == agreed) step.kind = Kind::open;
    if (type == refused) step.kind = Kind::refuse;
    if (type == ended) step.kind = Kind::close;
    return protocols::Fault::none;
  }
  std::size_t open(std::span<const std::byte> asked, const protocols::Parsed& parsed,
                   protocols::OpenedExpectations expectations) const override {
    using protocols::EndpointAddress;
    using protocols::Party;
    const ByteView answer = parsed.message();
    const ByteView request{reinterpret_cast<const std::uint8_t*>(asked.data()), asked.size()};
    const bool alone = answer[1] == announce;
    const protocols::Endpoint client{Party::client, EndpointAddress::of_mac(request.subspan(2))};
    protocols::Endpoint server{Party::server, {}};
    if (!alone) server.address = EndpointAddress::of_mac(answer.subspan(4));
    expectations[0].from = expectations[1].to = client;
    expectations[0].to = expectations[1].from = server;
    expectations[0].identifier = load_be16(request.data());
    expectations[1].identifier = load_be16(answer.data() + 2);
    expectations[1].direction = protocols::Direction::response;
    for (std::size_t i = 0; i < 2; ++i) {
      expectations[i].carrier = protocols::Carrier::ethernet;
      expectations[i].port = kEtherType;
      expectations[i].bytes_max = kBytesMax;
      expectations[i].interval_us = kIntervalUs;
      expectations[i].silence_ms = kSilenceMs;
    }
    return alone ? 1 : 2;
  }
  void describe(std::span<const std::byte> asked,
                protocols::OperationList& operations) const override {
    operations.add(kAgree)->set(kFrame,
                                load_be16(reinterpret_cast<const std::uint8_t*>(asked.data())));
  }
  std::optional<Observed> observe(ByteView message, protocols::Carrier carrier) const override {
    if (carrier != protocols::Carrier::ethernet || message.size() < 2) return std::nullopt;
    return Observed{load_be16(message.data()), message.size(), kCyclic};
  }

 private:
  // Identifiers of frames are other than the letters of a message.
  static bool is_announcement(ByteView message) {
    return message.size() >= kBytes && message[0] == 'A' && message[1] == announce;
  }
};

}  // namespace bulkhead::support
