// Object headers and the objects behind them: every header of a fragment is walked to its end, and
// each function takes the objects that the standard has for it (annex A).
#include "dataplane/protocols/dnp3/objects.h"

#include <algorithm>

namespace bulkhead::dnp3 {

using protocols::Fault;
using protocols::Operation;
using protocols::OperationList;

namespace {

constexpr std::size_t kHeaderBytes = 4;  // of one that counts in an octet

class Walker {
 public:
  Walker(const Fragment& fragment, const Application& application, OperationList& operations)
      : fragment_(fragment),
        application_(application),
        operations_(operations),
        function_(find_function(application.code)),
        reader_(application.objects) {}

  Fault walk() {
    while (reader_.remaining() > 0) {
      Header header;
      Fault fault = read_header(reader_, header);
      if (fault == Fault::none) fault = take(header);
      if (fault != Fault::none) return fault;
    }
    if (!reader_.ok()) return Fault::truncated;
    // 7.5.1.4: what begins with an aggressive mode request ends with its authentication code.
    if (begun_ != ended_) return Fault::bad_value;
    return ended_ ? Fault::none : end_objects();
  }

 private:
  Fault take(const Header& header) {
    if (ended_) return Fault::trailing_bytes;
    if (reader_.offset() == kHeaderBytes && header.is(kAuthenticationObjects, kAggressiveRequest)) {
      begun_ = true;
      return check_single(header, "a sequence number and a user's number");
    }
    if (begun_ && header.is(kAuthenticationObjects, kAuthenticationCode)) return end(header);
    if (application_.is_response()) return parse_answer(header);
    // A file's request is of one object, which accept() finds.
    if (of_file_ || (header.group == kFileObjects && operations_.size() > 0)) {
      return Fault::bad_quantity;
    }
    of_file_ = header.group == kFileObjects;
    return parse_request(header);
  }

  // Every message asks for its function, also where it needs no objects for that.
  Fault end_objects() {
    if (operations_.size() > 0) return Fault::none;
    if (needs_objects()) return Fault::bad_quantity;
    return add(function_) != nullptr ? Fault::none : fault_;
  }

  // The objects of an aggressive mode request stand beside what they authenticate.
  Fault end(const Header& code) {
    ended_ = true;
    if (const Fault fault = end_objects(); fault != Fault::none) return fault;
    const std::uint16_t function =
        application_.is_response() ? function_ : find_function(kAuthenticateRequest);
    Header request = code;
    request.variation = kAggressiveRequest;
    const Fault fault = add_one(function, request);
    return fault != Fault::none ? fault : parse_free_formats(code, function);
  }

  // Requests that mean nothing, or something else, without an object.
  bool needs_objects() const {
    switch (application_.code) {
      case kWrite:
      case kAssignClass:
      case kEnableUnsolicited:
      case kDisableUnsolicited:
      case kActivateConfiguration:
      case kAuthenticateRequest:
      case kAuthenticateRequestNoAck:
        return true;
      default:
        return is_control() || is_freeze() || is_of_files();
    }
  }
  bool is_control() const {
    return application_.code >= kSelect && application_.code <= kDirectOperateNoResponse;
  }
  bool is_freeze() const {
    return application_.code >= kImmediateFreeze && application_.code <= kFreezeAtTimeNoResponse;
  }
  bool freezes_at_time() const {
    return application_.code == kFreezeAtTime || application_.code == kFreezeAtTimeNoResponse;
  }
  bool is_of_files() const {
    return application_.code >= kOpenFile && application_.code <= kAbortFile;
  }

  void leave_free(ByteView part, std::string_view reason, std::uint8_t mask = 0xff) const {
    dnp3::leave_free(operations_, fragment_, part, reason, mask);
  }

