// The one fuzz driver of all protocol modules, linked under the name of each (mms_fuzz): then it is
// that one's, else the first byte picks it. The first byte picks the direction too; the rest is a
// stream, framed and decoded whole and byte by byte: both must agree, and what comes out must stay
// within the message.
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "dataplane/protocols/registry.h"

namespace {

using bulkhead::ByteView;
using bulkhead::protocols::Carrier;
using bulkhead::protocols::Catalogue;
using bulkhead::protocols::Direction;
using bulkhead::protocols::ElementEncoding;
using bulkhead::protocols::Fault;
using bulkhead::protocols::Frame;
using bulkhead::protocols::MessageContext;
using bulkhead::protocols::Operation;
using bulkhead::protocols::OperationList;
using bulkhead::protocols::Parsed;
using bulkhead::protocols::Protocol;

void require(bool good) {
  if (!good) std::abort();
}

// Asks with one byte more each time, as a stream that arrives byte by byte does.
Frame frame_bytewise(const Protocol& protocol, ByteView stream, const MessageContext& context) {
  Frame frame;
  for (std::size_t have = 0; have <= stream.size(); ++have) {
    frame = protocol.frame(stream.first(have), context);
    if (frame.fault != Fault::none || frame.length != 0) return frame;
    require(frame.needed > have);
  }
  return frame;
}

// What a module declares free lies in the message, or in a copy of a part of it.
class Declared final : public bulkhead::protocols::FreeBytes {
 public:
  void begin(ByteView message) {
    parts_[0] = message;
    count_ = 1;
  }
  void add(ByteView bytes, std::uint8_t /*mask*/, std::string_view reason) override {
    require(!reason.empty());
    std::size_t found = 0;
    for (std::size_t i = 0; i < count_; ++i) {
      const std::uint8_t* const begin = std::max(bytes.data(), parts_[i].data());
      const std::uint8_t* const end =
          std::min(bytes.data() + bytes.size(), parts_[i].data() + parts_[i].size());
      if (begin < end) found += static_cast<std::size_t>(end - begin);
    }
    require(found == bytes.size() || count_ == std::size(parts_));
  }
  void add_copy(ByteView copy, ByteView original) override {
    require(copy.size() == original.size() &&
            std::equal(copy.begin(), copy.end(), original.begin()));
    require(original.data() >= parts_[0].data());
    require(original.data() + original.size() <= parts_[0].data() + parts_[0].size());
    if (count_ < std::size(parts_)) parts_[count_++] = copy;
  }

 private:
  ByteView parts_[256];
  std::size_t count_ = 0;
};

void check_operation(const Catalogue& catalogue, const Operation& operation, ByteView message) {
  require(operation.function < catalogue.functions.size());
  require((std::uint64_t{operation.present} >> catalogue.fields.size()) == 0);
  int ranged = 0;
  for (std::size_t i = 0; i < catalogue.fields.size(); ++i) {
    if (!operation.has(i)) continue;
    require(operation.fields[i].range.valid());
    ranged += operation.fields[i].range.is_point() ? 0 : 1;
    if (catalogue.fields[i].kind != bulkhead::protocols::FieldKind::name) continue;
    // Composed or not, it is there to be read.
    unsigned octets = 0;
    for (const std::uint8_t octet : operation.fields[i].name) octets += octet;
    require(octets <= 255U * operation.fields[i].name.size());
  }
  require(ranged <= 1);
  const auto& elements = operation.elements;
  if (elements.count == 0) return;
  require(elements.bytes.data() >= message.data());
  require(elements.bytes.data() + elements.bytes.size() <= message.data() + message.size());
  const std::size_t bits = elements.encoding == ElementEncoding::bits ? 1 : 8;
  require(elements.count * bits * bytes_of(elements.encoding) <= 8 * elements.bytes.size());
  std::int64_t any = 0;
  for (std::size_t i = 0; i < elements.count; ++i) any |= elements.at(i);
  require(any >= 0 || bytes_of(elements.encoding) == 8);
}

// What the pipeline does with a message that it refuses, and with messages that pass after that.
void refuse_and_renumber(const Protocol& protocol, std::span<std::byte> session,
                         const Parsed& parsed) {
  std::uint8_t reply[bulkhead::protocols::kRefusalBytesMax];
  const std::size_t length =
      protocol.refuse(parsed, bulkhead::protocols::DeniedPart::value, {reply, sizeof(reply)});
  require(length <= sizeof(reply));
  if (const auto* splicing = protocol.splicing()) {
    const bool taken_out = splicing->take_out(session, parsed);
    if (parsed.is_request() && length > 0 && taken_out) {
      splicing->put_in(session, {reply, length});
    }
  }
  const auto* numbered = protocol.numbered_messages();
  if (numbered == nullptr) return;
  const ByteView message = parsed.message();
  std::uint8_t first_bytes[bulkhead::protocols::kNumberedBytesMax];
  const std::size_t count = std::min(numbered->numbered_bytes(), message.size());
  require(numbered->numbered_bytes() <= sizeof(first_bytes));
  std::copy_n(message.begin(), count, first_bytes);
  if (count > 0) numbered->renumber(session, parsed.direction(), {first_bytes, count});
}

// What a message asks for, opens or closes beside its session, and as a datagram of it, either way.
// What was asked for last is answered by each later message.
void relate(const Protocol& protocol, ByteView message, std::span<const std::byte> session,
            OperationList& operations, std::uint32_t now_ms) {
  using bulkhead::protocols::Expectation;
  using bulkhead::protocols::RelationStep;
  static RelationStep asked;
  const bulkhead::protocols::Expectations* expectations = protocol.expectations();
  if (expectations == nullptr) return;
  if (now_ms == 0) asked = {};
  for (const Direction direction : {Direction::request, Direction::response}) {
    for (const Carrier carrier : {Carrier::tcp, Carrier::udp, Carrier::ethernet}) {
      const auto observed = expectations->observe(message, carrier);
      require(!observed || observed->bytes <= message.size());
      require(!observed || observed->function < protocol.catalogue().functions.size());
      Parsed parsed(message, direction);
      const MessageContext context{direction, carrier, session};
      if (protocol.parse(parsed, context, operations) != Fault::none) continue;
      RelationStep step;
      const Fault fault = expectations->follow(parsed, context, step);
      require(step.asked_bytes <= step.asked.size());
      if (fault == Fault::none && step.asked_bytes > 0) asked = step;
      std::array<Expectation, bulkhead::protocols::kExpectationsMax> opened;
      const std::span<const std::byte> request = std::span(asked.asked).first(asked.asked_bytes);
      require(expectations->open(request, parsed, opened) <= opened.size());
    }
  }
  expectations->describe(std::span(asked.asked).first(asked.asked_bytes), operations);
  require(asked.asked_bytes == 0 || operations.size() > 0);
}

}  // namespace

