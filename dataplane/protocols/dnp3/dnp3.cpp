// The module's face: which fragments and frames each side may send, and the refusal of a request.
#include <algorithm>

#include "dataplane/protocols/dnp3/layout.h"
#include "dataplane/protocols/dnp3/pairing.h"

namespace bulkhead::dnp3 {

using protocols::Direction;
using protocols::Fault;
using protocols::Frame;
using protocols::MessageContext;
using protocols::Operation;
using protocols::OperationList;
using protocols::Parsed;

namespace {

// 13.2: an outstation may open the connection. Then it begins, with what nobody asked for, and is
// the server from there on; masters wait for that, for only the address tells who it is.
bool may_open(ByteView message, const MessageContext& context) {
  const Begun* known = Session::state_in(context.session);
  return context.carrier == protocols::Carrier::tcp && context.direction == Direction::request &&
         (known == nullptr || (!known->begun && !known->unseen)) &&
         message.size() >= kLinkHeaderBytes && (message[3] & kDirectionFromMaster) == 0;
}
bool opens(const LinkHeader& header) {
  const std::uint16_t code = header.code();
  return code == (kLinkCode | kPrimary | kLinkResetLinkStates) ||
         code == (kLinkCode | kPrimary | kLinkRequestLinkStatus);
}

// Frames of the data link layer that ask or answer something of their own.
Fault decode_link_frame(const Fragment& fragment, OperationList& operations) {
  const LinkHeader& header = fragment.link;
  if (fragment.opens && !opens(header)) return Fault::wrong_direction;
  const std::uint16_t function = find_function(header.code());
  if (function == kNotInCatalogue) return Fault::unknown_function;
  Operation* operation = operations.add(function);
  if (operation == nullptr) return Fault::too_many_operations;
  operation->set(kSource, header.source);
  operation->set(kDestination, header.destination);
  const std::uint16_t test = kLinkCode | kPrimary | kLinkTestLinkStates;
  if (header.code() == test) operation->set(kFcb, (header.control & kFrameCountBit) != 0 ? 1 : 0);
  if ((header.control & kPrimary) == 0) {
    operation->set(kDfc, (header.control & kFrameCountValid) != 0 ? 1 : 0);
  }
  if (fragment.opens) operation->set(kOutstationOpens, 1);
  return Fault::none;
}

// Requests come from masters and are one fragment (4.2.2.4); the rest comes from outstations.
Fault check_application(const Fragment& fragment, const Application& application,
                        Direction direction) {
  if (application.is_response() == (direction == Direction::request)) {
    return Fault::wrong_direction;
  }
  const bool whole = application.first() && application.final();
  const bool unsolicited = application.code == kUnsolicitedResponse;
  const bool confirm = application.code == kConfirm;
  if (fragment.opens && !unsolicited) return Fault::wrong_direction;
  if ((direction == Direction::request || unsolicited) && !whole) return Fault::bad_sequence;
  // 4.2.2.4.3: only responses ask to be confirmed, and no station confirms for all.
  if (direction == Direction::request && application.confirm()) return Fault::bad_value;
  if (confirm && fragment.link.destination >= kSelfAddress) return Fault::bad_value;
  // A confirmation tells which kind of response it is for; no other request is unsolicited.
  return confirm || application.unsolicited() == unsolicited ? Fault::none : Fault::bad_value;
}

// Numbers that only tie frames to one another, and answers and confirmations to what they are for:
// those of a fragment's frames follow one another, and accept() checks the others.
void leave_numbers_free(const Fragment& fragment, const Application& application,
                        const OperationList& operations) {
  if (!operations.accounts()) return;
  const std::uint8_t mask = application.code == kConfirm ? 0x1f : 0x0f;
  leave_free(operations, fragment, fragment.view().first(1), "application sequence number", mask);
  // In a fragment of several frames a changed number does not follow.
  operations.leave_free(fragment.message.subspan(kLinkHeaderBytes, 1), "transport sequence number",
                        kTransportSequence);
}

class Dnp3 final : public protocols::Protocol,
                   public protocols::RememberedVerdicts,
                   public protocols::SpanningMessages {
 public:
  const protocols::Catalogue& catalogue() const override { return dnp3::catalogue(); }

  Frame frame(ByteView stream, const MessageContext& context) const override {
    Frame frame = frame_message(stream, context);
    frame.turns = frame.length > 0 && may_open(stream, context);
    return frame;
  }
  bool frames_by_session() const override { return true; }

  std::optional<Direction> encoded_direction(ByteView message) const override {
    if (message.size() < kLinkHeaderBytes) return std::nullopt;
    return (message[3] & kDirectionFromMaster) != 0 ? Direction::request : Direction::response;
  }

  bool many_in_datagram() const override { return true; }
  const protocols::SpanningMessages* spanning_messages() const override { return this; }
  protocols::Part part_of(ByteView before, ByteView datagram) const override {
    return dnp3::part_of(before, datagram);
  }
  bool is_answered(ByteView request) const override {
    LinkHeader header;
    if (request.size() <= kLinkHeaderBytes + 2 ||
        parse_link_header(request, header) != Fault::none || header.data_bytes < 3) {
      return false;
    }
    return header.has_user_data() && header.destination < kBroadcastFirst &&
           wants_response(request[kLinkHeaderBytes + 2]);
  }
  bool may_leave_in_parts(std::span<std::byte> session, const Parsed& message,
                          std::uint32_t now_ms) const override {
    const Application* application = message.kept<Application>();
    if (application == nullptr) return false;
    const Fragment& fragment = *message.kept<Fragment>();
    return message.is_request() ? may_span(Session(session), fragment, *application)
                                : may_span_answer(Session(session), fragment, *application, now_ms);
  }
  void left_in_parts(std::span<std::byte> session, const Parsed& message,
                     std::uint32_t now_ms) const override {
    const Application* application = message.kept<Application>();
    if (message.is_request() || application == nullptr) return;
    note_spanning(Session(session), *message.kept<Fragment>(), *application, now_ms);
  }

  Fault parse(Parsed& parsed, const MessageContext& context,
              OperationList& operations) const override {
    operations.clear();
    if (parsed.message().empty()) return Fault::truncated;
    Fragment fragment;
    fragment.opens = may_open(parsed.message(), context);
    const Direction direction = fragment.opens ? Direction::response : context.direction;
    Fault fault = gather(parsed.message(), direction, fragment);
    if (fault != Fault::none) return fault;
    parsed.keep(fragment);
    if (!fragment.has_application) return decode_link_frame(fragment, operations);
    Application application;
    fault = parse_application(fragment, application);
    if (fault == Fault::none) parsed.keep(application);
    if (fault == Fault::none && find_function(application.code) == kNotInCatalogue) {
      fault = Fault::unknown_function;
    }
    if (fault == Fault::none) fault = check_application(fragment, application, direction);
    if (fault == Fault::none) fault = decode_objects(fragment, application, operations);
    if (fault == Fault::none) leave_numbers_free(fragment, application, operations);
    return fault;
  }

  std::optional<std::uint16_t> claimed_code(ByteView message) const override {
    constexpr std::size_t kCodeAt = kLinkHeaderBytes + 2;
    if (message.size() < kLinkHeaderBytes) return std::nullopt;
    LinkHeader header;
    if (parse_link_header(message, header) != Fault::none) return std::nullopt;
    if (!header.has_user_data()) return header.code();
    if (message.size() <= kCodeAt || header.data_bytes < 3) return std::nullopt;
    return message[kCodeAt];
  }

  void begin_unseen(std::span<std::byte> session) const override {
    Session(session).state().unseen = true;
  }

  protocols::StateLayout state_layout() const override { return kStateLayout; }

  Fault accept(std::span<std::byte> session, const Parsed& message,
               std::uint32_t now_ms) const override {
    const Session known(session);
    const Application* application = message.kept<Application>();
    const Fragment& fragment = *message.kept<Fragment>();
    const bool asks = message.is_request() && !fragment.opens;
    const Fault fault = application == nullptr ? Fault::none
                        : asks ? accept_request(known, fragment, *application, now_ms)
                               : accept_response(known, fragment, *application, now_ms);
    if (fault == Fault::none) known.state().begun = true;
    return fault;
  }

  const protocols::RememberedVerdicts* remembered_verdicts() const override { return this; }
  // What an outstation begins with is judged by where it stands.
  ByteView key(ByteView request) const override {
    const bool by_master =
        request.size() >= kLinkHeaderBytes && (request[3] & kDirectionFromMaster) != 0;
    return by_master ? request : ByteView{};
  }
  Fault accept_known(std::span<std::byte> session, ByteView request,
                     std::uint32_t now_ms) const override {
    Fragment fragment;
    Application application;
    const Session known(session);
    Fault fault = gather(request, Direction::request, fragment);
    if (fault == Fault::none && fragment.has_application) {
      fault = parse_application(fragment, application);
      if (fault == Fault::none) fault = accept_request(known, fragment, application, now_ms);
    }
    if (fault == Fault::none) known.state().begun = true;
    return fault;
  }

  protocols::Difference difference(std::span<std::byte> session,
                                   const Parsed& answer) const override {
    const Application* application = answer.kept<Application>();
    if (application == nullptr) return {};
    return dnp3::difference(Session(session), answer.kept<Fragment>()->link, *application);
  }

  std::size_t outstanding(std::span<std::byte> session, std::uint32_t now_ms) const override {
    return awaited(Session(session), now_ms);
  }

  // 4.2.2.6: a null response with IIN2.0, "function code not supported", under the request's
  // sequence number. What wants no response, or an acknowledgement of its frame, has none.
  std::size_t refuse(const Parsed& parsed, protocols::DeniedPart /*denied_part*/,
                     std::span<std::uint8_t> reply) const override {
    const ByteView request = parsed.message();
    constexpr std::uint8_t kDataBytes = 5;  // transport, control, function and indications
    constexpr std::size_t kReplyBytes = kLinkHeaderBytes + kDataBytes + 2;
    constexpr std::size_t kRequestMin = kLinkHeaderBytes + 3;
    if (request.size() < kRequestMin || reply.size() < kReplyBytes) return 0;
    LinkHeader header;
    if (parse_link_header(request, header) != Fault::none || header.data_bytes < 3) return 0;
    const bool plain = (header.control & 0x4f) == (kPrimary | kLinkUserData) &&
                       (header.control & kDirectionFromMaster) != 0;
    const std::uint8_t code = request[kLinkHeaderBytes + 2];
    if (!plain || !wants_response(code) || header.destination >= kReservedFirst) return 0;
    reply[0] = 0x05;
    reply[1] = 0x64;
    reply[2] = 5 + kDataBytes;
    reply[3] = kPrimary | kLinkUserData;
    store_le16(reply.data() + 4, header.source);
    store_le16(reply.data() + 6, header.destination);
    store_le16(reply.data() + 8, crc({reply.data(), 8}));
    std::uint8_t* const data = reply.data() + kLinkHeaderBytes;
    data[0] = 0xc0;  // transport: first and final
    data[1] = static_cast<std::uint8_t>(0xc0 | (request[kLinkHeaderBytes + 1] & 0x0f));
    data[2] = kResponse;
    data[3] = 0;
    data[4] = 0x01;
    store_le16(data + kDataBytes, crc({data, kDataBytes}));
    return kReplyBytes;
  }
};

}  // namespace

const protocols::Protocol& protocol() {
  static const Dnp3 kProtocol;
  return kProtocol;
}

}  // namespace bulkhead::dnp3
