// Words become one operation of the catalogue's function. Where a field is left open, each value at
// which some rule's grant begins is tried: if any value passes, one of those does.
#include "controlplane/cli/judge_words.h"

#include <algorithm>

#include "controlplane/cli/case_values.h"
#include "controlplane/cli/dependent_fields.h"
#include "controlplane/policy/values.h"
#include "dataplane/policy/classifier.h"
#include "dataplane/policy/matcher.h"
#include "dataplane/policy/observed.h"
#include "dataplane/policy/values.h"

namespace bulkhead::controlplane {

namespace {

using protocols::Catalogue;
using protocols::FieldInfo;
using protocols::FieldKind;
using protocols::FunctionInfo;
using protocols::Initiator;
using protocols::kNoField;

constexpr std::size_t kTriesMax = 20'000;
constexpr std::size_t kElementsMax = 4096;  // of one message in words

std::string names_of(const Catalogue& catalogue, std::uint32_t mask) {
  std::string text;
  for (std::size_t i = 0; i < catalogue.fields.size(); ++i) {
    if ((mask >> i & 1U) == 0) continue;
    text += (text.empty() ? "" : ", ") + std::string(catalogue.fields[i].name);
  }
  return text.empty() ? "none" : text;
}

class WordJudge {
 public:
  WordJudge(const PolicyCase& each, const policy::Tables& tables, const ModelRule& rule,
            Diagnostics& diagnostics)
      : case_(each),
        tables_(tables),
        catalogue_(protocols::registry()[*each.protocol]->catalogue()),
        function_(catalogue_.functions[rule.functions.front()]),
        function_index_(rule.functions.front()),
        diagnostics_(diagnostics) {}

  bool read() {
    const std::size_t before = diagnostics_.errors();
    for (const CaseField& field : case_.fields) read_field(field);
    const bool of_values = stated_.contains(catalogue_.element_value_field);
    for (const auto* key : {&case_.value_type, &case_.word_order}) {
      if (!*key || of_values) continue;
      diagnostics_.error((*key)->at, (*key)->text + " says how written values are read, and " +
                                         "the case states none that it applies to");
    }
    return diagnostics_.errors() == before;
  }

  // What follows from what the case states; false if no message is such. Precondition: read().
  // `server`: of a request, the asset that it is for, if that is one.
  bool settle(const ModelAsset* server) {
    if (server != nullptr && server->behind) take_route(*server);
    const SettledFields settled = settle_stated(catalogue_, function_, stated_);
    if (!settled.contradiction.empty()) {
      diagnostics_.error(case_.at, "no message is such: " + settled.contradiction);
    }
    absent_ = settled.absent;
    stated_mask_ = 0;
    for (const auto& [field, choice] : stated_) {
      stated_mask_ |= 1U << field;
      if ((settled.derived >> field & 1U) == 0) continue;
      best_.derived += (best_.derived.empty() ? "" : ", ") + field_text(catalogue_, field, choice);
    }
    return settled.contradiction.empty();
  }

  // Precondition: settle().
  std::optional<CaseVerdict> judge(const policy::Classification& session) {
    conduit_ = &tables_.conduits[session.standing.conduit];
    cell_ = session.standing.cell;
    list_open_fields();
    FieldChoices choices = stated_;
    try_all(0, choices);
    if (tries_ > kTriesMax) {
      diagnostics_.error(case_.at, "too many fields are open for the rules of conduit " +
                                       conduit_->name + ": state some of " + open_names());
      return std::nullopt;
    }
    if (!judged_) diagnostics_.error(case_.at, "no message is such: " + contradiction_);
    if (diagnostics_.errors() != 0) return std::nullopt;
    best_.conduit = conduit_->name;
    return best_;
  }

  const FunctionInfo& function() const { return function_; }
  const std::string& derived() const { return best_.derived; }

 private:
  bool is_element_value(std::size_t field) const { return field == catalogue_.element_value_field; }