  Operation* add(std::uint16_t function) {
    Operation* operation = operations_.add(function);
    if (operation == nullptr) {
      fault_ = Fault::too_many_operations;
      return nullptr;
    }
    const LinkHeader& link = fragment_.link;
    operation->set(kSource, link.source);
    operation->set(kDestination, link.destination);
    if (link.destination >= kBroadcastFirst) operation->set(kBroadcast, link.destination);
    if (!application_.is_response()) return operation;
    operation->set(kIin, application_.iin);
    operation->set(kFragment, application_.control >> 6);
    operation->set(kCon, application_.confirm() ? 1 : 0);
    if (fragment_.opens) operation->set(kOutstationOpens, 1);
    return operation;
  }

  Operation* add(std::uint16_t function, const Header& header) {
    Operation* operation = add(function);
    if (operation == nullptr) return nullptr;
    operation->set(kGroup, header.group);
    operation->set(kVariation, header.variation);
    if (header.form == Form::range) {
      operation->set(kIndex, Range{header.first, std::int64_t{header.first} + header.count - 1});
    }
    if (header.form == Form::count && !is_single(header)) operation->set(kQuantity, header.count);
    if (assigned_ != 0) operation->set_real(kValue, assigned_ - 1);
    return operation;
  }

  Fault add_one(std::uint16_t function, const Header& header) {
    return add(function, header) != nullptr ? Fault::none : fault_;
  }

  Fault parse_request(const Header& header) {
    if (is_control()) return parse_control(header);
    if (is_freeze()) return parse_freeze(header);
    if (is_of_files()) return parse_file_request(header);
    switch (application_.code) {
      case kRead:
        return parse_read(header);
      case kWrite:
        return parse_write(header);
      case kEnableUnsolicited:
      case kDisableUnsolicited:
        return is_event_class(header) ? add_one(function_, header) : Fault::bad_value;
      case kAssignClass:
        return parse_assignment(header);
      case kInitializeApplication:
      case kStartApplication:
      case kStopApplication:
        return header.group == kApplicationObjects ? parse_free_formats(header, function_)
                                                   : Fault::unknown_object;
      case kActivateConfiguration:
        return header.is(kFileObjects, 8) ? parse_free_formats(header, function_)
                                          : Fault::unknown_object;
      case kAuthenticateRequest:
      case kAuthenticateRequestNoAck:
        return parse_authentication(header);
      default:
        return Fault::trailing_bytes;  // no objects belong to it
    }
  }

  static bool is_event_class(const Header& header) {
    return header.group == kClassObjects && header.variation >= 2 && header.variation <= 4 &&
           header.form == Form::all;
  }

  // Points are only named: each index of a list is a point.
  Fault parse_points(const Header& header) {
    return header.form == Form::indexed ? parse_list(header, function_, 0)
                                        : add_one(function_, header);
  }

  // Objects with an index in front of each, `bytes` long. Points that follow one another make one
  // operation.
  Fault parse_list(const Header& header, std::uint16_t function, std::size_t bytes) {
    Operation* latest = nullptr;
    for (std::uint32_t i = 0; i < header.count; ++i) {
      std::int64_t index = 0;
      if (const Fault fault = read_index(header, i, index); fault != Fault::none) return fault;
      leave_free(reader_.take(bytes), "what a point reports or is given");
      if (!reader_.ok()) return Fault::truncated;
      if (latest != nullptr && latest->fields[kIndex].range.high + 1 == index) {
        latest->fields[kIndex].range.high = index;
        continue;
      }
      latest = add(function, header);
      if (latest == nullptr) return fault_;
      latest->set(kIndex, index);
    }
    return Fault::none;
  }

  Fault read_index(const Header& header, std::uint32_t i, std::int64_t& index) {
    index = std::int64_t{header.first} + i;
    if (header.form != Form::indexed) return Fault::none;
    index = read_number(reader_, header.prefix_bytes);
    if (!reader_.ok()) return Fault::truncated;
    // Four octets only where two do not hold it: see read_header().
    return header.prefix_bytes == 4 && index <= 0xffff ? Fault::bad_value : Fault::none;
  }

