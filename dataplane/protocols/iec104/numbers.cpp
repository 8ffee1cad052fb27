// Send and receive numbers (104, 5.1): continuity, and their translation once frames were taken out
// or put in.
#include "dataplane/protocols/iec104/session.h"

namespace bulkhead::iec104 {

using protocols::Direction;
using protocols::Fault;

namespace {

constexpr std::uint16_t kMask = kNumbers - 1;

std::uint16_t add(std::uint16_t number, unsigned count) {
  return static_cast<std::uint16_t>((number + count) & kMask);
}

// How far `to` is ahead of `from`, going round.
std::uint16_t distance(std::uint16_t from, std::uint16_t to) {
  return static_cast<std::uint16_t>((to - from) & kMask);
}

std::uint16_t client_next_at_server(const Numbers& numbers) {
  return add(numbers.client_next, kNumbers - numbers.taken_out.total());
}

std::uint16_t server_next_at_client(const Numbers& numbers) {
  return add(numbers.server_next,
             kNumbers - numbers.dropped.total() + unsigned{numbers.put_in.total()});
}

// Whether frames before `at` include one that is acknowledged by `number`; both in one view.
bool acknowledges(std::uint16_t number, std::uint16_t at, std::uint16_t latest) {
  return distance(number, latest) < distance(at, latest);
}

// From the receiver's view of a station's frames to its own: frames that were taken out right
// behind what is acknowledged count with it.
std::uint16_t with_taken_out(const Splices& taken_out, std::uint16_t received,
                             std::uint16_t latest) {
  std::uint16_t number = add(received, taken_out.behind);
  for (std::size_t i = 0; i < taken_out.count; ++i) {
    const std::uint16_t at = taken_out.at[i];
    if (distance(number, latest) <= distance(at, latest)) number = add(number, 1);
  }
  return number;
}

std::uint16_t to_client(const Numbers& numbers, std::uint16_t received) {
  return with_taken_out(numbers.taken_out, received, numbers.client_next);
}

// From the client's view of the server's frames to the server's.
std::uint16_t to_server(const Numbers& numbers, std::uint16_t received) {
  const std::uint16_t latest = server_next_at_client(numbers);
  unsigned own = numbers.put_in.behind;
  for (std::size_t i = 0; i < numbers.put_in.count; ++i) {
    if (acknowledges(received, numbers.put_in.at[i], latest)) ++own;
  }
  return with_taken_out(numbers.dropped, add(received, kNumbers - own), numbers.server_next);
}

// Forgets where frames stood that lie behind the acknowledged number.
void settle(Splices& splices, std::uint16_t acknowledged, std::uint16_t latest) {
  while (splices.count > 0 && acknowledges(acknowledged, splices.at[0], latest)) {
    for (std::size_t i = 1; i < splices.count; ++i) splices.at[i - 1] = splices.at[i];
    --splices.count;
    splices.behind = add(splices.behind, 1);
  }
}

bool note(Splices& splices, std::uint16_t at) {
  if (splices.count == Splices::kMax) return false;
  splices.at[splices.count++] = at;
  return true;
}

Fault accept_acknowledgement(Numbers& numbers, std::uint16_t received, Direction direction) {
  const bool client = direction == Direction::request;
  const std::uint16_t latest =
      client ? server_next_at_client(numbers) : client_next_at_server(numbers);
  std::uint16_t& known = client ? numbers.client_acknowledged : numbers.server_acknowledged;
  if (distance(known, received) > distance(known, latest)) return Fault::bad_sequence;
  known = received;
  (client ? numbers.client_guessed : numbers.server_guessed) = false;
  if (client) {
    settle(numbers.put_in, received, latest);
    settle(numbers.dropped, to_server(numbers, received), numbers.server_next);
  } else {
    settle(numbers.taken_out, to_client(numbers, received), numbers.client_next);
  }
  return Fault::none;
}

// A session that is met in its midst begins with what its stations say. What the other one has of
// what this one sends is only known once it acknowledges something.
void learn(Numbers& numbers, const Apdu& apdu, Direction direction) {
  const bool client = direction == Direction::request;
  bool& own_unknown = client ? numbers.client_unknown : numbers.server_unknown;
  const bool other_unknown = client ? numbers.server_unknown : numbers.client_unknown;
  if (own_unknown && apdu.is_information()) {
    (client ? numbers.client_next : numbers.server_next) = apdu.send_number;
    if (client ? numbers.server_guessed : numbers.client_guessed) {
      (client ? numbers.server_acknowledged : numbers.client_acknowledged) =
          add(apdu.send_number, kNumbers - kUnseenWindow);
    }
    own_unknown = false;
  }
  if (other_unknown) {
    (client ? numbers.client_acknowledged : numbers.server_acknowledged) = apdu.receive_number;
    (client ? numbers.client_guessed : numbers.server_guessed) = false;
  }
}

// 104, 5.3: only between STARTDT and STOPDT do stations send data.
Fault accept_unnumbered(Numbers& numbers, std::uint8_t control) {
  Transfer& transfer = numbers.transfer;
  const bool unseen = transfer == Transfer::unseen;
  switch (control) {
    case kStartDtAct:
      transfer = transfer == Transfer::started ? Transfer::started : Transfer::starting;
      return Fault::none;
    case kStartDtCon:  // what is started already may be asked for, and confirmed, again
      if (transfer != Transfer::starting && transfer != Transfer::started && !unseen) {
        return Fault::unrequested_response;
      }
      transfer = Transfer::started;
      return Fault::none;
    case kStopDtAct:
      transfer = Transfer::stopping;
      return Fault::none;
    case kStopDtCon:
      if (transfer != Transfer::stopping && !unseen) return Fault::unrequested_response;
      transfer = Transfer::stopped;
      return Fault::none;
    default:
      return Fault::none;
  }
}

// 104, 5.1 has both stations begin with 0. Some count their first frame as 1 (Honeywell's
// controllers), and masters go on from there.
bool begins_with_one(const Numbers& numbers, std::uint16_t send_number) {
  const bool first = numbers.server_next == 0 && numbers.client_acknowledged == 0 &&
                     numbers.put_in.total() == 0 && numbers.dropped.total() == 0;
  return first && send_number == 1;
}

bool may_send_data(const Numbers& numbers, Direction direction) {
  if (numbers.transfer == Transfer::started || numbers.transfer == Transfer::unseen) return true;
  return numbers.transfer == Transfer::stopping && direction == Direction::response;
}

void store_number(std::uint8_t* to, std::uint16_t number) {
  store_le16(to, static_cast<std::uint16_t>(number << 1));
}

}  // namespace

void forget_numbers(Numbers& numbers) {
  numbers.client_unknown = numbers.server_unknown = true;
  numbers.client_guessed = numbers.server_guessed = true;
}

void begin_unseen(Session session) {
  Numbers& numbers = session.state();
  numbers.transfer = Transfer::unseen;
  forget_numbers(numbers);
  numbers.unmatched = kUnseenConfirmations;
}

Fault accept_numbers(Numbers& numbers, const Apdu& apdu, Direction direction) {
  const bool client = direction == Direction::request;
  if (!apdu.is_information() && !apdu.is_supervisory()) {
    return accept_unnumbered(numbers, apdu.control);
  }
  learn(numbers, apdu, direction);
  Numbers next = numbers;
  if (apdu.is_information()) {
    if (!may_send_data(numbers, direction)) return Fault::not_started;
    std::uint16_t& expected = client ? next.client_next : next.server_next;
    const bool begins = !client && begins_with_one(next, apdu.send_number);
    if (apdu.send_number != expected && !begins) return Fault::bad_sequence;
    expected = add(apdu.send_number, 1);
    const std::uint16_t unacknowledged =
        client ? distance(next.server_acknowledged, client_next_at_server(next))
               : distance(next.client_acknowledged, server_next_at_client(next));
    if (unacknowledged > kUnacknowledgedMax) return Fault::too_many_outstanding;
  }
  const bool known = client ? !next.server_unknown : !next.client_unknown;
  const Fault fault =
      known ? accept_acknowledgement(next, apdu.receive_number, direction) : Fault::none;
  if (fault == Fault::none) numbers = next;
  return fault;
}

bool take_out(Numbers& numbers, const Apdu& apdu, Direction direction) {
  const bool client = direction == Direction::request;
  if (!apdu.is_information()) return true;
  Numbers next = numbers;
  if (accept_numbers(next, apdu, direction) != Fault::none) return false;
  // What is sent instead acknowledges what the other one did: that is not known.
  if (client ? next.server_guessed : next.client_guessed) return false;
  if (!note(client ? next.taken_out : next.dropped, apdu.send_number)) return false;
  if (client && next.put_in.count == Splices::kMax) return false;
  numbers = next;
  return true;
}

std::size_t acknowledge_dropped(Numbers& numbers, std::span<std::uint8_t> frame) {
  const std::uint16_t received = to_server(numbers, numbers.client_acknowledged);
  const bool all = received == numbers.server_next;
  if (numbers.dropped.count == 0 || !all || frame.size() < kApciBytes) return 0;
  frame[0] = kStart;
  frame[1] = kApciBytes - kLengthFieldEnd;
  frame[2] = kSupervisory;
  frame[3] = 0;
  store_number(frame.data() + 4, received);
  settle(numbers.dropped, received, numbers.server_next);
  return kApciBytes;
}

void put_in(Numbers& numbers, std::span<std::uint8_t> frame) {
  const std::uint16_t number = server_next_at_client(numbers);
  if (!note(numbers.put_in, number)) {
    // Of so many refusals the client acknowledged none: the oldest is taken to have been.
    settle(numbers.put_in, add(numbers.put_in.at[0], 1), number);
    note(numbers.put_in, number);
  }
  store_number(frame.data() + 2, number);
  store_number(frame.data() + 4, to_client(numbers, numbers.server_acknowledged));
}

// accept() has counted the frame already; its own number is the one before.
void renumber(const Numbers& numbers, Direction direction, std::span<std::uint8_t> frame) {
  const bool client = direction == Direction::request;
  const std::uint8_t control = frame[2];
  if ((control & 3) == 3) return;
  if ((control & 1) == 0) {
    const std::uint16_t next =
        client ? client_next_at_server(numbers) : server_next_at_client(numbers);
    store_number(frame.data() + 2, add(next, kNumbers - 1));
  }
  const std::uint16_t received = load_le16(frame.data() + 4) >> 1;
  store_number(frame.data() + 4,
               client ? to_server(numbers, received) : to_client(numbers, received));
}

}  // namespace bulkhead::iec104