  void read_field(const CaseField& given) {
    std::vector<std::string> known;
    for (const FieldInfo& field : catalogue_.fields) known.emplace_back(field.name);
    const auto at = std::find(known.begin(), known.end(), given.field.text);
    const auto index = static_cast<std::uint8_t>(at - known.begin());
    if (at == known.end() || (function_.fields >> index & 1U) == 0) {
      refuse_field(given.field, at == known.end() ? kNoField : index);
      return;
    }
    if (is_element_value(index)) return read_elements(given, index);
    const ModelConstraint read =
        read_constraint(given, catalogue_, index, policy::ValueType::plain, diagnostics_);
    const FieldInfo& field = catalogue_.fields[index];
    if (read.ranges.size() + read.patterns.size() != 1) {
      diagnostics_.error(given.field.at, given.field.text + " has one value in a message");
    } else if (!read.patterns.empty()) {
      stated_[index].name = read.patterns[0];
    } else if (!read.ranges[0].is_point() && !field.spans) {
      diagnostics_.error(given.field.at,
                         given.field.text + " has one value in a message, not a range");
    } else {
      stated_[index].range = read.ranges[0];
    }
  }

  // `index`: of the catalogue, where the protocol has it.
  void refuse_field(const Word& field, std::uint8_t index) {
    constexpr std::size_t kShownMax = 6;
    std::vector<std::string> own;
    for (std::size_t i = 0; i < catalogue_.fields.size(); ++i) {
      if ((function_.fields >> i & 1U) != 0) own.emplace_back(catalogue_.fields[i].name);
    }
    std::vector<std::string> having;
    for (const FunctionInfo& each : catalogue_.functions) {
      if (index != kNoField && (each.fields >> index & 1U) != 0) having.emplace_back(each.name);
    }
    std::string text = std::string(function_.name) + " has no field " + field.text;
    if (index == kNoField) text += did_you_mean(field.text, own);
    text += "; its fields: " + names_of(catalogue_, function_.fields);
    for (std::size_t i = 0; i < having.size() && i < kShownMax; ++i) {
      text += (i == 0 ? "; " + field.text + " is of " : ", ") + having[i];
    }
    const std::size_t more = having.size() - std::min(having.size(), kShownMax);
    if (more != 0) text += " and " + std::to_string(more) + " more";
    diagnostics_.error(field.at, text);
  }

  // The values of elements, each in the type that `as` names.
  void read_elements(const CaseField& given, std::uint8_t index) {
    ElementValues values;
    if (case_.value_type) {
      const auto at =
          std::find(kValueTypeNames.begin() + 1, kValueTypeNames.end(), case_.value_type->text);
      if (at == kValueTypeNames.end()) {
        diagnostics_.error(case_.value_type->at, "as is int16, uint32, int32 or float32");
        return;
      }
      values.type = static_cast<policy::ValueType>(at - kValueTypeNames.begin());
    }
    if (case_.word_order) {
      const std::string& order = case_.word_order->text;
      if (order != "big" && order != "little") {
        diagnostics_.error(case_.word_order->at, "word_order is big or little, not " + order);
      }
      if (order == "little") values.order = policy::WordOrder::little;
    }
    for (const Word& word : given.values) {
      const ModelConstraint read =
          read_constraint({given.field, {word}}, catalogue_, index, values.type, diagnostics_);
      if (read.ranges.size() != 1 || !read.ranges[0].is_point()) {
        diagnostics_.error(word.at, given.field.text + " is one number, or a list of them");
        return;
      }
      values.numbers.push_back(read.ranges[0].low);
    }
    if (!values.numbers.empty()) stated_[index].elements = std::move(values);
  }

  // An asset behind a gateway is the route to it.
  void take_route(const ModelAsset& asset) {
    for (std::size_t i = 0; i < catalogue_.fields.size(); ++i) {
      const auto index = static_cast<std::uint8_t>(i);
      if (stated_.contains(index) || (function_.fields >> i & 1U) == 0) continue;
      for (const ModelRoute& route : asset.route) {
        if (catalogue_.fields[i].route != route.key.text) continue;
        const ModelConstraint read = read_constraint({route.key, {route.value}}, catalogue_, index,
                                                     policy::ValueType::plain, diagnostics_);
        if (!read.patterns.empty()) stated_[index].name = read.patterns[0];
        if (!read.ranges.empty()) stated_[index].range = read.ranges[0];
      }
    }
  }