  Fault parse_read(const Header& header) {
    if (header.is(kFileObjects, 5)) {
      return parse_free_formats(header, find_function(kRead, kOfFiles));
    }
    if (header.form == Form::sized) return Fault::bad_value;
    if (!is_readable(header.group, header.variation)) return Fault::unknown_object;
    const bool by_class = header.group == kClassObjects;
    if (by_class && header.form != Form::all && header.form != Form::count) return Fault::bad_value;
    return parse_points(header);
  }

  Fault parse_freeze(const Header& header) {
    if (freezes_at_time() && header.is(50, 2)) return parse_times(header, function_);
    if (header.form == Form::sized || header.form == Form::count) return Fault::bad_value;
    const bool freezes = header.group == 20 || header.group == 30;
    if (!freezes || !is_readable(header.group, header.variation)) return Fault::unknown_object;
    return parse_points(header);
  }

  // A.24: a class, and then what is assigned to it.
  Fault parse_assignment(const Header& header) {
    if (header.group == kClassObjects) {
      if (header.form != Form::all || header.variation < 1 || header.variation > 4) {
        return Fault::bad_value;
      }
      assigned_ = header.variation;
    } else if (assigned_ == 0 || !is_readable(header.group, header.variation)) {
      return Fault::unknown_object;
    }
    if (header.form == Form::sized || header.form == Form::count) return Fault::bad_value;
    return parse_points(header);
  }

  Fault parse_control(const Header& header) {
    const bool relay = header.is(12, 1);
    const bool analog = header.group == 41 && header.variation >= 1 && header.variation <= 4;
    return relay || analog ? parse_settings(header, function_) : Fault::unknown_object;
  }

  Fault parse_write(const Header& header) {
    const auto function = [](SubCode kind) { return find_function(kWrite, kind); };
    switch (header.group) {
      case 0:
        return parse_attributes(header, function(kOfAttributes));
      case 10:
      case 80:
        return header.variation == 1 ? parse_bits(header) : Fault::unknown_object;
      case 34:
        return parse_settings(header, function(kOfDeadbands));
      case 50:
        return header.variation == 2 ? Fault::unknown_object
                                     : parse_times(header, function(kOfTimes));
      case kFileObjects:
        return header.variation == 5 ? parse_free_formats(header, function(kOfFiles))
                                     : Fault::unknown_object;
      case 102:
        return parse_settings(header, function_);
      case 110:
        return parse_objects(header, function_);
      case 112:
        return parse_objects(header, function(kOfTerminals));
      default:
        return Fault::unknown_object;
    }
  }

  // Each object gets an operation of its own, for it says what a point is set to.
  Fault parse_settings(const Header& header, std::uint16_t function) {
    const ObjectSize size = size_of_object(header.group, header.variation);
    if (size.kind != ObjectSize::bits) return Fault::unknown_object;
    if (header.form != Form::range && header.form != Form::indexed) return Fault::bad_value;
    for (std::uint32_t i = 0; i < header.count; ++i) {
      std::int64_t index = 0;
      Fault fault = read_index(header, i, index);
      if (fault != Fault::none) return fault;
      const ByteView object = reader_.take(size.size_bits / 8U);
      if (!reader_.ok()) return Fault::truncated;
      Operation* operation = add(function, header);
      if (operation == nullptr) return fault_;
      operation->set(kIndex, index);
      fault = set_value(header, object, *operation);
      if (fault != Fault::none) return fault;
    }
    return Fault::none;
  }

  // A.4.1 and A.33.1: a bit a point, and none after the last.
  Fault parse_bits(const Header& header) {
    if (header.form != Form::range) return Fault::bad_value;
    const ByteView bytes = reader_.take((std::size_t{header.count} + 7) / 8);
    if (!reader_.ok()) return Fault::truncated;
    if (header.count % 8 != 0 && bytes.back() >> (header.count % 8) != 0) return Fault::bad_value;
    for (std::uint32_t i = 0; i < header.count; ++i) {
      Operation* operation = add(function_, header);
      if (operation == nullptr) return fault_;
      operation->set(kIndex, std::int64_t{header.first} + i);
      operation->set_real(kValue, bytes[i / 8] >> (i % 8) & 1);
    }
    return Fault::none;
  }

