// A protocol for tests whose answers need rules: a client reads channels, and a rule says which
// values of which may come back. All messages have five bytes: 'G', a type, a transaction, the
// channel and the value, or zero.
#pragma once

#include "dataplane/protocols/paired.h"
#include "dataplane/protocols/registry.h"
#include "tests/support/plant.h"

namespace bulkhead::support {

struct GaugeRead {
  std::uint32_t asked_ms = 0;
  std::uint8_t transaction = 0;
  std::uint8_t channel = 0;
};
using GaugeSession = protocols::OutstandingTable<GaugeRead>;

class Gauge final
    : public protocols::PairedProtocol<GaugeSession, GaugeSession::layout<8, 8, 1>(1)>,
      public protocols::Splicing {
 public:
  static constexpr std::uint16_t kPort = 7002;
  static constexpr std::size_t kBytes = 5;
  enum Type : std::uint8_t { read = 1, reading, refused };
  enum Function : std::uint8_t { kRead, kReading };
  enum Field : std::uint8_t { kChannel, kValue };

  static std::uint8_t index() {
    static const Gauge kGauge;
    if (!protocols::find_protocol("gauge")) protocols::add_protocol_for_tests(kGauge);
    return *protocols::find_protocol("gauge");
  }
  static Bytes message(Type type, std::uint8_t transaction, std::uint8_t channel,
                       std::uint8_t value = 0) {
    return {'G', type, transaction, channel, value};
  }

  const protocols::Catalogue& catalogue() const override {
    using protocols::AccessClass;
    using protocols::FieldInfo;
    using protocols::FieldKind;
    static constexpr std::array kFunctions = {
        protocols::FunctionInfo{"read", read, protocols::kNoSubCode, AccessClass::read, 1},
        protocols::FunctionInfo{"reading", reading, protocols::kNoSubCode, AccessClass::publish, 3,
                                protocols::Initiator::nobody}};
    static constexpr std::array kFields = {
        FieldInfo{"channel", FieldKind::integer, 8, "", "what is read"},
        FieldInfo{"value", FieldKind::integer, 8, "", "what was read"}};
    static constexpr std::array kPorts = {protocols::DefaultPort{protocols::Carrier::tcp, kPort},
                                          protocols::DefaultPort{protocols::Carrier::udp, kPort}};
    static constexpr protocols::Catalogue kCatalogue = {"gauge",    "Gauge", "this test",
                                                        kFunctions, kFields, kPorts};
    return kCatalogue;
  }
  protocols::Frame frame(ByteView stream, const protocols::MessageContext&) const override {
    if (!stream.empty() && stream[0] != 'G') return {protocols::Fault::not_this_protocol, 0, 0};
    return {protocols::Fault::none, stream.size() < kBytes ? 0 : kBytes, kBytes};
  }
  protocols::Fault parse(protocols::Parsed& parsed, const protocols::MessageContext& context,
                         protocols::OperationList& operations) const override {
    const ByteView message = parsed.message();
    operations.clear();
    if (message.size() != kBytes) return protocols::Fault::bad_length;
    const bool asks = context.direction == protocols::Direction::request;
    if (message[1] < read || message[1] > refused) return protocols::Fault::unknown_function;
    if ((message[1] == read) != asks) return protocols::Fault::wrong_direction;
    protocols::Operation& operation = *operations.add(message[1] == reading ? kReading : kRead);
    operation.set(kChannel, message[3]);
    if (message[1] == reading) operation.set(kValue, message[4]);
    return protocols::Fault::none;
  }
  std::optional<std::uint16_t> claimed_code(ByteView message) const override {
    return message.size() < 2 ? std::nullopt : std::optional<std::uint16_t>(message[1]);
  }
  protocols::Fault accept(std::span<std::byte> session, const protocols::Parsed& parsed,
                          std::uint32_t now_ms) const override {
    const ByteView message = parsed.message();
    if (!parsed.is_request()) return answer(session, message, now_ms);
    return GaugeSession(session).add({now_ms, message[2], message[3]}, now_ms)
               ? protocols::Fault::none
               : protocols::Fault::too_many_outstanding;
  }
  std::size_t refuse(const protocols::Parsed& request, protocols::DeniedPart,
                     std::span<std::uint8_t> reply) const override {
    std::copy(request.message().begin(), request.message().end(), reply.begin());
    reply[1] = refused;
    return request.message().size();
  }

  // An answer that was refused has answered its request.
  const protocols::Splicing* splicing() const override { return this; }
  bool take_out(std::span<std::byte> session, const protocols::Parsed& message) const override {
    const GaugeRead* asked = GaugeSession(session).latest([](const GaugeRead&) { return true; });
    if (!message.is_request() && asked != nullptr && message.message().size() == kBytes) {
      answer(session, message.message(), asked->asked_ms);  // the clock is not at hand here
    }
    return true;
  }

 private:
  static protocols::Fault answer(std::span<std::byte> session, ByteView message,
                                 std::uint32_t now_ms) {
    return GaugeSession(session).answer(
        now_ms, [&](const GaugeRead& entry) { return entry.transaction == message[2]; },
        [&](const GaugeRead& entry) { return entry.channel == message[3]; });
  }
};

}  // namespace bulkhead::support
