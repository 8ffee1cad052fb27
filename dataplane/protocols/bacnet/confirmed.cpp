// What confirmed services ask for (clauses 13 to 17): each property is an operation.
#include "dataplane/protocols/bacnet/service.h"

namespace bulkhead::bacnet {

using protocols::Fault;
using protocols::Operation;
using protocols::OperationList;

namespace {

constexpr std::string_view kProcess = "13.1: the subscriber's own process identifier";

class ConfirmedDecoder {
 public:
  ConfirmedDecoder(const Message& message, OperationList& operations)
      : service_(message.service),
        reader_(message, find_function(message.service), operations),
        tags_(reader_.tags()) {}

  Fault decode() {
    switch (service_) {
      case kAcknowledgeAlarm:
        return acknowledge();
      case kConfirmedCov:
        return decode_cov(reader_);
      case kConfirmedEvent:
        return decode_event(reader_);
      case kConfirmedCovMultiple:
        return decode_cov_multiple(reader_);
      case kConfirmedPrivateTransfer:
        return decode_private_transfer(reader_);
      case kConfirmedTextMessage:
        return decode_text_message(reader_);
      case kSubscribeCov:
        return subscribe(false);
      case kSubscribeCovProperty:
        return subscribe(true);
      case kSubscribeCovPropertyMultiple:
        return subscribe_multiple();
      case kAtomicReadFile:
        return file(false);
      case kAtomicWriteFile:
        return file(true);
      case kAddListElement:
      case kRemoveListElement:
        return change_list();
      case kCreateObject:
        return create_object();
      case kDeleteObject:
        return delete_object();
      case kReadProperty:
        return read_property();
      case kReadRange:
        return read_range();
      case kReadPropertyMultiple:
      case kWritePropertyMultiple:
        return several();
      case kWriteProperty:
        return write_property();
      default:
        return decode_of_device();
    }
  }

 private:
  Fault decode_of_device() {
    switch (service_) {
      case kDeviceCommunicationControl:
        return communication_control();
      case kReinitializeDevice:
        return reinitialize();
      case kLifeSafetyOperation:
        return life_safety();
      case kAuditLogQuery:
        return audit_log_query();
      case kGetAlarmSummary:
        return reader_.finish(reader_.add() != nullptr);
      case kGetEventInformation: {
        const bool good = reader_.add() != nullptr;
        reader_.leave(0, "13.9: the object behind which the answer begins");
        return reader_.finish(good);
      }
      default: {  // whose grant covers whatever stands in them
        const bool good = reader_.add() != nullptr;
        reader_.leave_rest("what the service's class grants with it");
        return reader_.finish(good);
      }
    }
  }

  Operation* add(std::uint16_t function) { return reader_.add(function); }

  // 13.5.
  Fault acknowledge() {
    Operation* operation = reader_.add();
    bool good = operation != nullptr && reader_.leave_number(0, kProcess);
    const auto object = good ? reader_.object(1) : std::nullopt;
    const auto state = object ? reader_.number(2) : std::nullopt;
    if (!state) return reader_.finish(false);
    ServiceReader::set(*operation, *object);
    operation->set_real(kValue, *state);
    good = reader_.leave_block(3, "13.5: when the event was") &&
           reader_.leave(4, "13.5: who acknowledges") &&
           reader_.leave_block(5, "13.5: when it is acknowledged");
    return reader_.finish(good);
  }

  // 13.14 and 13.15: process, object, whether confirmed, how long, and perhaps the property.
  Fault subscribe(bool property) {
    Operation* operation = reader_.add();
    bool good = operation != nullptr && reader_.leave_number(0, kProcess);
    const auto object = good ? reader_.object(1) : std::nullopt;
    if (!object) return reader_.finish(false);
    ServiceReader::set(*operation, *object);
    good = set_subscription(*operation, 2);
    if (!good || !property) return reader_.finish(good);
    good = set_monitored(*operation, 4);
    reader_.leave(5, "13.15: change that is worth a notification");
    return reader_.finish(good);
  }

  // 13.14.1: whether notifications are confirmed, and how long; neither ends the subscription.
  bool set_subscription(Operation& operation, std::uint8_t confirmed_tag) {
    const std::size_t begin = tags_.offset();
    const bool good =
        reader_.leave_truth(confirmed_tag, "13.14: whether notifications are confirmed");
    const bool begins = tags_.offset() != begin;
    if (!good || !begins) return good;
    return reader_.set_number(operation, kDuration, static_cast<std::uint8_t>(confirmed_tag + 1));
  }

  bool set_monitored(Operation& operation, std::uint8_t number) {
    if (!tags_.opens(number)) return false;
    const auto reference = reader_.property(0, 1);
    if (!reference || !tags_.closes(number)) return false;
    ServiceReader::set(operation, *reference);
    return true;
  }

