// Values one by one, and the service parameters of a control (IEC 61850-7-2, 20; 8-1, 20.2).
#include "dataplane/protocols/mms/value.h"

#include <array>

#include "dataplane/protocols/mms_data.h"
#include "dataplane/protocols/unread.h"

namespace bulkhead::mms {

using protocols::Fault;
using protocols::Operation;

namespace {

constexpr ber::Tag kStructure = ber::context(2);
constexpr ber::Tag kBoolean = ber::context(3);
constexpr ber::Tag kBitString = ber::context(4);
constexpr ber::Tag kInteger = ber::context(5);
constexpr ber::Tag kUnsigned = ber::context(6);
constexpr ber::Tag kFloat = ber::context(7);
constexpr ber::Tag kOctetString = ber::context(9);
constexpr ber::Tag kBinaryTime = ber::context(12);
constexpr ber::Tag kUtcTime = ber::context(17);

std::optional<std::int64_t> number_in(ByteView whole) {
  ber::Reader reader(whole);
  ber::Element value;
  if (!reader.next(value) || !reader.at_end() || value.constructed) return std::nullopt;
  for (const ber::Member& type : protocols::kMmsData.members) {
    if (!value.is(type.tag) || ber::check(value, type) != Fault::none) continue;
    const auto number = protocols::number_of(value);
    return number ? float64_order(*number) : std::nullopt;
  }
  return std::nullopt;
}

// A value that is no number is in no field: a rule that limits values does not grant it.
void set_value(const ber::Element& value, Decoding& decoding, Operation& operation) {
  const auto number = protocols::number_of(value);
  if (number) operation.set_real(kValue, *number);
  if (value.is(kFloat)) {
    protocols::leave_sign_of_zero(value.content.subspan(1, 1), operation, kValue,
                                  decoding.operations());
  }
  if (operation.has(kValue)) return;
  protocols::leave_no_number(value.whole, "a value that is no number", decoding.operations(),
                             number_in);
}

// What a control brings besides its value.
struct Parameters {
  ber::Element value;  // ctlVal
  std::optional<ByteView> operate_time;
  std::int64_t originator = 0;  // orCat
  bool test = false;
  std::optional<std::int64_t> check;  // synchrocheck 2, interlock check 1; of Cancel nothing
  // What nobody need judge.
  ByteView identity;  // orIdent
  ByteView number;    // ctlNum
  ByteView sent;      // T
};

void leave_free(const Parameters& parameters, const Decoding& decoding) {
  decoding.leave_free(parameters.identity, "who commands, as the sender calls itself");
  decoding.leave_free(parameters.number, "the number of the command");
  decoding.leave_free(parameters.sent, "when the command was sent");
  if (!parameters.operate_time) return;
  decoding.leave_free(parameters.operate_time->subspan(4),
                      "fraction of a second and quality of its clock");
}

std::int64_t integer_of(const ber::Element& value) {
  return static_cast<std::int64_t>(protocols::number_of(value).value_or(0));
}

// orCat, orIdent.
bool read_origin(ByteView content, Parameters& parameters) {
  ber::Reader reader(content);
  ber::Element category;
  ber::Element identity;
  if (!reader.next_if(kInteger, category) || !reader.next_if(kOctetString, identity)) return false;
  parameters.originator = integer_of(category);
  parameters.identity = identity.content;
  return reader.at_end() && parameters.originator >= 0 && parameters.originator < 0x100;
}

// ctlVal, [operTm], origin, ctlNum, T, Test, [Check].
bool read_parameters(ByteView content, Parameters& parameters) {
  ber::Reader reader(content);
  ber::Element part;
  if (!reader.next(parameters.value)) return false;
  if (reader.next_if(kUtcTime, part)) parameters.operate_time = part.content;
  if (!reader.next_if(kStructure, part) || !read_origin(part.content, parameters)) return false;
  if (!reader.next_if(kUnsigned, part)) return false;
  parameters.number = part.content;
  if (!reader.next_if(kUtcTime, part) && !reader.next_if(kBinaryTime, part)) return false;
  parameters.sent = part.content;
  if (!reader.next_if(kBoolean, part)) return false;
  parameters.test = part.content[0] != 0;
  if (reader.at_end()) return true;
  if (!reader.next_if(kBitString, part) || part.content.size() != 2 || part.content[0] != 6) {
    return false;
  }
  parameters.check = integer_of(part);
  return reader.at_end();
}

bool is_command(const Target& target, const ber::Element& value) {
  return target.variable != nullptr && target.variable->path.control_ends && value.is(kStructure);
}

class Values {
 public:
  Values(const Target& target, Decoding& decoding) : target_(target), decoding_(decoding) {}

