// Tagged values into fields, and which function a write is by the property that it writes.
#include "dataplane/protocols/bacnet/service.h"

#include <algorithm>

namespace bulkhead::bacnet {

using protocols::Fault;
using protocols::Operation;

Fault ServiceReader::finish(bool good) const {
  if (fault_ != Fault::none) return fault_;
  if (!tags_.ok()) return tags_.fault();
  if (!good) return Fault::truncated;
  return tags_.at_end() ? Fault::none : Fault::trailing_bytes;
}

std::optional<Object> ServiceReader::object(std::optional<Tag> tag) const {
  if (!tag) return std::nullopt;
  return object_of(tag->content);
}

std::optional<std::uint32_t> ServiceReader::number(std::optional<Tag> tag,
                                                   std::uint64_t most) const {
  if (!tag) return std::nullopt;
  return shortest_unsigned(tag->content, most);
}

std::optional<PropertyReference> ServiceReader::property(std::uint8_t property_tag,
                                                         std::uint8_t index_tag) {
  const auto property = number(property_tag, (1U << 22) - 1);
  if (!property) return std::nullopt;
  PropertyReference reference{*property, std::nullopt};
  if (const auto index = tags_.context(index_tag)) {
    constexpr std::uint32_t kWholeArray = UINT32_MAX;  // to receivers that note "no index" so
    reference.index = number(index);
    if (reference.index == kWholeArray) tags_.fail(Fault::bad_value);
    if (!reference.index) return std::nullopt;
  }
  return reference;
}

void ServiceReader::set(Operation& operation, const PropertyReference& reference) {
  operation.set(kProperty, reference.property);
  if (reference.index) operation.set(kIndex, *reference.index);
}

bool ServiceReader::set_device(Operation& operation, const std::optional<Object>& device) {
  constexpr std::uint32_t kDeviceType = 8;
  if (device && device->type != kDeviceType) tags_.fail(Fault::bad_value);
  if (!device || !tags_.ok()) return false;
  operation.set(kDevice, device->instance);
  return true;
}

void ServiceReader::set_value(Operation& operation, const Tag& tag) {
  operation.set(kDatatype, tag.number);
  const auto value = number_of(tag);
  if (value) operation.set_real(kValue, *value);
  if (!operation.has(kValue)) {
    constexpr std::string_view kNoNumber = "a value that is not a number";
    operations_.leave_free(tag.octets.first(1), kNoNumber, 0x07);  // its length; the type is judged
    operations_.leave_free(tag.octets.subspan(1), kNoNumber);
  } else if (*value == 0 && (tag.number == kReal || tag.number == kDouble)) {
    operations_.leave_free(tag.content.first(1), "IEEE 754: the sign of zero", 0x80);
  }
}

bool ServiceReader::set_value(Operation& operation, std::uint8_t number) {
  if (!tags_.opens(number)) return false;
  TagReader ahead = tags_;
  const Tag first = ahead.next();
  const bool primitive = ahead.ok() && !first.context && !first.opening && !first.closing;
  if (primitive && ahead.closes(number)) {
    tags_ = ahead;
    set_value(operation, first);
    return true;
  }
  const std::size_t begin = tags_.offset();
  tags_.skip_to_close(number);
  if (!tags_.ok()) return false;
  const ByteView content = tags_.since(begin);
  operations_.leave_free(content.first(content.size() - 1), "a value that is not one number");
  return true;
}

bool ServiceReader::set_priority(Operation& operation, std::uint8_t number, std::uint32_t absent) {
  constexpr std::uint32_t kLowest = 16;  // 19.2
  const auto tag = tags_.context(number);
  if (!tag && absent == 0) return tags_.ok();
  const auto value = tag ? this->number(tag, kLowest) : std::optional<std::uint32_t>(absent);
  if (!value || *value < 1) return false;
  operation.set(kPriority, *value);
  return tags_.ok();
}

bool ServiceReader::set_number(Operation& operation, Field field, std::uint8_t context) {
  const auto tag = tags_.context(context);
  if (!tag) return tags_.ok();
  const auto value = number(tag);
  if (value) operation.set(field, *value);
  return value.has_value();
}

bool ServiceReader::leave_truth(std::uint8_t context, std::string_view reason) {
  const auto tag = tags_.context(context);
  if (!tag) return tags_.ok();
  leave(*tag, reason);
  return tag->content.size() == 1 && tag->content[0] <= 1;  // 20.2.3
}

bool ServiceReader::leave(std::uint8_t context, std::string_view reason) {
  const auto tag = tags_.context(context);
  if (tag) leave(*tag, reason);
  return tag.has_value();
}

bool ServiceReader::leave_number(std::uint8_t context, std::string_view reason) {
  const auto tag = tags_.context(context);
  if (tag) leave(*tag, reason);
  return number(tag).has_value();
}

bool ServiceReader::leave_block(std::uint8_t context, std::string_view reason) {
  const std::size_t begin = tags_.offset();
  if (!tags_.opens(context)) return false;
  tags_.skip_to_close(context);
  if (!tags_.ok()) return false;
  operations_.leave_free(tags_.since(begin), reason);
  return true;
}

void ServiceReader::leave_rest(std::string_view reason) {
  const std::size_t begin = tags_.offset();
  tags_.skip_to_end();
  if (tags_.ok()) operations_.leave_free(tags_.since(begin), reason);
}

bool ServiceReader::leave_untagged(std::uint8_t context, std::string_view reason) {
  const std::size_t begin = tags_.offset();
  if (tags_.at_end()) return tags_.ok();
  if (!tags_.opens(context)) return false;
  const ByteView content = tags_.take_rest();
  const auto closing = static_cast<std::uint8_t>(context << 4 | 0x0f);
  if (content.empty() || content.back() != closing) return false;
  operations_.leave_free(tags_.since(begin), reason);
  return true;
}

namespace {

// Clause 12: objects that are the device, its communication and what it tells or records of itself.
bool is_setting_object(std::uint32_t type) {
  constexpr std::uint32_t kProprietaryTypes = 128;
  constexpr std::array<std::uint8_t, 18> kTypes = {
      8,   // device
      9,   // event enrollment
      15,  // notification class
      20,  // trend log
      25,  // event log
      27,  // trend log multiple
      29,  // structured view
      32,  // access credential
      34,  // access rights
      35,  // access user
      36,  // access zone
      37,  // credential data input
      38,  // network security
      51,  // notification forwarder
      52,  // alert enrollment
      56,  // network port
      61,  // audit log
      62,  // audit reporter
  };
  return type >= kProprietaryTypes || std::find(kTypes.begin(), kTypes.end(), type) != kTypes.end();
}

bool is_program_object(std::uint32_t type) {
  constexpr std::uint32_t kFile = 10;
  constexpr std::uint32_t kProgram = 16;
  return type == kFile || type == kProgram;
}

// Clause 12: properties that operators and other programs set while the process runs.
bool is_process_value(std::uint32_t property) {
  constexpr std::array<std::uint16_t, 16> kProperties = {
      85,   // Present_Value
      104,  // Relinquish_Default
      108,  // Setpoint
      45,   // High_Limit
      59,   // Low_Limit
      25,   // Deadband
      6,    // Alarm_Value
      7,    // Alarm_Values
      123,  // Weekly_Schedule
      38,   // Exception_Schedule
      32,   // Effective_Period
      174,  // Schedule_Default
      23,   // Date_List
      218,  // Requested_Shed_Level
      219,  // Shed_Duration
      380,  // Lighting_Command
  };
  return std::find(kProperties.begin(), kProperties.end(), property) != kProperties.end();
}

// What separates an object from its process, or stands in for it.
bool is_override(std::uint32_t property) {
  constexpr std::uint32_t kOutOfService = 81;
  constexpr std::uint32_t kReliability = 103;
  constexpr std::uint32_t kMode = 160;  // of a life safety object
  return property == kOutOfService || property == kReliability || property == kMode;
}

}  // namespace

std::uint16_t function_on_object(std::uint8_t service, std::uint32_t object_type) {
  return find_function(service,
                       is_program_object(object_type) ? kOnProgram : protocols::kNoSubCode);
}

std::uint16_t function_on_property(std::uint8_t service, std::uint32_t object_type,
                                   std::uint32_t property) {
  if (is_program_object(object_type)) return find_function(service, kOnProgram);
  if (is_setting_object(object_type)) return find_function(service, kOnSetting);
  if (is_override(property)) return find_function(service, kOnOverride);
  return find_function(service, is_process_value(property) ? protocols::kNoSubCode : kOnSetting);
}

}  // namespace bulkhead::bacnet