  struct OpenField {
    std::uint8_t field = 0;
    bool constrained = false;  // by some rule; else it may have any value
    std::vector<FieldChoice> choices;
  };

  // Fields that must be named in a rule are absent where the case does not state them.
  void list_open_fields() {
    open_.clear();
    for (std::size_t i = 0; i < catalogue_.fields.size(); ++i) {
      const auto index = static_cast<std::uint8_t>(i);
      if ((function_.fields >> i & 1U) == 0 || stated_.contains(index)) continue;
      if (catalogue_.fields[i].by_name || (absent_ >> i & 1U) != 0) continue;
      std::vector<FieldChoice> choices = choices_of(index);
      const bool constrained = !choices.empty();
      // The least that each message has, where those of the rules fit none: of numbers in two
      // words, two.
      const bool counts = counts_elements(catalogue_, index);
      for (const std::int64_t size : element_sizes(catalogue_, index)) {
        add_choice(choices, choice_at(index, {}, size));
      }
      if (choices.empty() || counts || is_element_value(index)) {
        choices.push_back(choice_at(index, {}, counts ? 1 : 0));
      }
      if (counts) choices.push_back(choice_at(index, {}, 2));
      open_.push_back({index, constrained, std::move(choices)});
    }
  }

  std::string open_names() const {
    std::uint32_t mask = 0;
    for (const OpenField& open : open_) mask |= 1U << open.field;
    return names_of(catalogue_, mask);
  }

  // Where grants of the field begin.
  std::vector<FieldChoice> choices_of(std::uint8_t field) const {
    std::vector<FieldChoice> choices;
    for (const policy::Rule& rule : conduit_->rules) {
      if (rule.protocol != *case_.protocol || !rule.functions.test(function_index_)) continue;
      const policy::Constraint* constraint = policy::find_constraint(rule, field);
      if (constraint == nullptr) continue;
      const auto sizes = element_sizes(catalogue_, field);
      for (const Range& range : constraint->ranges) {
        for (const std::int64_t size : sizes) {
          if (range.contains(size)) add_choice(choices, choice_at(field, rule, size));
        }
        if (!sizes.empty()) continue;
        add_choice(choices, choice_at(field, rule, range.low));
        // A number in two words takes an even count of them.
        if (!counts_elements(catalogue_, field) || words_of(rule.value_type) == 1) continue;
        add_choice(choices, choice_at(field, rule, std::min(range.low + 1, range.high)));
      }
      for (const std::string& pattern : constraint->patterns) {
        FieldChoice choice;
        choice.name = pattern;
        if (catalogue_.fields[field].patterns == nullptr) std::erase(choice.name, '*');
        add_choice(choices, std::move(choice));
      }
    }
    return choices;
  }

  // Each once: rules often agree.
  static void add_choice(std::vector<FieldChoice>& choices, FieldChoice choice) {
    if (std::find(choices.begin(), choices.end(), choice) != choices.end()) return;
    choices.push_back(std::move(choice));
  }

  FieldChoice choice_at(std::uint8_t field, const policy::Rule& rule, std::int64_t number) const {
    FieldChoice choice;
    choice.range = Range::point(number);
    if (is_element_value(field)) {
      choice.elements = {rule.value_type, rule.word_order, {number}};
    }
    return choice;
  }

  void try_all(std::size_t next, FieldChoices& choices) {
    if (best_.allowed || tries_ > kTriesMax) return;
    if (next == open_.size()) return try_one(choices);
    for (const FieldChoice& choice : open_[next].choices) {
      choices[open_[next].field] = choice;
      try_all(next + 1, choices);
      if (best_.allowed) return;
    }
  }