  // A.25: one absolute time by count; times with intervals by their index.
  Fault parse_times(const Header& header, std::uint16_t function) {
    const ObjectSize size = size_of_object(header.group, header.variation);
    if (size.kind != ObjectSize::bits) return Fault::unknown_object;
    if (header.variation == 4) return parse_objects(header, function);
    const Fault fault = check_single(header, "a time");
    return fault != Fault::none ? fault : add_one(function, header);
  }

  // Objects of one size whose content is no field.
  Fault parse_objects(const Header& header, std::uint16_t function) {
    const ObjectSize size = size_of_object(header.group, header.variation);
    if (size.kind != ObjectSize::bits) return Fault::unknown_object;
    const std::size_t bytes = size.size_bits / 8U;
    if (header.form == Form::indexed) return parse_list(header, function, bytes);
    if (header.form != Form::range) return Fault::bad_value;
    return skip_objects(header, function, bytes * std::uint64_t{header.count});
  }

  Fault skip_objects(const Header& header, std::uint16_t function, std::uint64_t bytes) {
    if (bytes > reader_.remaining()) return Fault::truncated;
    leave_free(reader_.take(static_cast<std::size_t>(bytes)), "what a point reports or is given");
    return add_one(function, header);
  }

  // A.1: a type, a length and so many octets.
  Fault parse_attributes(const Header& header, std::uint16_t function) {
    if (header.form != Form::range && header.form != Form::indexed) return Fault::bad_value;
    for (std::uint32_t i = 0; i < header.count; ++i) {
      std::int64_t index = 0;
      if (const Fault fault = read_index(header, i, index); fault != Fault::none) return fault;
      leave_free(reader_.take(1), "the type of an attribute's value");
      leave_free(reader_.take(reader_.u8()), "an attribute's value");
      if (!reader_.ok()) return Fault::truncated;
      Operation* operation = add(function, header);
      if (operation == nullptr) return fault_;
      operation->set(kIndex, index);
    }
    return Fault::none;
  }

  // One object, with its length in front.
  Fault parse_free_formats(const Header& header, std::uint16_t function) {
    if (header.form != Form::sized) return Fault::bad_value;
    if (header.count != 1) return Fault::bad_quantity;
    if (size_of_object(header.group, header.variation).kind != ObjectSize::free_format) {
      return Fault::unknown_object;
    }
    const ByteView object = reader_.take(reader_.u16_le());
    if (!reader_.ok()) return Fault::truncated;
    FreeFormat content;
    if (const Fault fault = parse_free_format(header, object, content); fault != Fault::none) {
      return fault;
    }
    Operation* operation = add(function, header);
    if (operation == nullptr) return fault_;
    return set_content(header, object, content, *operation);
  }

  // Names are copied, for the fragment does not live as long as the message.
  Fault set_content(const Header& header, ByteView object, const FreeFormat& content,
                    Operation& operation) {
    if (content.has_mode && application_.code == kOpenFile) operation.set(kMode, content.mode);
    if (content.name.empty()) {
      leave_free(object,
                 header.group == kFileObjects ? "a file's handle and data" : "authentication");
      return Fault::none;
    }
    const std::span<std::uint8_t> room = operations_.compose(content.name.size());
    if (room.empty()) return Fault::too_many_operations;
    std::copy(content.name.begin(), content.name.end(), room.begin());
    operation.set_name(kName, room);
    // Neither the offset and length in front of the name nor a mode in front of identifiers.
    const std::size_t fixed = object.size() - content.name.size();
    if (fixed > 4) leave_free(object.subspan(4, content.has_mode ? 16 : fixed - 4), "attributes");
    if (content.has_mode) leave_free(object.subspan(22, 4), "block size and request identifier");
    if (content.has_mode && application_.code != kOpenFile && content.mode != 0) {
      return Fault::bad_value;
    }
    return Fault::none;
  }