  // 13.18: as above, for several properties of several objects.
  Fault subscribe_multiple() {
    Operation lifetime;
    bool good = reader_.leave_number(0, kProcess) && set_subscription(lifetime, 1);
    if (good) reader_.leave(3, "13.18: how long notifications may wait for each other");
    good = good && tags_.opens(4);
    while (good && tags_.ok() && !tags_.closes(4)) {
      const auto object = reader_.object(0);
      good = object && tags_.opens(1);
      while (good && tags_.ok() && !tags_.closes(1)) {
        Operation* operation = reader_.add();
        good = operation != nullptr && set_monitored(*operation, 0);
        if (!good) break;
        ServiceReader::set(*operation, *object);
        if (lifetime.has(kDuration)) operation->set(kDuration, lifetime.fields[kDuration].range);
        reader_.leave(1, "13.15: change that is worth a notification");
        good = reader_.leave_truth(2, "13.18: whether notifications tell the time");
      }
    }
    return reader_.finish(good);
  }

  // 14.1 and 14.2: a file, where in it, and how much or what.
  Fault file(bool writes) {
    const auto object = reader_.object(tags_.application(kObjectIdentifier));
    Operation* operation = object ? reader_.add() : nullptr;
    if (operation == nullptr) return reader_.finish(false);
    ServiceReader::set(*operation, *object);
    const bool records = tags_.opens(1);
    const std::uint8_t number = records ? 1 : 0;
    if (!records && !tags_.opens(0)) return reader_.finish(false);
    const auto start = tags_.application(kSigned);
    if (!start) return reader_.finish(false);
    const auto count = content_of_file(records, writes);
    if (!count) return reader_.finish(false);
    const std::int64_t first = signed_of(start->content);
    constexpr std::int64_t kAppend = -1;  // 14.2.1: after the end
    if (first < kAppend || first > INT32_MAX) tags_.fail(Fault::bad_value);
    if (first >= 0) {
      operation->set(records ? kRecord : kPosition,
                     Range{first, first + (*count == 0 ? 0 : *count - 1)});
    }
    return reader_.finish(tags_.closes(number));
  }

  // How many bytes or records are read, or are there to be written.
  std::optional<std::uint32_t> content_of_file(bool records, bool writes) {
    if (writes && !records) return leave_octets();
    const auto count = reader_.number(tags_.application(kUnsigned));
    for (std::uint32_t i = 0; writes && count && i < *count; ++i) {
      if (!leave_octets()) return std::nullopt;
    }
    return count;
  }

  std::optional<std::uint32_t> leave_octets() {
    const auto tag = tags_.application(kOctetString);
    if (!tag) return std::nullopt;
    reader_.leave(*tag, "content of a file");
    return static_cast<std::uint32_t>(tag->content.size());
  }

  // 15.1 and 15.2.
  Fault change_list() {
    const auto object = reader_.object(0);
    const auto reference = object ? reader_.property(1, 2) : std::nullopt;
    if (!reference) return reader_.finish(false);
    Operation* operation = reader_.add();
    if (operation == nullptr) return reader_.finish(false);
    ServiceReader::set(*operation, *object, *reference);
    return reader_.finish(reader_.leave_block(3, "elements of a list"));
  }

  // 15.3: a type, or an object's identifier, and what its properties are to be.
  Fault create_object() {
    if (!tags_.opens(0)) return reader_.finish(false);
    constexpr std::uint32_t kTypeMax = 1023;
    std::optional<std::uint32_t> instance;
    auto type = reader_.number(0, kTypeMax);
    if (!type) {
      const auto object = reader_.object(1);
      if (object) type = object->type;
      if (object) instance = object->instance;
    }
    if (!type || !tags_.closes(0)) return reader_.finish(false);
    const std::uint16_t function = function_on_object(service_, *type);
    const auto add_created = [&] {
      Operation* operation = add(function);
      if (operation == nullptr) return operation;
      operation->set(kObjectType, *type);
      if (instance) operation->set(kInstance, *instance);
      return operation;
    };
    bool good = add_created() != nullptr;
    if (good && tags_.opens(1)) {
      while (good && tags_.ok() && !tags_.closes(1)) {
        const auto reference = reader_.property(0, 1);
        Operation* operation = reference ? add_created() : nullptr;
        good = operation != nullptr && reader_.set_value(*operation, 2);
        if (!good) break;
        ServiceReader::set(*operation, *reference);
        good = reader_.set_priority(*operation, 3, 0);
      }
    }
    return reader_.finish(good);
  }

  // 15.4.
  Fault delete_object() {
    const auto object = reader_.object(tags_.application(kObjectIdentifier));
    if (!object) return reader_.finish(false);
    Operation* operation = add(function_on_object(service_, object->type));
    if (operation == nullptr) return reader_.finish(false);
    ServiceReader::set(*operation, *object);
    return reader_.finish(true);
  }

  // 15.5.
  Fault read_property() {
    const auto object = reader_.object(0);
    const auto reference = object ? reader_.property(1, 2) : std::nullopt;
    Operation* operation = reference ? reader_.add() : nullptr;
    if (operation == nullptr) return reader_.finish(false);
    ServiceReader::set(*operation, *object, *reference);
    return reader_.finish(true);
  }