  void try_one(FieldChoices choices) {
    ++tries_;
    const SettledFields settled = settle_tried(catalogue_, function_, stated_mask_, choices);
    if (!settled.contradiction.empty()) {
      if (contradiction_.empty()) contradiction_ = settled.contradiction;
      return;
    }
    protocols::Operation operation;
    operation.function = function_index_;
    for (const auto& [field, choice] : choices) {
      if (is_element_value(field)) continue;
      if (catalogue_.fields[field].kind == FieldKind::name) {
        operation.set_name(
            field, {reinterpret_cast<const std::uint8_t*>(choice.name.data()), choice.name.size()});
      } else {
        operation.set(field, choice.range);
      }
    }
    std::optional<ElementBytes> bytes;
    const auto values = choices.find(catalogue_.element_value_field);
    if (values != choices.end() && !set_elements(values->second.elements, operation, bytes)) return;
    const policy::Decision decision =
        policy::judge(*conduit_, cell_, *case_.protocol, operation, 0);
    if (judged_ && !is_allowed(decision.reason)) return;
    judged_ = true;
    best_.allowed = is_allowed(decision.reason);
    best_.reason = describe(decision.reason).name;
    best_.rule = decision.rule;
    if (best_.allowed) best_.assumed = assumed(choices);
  }

  // The elements stand at the addresses from the first on, as many as there are addresses. False if
  // there are not as many values, nor one for all.
  bool set_elements(const ElementValues& values, protocols::Operation& operation,
                    std::optional<ElementBytes>& bytes) {
    const std::uint8_t address = catalogue_.element_address_field;
    const std::size_t of_values = values.numbers.size() * words_of(values.type);
    std::size_t count = of_values;
    std::int64_t first = 0;
    if (address != kNoField && operation.has(address)) {
      const Range& range = operation.fields[address].range;
      first = range.low;
      count = static_cast<std::size_t>(range.high - range.low + 1);
    }
    const bool stated = stated_.contains(catalogue_.element_value_field);
    const bool divides = count % words_of(values.type) == 0;
    if (!divides && !stated) {
      contradiction_ = "a value of a rule does not fit " + std::to_string(count) + " elements";
      return false;
    }
    if (count > kElementsMax || !divides || (of_values != count && values.numbers.size() != 1)) {
      diagnostics_.error(case_.at, std::to_string(count) + " elements at these addresses, but " +
                                       std::to_string(of_values) + " in value");
      return false;
    }
    bytes.emplace(values, function_, count);
    operation.elements = bytes->view(first);
    return true;
  }

  std::string assumed(const FieldChoices& choices) const {
    std::string text;
    for (const OpenField& open : open_) {
      if (!open.constrained || !choices.contains(open.field)) continue;
      text +=
          (text.empty() ? "" : ", ") + field_text(catalogue_, open.field, choices.at(open.field));
    }
    return text;
  }

  const PolicyCase& case_;
  const policy::Tables& tables_;
  const Catalogue& catalogue_;
  const FunctionInfo& function_;
  std::uint16_t function_index_;
  Diagnostics& diagnostics_;

