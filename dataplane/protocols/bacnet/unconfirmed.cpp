// What unconfirmed services ask for or tell, and the notifications that are confirmed or not.
#include <algorithm>

#include "dataplane/protocols/bacnet/service.h"

namespace bulkhead::bacnet {

using protocols::Fault;
using protocols::Operation;
using protocols::OperationList;

namespace {

constexpr std::string_view kProcess = "13.1: the subscriber's own process identifier";
constexpr std::string_view kWhen = "when it was";
constexpr std::uint32_t kInstanceMax = (1U << 22) - 1;

}  // namespace

// 13.1: process, device, object, how long the subscription stays, and properties with their values.
Fault decode_cov(ServiceReader& reader) {
  TagReader& tags = reader.tags();
  bool good = reader.leave_number(0, kProcess);
  const auto device = reader.object(1);
  const auto object = reader.object(2);
  good = good && device && object && reader.leave_number(3, "13.1: how long it is subscribed") &&
         tags.opens(4);
  while (good && tags.ok() && !tags.closes(4)) {
    const auto reference = reader.property(0, 1);
    Operation* operation = reference ? reader.add() : nullptr;
    if (operation == nullptr || !reader.set_device(*operation, device)) {
      return reader.finish(false);
    }
    ServiceReader::set(*operation, *object, *reference);
    good = reader.set_value(*operation, 2) && reader.set_priority(*operation, 3, 0);
  }
  return reader.finish(good);
}

// 13.17: as above, of several objects.
Fault decode_cov_multiple(ServiceReader& reader) {
  TagReader& tags = reader.tags();
  bool good = reader.leave_number(0, kProcess);
  const auto device = reader.object(1);
  good = good && device && reader.leave_number(2, "13.17: how long it is subscribed");
  if (good) reader.leave_block(3, kWhen);
  good = good && tags.opens(4);
  while (good && tags.ok() && !tags.closes(4)) {
    const auto object = reader.object(0);
    good = object && tags.opens(1);
    while (good && tags.ok() && !tags.closes(1)) {
      const auto reference = reader.property(0, 1);
      Operation* operation = reference ? reader.add() : nullptr;
      if (operation == nullptr || !reader.set_device(*operation, device)) {
        return reader.finish(false);
      }
      ServiceReader::set(*operation, *object, *reference);
      good = reader.set_value(*operation, 2);
      reader.leave(3, kWhen);
    }
  }
  return reader.finish(good);
}

// 13.8: process, device and object, and what happened to it.
Fault decode_event(ServiceReader& reader) {
  Operation* operation = reader.add();
  const bool good = operation != nullptr && reader.leave_number(0, kProcess);
  const auto device = good ? reader.object(1) : std::nullopt;
  const auto object = device ? reader.object(2) : std::nullopt;
  if (!object || !reader.set_device(*operation, device)) return reader.finish(false);
  ServiceReader::set(*operation, *object);
  constexpr std::string_view kEvent = "what happened to the object that is named";
  bool told = reader.leave_block(3, kWhen) && reader.leave_number(4, kEvent) &&
              reader.leave_number(5, kEvent) && reader.leave_number(6, kEvent);
  if (told) reader.leave(7, kEvent);
  told = told && reader.leave_number(8, kEvent) &&
         reader.leave_truth(9, "13.8: whether people are to acknowledge it");
  if (told) reader.leave(10, kEvent);
  told = told && reader.leave_number(11, kEvent);
  if (told) reader.leave_block(12, kEvent);
  return reader.finish(told);
}

// 16.2 and 16.3: a vendor, the number of its service, and what only the vendor knows.
Fault decode_private_transfer(ServiceReader& reader) {
  constexpr std::uint32_t kVendorMax = 0xffff;
  Operation* operation = reader.add();
  const auto vendor = operation ? reader.number(0, kVendorMax) : std::nullopt;
  const auto service = vendor ? reader.number(1) : std::nullopt;
  if (!service) return reader.finish(false);
  operation->set(kVendor, *vendor);
  operation->set(kServiceNumber, *service);
  // Vendors are known to put bytes there that are no tagged values.
  return reader.finish(reader.leave_untagged(2, "a vendor's own format"));
}

// 16.5: who says it, of what class and priority, and what.
Fault decode_text_message(ServiceReader& reader) {
  constexpr std::uint32_t kUrgent = 1;
  Operation* operation = reader.add();
  const auto device = operation ? reader.object(0) : std::nullopt;
  if (!device || !reader.set_device(*operation, device)) return reader.finish(false);
  reader.leave_block(1, "16.5: class of the message");
  const auto priority = reader.number(2, kUrgent);
  if (priority) operation->set(kPriority, *priority);
  return reader.finish(priority && reader.leave(3, "text for people"));
}

namespace {

class UnconfirmedDecoder {
 public:
  UnconfirmedDecoder(const Message& message, OperationList& operations)
      : service_(message.service),
        reader_(message, find_function(message.service, kOfUnconfirmed), operations),
        tags_(reader_.tags()) {}

