// bulkhead-accounting: changes every bit and every element of granted messages of one protocol, and
// demands that the changed message is refused, is decoded to other operations, or differs only in
// what its module declares free.
//   bulkhead-accounting --protocol NAME [--list] [--filter TEXT]
// The last line is `NAME messages N changes C findings F`; exit 1 if there was any. `--list` tells
// all of them, and leaves out whether the declarations are in the reviewed list.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <cstdio>
#include <map>

#include "dataplane/protocols/registry.h"
#include "tests/adversarial/accounting/changes.h"
#include "tests/adversarial/accounting/judge.h"
#include "tests/adversarial/accounting/reviewed.h"

namespace {

using namespace bulkhead;
using namespace bulkhead::accounting;

struct Options {
  std::string protocol;
  std::string policies = "policies";
  std::string messages = "tests/adversarial/accounting/messages";
  std::string unit_test;
  std::string captures = "../shared/pcaps";
  std::string reviewed = "tests/adversarial/accounting/free.tsv";
  std::string forms = "tests/adversarial/accounting/forms.tsv";
  std::string names = "tests/adversarial/accounting/names.tsv";
  std::string filter;
  bool list = false;
  std::size_t flipped_max = 24;  // messages of one kind of which every bit is changed
  std::size_t edited_max = 6;    // ... and every element
};

// A message to account for, and where it stands.
struct Item {
  const protocols::Protocol* protocol = nullptr;
  protocols::Carrier carrier{};
  Message message;
  std::string source;
  std::string kind;
  std::vector<std::uint64_t> session;

  Place place() const { return {*protocol, {message.direction, carrier}, session}; }
};

// An item, what it asks for, and the bits of it that are free.
struct Granted {
  const Item& item;
  Place place;
  std::string operations;
  Bytes free;
};

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

class Accounting {
 public:
  explicit Accounting(const Options& options)
      : options_(options),
        protocol_(*protocols::registry()[*protocols::find_protocol(options.protocol)]),
        reviewed_forms_(read_reviewed(options.forms, options.protocol)),
        reviewed_names_(read_reviewed(options.names, options.protocol)) {}

  void take(const std::vector<Conversation>& conversations, std::size_t per_source) {
    for (const Conversation& conversation : conversations) take(conversation, per_source);
  }

  std::size_t run() {
    for (const Item& item : items_) account_for(item);
    if (!options_.list) check_reviewed();
    for (const std::string& reason : judge_.strays()) {
      ++findings_;
      std::printf("declared free outside of the message: %s\n", reason.c_str());
    }
    for (const auto& function : protocol_.catalogue().functions) {
      if (!functions_.contains(std::string(function.name))) {
        std::printf("no message: %s\n", std::string(function.name).c_str());
      }
    }
    std::printf("%s messages %zu changes %zu findings %zu\n", options_.protocol.c_str(),
                items_.size(), changes_, findings_);
    return findings_;
  }

 private:
  void take(const Conversation& conversation, std::size_t per_source);
  void add(Item item, std::size_t per_source);
  void account_for(const Item& item);
  // The bits of each octet that are found.
  Bytes flip(const Granted& granted);
  void edit(const Granted& granted, const Bytes& flipped);
  void reform(const Granted& granted, const Bytes& flipped);
  void carry_otherwise(const Granted& granted);
  void check_names(const Item& item, const Outcome& outcome, const Change& change);
  void check_contract(const Item& item);
  void check_reviewed();
  void compare(const Reviewed& reviewed, const std::set<std::string>& seen, const char* what);
  void find(const Item& item, const std::string& what);
  bool is_found(const Granted& granted, const Change& change);

