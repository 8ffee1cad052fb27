// What the decoders of services share: tagged values that go into the fields of operations. Each
// function returns false, or nothing, if what must be there is not; finish() then says why.
#pragma once

#include <optional>
#include <string_view>

#include "dataplane/protocols/bacnet/layout.h"
#include "dataplane/protocols/bacnet/tags.h"

namespace bulkhead::bacnet {

struct PropertyReference {
  std::uint32_t property = 0;
  std::optional<std::uint32_t> index;
};

class ServiceReader {
 public:
  ServiceReader(const Message& message, std::uint16_t function,
                protocols::OperationList& operations)
      : message_(message),
        function_(function),
        operations_(operations),
        tags_(message.data, Numbers::shortest) {}

  TagReader& tags() { return tags_; }
  const Message& message() const { return message_; }

  // An operation of the service's function, or of another.
  protocols::Operation* add() { return add(function_); }
  protocols::Operation* add(std::uint16_t function) {
    return add_operation(message_, function, operations_, fault_);
  }
  // Room for a name that stands nowhere in one piece.
  std::span<std::uint8_t> compose(std::size_t bytes) { return operations_.compose(bytes); }
  // `good`: all that must be there was. Nothing may follow.
  protocols::Fault finish(bool good) const;

  std::optional<Object> object(std::optional<Tag> tag) const;
  std::optional<Object> object(std::uint8_t number) { return object(tags_.context(number)); }
  std::optional<std::uint32_t> number(std::optional<Tag> tag,
                                      std::uint64_t most = UINT32_MAX) const;
  std::optional<std::uint32_t> number(std::uint8_t context, std::uint64_t most = UINT32_MAX) {
    return number(tags_.context(context), most);
  }
  std::optional<PropertyReference> property(std::uint8_t property_tag, std::uint8_t index_tag);

  static void set(protocols::Operation& operation, const Object& object) {
    operation.set(kObjectType, object.type);
    operation.set(kInstance, object.instance);
  }
  static void set(protocols::Operation& operation, const PropertyReference& reference);
  static void set(protocols::Operation& operation, const Object& object,
                  const PropertyReference& reference) {
    set(operation, object);
    set(operation, reference);
  }
  // An object that must be a device.
  bool set_device(protocols::Operation& operation, const std::optional<Object>& device);
  // A value in brackets: one that is a single number is judged.
  bool set_value(protocols::Operation& operation, std::uint8_t number);
  void set_value(protocols::Operation& operation, const Tag& tag);
  // `absent` where there is none; nothing is set if that is 0.
  bool set_priority(protocols::Operation& operation, std::uint8_t number, std::uint32_t absent);
  // An optional number.
  bool set_number(protocols::Operation& operation, Field field, std::uint8_t context);
  // An optional truth, which policy does not judge.
  bool leave_truth(std::uint8_t context, std::string_view reason);
  // A context tag that policy does not judge; false if it is not there.
  bool leave(std::uint8_t context, std::string_view reason);
  // The same of a number of up to 32 bits.
  bool leave_number(std::uint8_t context, std::string_view reason);
  // The same in brackets.
  bool leave_block(std::uint8_t context, std::string_view reason);
  // What it holds, as long as it may be.
  void leave(const Tag& tag, std::string_view reason) const {
    operations_.leave_free(tag.octets, reason);
  }
  // All that follows, which still ends where it says.
  void leave_rest(std::string_view reason);
  // The same in brackets, whatever it is: the message ends with their closing tag.
  bool leave_untagged(std::uint8_t context, std::string_view reason);

 private:
  const Message& message_;
  std::uint16_t function_;
  protocols::OperationList& operations_;
  TagReader tags_;
  protocols::Fault fault_ = protocols::Fault::none;
};

// The function of a service that changes a property or an object, by what is changed.
std::uint16_t function_on_property(std::uint8_t service, std::uint32_t object_type,
                                   std::uint32_t property);
std::uint16_t function_on_object(std::uint8_t service, std::uint32_t object_type);

// Services that are confirmed or not (13.5 to 13.9, 13.16 to 13.19, 16.2, 16.3 and 16.5).
protocols::Fault decode_cov(ServiceReader& reader);
protocols::Fault decode_cov_multiple(ServiceReader& reader);
protocols::Fault decode_event(ServiceReader& reader);
protocols::Fault decode_private_transfer(ServiceReader& reader);
protocols::Fault decode_text_message(ServiceReader& reader);

}  // namespace bulkhead::bacnet