  // A.31: each function of files has its object.
  Fault parse_file_request(const Header& header) {
    static constexpr std::array<std::uint8_t, 6> kVariations = {3, 4, 3, 7, 2, 4};
    if (!header.is(kFileObjects, kVariations[application_.code - kOpenFile])) {
      return Fault::unknown_object;
    }
    return parse_free_formats(header, function_);
  }

  // A.45: what a user or a key is changed with is a function of its own.
  Fault parse_authentication(const Header& header) {
    if (header.group != kAuthenticationObjects) return Fault::unknown_object;
    const bool error = header.variation == 7;
    if (application_.code == kAuthenticateRequestNoAck) {
      return error ? parse_free_formats(header, function_) : Fault::unknown_object;
    }
    if (header.variation == 4) {  // the status of the session keys
      const Fault fault = check_single(header, "a user's number");
      return fault != Fault::none ? fault : add_one(function_, header);
    }
    const bool changes = header.variation == 8 || header.variation >= kOfUsers;
    const bool known =
        changes || error || header.variation == 1 || header.variation == 2 || header.variation == 6;
    if (!known) return Fault::unknown_object;
    return parse_free_formats(header,
                              changes ? find_function(kAuthenticateRequest, kOfUsers) : function_);
  }

  // What stands alone, without an index: see check_single().
  bool is_single(const Header& header) const {
    return !application_.is_response() &&
           (header.group == 50 || header.group == kAuthenticationObjects);
  }

  // An object of fixed size that stands alone, without an index.
  Fault check_single(const Header& header, std::string_view reason) {
    if (header.form != Form::count || header.count != 1) return Fault::bad_value;
    leave_free(reader_.take(size_of_object(header.group, header.variation).size_bits / 8U), reason);
    return reader_.ok() ? Fault::none : Fault::truncated;
  }

  // What a station reports is content; only where it ends is checked.
  Fault parse_answer(const Header& header) {
    if (header.form == Form::all) return Fault::bad_value;  // objects, but not how many
    const ObjectSize size = size_of_object(header.group, header.variation);
    if (header.form == Form::sized) {
      if (size.kind != ObjectSize::free_format) return Fault::unknown_object;
      if (header.count != 1) return Fault::bad_quantity;
      const ByteView object = reader_.take(reader_.u16_le());
      if (object.empty()) return Fault::truncated;
      leave_free(object, "what a station reports");
      return add_one(function_, header);
    }
    if (size.kind == ObjectSize::attribute) return parse_attributes(header, function_);
    if (size.kind != ObjectSize::bits) return Fault::unknown_object;
    if (header.form == Form::indexed) {
      return size.size_bits < 8 ? Fault::bad_value
                                : parse_list(header, function_, size.size_bits / 8U);
    }
    return skip_objects(header, function_, (std::uint64_t{header.count} * size.size_bits + 7) / 8);
  }

  const Fragment& fragment_;
  const Application& application_;
  OperationList& operations_;
  std::uint16_t function_;
  ByteReader reader_;
  std::uint8_t assigned_ = 0;  // variation of the class that points are assigned to
  bool of_file_ = false;
  bool begun_ = false;  // an aggressive mode request was seen
  bool ended_ = false;  // and its authentication code
  Fault fault_ = Fault::none;
};

}  // namespace

Fault parse_application(const Fragment& fragment, Application& application) {
  ByteReader reader(fragment.view());
  application.control = reader.u8();
  application.code = reader.u8();
  if (application.is_response()) application.iin = reader.u16();
  application.objects = reader.rest();
  return reader.ok() ? Fault::none : Fault::truncated;
}

Fault decode_objects(const Fragment& fragment, const Application& application,
                     OperationList& operations) {
  return Walker(fragment, application, operations).walk();
}

}  // namespace bulkhead::dnp3
