// What is accounted for, and what is found.
#include "tests/adversarial/accounting/accounting.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <memory>

namespace bulkhead::accounting {

namespace {

std::string hex(ByteView bytes) {
  constexpr std::size_t kToldMax = 512;
  std::string text;
  for (const std::uint8_t byte : bytes.first(std::min(bytes.size(), kToldMax))) {
    char octet[4];
    std::snprintf(octet, sizeof(octet), "%02x ", byte);
    text += octet;
  }
  if (bytes.size() > kToldMax) return text + "... " + std::to_string(bytes.size()) + " octets";
  if (!text.empty()) text.pop_back();
  return text;
}

// Functions, not their values.
std::set<std::string> functions_of(const protocols::Catalogue& catalogue,
                                   const protocols::OperationList& operations) {
  std::set<std::string> names;
  for (const protocols::Operation& operation : operations) {
    names.emplace(catalogue.functions[operation.function].name);
  }
  return names;
}

}  // namespace

Accounting::Accounting(const Options& options, const protocols::Protocol& protocol)
    : options_(options),
      protocol_(protocol),
      reviewed_forms_(read_reviewed(options.forms, options.protocol)),
      reviewed_names_(read_reviewed(options.names, options.protocol)) {}

void Accounting::take(const std::vector<Conversation>& conversations, std::size_t per_source) {
  for (const Conversation& conversation : conversations) take(conversation, per_source);
}

std::size_t Accounting::run() {
  for (const Item& item : items_) account_for(item);
  if (options_.silent) return findings_;
  if (!options_.list) check_reviewed();
  for (const std::string& reason : judge_.strays()) {
    ++findings_;
    std::printf("declared free outside of the message: %s\n", reason.c_str());
  }
  for (const auto& function : protocol_.catalogue().functions) {
    const std::string name(function.name);
    if (!functions_.contains(name)) std::printf("no message: %s\n", name.c_str());
  }
  std::printf("%s messages %zu changes %zu findings %zu\n", options_.protocol.c_str(),
              items_.size(), changes_, findings_);
  return findings_;
}

void Accounting::take(const Conversation& conversation, std::size_t per_source) {
  // Rows of unit tests need not say what carries a protocol that has one carrier alone.
  const auto ports = protocol_.catalogue().ports;
  const bool has_port = std::any_of(ports.begin(), ports.end(), [&](const auto& port) {
    return port.carrier == conversation.carrier;
  });
  const protocols::Carrier carrier = has_port ? conversation.carrier : ports[0].carrier;
  const auto operations = std::make_unique<protocols::OperationList>();
  std::vector<std::uint64_t> session((protocol_.state_layout().bytes_max + 7) / 8);
  const std::span<std::byte> block = std::as_writable_bytes(std::span(session));
  if (!conversation.begun) protocol_.begin_unseen(block);
  for (const Message& said : conversation.messages) {
    ByteView rest = said.bytes;
    while (!rest.empty()) {
      protocols::MessageContext context{said.direction, carrier, block};
      const protocols::Frame frame = protocol_.frame(rest, context);
      if (frame.fault != protocols::Fault::none || frame.length == 0) break;
      if (frame.length > rest.size()) break;
      const ByteView bytes = rest.first(frame.length);
      rest = rest.subspan(frame.length);
      Item item{&protocol_, carrier, said, conversation.source, {}, session};
      item.message.direction = protocol_.encoded_direction(bytes).value_or(said.direction);
      item.message.bytes.assign(bytes.begin(), bytes.end());
      context.direction = item.message.direction;
      protocols::Parsed parsed(bytes, context.direction);
      if (protocol_.parse(parsed, context, *operations) != protocols::Fault::none) continue;
      const auto functions = functions_of(protocol_.catalogue(), *operations);
      if (protocol_.accept(block, parsed, 0) != protocols::Fault::none) {
        std::copy(item.session.begin(), item.session.end(), session.begin());
        continue;
      }
      item.kind = protocols::describe(context.direction);
      for (const std::string& name : functions) item.kind += " " + name;
      functions_.insert(functions.begin(), functions.end());
      add(std::move(item), per_source);
    }
  }
}

void Accounting::add(Item item, std::size_t per_source) {
  const std::string& kind = item.kind;
  if (!options_.filter.empty() && kind.find(options_.filter) == std::string::npos &&
      item.message.what.find(options_.filter) == std::string::npos) {
    return;
  }
  if (kinds_[kind] >= options_.flipped_max) return;
  if (per_source_[kind + item.source] >= per_source) return;
  if (!known_.insert(item.message.bytes).second) return;
  ++kinds_[kind];
  ++per_source_[kind + item.source];
  items_.push_back(std::move(item));
}

void Accounting::find(const Item& item, const std::string& what) {
  ++findings_;
  if (!told_texts_.insert(item.kind + ' ' + what).second) return;  // another message showed it
  constexpr std::size_t kToldMax = 40;
  if (options_.silent || (!options_.list && findings_ > kToldMax)) return;
  if (told_ != &item) {
    told_ = &item;
    const auto operations = std::make_unique<protocols::OperationList>();
    const Place place = item.place();
    protocols::MessageContext context = place.context;
    context.session = place.known();
    parse_operations(protocol_, item.message.bytes, context, *operations);
    std::printf("\n%s %s (%s: %s)\n  %s\n  = %s\n", options_.protocol.c_str(),
                std::string(protocols::describe(item.message.direction)).c_str(),
                item.source.c_str(), item.message.what.c_str(), hex(item.message.bytes).c_str(),
                tell_operations(protocol_.catalogue(), *operations).c_str());
  }
  std::printf("    %s\n", what.c_str());
}

void Accounting::check_names(const Item& item, const Outcome& outcome, const Change& change) {
  for (const std::size_t field : outcome.unprintable) {
    const std::string name(protocol_.catalogue().fields[field].name);
    binary_.insert(name);
    if (reviewed_names_.contains(name)) continue;
    if (!told_texts_.insert(item.kind + " name " + name).second) continue;
    find(item, "a name that is no text, " + name + ": " + hex(change.bytes));
  }
}

// `derived` and the lengths of what is wholly free, or of what holds such: as long as it likes to
// be.
enum class Lengths : std::uint8_t { of_free, around_free };
std::vector<std::size_t> with_lengths(std::string_view protocol, ByteView message,
                                      const Bytes& free, Lengths which,
                                      std::vector<std::size_t> derived) {
  const Bytes opened = open(protocol, message);
  const Closed closed = close(protocol, opened);
  if (closed.bytes.size() != message.size()) return derived;
  for (const Length& length : find_layout(protocol, opened).lengths) {
    std::size_t wholly = 0;
    for (std::size_t i = length.begin; i < length.end; ++i) {
      wholly += free[closed.places[i]] == 0xff ? 1U : 0U;
    }
    const bool all = wholly == length.end - length.begin;
    const bool any = wholly > 0 && length.mask == 0xff;
    const bool takes = any && (all || which == Lengths::around_free);
    for (std::size_t i = 0; takes && i < length.width; ++i) {
      derived.push_back(closed.places[length.at + i]);
    }
  }
  std::sort(derived.begin(), derived.end());
  return derived;
}

// The message's forms that the reviewed list has.
const std::vector<Accounting::Reformed>& Accounting::reviewed_forms_of(const Granted& granted) {
  if (reformed_of_ == &granted.item) return reformed_;
  reformed_of_ = &granted.item;
  reformed_.clear();
  each_form(options_.protocol, granted.item.message.bytes, [&](const Change& form) {
    if (!reviewed_forms_.contains(form.what)) return;
    if (judge_.judge(granted.place, form.bytes).operations != granted.operations) return;
    const Bytes& free = judge_.free_bits();
    reformed_.push_back(
        {form.bytes, free,
         with_lengths(options_.protocol, form.bytes, free, Lengths::around_free, {})});
  });
  return reformed_;
}

// Whether the message has another form that the reviewed list has, and which is alike the changed
// one, of which so much is free; or the changed one has, and it is the message.
bool Accounting::is_reviewed_form(const Granted& granted, ByteView changed, const Bytes& free) {
  if (reviewed_forms_.empty()) return false;
  const auto derived = with_lengths(options_.protocol, changed, free, Lengths::around_free, {});
  for (const Reformed& form : reviewed_forms_of(granted)) {
    if (alike({form.bytes, form.free, form.derived}, {changed, free, derived})) return true;
  }
  bool found = false;
  each_form(options_.protocol, changed, [&](const Change& form) {
    found =
        found || (form.bytes == granted.item.message.bytes && reviewed_forms_.contains(form.what));
  });
  return found;
}

// Whether the changed message asks for the same, and is other than in what is free.
bool Accounting::is_found(const Granted& granted, const Change& change) {
  ++changes_;
  asks_otherwise_ = false;
  const Bytes& message = granted.item.message.bytes;
  if (change.bytes == message) return false;
  const Outcome& outcome = judge_.judge(granted.place, change.bytes);
  if (!outcome.operations.empty()) check_names(granted.item, outcome, change);
  asks_otherwise_ =
      !outcome.operations.empty() && outcome.operations != granted.operations && !outcome.is_opaque;
  if (outcome.operations != granted.operations) return false;
  const Bytes& free = judge_.free_bits();
  if (alike({message, granted.free, change.derived_before},
            {change.bytes, free, change.derived_after})) {
    return false;
  }
  // So many of one message are told together.
  constexpr std::size_t kLookedIntoMax = 256;
  if (!change.edited || ++looked_into_ > kLookedIntoMax) return true;
  const auto before = with_lengths(options_.protocol, message, granted.free, Lengths::of_free,
                                   change.derived_before);
  const auto after =
      with_lengths(options_.protocol, change.bytes, free, Lengths::of_free, change.derived_after);
  if (alike({message, granted.free, before}, {change.bytes, free, after})) return false;
  return !is_reviewed_form(granted, change.bytes, Bytes(free));
}

// ` 14:fc`: octets that have bits, and which.
std::string told_bits(const Bytes& bits) {
  std::string text;
  for (std::size_t at = 0; at < bits.size(); ++at) {
    char place[32];
    std::snprintf(place, sizeof(place), " %zu:%02x", at, bits[at]);
    if (bits[at] != 0) text += place;
  }
  return text;
}

Bytes Accounting::flip(const Granted& granted) {
  const Item& item = granted.item;
  Bytes found(item.message.bytes.size());
  Bytes read(item.message.bytes.size());
  // Where what is wholly free ends, nobody decides but its length.
  std::vector<std::size_t> lengths;
  if (options_.loose) {
    lengths =
        with_lengths(options_.protocol, item.message.bytes, granted.free, Lengths::of_free, {});
  }
  each_flip(options_.protocol, item.message.bytes, [&](const Change& change, Flip flip) {
    const auto bit = static_cast<std::uint8_t>(1U << flip.bit);
    const bool is_length = std::binary_search(lengths.begin(), lengths.end(), flip.at);
    const bool is_free = (granted.free[flip.at] & bit) != 0 && !is_length;
    if (is_found(granted, change)) found[flip.at] = static_cast<std::uint8_t>(found[flip.at] | bit);
    if (is_free && asks_otherwise_) read[flip.at] = static_cast<std::uint8_t>(read[flip.at] | bit);
  });
  const std::string unread = told_bits(found);
  if (!unread.empty()) find(item, "bits" + unread);
  const std::string loose = told_bits(read);
  if (options_.loose && !loose.empty()) {
    find(item, "declared free, but they change what is asked for:" + loose);
  }
  return found;
}

// Whether a change of the same length changes only bits that were found one by one.
bool is_known(ByteView message, const Change& change, const Bytes& flipped) {
  if (change.bytes.size() != message.size()) return false;
  for (std::size_t i = 0; i < message.size(); ++i) {
    const auto& derived = change.derived_after;
    const bool follows = std::binary_search(derived.begin(), derived.end(), i);
    if (!follows && ((change.bytes[i] ^ message[i]) & ~flipped[i]) != 0) return false;
  }
  return true;
}

void Accounting::edit(const Granted& granted, const Bytes& flipped) {
  const Item& item = granted.item;
  std::vector<std::string> found;
  looked_into_ = 0;
  each_edit(options_.protocol, item.message.bytes, [&](const Change& change) {
    if (!is_found(granted, change)) return;
    if (is_known(item.message.bytes, change, flipped)) return;
    found.push_back(change.what + (change.lengths ? " lengths: " : ": ") + hex(change.bytes));
  });
  constexpr std::size_t kEachMax = 6;
  for (std::size_t i = 0; i < found.size() && i < kEachMax; ++i) find(item, found[i]);
  if (found.size() > kEachMax) {
    find(item, "and " + std::to_string(found.size() - kEachMax) + " more");
  }
}

void Accounting::reform(const Granted& granted, const Bytes& flipped) {
  std::set<std::string> found;
  each_form(options_.protocol, granted.item.message.bytes, [&](const Change& change) {
    if (!is_found(granted, change)) return;
    if (is_known(granted.item.message.bytes, change, flipped)) return;
    forms_.insert(change.what);
    if (reviewed_forms_.contains(change.what) || !found.insert(change.what).second) return;
    find(granted.item,
         "form: " + change.what + " at " + std::to_string(change.place) + ": " + hex(change.bytes));
  });
}

void Accounting::account_for(const Item& item) {
  const Place place = item.place();
  const Outcome& outcome = judge_.judge(place, item.message.bytes);
  if (outcome.operations.empty()) {
    return find(item, "it is not granted when it is put again: " + outcome.refusal);
  }
  const Granted granted{item, place, outcome.operations, judge_.free_bits()};
  check_contract(item);
  carry_otherwise(granted);
  const Bytes flipped = flip(granted);
  if (edited_[item.kind]++ < options_.edited_max) edit(granted, flipped);
  reform(granted, flipped);
}

// A form exists only on the carrier whose standard has it; where a protocol has several, what is
// accepted on another one too is in the list of forms.
void Accounting::carry_otherwise(const Granted& granted) {
  static constexpr std::array kNames = {"tcp", "udp", "ethernet"};
  const auto before = static_cast<std::size_t>(granted.place.context.carrier);
  for (std::size_t i = 0; i < kNames.size(); ++i) {
    Place place = granted.place;
    const auto carrier = static_cast<protocols::Carrier>(i);
    const auto ports = protocol_.catalogue().ports;
    const bool has_port = std::any_of(ports.begin(), ports.end(),
                                      [&](const auto& port) { return port.carrier == carrier; });
    if (i == before || !has_port) continue;
    place.context.carrier = carrier;
    if (judge_.judge(place, granted.item.message.bytes).operations.empty()) continue;
    // By the functions, or all of them.
    const std::string by = std::string(" by ") + kNames[i];
    const std::string form = granted.item.kind + by;
    const std::string known = reviewed_forms_.contains("all" + by) ? "all" + by : form;
    forms_.insert(known);
    if (!reviewed_forms_.contains(known)) find(granted.item, "form: " + form);
  }
}

// What the pipeline relies on beside parse().
void Accounting::check_contract(const Item& item) {
  const Place place = item.place();
  const ByteView message = item.message.bytes;
  const std::string here = judge_.decoded(place, message, place.known());
  const protocols::RememberedVerdicts* remembered = protocol_.remembered_verdicts();
  const ByteView key = remembered != nullptr ? remembered->key(message) : ByteView{};
  if (!key.empty() && judge_.decoded(place, message, {}) != here) {
    find(item, "it has a verdict key, but its session changes what it means");
  }
  if (item.message.direction == protocols::Direction::request && !key.empty()) {
    const auto begin = static_cast<std::size_t>(key.data() - message.data());
    Bytes changed(message.begin(), message.end());
    for (std::size_t i = 0; i < message.size(); ++i) {
      if (i >= begin && i < begin + key.size()) continue;
      changed[i] ^= 0xff;
      if (judge_.decoded(place, changed, place.known()) != here) {
        find(item, "octet " + std::to_string(i) + " is outside the verdict key and is read");
      }
      changed[i] ^= 0xff;
    }
  }
  if (!key.empty()) check_known(item);
  const protocols::Frame frame = protocol_.frame(message, place.context);
  if (frame.head == 0 || frame.head >= message.size()) return;
  const auto by_head = std::make_unique<protocols::OperationList>();
  protocols::MessageContext context = place.context;
  context.session = place.known();
  std::string told;
  protocols::Parsed parsed(message.first(frame.head), context.direction);
  if (protocol_.parse_head(parsed, message.size(), context, *by_head) == protocols::Fault::none) {
    append_operations(protocol_.catalogue(), *by_head, told);
  }
  if (told != here) find(item, "its head is judged otherwise");
}

// A request whose verdict is remembered changes the session as one that is parsed.
void Accounting::check_known(const Item& item) {
  if (item.message.direction != protocols::Direction::request) return;
  std::vector<std::uint64_t> parsed_session = item.session;
  std::vector<std::uint64_t> known_session = item.session;
  const auto operations = std::make_unique<protocols::OperationList>();
  protocols::MessageContext context = item.place().context;
  context.session = item.place().known();
  protocols::Parsed parsed(item.message.bytes, context.direction);
  if (protocol_.parse(parsed, context, *operations) != protocols::Fault::none) return;
  const std::span<std::uint64_t> one(parsed_session);
  const std::span<std::uint64_t> other(known_session);
  const protocols::Fault fault = protocol_.accept(std::as_writable_bytes(one), parsed, 0);
  const protocols::Fault known = protocol_.remembered_verdicts()->accept_known(
      std::as_writable_bytes(other), item.message.bytes, 0);
  if (fault != known || parsed_session != known_session) {
    find(item, "it is accepted otherwise where its verdict is remembered");
  }
}

// Each of what was seen is in the list, and each of the list was seen.
void Accounting::compare(const Reviewed& reviewed, const std::set<std::string>& seen,
                         const char* what) {
  for (const std::string& each : seen) {
    if (reviewed.contains(each)) continue;
    ++findings_;
    std::printf("%s, but not in the reviewed list: %s\n", what, each.c_str());
  }
  if (!options_.filter.empty() || !options_.has_captures) return;
  for (const auto& [each, why] : reviewed) {
    if (seen.contains(each)) continue;
    ++findings_;
    std::printf("in the reviewed list, but never %s: %s\n", what, each.c_str());
  }
}

void Accounting::check_reviewed() {
  compare(read_reviewed(options_.reviewed, options_.protocol), judge_.reasons(), "declared free");
  compare(reviewed_forms_, forms_, "another form accepted");
  compare(reviewed_names_, binary_, "a name that is no text");
}

}  // namespace bulkhead::accounting
