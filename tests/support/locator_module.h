// A protocol for tests whose answers name TCP ports: a client asks at port 7000 where a service is,
// and runs commands at the port that it is told. All messages have eight bytes: 'L', a type, a
// number (the service, the port or the command) and the IPv4 address of the host, or zeros.
#pragma once

#include <cstring>

#include "dataplane/protocols/expectation.h"
#include "dataplane/protocols/registry.h"
#include "tests/support/plant.h"

namespace bulkhead::support {

class Locator final : public protocols::Protocol, public protocols::Expectations {
 public:
  static constexpr std::uint16_t kPort = 7000;
  static constexpr std::size_t kBytes = 8;
  static constexpr std::uint32_t kSilenceMs = 60'000;
  enum Type : std::uint8_t { locate = 1, located, unknown, release, released, run, done };
  enum Function : std::uint8_t { kLocate, kRelease, kRun };
  enum Field : std::uint8_t { kService, kCommand };

  // The only one, among the registry's modules.
  static std::uint8_t index() {
    static const Locator kLocator;
    if (!protocols::find_protocol("locator")) protocols::add_protocol_for_tests(kLocator);
    return *protocols::find_protocol("locator");
  }
  static Bytes message(Type type, std::uint16_t number, std::uint8_t last_of_host = 0) {
    Bytes bytes = {'L', type, 0, 0, 0, 0, 0, 0};
    store_be16(bytes.data() + 2, number);
    if (last_of_host != 0) store_be32(bytes.data() + 4, 0x0a0a0000U | last_of_host);
    return bytes;
  }

  const protocols::Catalogue& catalogue() const override {
    using protocols::AccessClass;
    static constexpr std::array kFunctions = {
        protocols::FunctionInfo{"locate", locate, protocols::kNoSubCode, AccessClass::session, 1},
        protocols::FunctionInfo{"release", release, protocols::kNoSubCode, AccessClass::session, 1},
        protocols::FunctionInfo{"run", run, protocols::kNoSubCode, AccessClass::operate, 2}};
    static constexpr std::array kFields = {
        protocols::FieldInfo{"service", protocols::FieldKind::integer, 16, "", "Which service"},
        protocols::FieldInfo{"command", protocols::FieldKind::integer, 16, "", "What to run"}};
    static constexpr std::array kPorts = {protocols::DefaultPort{protocols::Carrier::tcp, kPort}};
    static constexpr protocols::Catalogue kCatalogue = {"locator",  "Locator", "this test",
                                                        kFunctions, kFields,   kPorts};
    return kCatalogue;
  }
  protocols::Frame frame(ByteView stream,
                         const protocols::MessageContext& /*context*/) const override {
    if (!stream.empty() && stream[0] != 'L') return {protocols::Fault::not_this_protocol, 0, 0};
    return {protocols::Fault::none, stream.size() < kBytes ? 0 : kBytes, kBytes};
  }
  protocols::Fault parse(protocols::Parsed& parsed, const protocols::MessageContext& context,
                         protocols::OperationList& operations) const override {
    const ByteView message = parsed.message();
    operations.clear();
    const bool request = context.direction == protocols::Direction::request;
    const std::uint8_t type = message[1];
    const bool asks = type == locate || type == release || type == run;
    if (asks != request || type < locate || type > done) {
      return protocols::Fault::unknown_function;
    }
    const bool runs = type == run || type == done;
    const bool releases = type == release || type == released;
    protocols::Operation* operation = operations.add(runs ? kRun : releases ? kRelease : kLocate);
    operation->set(runs ? kCommand : kService, load_be16(message.data() + 2));
    return protocols::Fault::none;
  }
  std::optional<std::uint16_t> claimed_code(ByteView message) const override {
    return message.size() < 2 ? std::nullopt : std::optional<std::uint16_t>(message[1]);
  }

  // One request at a time.
  struct State {
    std::uint8_t asked;
    std::uint8_t answered;
    std::uint16_t number;  // of the last request
  };
  protocols::StateLayout state_layout() const override { return {1, sizeof(State), sizeof(State)}; }
  protocols::Fault accept(std::span<std::byte> session, const protocols::Parsed& parsed,
                          std::uint32_t /*now_ms*/) const override {
    const ByteView message = parsed.message();
    const protocols::Direction direction = parsed.direction();
    auto& state = *reinterpret_cast<State*>(session.data());
    if (direction == protocols::Direction::request) {
      state = {message[1], 0, load_be16(message.data() + 2)};
      return protocols::Fault::none;
    }
    const bool fits =
        message[1] == state.asked + 1 || (state.asked == locate && message[1] == unknown);
    if (state.asked == 0 || state.answered != 0) return protocols::Fault::unrequested_response;
    if (!fits) return protocols::Fault::mismatched_response;
    state.answered = message[1];
    return protocols::Fault::none;
  }

  const protocols::Expectations* expectations() const override { return this; }
  protocols::Fault follow(const protocols::Parsed& parsed, const protocols::MessageContext& context,
                          protocols::RelationStep& step) const override {
    using Kind = protocols::RelationStep::Kind;
    const ByteView message = parsed.message();
    if (message[1] == locate) {
      step.kind = Kind::ask;
      step.wait_ms = 10'000;
      step.asked_bytes = 2;
      std::memcpy(step.asked.data(), message.data() + 2, 2);
      std::copy_n(message.begin() + 2, 2, step.name.bytes.begin());
      return protocols::Fault::none;
    }
    // An answer does not say to which service it belongs.
    const auto& state = *reinterpret_cast<const State*>(context.session.data());
    store_be16(step.name.bytes.data(), state.number);
    if (message[1] == located) step.kind = Kind::open;
    if (message[1] == unknown) step.kind = Kind::refuse;
    if (message[1] == released) step.kind = Kind::close;
    return protocols::Fault::none;
  }
  std::size_t open(std::span<const std::byte> /*asked*/, const protocols::Parsed& parsed,
                   protocols::OpenedExpectations expectations) const override {
    const ByteView answer = parsed.message();
    protocols::Expectation& session = expectations[0];
    session.covers = protocols::Covers::session;
    session.carrier = protocols::Carrier::tcp;
    session.to.party = protocols::Party::server;
    session.port = load_be16(answer.data() + 2);
    session.silence_ms = kSilenceMs;
    if (const std::uint32_t host = load_be32(answer.data() + 4); host != 0) {
      session.to = {protocols::Party::other, protocols::EndpointAddress::of_ipv4(host)};
    }
    return 1;
  }
  void describe(std::span<const std::byte> asked,
                protocols::OperationList& operations) const override {
    operations.add(kLocate)->set(kService,
                                 load_be16(reinterpret_cast<const std::uint8_t*>(asked.data())));
  }
};

}  // namespace bulkhead::support