  Fault decode() {
    switch (service_) {
      case kIAm:
        return i_am();
      case kIHave:
        return i_have();
      case kUnconfirmedCov:
        return decode_cov(reader_);
      case kUnconfirmedEvent:
        return decode_event(reader_);
      case kUnconfirmedPrivateTransfer:
        return decode_private_transfer(reader_);
      case kUnconfirmedTextMessage:
        return decode_text_message(reader_);
      case kTimeSynchronization:
      case kUtcTimeSynchronization:
        return time();
      case kWhoHas:
      case kWhoIs:
        return who();
      case kWriteGroup:
        return write_group();
      case kUnconfirmedCovMultiple:
        return decode_cov_multiple(reader_);
      case kWhoAmI:
        return who_am_i();
      case kYouAre:
        return you_are();
      default: {
        const bool good = reader_.add() != nullptr;
        reader_.leave_rest("what the service's class grants with it");
        return reader_.finish(good);
      }
    }
  }

 private:
  // 16.10: which device, and how it can be talked to.
  Fault i_am() {
    constexpr std::uint32_t kNoSegmentation = 3;
    constexpr std::uint32_t kVendorMax = 0xffff;
    Operation* operation = reader_.add();
    const auto device = reader_.object(tags_.application(kObjectIdentifier));
    if (operation == nullptr || !reader_.set_device(*operation, device)) {
      return reader_.finish(false);
    }
    const auto size = tags_.application(kUnsigned);
    const auto segmentation = tags_.application(kEnumerated);
    const auto vendor = reader_.number(tags_.application(kUnsigned), kVendorMax);
    const bool good = reader_.number(size) && reader_.number(segmentation, kNoSegmentation);
    if (!good || !vendor) return reader_.finish(false);
    reader_.leave(*size, "16.10: the largest APDU that the sender takes");
    reader_.leave(*segmentation, "16.10: whether the sender cuts messages");
    operation->set(kVendor, *vendor);
    return reader_.finish(true);
  }

  // 16.9.
  Fault i_have() {
    Operation* operation = reader_.add();
    const auto device = reader_.object(tags_.application(kObjectIdentifier));
    const auto object = reader_.object(tags_.application(kObjectIdentifier));
    if (operation == nullptr || !object || !reader_.set_device(*operation, device)) {
      return reader_.finish(false);
    }
    ServiceReader::set(*operation, *object);
    return reader_.finish(set_name(*operation, tags_.application(kCharacterString)));
  }

  // A name in another character set than UTF-8 is none that a rule could have.
  bool set_name(Operation& operation, std::optional<Tag> tag) {
    if (!tag || tag->content.empty()) return false;
    if (const auto name = text_of(tag->content)) {
      operation.set_name(kObjectName, *name);
    } else {
      reader_.leave(*tag, "a name that no rule can have");
    }
    return true;
  }

  // 16.7 and 16.8.
  Fault time() {
    Operation* operation = reader_.add();
    const auto date = tags_.application(kDate);
    const auto time = tags_.application(kTime);
    if (operation == nullptr || !date || !time) return reader_.finish(false);
    reader_.leave(*date, "the time that is set");
    reader_.leave(*time, "the time that is set");
    return reader_.finish(true);
  }

  // 16.9 and 16.10: a range of devices, or all; and an object by its identifier or its name.
  Fault who() {
    Operation* operation = reader_.add();
    if (operation == nullptr) return reader_.finish(false);
    Range devices{0, kInstanceMax};
    if (const auto low = tags_.context(0)) {
      const auto first = reader_.number(low, kInstanceMax);
      const auto last = reader_.number(1, kInstanceMax);
      if (!first || !last) return reader_.finish(false);
      if (*first > *last) return Fault::bad_value;
      devices = Range{*first, *last};
    }
    operation->set(kDevice, devices);
    if (service_ == kWhoIs) return reader_.finish(true);
    if (const auto object = reader_.object(2)) {
      ServiceReader::set(*operation, *object);
      return reader_.finish(true);
    }
    return reader_.finish(set_name(*operation, tags_.context(3)));
  }