  const Options& options_;
  const protocols::Protocol& protocol_;
  Judge judge_;
  std::vector<Item> items_;
  std::map<std::string, std::size_t> kinds_;       // how many messages of each there are
  std::map<std::string, std::size_t> per_source_;  // ... from each source
  std::map<std::string, std::size_t> edited_;
  std::set<Bytes> known_;
  std::set<std::string> functions_;
  Reviewed reviewed_forms_;
  Reviewed reviewed_names_;
  std::set<std::string> forms_;   // that were accepted
  std::set<std::string> binary_;  // names that were
  const Item* told_ = nullptr;
  std::set<std::string> told_texts_;
  std::size_t changes_ = 0;
  std::size_t findings_ = 0;
};

// Functions, not their values.
std::set<std::string> functions_of(const protocols::Catalogue& catalogue,
                                   const protocols::OperationList& operations) {
  std::set<std::string> names;
  for (const protocols::Operation& operation : operations) {
    names.emplace(catalogue.functions[operation.function].name);
  }
  return names;
}

void Accounting::take(const Conversation& conversation, std::size_t per_source) {
  const auto operations = std::make_unique<protocols::OperationList>();
  std::vector<std::uint64_t> session((protocol_.session_bytes_max() + 7) / 8);
  const std::span<std::byte> block = std::as_writable_bytes(std::span(session));
  if (!conversation.begun) protocol_.begin_unseen(block);
  for (const Message& said : conversation.messages) {
    ByteView rest = said.bytes;
    while (!rest.empty()) {
      protocols::MessageContext context{said.direction, conversation.carrier, block};
      const protocols::Frame frame = protocol_.frame(rest, context);
      if (frame.fault != protocols::Fault::none || frame.length == 0) break;
      if (frame.length > rest.size()) break;
      const ByteView bytes = rest.first(frame.length);
      rest = rest.subspan(frame.length);
      Item item{&protocol_, conversation.carrier, said, conversation.source, {}, session};
      item.message.direction = protocol_.told_direction(bytes).value_or(said.direction);
      item.message.bytes.assign(bytes.begin(), bytes.end());
      context.direction = item.message.direction;
      if (protocol_.decode(bytes, context, *operations) != protocols::Fault::none) continue;
      const auto functions = functions_of(protocol_.catalogue(), *operations);
      if (protocol_.pair(block, bytes, context.direction, 0) != protocols::Fault::none) {
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
  constexpr std::size_t kToldMax = 40;
  if (!options_.list && findings_ > kToldMax) return;
  if (!told_texts_.insert(item.kind + what).second) return;  // another message showed it
  if (told_ != &item) {
    told_ = &item;
    const auto operations = std::make_unique<protocols::OperationList>();
    const Place place = item.place();
    protocols::MessageContext context = place.context;
    context.session = place.known();
    protocol_.decode(item.message.bytes, context, *operations);
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

// Whether the changed message asks for the same, and is other than in what is free.
bool Accounting::is_found(const Granted& granted, const Change& change) {
  ++changes_;
  const Bytes& message = granted.item.message.bytes;
  if (change.bytes == message) return false;
  const Outcome& outcome = judge_.judge(granted.place, change.bytes);
  if (!outcome.operations.empty()) check_names(granted.item, outcome, change);
  if (outcome.operations != granted.operations) return false;
  return !alike({message, granted.free, change.derived_before},
                {change.bytes, judge_.free_bits(), change.derived_after});
}

Bytes Accounting::flip(const Granted& granted) {
  const Item& item = granted.item;
  Bytes found(item.message.bytes.size());
  each_flip(options_.protocol, item.message.bytes, [&](const Change& change, Flip flip) {
    if (!is_found(granted, change)) return;
    found[flip.at] = static_cast<std::uint8_t>(found[flip.at] | 1U << flip.bit);
  });
  std::string text;
  for (std::size_t at = 0; at < found.size(); ++at) {
    char place[32];
    std::snprintf(place, sizeof(place), " %zu:%02x", at, found[at]);
    if (found[at] != 0) text += place;
  }
  if (!text.empty()) find(item, "bits" + text);
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

// What the pipeline relies on beside decode().
void Accounting::check_contract(const Item& item) {
  const Place place = item.place();
  const ByteView message = item.message.bytes;
  const std::string here = judge_.decoded(place, message, place.known());
  if (protocol_.means_alike(message) && judge_.decoded(place, message, {}) != here) {
    find(item, "means_alike, but its session changes what it means");
  }
  if (item.message.direction == protocols::Direction::request && protocol_.means_alike(message)) {
    Bytes changed(message.begin(), message.end());
    for (std::size_t i = 0; i < protocol_.correlation_bytes(); ++i) {
      changed[i] ^= 0xff;
      if (judge_.decoded(place, changed, place.known()) != here) {
        find(item, "octet " + std::to_string(i) + " does more than to correlate");
      }
      changed[i] ^= 0xff;
    }
  }
  const protocols::Frame frame = protocol_.frame(message, place.context);
  if (frame.head == 0 || frame.head >= message.size()) return;
  const auto by_head = std::make_unique<protocols::OperationList>();
  protocols::MessageContext context = place.context;
  context.session = place.known();
  std::string told;
  if (protocol_.decode_head(message.first(frame.head), message.size(), context, *by_head) ==
      protocols::Fault::none) {
    append_operations(protocol_.catalogue(), *by_head, told);
  }
  if (told != here) find(item, "its head is judged otherwise");
}

// Each of what was seen is in the list, and each of the list was seen.
void Accounting::compare(const Reviewed& reviewed, const std::set<std::string>& seen,
                         const char* what) {
  for (const std::string& each : seen) {
    if (reviewed.contains(each)) continue;
    ++findings_;
    std::printf("%s, but not in the reviewed list: %s\n", what, each.c_str());
  }
  if (!options_.filter.empty()) return;
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

int account(const Options& options) {
  Accounting accounting(options);
  const protocols::Protocol& protocol =
      *protocols::registry()[*protocols::find_protocol(options.protocol)];
  constexpr std::size_t kAll = 1000;
  constexpr std::size_t kPerCapture = 3;
  accounting.take(read_cases(options.policies, protocol), kAll);
  accounting.take(read_messages(options.messages + "/" + options.protocol + ".txt"), kAll);
  accounting.take(read_unit_test(options.unit_test), kAll);
  const auto captured = read_captures(options.captures, protocol);
  if (captured.empty()) std::printf("no captures: only messages of our own\n");
  accounting.take(captured, kPerCapture);
  return accounting.run() == 0 ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  CLI::App app{"Accounts for every bit of granted messages"};
  app.add_option("--protocol", options.protocol, "The module")->required();
  app.add_option("--policies", options.policies, "Folder of example policies with their cases");
  app.add_option("--messages", options.messages, "Folder of messages, PROTOCOL.txt");
  app.add_option("--unit-test", options.unit_test,
                 "The module's unit test, whose rows are messages too (default: beside this)");
  app.add_option("--captures", options.captures, "Folder of captures, which may be absent");
  app.add_option("--reviewed", options.reviewed, "The reviewed list of what is free");
  app.add_option("--forms", options.forms, "The reviewed list of other forms that are accepted");
  app.add_option("--names", options.names, "The reviewed list of names that are not text");
  app.add_option("--filter", options.filter, "Only messages of such a function, or so called");
  app.add_option("--flipped", options.flipped_max, "Messages of a kind whose bits are changed");
  app.add_option("--edited", options.edited_max, "Messages of a kind whose elements are changed");
  app.add_flag("--list", options.list, "Tell all findings, and ask for no review");
  CLI11_PARSE(app, argc, argv);
  if (!protocols::find_protocol(options.protocol)) return 2;
  if (options.unit_test.empty()) {
    const std::filesystem::path beside = std::filesystem::path(argv[0]).parent_path();
    options.unit_test = (beside / (options.protocol + "_test")).string();
  }
  return account(options);
}
