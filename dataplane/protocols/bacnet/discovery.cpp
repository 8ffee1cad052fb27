// Questions to many, and the answers of the devices that they concern (16.9 and 16.10).
#include <algorithm>

#include "dataplane/protocols/bacnet/layout.h"
#include "dataplane/protocols/bacnet/tags.h"

namespace bulkhead::bacnet {

namespace {

bool is_equal(ByteView one, ByteView other) {
  return std::equal(one.begin(), one.end(), other.begin(), other.end());
}

bool is_unconfirmed(const Message& message, UnconfirmedService service) {
  return message.has_npdu && !message.is_network_message &&
         message.pdu_type == kUnconfirmedRequest && message.service == service;
}

// Whose devices were asked, and the device that answers is one of them; it answers the one that
// asked, and nobody passed the answer on for it.
bool comes_from_there(const Message& question, const Message& answer) {
  if (answer.bvlc != kOriginalUnicast) return false;
  const bool is_back = answer.to.network == question.from.network &&
                       is_equal(answer.to.octets, question.from.octets);
  const bool is_local = answer.from.network == 0;
  const bool anywhere = question.to.network == kGlobalBroadcast;
  const bool there =
      question.to.network == answer.from.network &&
      (question.to.octets.empty() || is_equal(question.to.octets, answer.from.octets));
  return is_back && (anywhere || there || (is_local && question.to.network == 0));
}

// The range of devices with which both questions may begin; all without it.
bool has_device(TagReader& question, std::uint32_t device) {
  const auto low = question.context(0);
  if (!low) return true;
  const auto high = question.context(1);
  const auto first = shortest_unsigned(low->content);
  const auto last = high ? shortest_unsigned(high->content) : std::nullopt;
  return first && last && *first <= device && device <= *last;
}

std::optional<Object> next_object(TagReader& reader) {
  const auto tag = reader.application(kObjectIdentifier);
  if (!tag) return std::nullopt;
  return object_of(tag->content);
}

}  // namespace

bool is_question_to_many(const Message& message) {
  return is_unconfirmed(message, kWhoIs) || is_unconfirmed(message, kWhoHas);
}

bool answers_question(const Message& question, const Message& answer) {
  const bool names_object = is_unconfirmed(question, kWhoHas);
  const bool fits = names_object ? is_unconfirmed(answer, kIHave)
                                 : is_unconfirmed(question, kWhoIs) && is_unconfirmed(answer, kIAm);
  if (!fits || !comes_from_there(question, answer)) return false;
  TagReader asked(question.data, Numbers::shortest);
  TagReader told(answer.data, Numbers::shortest);
  const auto device = next_object(told);
  if (!device || !has_device(asked, device->instance)) return false;
  if (!names_object) return true;
  const auto object = next_object(told);
  const auto name = told.application(kCharacterString);
  if (!object || !name) return false;
  const auto object_asked = asked.context(2);
  if (!object_asked) {
    const auto name_asked = asked.context(3);
    return name_asked && is_equal(name_asked->content, name->content);
  }
  const auto wanted = object_of(object_asked->content);
  return wanted && wanted->type == object->type && wanted->instance == object->instance;
}

}  // namespace bulkhead::bacnet
