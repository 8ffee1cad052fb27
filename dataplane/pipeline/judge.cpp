// Parse and judge: one message becomes operations, operations become a verdict, and the verdict is
// reported with the operation that decided it.
#include "dataplane/pipeline/judge.h"

#include <bit>
#include <utility>

#include "dataplane/pipeline/containment.h"
#include "dataplane/pipeline/expectations.h"
#include "dataplane/pipeline/packet_ends.h"
#include "dataplane/pipeline/parts.h"
#include "dataplane/pipeline/protocol_state.h"
#include "dataplane/pipeline/relations.h"
#include "dataplane/pipeline/shadow.h"
#include "dataplane/policy/matcher.h"
#include "dataplane/protocols/recognition.h"

namespace bulkhead::pipeline {

namespace {

using protocols::Direction;
using protocols::Fault;

// Of a message that needs no rule.
bool passes_unasked(policy::Cut cut, const Verdict& verdict,
                    const protocols::Operation& operation) {
  return policy::passes_tied(cut, verdict.protocol, operation,
                             verdict.direction == Direction::request);
}

// Every operation must be granted, but for those that only answer; the first that is not decides.
// Returns whether the verdict depends on the message alone. Changes nothing but its results, so
// that the operations can be judged under another policy too.
bool judge_operations(const Context& context, const policy::Tables& tables,
                      const policy::Standing& standing, policy::Cut cut, Verdict& verdict,
                      policy::Charges& charges) {
  const policy::Conduit& conduit = tables.conduits[standing.conduit];
  const auto functions = context.modules[verdict.protocol].protocol->catalogue().functions;
  bool first = true;
  for (const protocols::Operation& operation : context.operations) {
    const bool answers =
        operation.tied || (verdict.direction != Direction::request &&
                           functions[operation.function].initiator == protocols::Initiator::client);
    if (answers && (cut.none() || passes_unasked(cut, verdict, operation))) continue;
    const policy::Decision decision =
        answers      ? policy::Decision{.reason = Reason::contained}
        : cut.none() ? policy::judge(conduit, standing.cell, verdict.protocol, operation,
                                     context.now_ns, charges)
                     : policy::judge_contained(cut, conduit, standing.cell, verdict.protocol,
                                               operation, context.now_ns, charges);
    if (std::exchange(first, false) || decision.reason != Reason::granted) {
      verdict.reason = decision.reason;
      verdict.standing.rule = decision.rule;
      verdict.function = operation.function;
      verdict.operation = &operation;
      verdict.denied_part = decision.denied_part;
    }
    if (decision.reason != Reason::granted) return false;
  }
  return charges.empty() && !first;
}

// Precondition: `verdict` is a new one.
void begin_verdict(Verdict& verdict, const flow::Packet& packet, ByteView message,
                   std::size_t bytes) {
  const flow::Flow& flow = *packet.flow;
  verdict.is_message = true;
  verdict.direction = direction_of(packet);
  verdict.standing = flow.standing;
  verdict.standing.rule = policy::kNoRule;
  verdict.protocol = flow.protocol;
  verdict.bytes = static_cast<std::uint32_t>(bytes);
  verdict.message = message;
}

bool is_to_many(const flow::Packet& packet) { return packet.ethernet.destination.is_group(); }

// A request that does not parse was not granted for what its function is, or for how it is put.
protocols::DeniedPart denied_part_of(Fault fault) {
  return fault == Fault::unknown_function ? protocols::DeniedPart::function
                                          : protocols::DeniedPart::value;
}

// The part of a whole request that its verdict depends on; nothing if it is not remembered.
ByteView judged_part(const Context& context, const protocols::Module& module, ByteView message) {
  if (message.size() > VerdictCache::kMessageBytesMax || !context.verdicts.enabled()) return {};
  if (module.remembered == nullptr) return {};
  const ByteView key = module.remembered->key(message);
  return key.size() <= VerdictCache::kBytesMax ? key : ByteView{};
}

// Parses the message that stands in `context.parsed`; false, with the fault, if that cannot be.
bool parse_message(Context& context, const flow::Packet& packet, std::size_t length,
                   Verdict& verdict) {
  flow::Flow& flow = *packet.flow;
  const protocols::Protocol& protocol = context.protocol_of(flow);
  protocols::Parsed& parsed = context.parsed;
  verdict.reason = Reason::protocol_fault;
  if (context.learns_names(flow)) context.flows.names().release_views();
  protocols::MessageContext way = context.message_context(flow, verdict.direction);
  way.reach = is_to_many(packet) ? protocols::Reach::many : protocols::Reach::one;
  verdict.fault = parsed.message().size() == length
                      ? protocol.parse(parsed, way, context.operations)
                      : protocol.parse_head(parsed, length, way, context.operations);
  if (verdict.fault == Fault::none && context.operations.size() == 0) {
    verdict.fault = Fault::truncated;  // a message that asks for nothing is not understood
  }
  if (verdict.fault != Fault::none) return false;
  verdict.operation = context.operations.begin();
  verdict.function = verdict.operation->function;
  return true;
}

// Parses and judges it. True if the verdict can be remembered.
bool parse_and_judge(Context& context, const flow::Packet& packet, std::size_t length,
                     Verdict& verdict, policy::Charges& charges) {
  if (!parse_message(context, packet, length, verdict)) return false;
  verdict.reason = Reason::answers_request;
  const policy::Standing& standing = packet.flow->standing;
  return judge_operations(context, context.tables(), standing,
                          cut_of_conduit(context, standing.conduit), verdict, charges);
}

// The same for a request that may have come before: true if it has, and was not parsed. What names
// or relations may follow from is parsed each time.
bool recall_or_judge(Context& context, const flow::Packet& packet, ByteView judged,
                     Verdict& verdict, policy::Charges& charges) {
  flow::Flow& flow = *packet.flow;
  const VerdictCache::Question question(flow.standing, flow.protocol, judged);
  const std::size_t length = context.parsed.message().size();
  if (const VerdictCache::Known* known = context.verdicts.find(question)) {
    const bool read = context.has_expectations(flow) || context.learns_names(flow);
    if (read && !parse_message(context, packet, length, verdict)) return false;
    verdict.reason = Reason::granted;
    verdict.standing.rule = known->rule;
    verdict.function = known->function;
    return !read;
  }
  if (parse_and_judge(context, packet, length, verdict, charges)) {
    context.verdicts.remember(question, {verdict.standing.rule, verdict.function});
  }
  return false;
}

}  // namespace

void prefetch_verdict(const Context& context, const flow::Packet& packet) {
  const flow::Flow& flow = *packet.flow;
  if (!packet.from_client) return;
  const ByteView judged = judged_part(context, context.module_of(flow), packet.payload());
  if (!judged.empty()) context.verdicts.prefetch({flow.standing, flow.protocol, judged});
}

namespace {

// An answer to a request that passed just before the peer failed, so that it was not replicated;
// one that fits is to what came after it. Or, in a session that is judged beside, to a request that
// was refused since it could not be read; what was asked before it may be answered yet.
Fault excuse(flow::Flow& flow, Fault fault) {
  if (fault != Fault::unrequested_response && fault != Fault::mismatched_response) {
    flow.missed = 0;
    return fault;
  }
  flow.expect_one_answer_less();
  return Fault::none;
}

// The module accepts a granted message. `recalled`: it was not parsed; if it is refused after all,
// it is, for its refusal.
Fault accept(Context& context, flow::Flow& flow, bool recalled) {
  const protocols::Module& module = context.module_of(flow);
  const auto put = [&] {
    const std::span<std::byte> session = context.flows.session(flow);
    return recalled ? module.remembered->accept_known(session, context.parsed.message(),
                                                      context.now_ms())
                    : module.protocol->accept(session, context.parsed, context.now_ms());
  };
  Fault fault = put();
  if (fault == Fault::too_many_outstanding && context.flows.deepen_session(flow)) fault = put();
  if (fault != Fault::none && recalled) {
    module.protocol->parse(context.parsed,
                           context.message_context(flow, context.parsed.direction()),
                           context.operations);
  }
  return fault;
}

// Ties a granted message to what came before it.
Fault tie_to_past(Context& context, flow::Flow& flow, const Verdict& verdict, bool recalled) {
  const Fault fault = accept(context, flow, recalled);
  const bool answers = verdict.direction != Direction::request;
  return flow.may_have_asked() && answers ? excuse(flow, fault) : fault;
}

// The same, and to what the session opens beside itself: only what is accepted changes that.
Fault tie_and_relate(Context& context, const flow::Packet& packet, const Verdict& verdict,
                     bool recalled) {
  flow::Flow& flow = *packet.flow;
  if (!context.has_expectations(flow)) return tie_to_past(context, flow, verdict, recalled);
  protocols::RelationStep step;
  Fault fault = follow_relation(context, packet, step);
  if (fault == Fault::none) fault = tie_to_past(context, flow, verdict, recalled);
  if (fault == Fault::none) make_step(context, packet, step, verdict.standing.rule);
  return fault;
}

// The same of a message that may define handles: they are the session's once all else has accepted
// it, and the peer knows them before anything that depends on them leaves.
Fault learn_and_tie(Context& context, const flow::Packet& packet, const Verdict& verdict,
                    bool recalled) {
  flow::Flow& flow = *packet.flow;
  if (!context.learns_names(flow)) return tie_and_relate(context, packet, verdict, recalled);
  flow::NameStore& names = context.flows.names();
  names.begin(context.flows.index_of(flow), flow.shares);
  context.module_of(flow).names->learn(context.parsed, context.flows.session(flow), names);
  const Fault fault = names.has_failed() ? Fault::too_many_names
                                         : tie_and_relate(context, packet, verdict, recalled);
  if (fault != Fault::none) {
    names.undo();
  } else if (names.keep()) {
    context.replicate_first(flow);
  }
  return fault;
}

// A message that every rule grants is charged once to each budget that it needs, and only if it
// leaves.
void pay_and_tie(Context& context, const flow::Packet& packet, const policy::Charges& charges,
                 Verdict& verdict, bool recalled) {
  const policy::Conduit& conduit = context.tables().conduits[packet.flow->standing.conduit];
  if (!charges.empty() && !charges.charge(conduit, context.now_ns)) {
    verdict.reason = Reason::rate_exceeded;
    return;
  }
  verdict.fault = learn_and_tie(context, packet, verdict, recalled);
  if (verdict.fault == Fault::none) {
    if (!charges.empty()) context.charged = charges;
    return;
  }
  verdict.reason = Reason::protocol_fault;
  if (verdict.direction == Direction::response) {
    context.difference = context.protocol_of(*packet.flow)
                             .difference(context.flows.session(*packet.flow), context.parsed);
    verdict.difference = &context.difference;
  }
  charges.refund(conduit);
}

void read_as(Context& context, flow::Flow& flow, std::uint8_t protocol) {
  if (flow.protocol == protocol) return;
  context.flows.drop_session(flow);
  flow.protocol = protocol;
  if (flow.resumed) begin_unseen(context, flow);
}

}  // namespace

void judge_known(Context& context, const flow::Packet& packet, ByteView message, std::size_t length,
                 Verdict& verdict, std::size_t longest_part) {
  flow::Flow& flow = *packet.flow;
  begin_verdict(verdict, packet, message, length);
  context.parsed.begin(message, verdict.direction);
  if (context.has_expectations(flow) && judge_expected(context, packet, message, verdict)) return;
  if (!context.charged.empty()) context.charged = {};
  policy::Charges charges;
  ByteView judged;
  const bool whole = message.size() == length && longest_part == 0;
  // What is remembered was granted without a containment, and is right again after it.
  const bool remembers = cut_of_conduit(context, flow.standing.conduit).none();
  if (verdict.direction == Direction::request && whole && !is_to_many(packet) && remembers) {
    judged = judged_part(context, context.module_of(flow), message);
  }
  bool recalled = false;
  if (flow.expected && !is_expected_session(context, flow)) {
    verdict.reason = Reason::protocol_fault;
    verdict.fault = Fault::not_started;
  } else if (judged.empty()) {
    parse_and_judge(context, packet, length, verdict, charges);
  } else {
    recalled = recall_or_judge(context, packet, judged, verdict, charges);
  }
  if (longest_part != 0 && is_allowed(verdict.reason)) {
    check_parts(context, packet, longest_part, verdict);
  }
  if (!context.options.charge_rates) charges = {};
  if (is_allowed(verdict.reason)) pay_and_tie(context, packet, charges, verdict, recalled);
  if (verdict.fault != Fault::none) verdict.denied_part = denied_part_of(verdict.fault);
  // What is refused of a datagram may be granted in its sender's other role.
  const bool is_last = flow.transport == policy::Transport::tcp;
  if (context.shadow != nullptr && is_last) settle_judged(context, packet, verdict);
}

// The session's rules have several protocols, and its content has not told yet which it is: this
// message may. If it does not, it passes if any of them grants it.
void judge_unknown(Context& context, const flow::Packet& packet, ByteView message,
                   std::size_t length, Verdict& verdict) {
  flow::Flow& flow = *packet.flow;
  const policy::Conduit& conduit = context.tables().conduits[flow.standing.conduit];
  const auto recognised =
      protocols::recognise(policy::protocols_sharing(conduit, flow.standing.cell), message,
                           {direction_of(packet), policy::carrier_over(flow.transport)});
  if (recognised.protocol != protocols::kNoProtocol) {
    flow.protocol_known = true;
    read_as(context, flow, recognised.protocol);
    return judge_known(context, packet, message, length, verdict);
  }
  judge_known(context, packet, message, length, verdict);
  auto possible = recognised.possible;
  for (; possible != 0 && !is_allowed(verdict.reason); possible &= possible - 1) {
    read_as(context, flow, static_cast<std::uint8_t>(std::countr_zero(possible)));
    verdict = {};
    judge_known(context, packet, message, length, verdict);
  }
}

void judge_parts(Context& context, const flow::Packet& packet, ByteView message,
                 std::size_t longest_part, Verdict& verdict) {
  judge_known(context, packet, message, message.size(), verdict, longest_part);
}

Verdict refused_message(const flow::Packet& packet, Reason reason, Fault fault, ByteView message) {
  Verdict verdict;
  begin_verdict(verdict, packet, message, packet.payload_length);
  verdict.reason = reason;
  verdict.fault = fault;
  return verdict;
}

std::size_t write_refusal(Context& context, const flow::Flow& flow, const Verdict& verdict,
                          ByteView request, std::span<std::uint8_t> reply) {
  return context.protocol_of(flow).refuse(context.parsed_of(request, Direction::request),
                                          verdict.denied_part, reply);
}

}  // namespace bulkhead::pipeline