  void add(const ber::Element& value) {
    if (!value.constructed) return leaf(value);
    std::size_t number = 0;
    ber::Reader reader(value.content);
    const std::size_t outer = path_bytes_;
    for (ber::Element part; reader.next(part);) {
      if (!enter(outer, ++number)) return decoding_.fail(Fault::too_deep);
      add(part);
      if (decoding_.fault() != Fault::none) return;
    }
    path_bytes_ = outer;
    if (number == 0) operation();  // what is empty is written too
  }

  // False if the parameters are not those of a control: then each is a value like another.
  bool add_command(const ber::Element& value) {
    Parameters parameters;
    if (!read_parameters(value.content, parameters)) return false;
    if (!parameters.value.constructed) {
      leave_free(parameters, decoding_);
      command(parameters.value, parameters);
      return true;
    }
    // AnalogueValue (IEC 61850-7-3, 6.3.2): as an integer, as a floating-point number, or both.
    ber::Reader reader(parameters.value.content);
    for (ber::Element part; reader.next(part);) {
      if (part.constructed) return false;
    }
    leave_free(parameters, decoding_);
    std::size_t number = 0;
    ber::Reader again(parameters.value.content);
    for (ber::Element part; again.next(part);) {
      if (!enter(0, ++number)) return false;
      command(part, parameters);
    }
    return number > 0;
  }

  Operation* operation() {
    Operation* operation = decoding_.add(target_.function);
    if (operation == nullptr) return nullptr;
    if (target_.variable != nullptr) {
      set_variable(*target_.variable, *operation);
    } else {
      set_list(*target_.list, *operation);
    }
    if (path_bytes_ == 0) return operation;
    operation->set_name(kComponent, decoding_.keep(ByteView(path_).first(path_bytes_)));
    return operation;
  }

 private:
  void leaf(const ber::Element& value) {
    if (Operation* written = operation()) set_value(value, decoding_, *written);
  }

  void command(const ber::Element& value, const Parameters& parameters) {
    Operation* written = operation();
    if (written == nullptr) return;
    set_value(value, decoding_, *written);
    written->set(kOriginator, parameters.originator);
    written->set(kTest, parameters.test ? 1 : 0);
    if (parameters.check) written->set(kCheck, *parameters.check);
    if (parameters.operate_time) {
      written->set(kOperateTime, std::int64_t{load_be32(parameters.operate_time->data())});
    }
  }

  // The path of a component: its number, behind those of what it stands in.
  bool enter(std::size_t outer, std::size_t number) {
    std::array<char, 8> digits{};
    std::size_t count = 0;
    do {
      digits[count++] = static_cast<char>('0' + number % 10);
    } while ((number /= 10) != 0 && count < digits.size());
    path_bytes_ = outer;
    if (path_.size() - outer < count + 1) return false;
    if (outer > 0) path_[path_bytes_++] = '.';
    while (count > 0) path_[path_bytes_++] = static_cast<std::uint8_t>(digits[--count]);
    return true;
  }

  const Target& target_;
  Decoding& decoding_;
  std::array<std::uint8_t, 128> path_{};
  std::size_t path_bytes_ = 0;
};

}  // namespace

void add_written(const Target& target, const ber::Element& value, Decoding& decoding) {
  Values values(target, decoding);
  if (is_command(target, value) && values.add_command(value)) return;
  values.add(value);
}

}  // namespace bulkhead::mms