  // 15.8: all of a list, or a part of it by position, sequence number or time.
  Fault read_range() {
    const auto object = reader_.object(0);
    const auto reference = object ? reader_.property(1, 2) : std::nullopt;
    Operation* operation = reference ? reader_.add() : nullptr;
    if (operation == nullptr) return reader_.finish(false);
    ServiceReader::set(*operation, *object, *reference);
    constexpr std::string_view kPart = "15.8: which part of a list is read";
    if (!reader_.leave_block(3, kPart) && !reader_.leave_block(6, kPart)) {
      reader_.leave_block(7, kPart);
    }
    return reader_.finish(true);
  }

  // 15.9.
  Fault write_property() {
    const auto object = reader_.object(0);
    const auto reference = object ? reader_.property(1, 2) : std::nullopt;
    if (!reference) return reader_.finish(false);
    return reader_.finish(write(*object, *reference, 3));
  }

  bool write(const Object& object, const PropertyReference& reference, std::uint8_t value_tag) {
    constexpr std::uint32_t kWithoutPriority = 16;  // 15.9.1.1.5
    Operation* operation = add(function_on_property(service_, object.type, reference.property));
    if (operation == nullptr) return false;
    ServiceReader::set(*operation, object, reference);
    return reader_.set_value(*operation, value_tag) &&
           reader_.set_priority(*operation, static_cast<std::uint8_t>(value_tag + 1),
                                kWithoutPriority);
  }

  // 15.7 and 15.10: of each object a list of properties; what is written has a value and a
  // priority.
  Fault several() {
    const bool writes = service_ == kWritePropertyMultiple;
    bool good = !tags_.at_end();
    while (good && tags_.ok() && !tags_.at_end()) {
      const auto object = reader_.object(0);
      good = object && tags_.opens(1);
      bool any = false;
      while (good && tags_.ok() && !tags_.closes(1)) {
        const auto reference = reader_.property(0, 1);
        good = reference && (writes ? write(*object, *reference, 2) : read(*object, *reference));
        any = true;
      }
      good = good && any;
    }
    return reader_.finish(good);
  }

  bool read(const Object& object, const PropertyReference& reference) {
    Operation* operation = reader_.add();
    if (operation != nullptr) ServiceReader::set(*operation, object, reference);
    return operation != nullptr;
  }

  bool leave_password(Operation& operation, std::uint8_t number) {
    const auto password = tags_.context(number);
    operation.set(kPassword, password ? 1 : 0);
    if (!password) return tags_.ok();
    if (password->content.empty() || password->content[0] > 5) return false;
    reader_.leave(*password, "a password");
    return true;
  }

  // 16.1: for how long, what is stopped, and a password.
  Fault communication_control() {
    constexpr std::uint32_t kDisableInitiation = 2;
    Operation* operation = reader_.add();
    bool good = operation != nullptr && reader_.set_number(*operation, kDuration, 0);
    const auto state = good ? reader_.number(1, kDisableInitiation) : std::nullopt;
    if (!state) return reader_.finish(false);
    operation->set_real(kValue, *state);
    good = leave_password(*operation, 2);
    return reader_.finish(good);
  }

  // 16.4.
  Fault reinitialize() {
    constexpr std::uint32_t kActivateChanges = 7;
    Operation* operation = reader_.add();
    const auto state = operation ? reader_.number(0, kActivateChanges) : std::nullopt;
    if (!state) return reader_.finish(false);
    operation->set_real(kValue, *state);
    const bool good = leave_password(*operation, 1);
    return reader_.finish(good);
  }

  // 13.13: who asks, what is done, and to which object, if not to all.
  Fault life_safety() {
    Operation* operation = reader_.add();
    const bool good = operation != nullptr && reader_.leave_number(0, kProcess) &&
                      reader_.leave(1, "13.13: who asks");
    const auto what = good ? reader_.number(2) : std::nullopt;
    if (!what) return reader_.finish(false);
    operation->set_real(kValue, *what);
    const auto tag = tags_.context(3);
    const auto object = reader_.object(tag);
    if (object) ServiceReader::set(*operation, *object);
    return reader_.finish(!tag || object);
  }

  // 13.19.
  Fault audit_log_query() {
    const auto object = reader_.object(0);
    Operation* operation = object ? reader_.add() : nullptr;
    if (operation == nullptr) return reader_.finish(false);
    ServiceReader::set(*operation, *object);
    reader_.leave_rest("13.19: which records are asked for");
    return reader_.finish(true);
  }

  std::uint8_t service_;
  ServiceReader reader_;
  TagReader& tags_;
};

}  // namespace

Fault decode_confirmed(const Message& message, OperationList& operations) {
  if (find_function(message.service) == kNotInCatalogue) return Fault::unknown_function;
  return ConfirmedDecoder(message, operations).decode();
}

}  // namespace bulkhead::bacnet