  // 15.11: a group, a priority, and for channels of it what they get.
  Fault write_group() {
    constexpr std::uint32_t kChannelMax = 0xffff;
    constexpr std::uint32_t kLowest = 16;
    constexpr std::uint8_t kInhibitTag = 0x39;
    // It stands behind the list, which ends with another octet.
    const ByteView data = reader_.message().data;
    const ByteView last = data.last(std::min<std::size_t>(data.size(), 2));
    const bool told = last.size() == 2 && last[0] == kInhibitTag && last[1] <= 1;  // 20.2.3
    const auto group = reader_.number(0);
    const auto priority = group ? reader_.number(1, kLowest) : std::nullopt;
    bool good = priority && *priority > 0 && tags_.opens(2);
    while (good && tags_.ok() && !tags_.closes(2)) {
      const auto channel = reader_.number(0, kChannelMax);
      Operation* operation = channel ? reader_.add() : nullptr;
      if (operation == nullptr) return reader_.finish(false);
      operation->set(kGroup, *group);
      operation->set(kChannel, *channel);
      if (told) operation->set(kInhibitDelay, last[1]);
      good = reader_.set_priority(*operation, 1, *priority);
      if (!good || reader_.leave_block(0, "15.11: a lighting command")) continue;
      const Tag value = tags_.next();
      good = tags_.ok() && !value.context;
      if (good) reader_.set_value(*operation, value);
    }
    return reader_.finish(good && tags_.context(3).has_value() == told);
  }

  // 16.11: a device that has no number yet: vendor, model, serial number.
  Fault who_am_i() {
    Operation* operation = reader_.add();
    return reader_.finish(operation != nullptr && set_maker(*operation));
  }

  bool set_maker(Operation& operation) {
    constexpr std::uint32_t kVendorMax = 0xffff;
    const auto vendor = reader_.number(tags_.application(kUnsigned), kVendorMax);
    const auto model = tags_.application(kCharacterString);
    const auto serial = tags_.application(kCharacterString);
    if (!vendor || !model || !serial) return false;
    operation.set(kVendor, *vendor);
    return set_unit(operation, *model, *serial);
  }

  // Which unit of a model it is, as MODEL/SERIAL.
  bool set_unit(Operation& operation, const Tag& model, const Tag& serial) {
    constexpr std::uint8_t kBetween = '/';
    const auto first = text_of(model.content);
    const auto second = text_of(serial.content);
    const bool plain = first && second &&
                       std::find(first->begin(), first->end(), kBetween) == first->end() &&
                       std::find(second->begin(), second->end(), kBetween) == second->end();
    if (!plain) {
      reader_.leave(model, "a name that no rule can have");
      reader_.leave(serial, "a name that no rule can have");
      return true;
    }
    const std::span<std::uint8_t> name = reader_.compose(first->size() + 1 + second->size());
    if (name.empty()) return false;
    *std::copy(first->begin(), first->end(), name.begin()) = kBetween;
    std::copy(second->begin(), second->end(),
              name.end() - static_cast<std::ptrdiff_t>(second->size()));
    operation.set_name(kObjectName, name);
    return true;
  }

  // 16.11: and what it is to be.
  Fault you_are() {
    Operation* operation = reader_.add();
    if (operation == nullptr || !set_maker(*operation)) return reader_.finish(false);
    const auto device = reader_.object(tags_.application(kObjectIdentifier));
    if (device && !reader_.set_device(*operation, device)) return reader_.finish(false);
    if (const auto address = tags_.application(kOctetString)) {
      reader_.leave(*address, "16.11: its address on its own network");
    }
    return reader_.finish(true);
  }

  std::uint8_t service_;
  ServiceReader reader_;
  TagReader& tags_;
};

}  // namespace

Fault decode_unconfirmed(const Message& message, OperationList& operations) {
  if (find_function(message.service, kOfUnconfirmed) == kNotInCatalogue) {
    return Fault::unknown_function;
  }
  return UnconfirmedDecoder(message, operations).decode();
}

}  // namespace bulkhead::bacnet
