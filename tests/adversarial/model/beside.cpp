// What may differ is what README.md of dataplane/pipeline says that observing cannot foretell.
#include "tests/adversarial/model/beside.h"

#include <algorithm>

#include "dataplane/wire/transport.h"
#include "tests/adversarial/model/edit.h"
#include "tests/adversarial/model/trace.h"

namespace bulkhead::adversary {

namespace {

using pipeline::Event;
using wire::sequence_distance;

bool is_foretold(Reason reason) {
  return !is_allowed(reason) && !is_for_room(reason) && reason != Reason::flow_refused &&
         reason != Reason::source_unproven && reason != Reason::undeliverable;
}

// It follows from what its receiver acknowledges.
bool depends_on_receiver(Reason reason) {
  return reason == Reason::tcp_out_of_window || reason == Reason::tcp_bad_acknowledgement ||
         reason == Reason::tcp_inconsistent_retransmission;
}

// A segment of no session is taken for one of a session that was open before. `of_receiver`: what
// the receivers of the two plants have is not the same, or not said alike.
bool may_differ(const Event* refused, bool of_receiver) {
  if (refused == nullptr) return false;
  return refused->reason == Reason::tcp_not_a_session_start ||
         (of_receiver && depends_on_receiver(refused->reason));
}

const Event* first_of(const std::vector<Event>& events) {
  for (const Event& event : events) {
    if (is_foretold(event.reason)) return &event;
  }
  return nullptr;
}

// Of what could not be delimited either has as much as stood there.
bool same_beginning(const Event& one, const Event& other) {
  const std::size_t count = std::min(one.message_count, other.message_count);
  return (one.message_count > 0) == (other.message_count > 0) &&
         std::equal(one.message.begin(), one.message.begin() + static_cast<std::ptrdiff_t>(count),
                    other.message.begin());
}

std::string text_of(const Event* event) {
  if (event == nullptr) return "nothing";
  std::string text(describe(event->reason).name);
  text += "/" + std::string(protocols::describe(event->fault).name);
  text += event->direction == protocols::Direction::request ? " of a request" : " of an answer";
  return text + ", " + std::string(pipeline::action_name(event->action));
}

}  // namespace

bool are_alike(const Event& foretold, const Event& refused) {
  const bool same_action =
      foretold.action == refused.action || refused.unsound != pipeline::Unsound::none;
  return foretold.reason == refused.reason && foretold.fault == refused.fault &&
         foretold.is_message == refused.is_message && foretold.direction == refused.direction &&
         foretold.conduit == refused.conduit && foretold.rule == refused.rule &&
         foretold.protocol == refused.protocol && foretold.function == refused.function &&
         same_beginning(foretold, refused) && same_action;
}

std::string differ(const std::string& where, const Event* foretold, const Event* refused) {
  return where + ": foretold " + text_of(foretold) + ", refused " + text_of(refused);
}

Beside::Beside(const Plants& plants, const Plan& plan, bool trace, Foretold& tally)
    : plants_(plants),
      plan_(plan),
      trace_(trace),
      tally_(tally),
      now_ns_(plants.observing.now_ns()) {
  plants_.enforcing.clear();
}

void Beside::on_frame(std::size_t from_end, const Bytes& frame) {
  enough_ = enough_ || is_placed_differently(from_end, frame);
  const Bytes arrived = restated(from_end, frame);
  plants_.enforcing.arrive(port_of(from_end), arrived);
  note_offer(offered_[1 - from_end], from_end, frame);
  note_offer(told_[1 - from_end], from_end, arrived);
  // An acknowledgement in fragments is as it came.
  compare(is_fragment(frame) || repeats_what_left_late(from_end, frame));
}

void Beside::on_time(TimeNs now_ns) {
  now_ns_ = now_ns;
  plants_.enforcing.be_at(now_ns);
  compare(false);
}

// Of the windows that an end announces.
std::uint8_t Beside::scale_of(std::size_t end, std::uint8_t flags) const {
  const bool scales = plan_.ends[kClient].scale != 0 && plan_.ends[kServer].scale != 0;
  return scales && (flags & wire::kTcpSyn) == 0 ? plan_.ends[end].scale : std::uint8_t{0};
}

// What the end's frame tells the other one.
void Beside::note_offer(Offer& offer, std::size_t end, const Bytes& frame) const {
  const auto tcp = support::parse_sent(frame);
  if (!tcp || (tcp->header.flags & wire::kTcpAck) == 0) return;
  // As much as rounds to it.
  const std::uint8_t scale = scale_of(end, tcp->header.flags);
  const std::uint32_t window = ((std::uint32_t{tcp->header.window} + 1) << scale) - 1;
  const std::uint32_t number = tcp->header.acknowledgement;
  if (!offer.known) offer = {true, number, number + window};
  if (sequence_distance(number, offer.acknowledged) > 0) offer.acknowledged = number;
  if (sequence_distance(number + window, offer.edge) > 0) offer.edge = number + window;
}

// Whether the frame is in one plant's window, or some of its bytes are, and not in the other's: one
// that enforces acknowledges what it holds, and so lets its sender send more than the receiver has
// offered, and reset the session at other numbers.
bool Beside::is_placed_differently(std::size_t end, const Bytes& frame) const {
  const Offer& one = offered_[end];
  const Offer& other = let_through_[end];
  if (!one.known || !other.known) return false;
  std::uint32_t first = 0, last = 0;
  if (const auto tcp = support::parse_sent(frame)) {
    first = tcp->header.sequence;
    last = first + static_cast<std::uint32_t>(tcp->payload.size()) +
           ((tcp->header.flags & wire::kTcpFin) != 0 ? 1 : 0);
    const auto is_held = [first](const Offer& offer) {
      const std::int32_t before = sequence_distance(offer.acknowledged, first);
      return before > 0 && before <= 0xffff;
    };
    if ((tcp->header.flags & wire::kTcpRst) != 0 && (is_held(one) || is_held(other))) return true;
  } else if (is_fragment(frame) && (load_be16(&frame[kIpAt + 6]) & 0x1fff) == 0) {
    first = load_be32(&frame[kIpPayloadAt + 4]);
    last = first + 0xffff;
  } else {
    return false;
  }
  const bool is_lower = sequence_distance(one.edge, other.edge) < 0;
  const std::uint32_t lower = is_lower ? one.edge : other.edge;
  const std::uint32_t higher = is_lower ? other.edge : one.edge;
  return lower != higher && sequence_distance(last, lower) > 0 &&
         sequence_distance(first, higher) <= 0;
}

// A live receiver that has less offers as much more: its buffer is no smaller for it.
Bytes Beside::restated(std::size_t end, const Bytes& frame) {
  constexpr std::size_t kAcknowledgementAt = kIpPayloadAt + 8;
  constexpr std::size_t kWindowAt = kIpPayloadAt + 14;
  Bytes restated = frame;
  acknowledgements_.restate(restated);
  if (restated == frame) return frame;
  const std::int32_t lacking = sequence_distance(load_be32(&frame[kAcknowledgementAt]),
                                                 load_be32(&restated[kAcknowledgementAt]));
  if (lacking <= 0) return frame;  // of bytes that came in fragments, which are not counted
  const std::uint8_t scale = scale_of(end, frame[kIpPayloadAt + 13]);
  const std::uint32_t unit = 1U << scale;
  const std::uint32_t window =
      load_be16(&frame[kWindowAt]) + ((static_cast<std::uint32_t>(lacking) + unit - 1) >> scale);
  store_be16(&restated[kWindowAt], static_cast<std::uint16_t>(std::min(window, 0xffffU)));
  seal_segment(restated);
  return restated;
}

void Beside::note_left() {
  for (const support::Sent& each : plants_.enforcing.sent) {
    acknowledgements_.note_left(each.frame);
    if (trace_) {
      print_frame(now_ns_ - kStartNs,
                  each.port == port_of(kClient) ? "  | -> client" : "  | -> server", each.frame);
    }
    note_offer(let_through_[end_at(each.port)], 1 - end_at(each.port), each.frame);
  }
  plants_.enforcing.sent.clear();
}

// Whether the end says again what its receiver has acknowledged, and the plant that enforces has
// let go since: there it can still be compared.
bool Beside::repeats_what_left_late(std::size_t end, const Bytes& frame) const {
  const auto tcp = support::parse_sent(frame);
  if (!tcp || !offered_[end].known || !told_[end].known) return false;
  const std::uint32_t acknowledged = offered_[end].acknowledged;
  return sequence_distance(acknowledged, told_[end].acknowledged) > 0 &&
         sequence_distance(acknowledged, tcp->header.sequence) > 0;
}

void Beside::compare(bool of_receiver) {
  note_left();
  const std::vector<Event>& foretold = plants_.observing.verdicts;
  std::vector<Event> refused;
  std::swap(refused, plants_.enforcing.verdicts);
  if (trace_) print_refusals("refused", refused);
  if (enough_) return;
  // Where bytes are missing only observing can go on.
  enough_ = std::any_of(foretold.begin(), foretold.end(),
                        [](const Event& event) { return event.reason == Reason::not_judged; });
  const Event* one = first_of(foretold);
  const Event* other = first_of(refused);
  if (enough_ || (one == nullptr && other == nullptr)) return;
  enough_ = may_differ(other, of_receiver);
  if (enough_) return;
  if (one == nullptr || other == nullptr || !are_alike(*one, *other)) {
    difference_ = differ("the same frame at both", one, other);
    enough_ = true;
    return;
  }
  enough_ = one->is_message || one->action == pipeline::Action::reset;
  ++(one->is_message ? tally_.messages : tally_.packets);
}

}  // namespace bulkhead::adversary
