// An answer comes from where its request went, goes to where that came from, and names the property
// that was read.
#include "dataplane/protocols/bacnet/pairing.h"

#include "dataplane/protocols/bacnet/tags.h"

namespace bulkhead::bacnet {

using protocols::Fault;

namespace {

// FNV-1a, 32 bits.
class Hash {
 public:
  void add(std::uint32_t value) {
    for (unsigned shift = 0; shift < 32; shift += 8) add_octet(value >> shift & 0xff);
  }
  void add(const NetworkAddress& address) {
    add(address.network);
    add(static_cast<std::uint32_t>(address.octets.size()));
    for (const std::uint8_t octet : address.octets) add_octet(octet);
  }
  std::uint32_t value() const { return value_; }

 private:
  void add_octet(std::uint32_t octet) { value_ = (value_ ^ octet) * 16777619U; }

  std::uint32_t value_ = 2166136261U;
};

std::uint32_t route_of(const NetworkAddress& asked, const NetworkAddress& asking) {
  Hash hash;
  hash.add(asked);
  hash.add(asking);
  return hash.value();
}

struct Reference {
  std::uint32_t hash = 0;
  bool any_instance = false;
};

// The object, property and index with which both a read and its answer begin (15.5 and 15.8).
// Nothing where that is another service, or a segment.
Reference reference_of(const Message& message, bool any_instance) {
  constexpr std::uint32_t kDeviceType = 8;
  constexpr std::uint32_t kNetworkPortType = 56;
  constexpr std::uint32_t kAnyInstance = (1U << 22) - 1;  // 15.5.2: the one that is asked
  const bool reads = message.service == kReadProperty || message.service == kReadRange;
  if (!reads || message.segmented) return {};
  TagReader reader(message.data, Numbers::any);
  const auto object = reader.context(0);
  const auto property = reader.context(1);
  const auto index = reader.context(2);
  if (!object || !property) return {};
  const auto id = object_of(object->content).value_or(Object{});
  const bool may_be_any = id.type == kDeviceType || id.type == kNetworkPortType;
  const bool asks_any = may_be_any && id.instance == kAnyInstance;
  Hash hash;
  hash.add(id.type);
  if (!any_instance && !asks_any) hash.add(id.instance);
  hash.add(static_cast<std::uint32_t>(unsigned_of(property->content).value_or(0)));
  if (index) hash.add(static_cast<std::uint32_t>(unsigned_of(index->content).value_or(0)));
  return {hash.value(), asks_any};
}

bool fits(const Outstanding& entry, const Message& message) {
  if (entry.route != route_of(message.from, message.to)) return false;
  const bool nameless = message.pdu_type == kReject || message.pdu_type == kAbort;
  if (!nameless && entry.service != message.service) return false;
  if (message.pdu_type != kComplexAck || message.segmented || entry.reference == 0) return true;
  return entry.reference == reference_of(message, entry.any_instance).hash;
}

std::uint32_t hash_of(const NetworkAddress& address) {
  Hash hash;
  hash.add(address);
  return hash.value();
}

// Of a name or an object's identifier, as it is spelled; never 0.
std::uint32_t subject_of(const std::optional<Tag>& object, const std::optional<Tag>& name) {
  Hash hash;
  hash.add(object ? 1 : 0);
  const ByteView content = object ? object->content : name ? name->content : ByteView{};
  hash.add(NetworkAddress{0, content});
  return hash.value() | 1;
}

}  // namespace

void note_question(Session session, const Message& message, std::uint32_t now_ms) {
  constexpr std::uint32_t kInstanceMax = (1U << 22) - 1;
  Question question{};
  question.asked_ms = now_ms;
  question.high = kInstanceMax;
  question.to = hash_of(message.to);
  question.from = hash_of(message.from);
  question.network = message.to.network;
  question.of = Question::Of::one;
  if (message.to.network != 0 && message.to.octets.empty()) question.of = Question::Of::network;
  if (message.to.network == kGlobalBroadcast) question.of = Question::Of::anywhere;
  TagReader reader(message.data, Numbers::shortest);
  const auto low = reader.context(0);
  const auto high = low ? reader.context(1) : std::nullopt;
  if (high) {
    question.low = shortest_unsigned(low->content).value_or(kInstanceMax);
    question.high = shortest_unsigned(high->content).value_or(0);
  }
  if (message.service == kWhoHas) {
    const auto object = reader.context(2);
    question.subject = subject_of(object, object ? std::nullopt : reader.context(3));
  }
  session.state() = question;
}

bool answers(const Question& question, const Message& message) {
  if (question.of == Question::Of::nobody || message.bvlc != kOriginalUnicast) return false;
  const bool comes_from_there =
      question.of == Question::Of::anywhere ||
      (question.of == Question::Of::network ? question.network == message.from.network
                                            : question.to == hash_of(message.from));
  if (!comes_from_there || question.from != hash_of(message.to)) return false;
  TagReader reader(message.data, Numbers::shortest);
  const auto device = reader.application(kObjectIdentifier);
  const auto id = device ? object_of(device->content) : std::nullopt;
  if (!id || id->instance < question.low || id->instance > question.high) return false;
  if (question.subject == 0) return message.service == kIAm;
  const auto object = reader.application(kObjectIdentifier);
  const auto name = reader.application(kCharacterString);
  const bool is_it = question.subject == subject_of(object, std::nullopt) ||
                     question.subject == subject_of(std::nullopt, name);
  return message.service == kIHave && is_it;
}

Fault accept_request(Session session, const Message& message, bool from_server,
                     std::uint32_t now_ms) {
  const std::uint32_t route = route_of(message.to, message.from);
  // Every segment of a request has its invoke identifier.
  for (const Outstanding& entry : session.entries()) {
    const bool same = entry.invoke_id == message.invoke_id && entry.by_server == from_server &&
                      entry.service == message.service && entry.route == route;
    if (same && message.segmented) return Fault::none;
  }
  const Reference reference = reference_of(message, false);
  const Outstanding entry{now_ms,          route,       reference.hash,        message.invoke_id,
                          message.service, from_server, reference.any_instance};
  return session.add(entry, now_ms) ? Fault::none : Fault::too_many_outstanding;
}

// An answer keeps its request until the last segment; a reject or an abort ends it too. Only an
// abort may also come from the side that asked (5.4.5).
Fault accept_answer(Session session, const Message& message, bool from_server,
                    std::uint32_t now_ms) {
  session.forget_aged(now_ms);
  if (message.pdu_type == kSegmentAck) return Fault::none;
  const bool gives_up = message.pdu_type == kAbort && !message.by_server;
  const bool by_server = gives_up == from_server;
  Fault fault = Fault::unrequested_response;
  for (std::size_t i = 0; i < session.entries().size(); ++i) {
    const Outstanding& entry = session.entries()[i];
    if (entry.invoke_id != message.invoke_id || entry.by_server != by_server) continue;
    fault = Fault::mismatched_response;
    if (gives_up ? entry.route != route_of(message.to, message.from) : !fits(entry, message)) {
      continue;
    }
    if (!message.more_follows) session.remove(i);
    return Fault::none;
  }
  return fault;
}

protocols::Difference difference(Session session, const Message& message) {
  const auto is_asked = [](const Outstanding& entry) { return !entry.by_server; };
  const Outstanding* same = session.latest([&](const Outstanding& entry) {
    return is_asked(entry) && entry.invoke_id == message.invoke_id;
  });
  if (same == nullptr) {
    const Outstanding* latest = session.latest(is_asked);
    if (latest == nullptr) return {};
    return {"invoke_id", latest->invoke_id, message.invoke_id};
  }
  if (same->service == message.service) return {};
  return {"service", same->service, message.service};
}

}  // namespace bulkhead::bacnet