  FieldChoices stated_;
  std::uint32_t stated_mask_ = 0;
  std::uint32_t absent_ = 0;  // fields that no message has beside those that are stated
  std::vector<OpenField> open_;
  const policy::Conduit* conduit_ = nullptr;
  policy::RuleCell cell_{};
  std::size_t tries_ = 0;
  bool judged_ = false;
  std::string contradiction_;  // of the first values that were tried and that no message has
  CaseVerdict best_;
};

policy::Classification classify(const policy::Tables& tables, const CaseSession& session) {
  return policy::classify(
      tables, static_cast<std::uint16_t>(session.client.zone),
      static_cast<std::uint16_t>(session.server.zone),
      {session.client.address, session.server.address, session.port, session.transport});
}

// Whether the case's first host opens the session that carries the message. Nothing: a mistake.
std::optional<bool> opens_session(const PolicyCase& each, const FunctionInfo& function,
                                  bool as_written, bool turned, Diagnostics& diagnostics) {
  if (function.initiator == Initiator::nobody) {
    diagnostics.error(each.function.at,
                      std::string(function.name) + " only answers: give such a message as bytes");
    return std::nullopt;
  }
  if (each.from_client) {
    const bool may = *each.from_client ? function.initiator != Initiator::server
                                       : function.initiator != Initiator::client;
    if (may) return true;
    diagnostics.error(each.function.at, std::string(function.name) + " is begun by a " +
                                            std::string(protocols::describe(function.initiator)) +
                                            ": what only answers needs no rule");
    return std::nullopt;
  }
  if (function.initiator == Initiator::server) return false;
  return function.initiator == Initiator::client || as_written || !turned;
}

std::optional<CaseVerdict> judge_service(const policy::Classification& session,
                                         const policy::Tables& tables) {
  CaseVerdict verdict;
  verdict.allowed =
      session.reason == Reason::service_granted && session.protocol == protocols::kNoProtocol;
  // A rule for an inspected protocol does not grant whatever else goes to that port.
  const bool inspected = session.reason == Reason::service_granted && !verdict.allowed;
  verdict.reason = describe(inspected ? Reason::protocol_fault : session.reason).name;
  verdict.rule = session.standing.rule;
  if (session.standing.conduit != policy::kNoConduit) {
    verdict.conduit = tables.conduits[session.standing.conduit].name;
  }
  return verdict;
}

// What the appliance says of a frame of this host that comes by its zone's port in the case's VLAN;
// nothing if its zone is there, or the case leaves the VLAN to its zone.
std::optional<Reason> refused_by_vlan(const PolicyCase& each, const policy::Tables& tables,
                                      const CaseSession::Host& host) {
  if (!each.vlan) return std::nullopt;
  const policy::ZoneLookup found = policy::find_source_zone(
      tables, tables.zones[host.zone].port, {*each.vlan, wire::VlanIds::kNoVlan}, host.address);
  if (found.zone == policy::kNoZone) return Reason::unknown_zone;
  if (found.known_source) return std::nullopt;
  return host.address.is_mac() ? Reason::ethertype_not_granted : Reason::spoofed_source;
}

std::optional<CaseVerdict> judge_by_rules(const PolicyCase& each, const Model& model,
                                          const policy::Tables& tables,
                                          const std::optional<CaseSession>& session,
                                          Diagnostics& diagnostics) {
  policy::Classification as_written = classify(tables, *session);
  if (!each.protocol) return judge_service(as_written, tables);
  const auto rule = resolve_words(each, model, diagnostics);
  if (rule->functions.size() != 1) {
    diagnostics.error(each.function.at, each.function.text + " names several functions: name one");
    return std::nullopt;
  }
  WordJudge judge(each, tables, *rule, diagnostics);
  if (!judge.read()) return std::nullopt;
  CaseSession turned{session->server, session->client, session->port, session->transport};
  const policy::Classification reverse = classify(tables, turned);
  const auto opens =
      opens_session(each, judge.function(), as_written.reason == Reason::service_granted,
                    reverse.reason == Reason::service_granted, diagnostics);
  if (!opens) return std::nullopt;
  const bool is_request = *opens && each.from_client.value_or(true);
  if (!judge.settle(is_request ? session->server.asset : nullptr)) return std::nullopt;
  const policy::Classification& found = *opens ? as_written : reverse;
  const bool protocol_named =
      found.protocol == *each.protocol || (found.protocols >> *each.protocol & 1U) != 0;
  if (found.reason != Reason::service_granted || found.protocol == protocols::kNoProtocol ||
      !protocol_named) {
    auto verdict = judge_service(found, tables);
    verdict->derived = judge.derived();
    if (!*opens) {
      verdict->sender = std::string(judge.function().name) +
                        " is a server's message: its sender is the server of the session";
    }
    return verdict;
  }
  return judge.judge(found);
}

}  // namespace

std::optional<CaseVerdict> judge_words(const PolicyCase& each, const Model& model,
                                       const policy::Tables& tables, Diagnostics& diagnostics) {
  const auto session = find_session(each, model, diagnostics);
  if (!session) return std::nullopt;
  auto verdict = judge_by_rules(each, model, tables, session, diagnostics);
  if (!verdict) return verdict;
  if (const auto refused = refused_by_vlan(each, tables, session->client)) {
    CaseVerdict elsewhere;
    elsewhere.reason = describe(*refused).name;
    return elsewhere;
  }
  verdict->observed =
      policy::observes_between(tables, static_cast<std::uint16_t>(session->client.zone),
                               static_cast<std::uint16_t>(session->server.zone), {});
  verdict->allowed = verdict->allowed || verdict->observed;
  return verdict;
}

}  // namespace bulkhead::controlplane