// One of those that the protocol has.
static Carrier carrier_of(const Protocol& protocol, std::uint8_t first_byte) {
  const auto ports = protocol.catalogue().ports;
  return ports[(first_byte >> 1) % ports.size()].carrier;
}

// The module that the program's name says, if it says one.
static std::optional<std::uint8_t> named;

extern "C" int LLVMFuzzerInitialize(int* /*argc*/, char*** argv) {
  std::string_view name = (*argv)[0];
  name.remove_prefix(name.rfind('/') + 1);
  named = bulkhead::protocols::find_protocol(name.substr(0, name.rfind("_fuzz")));
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const auto modules = bulkhead::protocols::registry();
  const Protocol& protocol = *modules[named.value_or((data[0] >> 1 & 0x3f) % modules.size())];
  const std::uint8_t direction_byte = data[0];
  const Direction direction = (data[0] & 1) != 0 ? Direction::response : Direction::request;
  static OperationList operations;
  static Declared declared;
  operations.account_to(&declared);
  alignas(16) static std::byte session[64 * 1024];
  const std::size_t session_bytes = protocol.state_layout().bytes;
  require(session_bytes <= sizeof(session));
  for (std::size_t i = 0; i < session_bytes; ++i) session[i] = std::byte{0};
  if (direction_byte >= 0x80) protocol.begin_unseen({session, session_bytes});
  ByteView stream{data + 1, size - 1};
  const MessageContext context{direction, carrier_of(protocol, data[0]), {session, session_bytes}};
  if (const auto* shared = protocol.shared_port()) shared->recognise(stream, context);
  std::uint32_t now_ms = 0;
  while (!stream.empty()) {
    const Frame frame = protocol.frame(stream, context);
    const Frame bytewise = frame_bytewise(protocol, stream, context);
    require(frame.fault == bytewise.fault && frame.length == bytewise.length);
    if (frame.fault != Fault::none || frame.length == 0 || frame.length > stream.size()) break;
    const ByteView message = stream.first(frame.length);
    declared.begin(message);
    Parsed parsed(message, direction);
    if (protocol.parse(parsed, context, operations) == Fault::none) {
      require(operations.size() > 0);
      for (const Operation& operation : operations) {
        check_operation(protocol.catalogue(), operation, message);
      }
      const std::span<std::byte> block{session, session_bytes};
      protocol.encoded_direction(message);
      protocol.outstanding(block, 0);
      if (protocol.accept(block, parsed, 0) == Fault::none && direction_byte >= 0x80) {
        refuse_and_renumber(protocol, block, parsed);
      }
    } else {
      std::uint8_t reply[bulkhead::protocols::kRefusalBytesMax];
      protocol.refuse(parsed, bulkhead::protocols::DeniedPart::function, {reply, sizeof(reply)});
    }
    operations.account_to(nullptr);
    relate(protocol, message, {session, session_bytes}, operations, now_ms);
    operations.account_to(&declared);
    now_ms += 7;
    protocol.claimed_code(message);
    stream = stream.subspan(frame.length);
  }
  // And as a datagram, whatever its length.
  declared.begin(ByteView{data + 1, size - 1});
  bulkhead::protocols::parse_operations(protocol, ByteView{data + 1, size - 1}, context,
                                        operations);
  return 0;
}
