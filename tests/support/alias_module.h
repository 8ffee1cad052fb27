// A protocol that no product has, for tests of learned names (protocols/names.h) and of patterns of
// a protocol's own (protocols::NamePatterns): it publishes under topics, which messages may replace
// by aliases, as MQTT 5 does (3.3.2.3.4), subscribes to topic filters, and has servers that give
// handles for topics, as OPC UA does (OPC 10000-4, 5.8.5).
//
//   message   kind, length of the rest (16 bits), rest
//   publish   alias (0: none), length of the topic (16 bits), topic, value; an alias and a topic
//             define the alias, an alias without topic stands for the one that it was defined for
//   end       alias: it stands for nothing any more
//   end_all
//   open      token, topic; the answer has the token and a handle for the topic
//   set       handle, value
//   define    any number of: alias, length of the topic (16 bits), topic
//   subscribe topic filter
#pragma once

#include <algorithm>
#include <array>
#include <string_view>

#include "dataplane/protocols/lookup.h"
#include "dataplane/protocols/registry.h"
#include "tests/support/plant.h"
#include "tests/support/topic_filter.h"

namespace bulkhead::support {

enum class AliasKind : std::uint8_t { publish, end, end_all, open, set, define, subscribe };

class AliasModule final : public protocols::Protocol,
                          public protocols::LearnsNames,
                          public protocols::RememberedVerdicts {
 public:
  static constexpr std::uint16_t kPort = 7100;
  static constexpr std::uint8_t kTopic = 0;  // field

  const protocols::Catalogue& catalogue() const override {
    using protocols::AccessClass;
    constexpr std::uint32_t kOfTopic = protocols::with(kTopic);
    static constexpr std::array kFunctions = {
        protocols::FunctionInfo{"publish", 0, protocols::kNoSubCode, AccessClass::publish,
                                kOfTopic},
        protocols::FunctionInfo{"end", 1, protocols::kNoSubCode, AccessClass::session, 0},
        protocols::FunctionInfo{"end_all", 2, protocols::kNoSubCode, AccessClass::session, 0},
        protocols::FunctionInfo{"open", 3, protocols::kNoSubCode, AccessClass::session, kOfTopic},
        protocols::FunctionInfo{"set", 4, protocols::kNoSubCode, AccessClass::write, kOfTopic},
        protocols::FunctionInfo{"define", 5, protocols::kNoSubCode, AccessClass::session, kOfTopic},
        protocols::FunctionInfo{"subscribe", 6, protocols::kNoSubCode, AccessClass::read, kOfTopic},
    };
    static constexpr std::array kFields = {protocols::FieldInfo{.name = "topic",
                                                                .kind = protocols::FieldKind::name,
                                                                .unit = "",
                                                                .text = "",
                                                                .patterns = &kTopicFilters}};
    static constexpr std::array kPorts = {protocols::DefaultPort{protocols::Carrier::tcp, kPort},
                                          protocols::DefaultPort{protocols::Carrier::udp, kPort}};
    static constexpr protocols::Catalogue kCatalogue = {"aliases",  "Aliases", "this test",
                                                        kFunctions, kFields,   kPorts};
    return kCatalogue;
  }

  protocols::Frame frame(ByteView stream, const protocols::MessageContext&) const override {
    if (stream.size() < kHeadBytes) return {protocols::Fault::none, 0, kHeadBytes};
    const std::size_t length = kHeadBytes + load_be16(stream.data() + 1);
    return {protocols::Fault::none, length, length};
  }

  bool many_in_datagram() const override { return true; }

  protocols::Fault parse(protocols::Parsed& parsed, const protocols::MessageContext& context,
                         protocols::OperationList& operations) const override {
    const ByteView message = parsed.message();
    operations.clear();
    if (message[0] > static_cast<std::uint8_t>(AliasKind::subscribe)) {
      return protocols::Fault::unknown_function;
    }
    Content& content = parsed.keep(Content{static_cast<AliasKind>(message[0])});
    ByteReader in(message.subspan(kHeadBytes));
    if (content.kind == AliasKind::define) {
      content.definitions = message.subspan(kHeadBytes);
      return decode_definitions(in, operations);
    }
    protocols::Operation& operation = *operations.add(message[0]);
    const bool numbered =
        content.kind != AliasKind::end_all && content.kind != AliasKind::subscribe;
    if (numbered) content.number = in.u8();
    switch (content.kind) {
      case AliasKind::publish:
        content.topic = in.take(in.u16());
        if (!in.ok()) return protocols::Fault::truncated;
        return content.topic.empty() ? stands_for(context, kAlias, content.number, operation)
                                     : set_topic(content.topic, operation);
      case AliasKind::set:
        return stands_for(context, kHandle, content.number, operation);
      case AliasKind::subscribe:
        operation.set_name(kTopic, in.rest());
        return is_filter(operation.fields[kTopic].name) ? protocols::Fault::none
                                                        : protocols::Fault::bad_value;
      case AliasKind::open:
        if (context.direction == protocols::Direction::request) {
          content.topic = in.rest();
          return in.ok() ? set_topic(content.topic, operation) : protocols::Fault::truncated;
        }
        content.handle = in.u8();
        break;
      default:
        break;
    }
    return in.ok() ? protocols::Fault::none : protocols::Fault::truncated;
  }

  ByteView key(ByteView message) const override {
    if (message.size() < kHeadBytes + 3) return {};
    const auto kind = static_cast<AliasKind>(message[0]);
    const bool by_alias =
        kind == AliasKind::publish && load_be16(message.data() + kHeadBytes + 1) == 0;
    return by_alias || kind == AliasKind::set ? ByteView{} : message;
  }

  std::optional<std::uint16_t> claimed_code(ByteView message) const override {
    if (message.empty()) return std::nullopt;
    return message[0];
  }

  // A bit for each token that was asked under.
  protocols::StateLayout state_layout() const override { return {1, 32, 32}; }
  protocols::Fault accept(std::span<std::byte> session, const protocols::Parsed& parsed,
                          std::uint32_t) const override {
    return accept(session, parsed.message(), parsed.direction());
  }
  static protocols::Fault accept(std::span<std::byte> session, ByteView message,
                                 protocols::Direction direction) {
    if (static_cast<AliasKind>(message[0]) != AliasKind::open) return protocols::Fault::none;
    const std::uint8_t token = message[kHeadBytes];
    const auto bit = static_cast<std::byte>(1U << (token % 8));
    std::byte& bits = session[token / 8];
    const bool asked = (bits & bit) != std::byte{0};
    const bool asks = direction == protocols::Direction::request;
    if (!asks && !asked) return protocols::Fault::unrequested_response;
    if (asks && asked) return protocols::Fault::bad_sequence;
    bits = asks ? bits | bit : bits & ~bit;
    return protocols::Fault::none;
  }

  const protocols::RememberedVerdicts* remembered_verdicts() const override { return this; }
  protocols::Fault accept_known(std::span<std::byte> session, ByteView request,
                                std::uint32_t) const override {
    return accept(session, request, protocols::Direction::request);
  }

  std::size_t refuse(const protocols::Parsed& request, protocols::DeniedPart,
                     std::span<std::uint8_t> reply) const override {
    reply[0] = request.message()[0];
    reply[1] = reply[2] = 0;
    return kHeadBytes;
  }

  const protocols::LearnsNames* learns_names() const override { return this; }
  void learn(const protocols::Parsed& message, std::span<const std::byte>,
             protocols::NameChanges& names) const override {
    const Content& content = *message.kept<Content>();
    switch (content.kind) {
      case AliasKind::publish:
        if (content.number != 0 && !content.topic.empty()) {
          names.learn(protocols::number_handle(kAlias, content.number), content.topic);
        }
        return;
      case AliasKind::end:
        return names.forget(protocols::number_handle(kAlias, content.number));
      case AliasKind::end_all:
        return names.forget_all();
      case AliasKind::open:
        return learn_opened(content, message.is_request(), names);
      case AliasKind::set:
      case AliasKind::subscribe:
        return;
      case AliasKind::define:
        for (ByteReader in(content.definitions); in.remaining() > 0;) {
          const std::uint8_t alias = in.u8();
          names.learn(protocols::number_handle(kAlias, alias), in.take(in.u16()));
        }
    }
  }

  static std::uint8_t index() {
    static const AliasModule kModule;
    if (!protocols::find_protocol("aliases")) protocols::add_protocol_for_tests(kModule);
    return *protocols::find_protocol("aliases");
  }

 private:
  static constexpr std::size_t kHeadBytes = 3;
  enum : std::uint8_t { kAlias = 1, kToken = 2, kHandle = 3 };

  // What parse() keeps of a message.
  struct Content {
    AliasKind kind{};
    std::uint8_t number = 0;  // alias, token or handle
    std::uint8_t handle = 0;  // that an answer gives
    ByteView topic{};
    ByteView definitions{};
  };

  static bool is_filter(ByteView topic) {
    return check_topic_filter({reinterpret_cast<const char*>(topic.data()), topic.size()})
        .is_none();
  }
  // 3.3.2.1: what is published under has no wildcards.
  static protocols::Fault set_topic(ByteView topic, protocols::Operation& operation) {
    const bool wild = std::any_of(topic.begin(), topic.end(),
                                  [](std::uint8_t c) { return c == '+' || c == '#'; });
    if (wild || !is_filter(topic)) return protocols::Fault::bad_value;
    operation.set_name(kTopic, topic);
    return protocols::Fault::none;
  }

  static protocols::Fault stands_for(const protocols::MessageContext& context, std::uint8_t kind,
                                     std::uint8_t number, protocols::Operation& operation) {
    const auto topic = context.names.find(protocols::number_handle(kind, number));
    if (!topic) return protocols::Fault::unknown_handle;
    operation.set_name(kTopic, *topic);
    return protocols::Fault::none;
  }

  static protocols::Fault decode_definitions(ByteReader& in, protocols::OperationList& operations) {
    while (in.remaining() > 0) {
      in.u8();
      const ByteView topic = in.take(in.u16());
      protocols::Operation* operation =
          operations.add(static_cast<std::uint16_t>(AliasKind::define));
      if (operation == nullptr) return protocols::Fault::too_many_operations;
      operation->set_name(kTopic, topic);
    }
    return in.ok() ? protocols::Fault::none : protocols::Fault::truncated;
  }

  // The request keeps its topic under its token until the answer gives the handle.
  static void learn_opened(const Content& content, bool asks, protocols::NameChanges& names) {
    const auto token = protocols::number_handle(kToken, content.number);
    if (asks) {
      names.learn(token, content.topic);
      return;
    }
    if (const auto topic = names.find(token)) {
      names.learn(protocols::number_handle(kHandle, content.handle), *topic);
      names.forget(token);
    }
  }
};

// --- messages

inline Bytes alias_message(AliasKind kind, const Bytes& rest) {
  Bytes message = {static_cast<std::uint8_t>(kind), static_cast<std::uint8_t>(rest.size() >> 8),
                   static_cast<std::uint8_t>(rest.size())};
  message.insert(message.end(), rest.begin(), rest.end());
  return message;
}

inline Bytes alias_and_topic(std::uint8_t alias, std::string_view topic) {
  Bytes bytes = {alias, static_cast<std::uint8_t>(topic.size() >> 8),
                 static_cast<std::uint8_t>(topic.size())};
  bytes.insert(bytes.end(), topic.begin(), topic.end());
  return bytes;
}

inline Bytes publish(std::uint8_t alias, std::string_view topic, std::uint8_t value = 0) {
  Bytes rest = alias_and_topic(alias, topic);
  rest.push_back(value);
  return alias_message(AliasKind::publish, rest);
}
inline Bytes subscribe(std::string_view filter) {
  return alias_message(AliasKind::subscribe, Bytes(filter.begin(), filter.end()));
}
inline Bytes end(std::uint8_t alias) { return alias_message(AliasKind::end, {alias}); }
inline Bytes end_all() { return alias_message(AliasKind::end_all, {}); }
inline Bytes open(std::uint8_t token, std::string_view topic) {
  Bytes rest = {token};
  rest.insert(rest.end(), topic.begin(), topic.end());
  return alias_message(AliasKind::open, rest);
}
inline Bytes opened(std::uint8_t token, std::uint8_t handle) {
  return alias_message(AliasKind::open, {token, handle});
}
inline Bytes set(std::uint8_t handle, std::uint8_t value = 0) {
  return alias_message(AliasKind::set, {handle, value});
}

}  // namespace bulkhead::support
