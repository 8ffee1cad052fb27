// Each choice has a source of its own, which the case's seed and what it is about give.
#include "tests/adversarial/model/talk.h"

#include <algorithm>
#include <set>

#include "tests/adversarial/model/attacker.h"
#include "tests/adversarial/model/edit.h"
#include "tests/adversarial/model/trace.h"

namespace bulkhead::adversary {

namespace {

std::uint64_t mixed(std::uint64_t seed, std::uint64_t number) {
  std::uint64_t value = (seed + 0x9e3779b97f4a7c15ULL * (number + 1)) * 0xbf58476d1ce4e5b9ULL;
  value ^= value >> 31;
  return value * 0x94d049bb133111ebULL;
}

// The answer of a server that carries out what no policy of ours grants.
Bytes carried_out(const Bytes& request) {
  const std::uint16_t transaction = load_be16(request.data());
  const std::uint8_t function = request[7];
  if (function == 6) return request;
  const bool is_read = function == 3 && load_be16(request.data() + 10) != 0;
  if (is_read || function == 16) return answer_to(request);
  const std::uint8_t exception = function == 3 ? 3 : 1;
  return support::modbus_adu({static_cast<std::uint8_t>(function | 0x80), exception}, transaction);
}

}  // namespace

Talk::Talk(support::Plant& plant, const Plan& plan, const Config& config, Witness* witness)
    : plant_(plant),
      plan_(plan),
      config_(config),
      witness_(witness),
      link_random_(mixed(config.seed, 1)),
      attack_random_(mixed(config.seed, 2)),
      end_random_(mixed(config.seed, 3)),
      now_ns_(std::max(plant.now_ns(), kStartNs)),
      ends_{TcpModel(plan.ends[kClient], end_random_), TcpModel(plan.ends[kServer], end_random_)},
      links_(plan, link_random_) {
  if (one_in(link_random_, 3)) fragmented_ = below(link_random_, 300);
}

bool Talk::is_way_perfect() const {
  const auto perfect = [](const Link& link) { return link.loss + link.twice + link.late == 0; };
  return fragmented_ == 0 && perfect(plan_.links[kClient]) && perfect(plan_.links[kServer]);
}

void Talk::trace(const char* where, const Bytes& frame) const {
  if (config_.trace) print_frame(now_ns_ - kStartNs, where, frame);
}

void Talk::put_on_wire(std::size_t end, const Bytes& frame) {
  if (links_.put(end, true, frame, now_ns_) > 1) ++repeated;
}

// Some of an end's segments come in fragments, each of which may be lost or come late.
void Talk::send(std::size_t end, const Bytes& frame) {
  const std::size_t length = frame.size() - kIpPayloadAt;
  if (length < 24 || below(link_random_, 1000) >= fragmented_) return put_on_wire(end, frame);
  const std::uint16_t identification = identification_++;
  const std::size_t step = 8 * (1 + below(link_random_, static_cast<std::uint32_t>(length / 8)));
  for (std::size_t at = 0; at < length; at += step) {
    const std::size_t part = std::min(step, length - at);
    put_on_wire(end, support::fragment_of(frame, {at, part, at + part < length}, identification));
    if (at / step == 3) return;  // more than enforcing puts together; its sender repeats it
  }
}

// Of one frame that arrived, or of the timers.
void Talk::note_refusals(std::vector<Reason>& others) {
  if (config_.trace) print_refusals(config_.observes ? "foretold" : "refused", plant_.verdicts);
  for (const pipeline::Event& event : plant_.verdicts) {
    const bool lacks = event.reason == Reason::not_judged && !event.is_message;
    if (lacks && !judged) judged = {messages[kClient].size(), messages[kServer].size()};
    if (is_allowed(event.reason) || event.reason == Reason::flow_refused) continue;
    if (event.observed != config_.observes) violate("a verdict of the wrong kind");
    if (event.is_message) {
      const bool asks = event.direction == protocols::Direction::request;
      messages[asks ? kClient : kServer].push_back(event);
    } else {
      others.push_back(event.reason);
    }
  }
  plant_.verdicts.clear();
}

void Talk::pass_on(std::vector<support::Sent> sent) {
  for (const support::Sent& each : sent) {
    if (!config_.observes)
      trace(end_at(each.port) == kClient ? "-> client" : "-> server", each.frame);
    links_.put(end_at(each.port), false, each.frame, now_ns_);
  }
}

void Talk::arrive(std::size_t end, const Bytes& frame) {
  trace(end == kClient ? "client ->" : "server ->", frame);
  plant_.arrive(port_of(end), frame);
  std::vector<support::Sent> sent;
  std::swap(sent, plant_.sent);
  ++frames;
  if (is_fragment(frame)) ++fragments;
  if (config_.observes && (sent.size() != 1 || sent[0].port != port_of(1 - end))) {
    violate("a frame of an observed conduit did not leave alone to the other side");
  } else if (config_.observes && sent[0].frame != frame) {
    violate("a frame of an observed conduit did not leave as it came");
  }
  if (witness_ != nullptr) witness_->on_frame(end, frame);
  note_refusals(packets);
  pass_on(std::move(sent));
}

// An end puts together what was made here; the pieces do not overlap.
void Talk::deliver(std::size_t end, const Bytes& frame) {
  if (!is_fragment(frame)) {
    if (const auto tcp = support::parse_sent(frame)) ends_[end].take(*tcp, now_ns_);
    return;
  }
  const std::uint32_t key = static_cast<std::uint32_t>(end) << 16 | load_be16(&frame[kIpAt + 4]);
  const std::uint16_t field = load_be16(&frame[kIpAt + 6]);
  auto& parts = fragments_[key];
  parts[(field & 0x1fffU) * 8] = frame;
  if ((load_be16(&parts.rbegin()->second[kIpAt + 6]) & 0x2000) != 0) return;
  Bytes whole(frame.begin(), frame.begin() + kIpPayloadAt);
  for (const auto& [offset, part] : parts) {
    if (whole.size() != kIpPayloadAt + offset) return;
    whole.insert(whole.end(), part.begin() + kIpPayloadAt, part.end());
  }
  fragments_.erase(key);
  const Bytes unfragmented =
      support::fragment_of(whole, {0, whole.size() - kIpPayloadAt, false}, 0);
  if (const auto tcp = support::parse_sent(unfragmented)) ends_[end].take(*tcp, now_ns_);
}

void Talk::put_malformed(std::size_t request) {
  Random random(mixed(config_.seed, 1000 + request));
  if (plan_.attacked || !one_in(random, 4)) return;
  const MalformedFrame made = malformed_frame(random, ends_, now_ns_);
  trace("malformed", made.frame);
  plant_.arrive(port_of(made.end), made.frame);
  const bool left = plant_.sent.size() == 1 && plant_.sent[0].frame == made.frame &&
                    plant_.sent[0].port == port_of(1 - made.end);
  if (config_.observes && !left) violate("a malformed frame did not leave as it came");
  plant_.sent.clear();
  ++frames;
  note_refusals(malformed[request]);
}

void Talk::step_client() {
  TcpModel& client = ends_[kClient];
  if (!client.established()) return;
  const auto is_answered = [this](const Request& request) {
    return request.answered || (!request.granted && !config_.observes);
  };
  const auto asked = plan_.requests.begin() + static_cast<std::ptrdiff_t>(asked_);
  auto expected =
      static_cast<std::size_t>(std::count_if(plan_.requests.begin(), asked, is_answered));
  const Split heard = split(client.received);
  // What answers nothing may have crossed an appliance that observes.
  std::set<std::uint16_t> answered;
  for (const Bytes& message : heard.messages) answered.insert(load_be16(message.data()));
  std::size_t answers = 0;
  for (std::size_t i = 0; i < asked_; ++i) answers += answered.count(plan_.requests[i].transaction);
  for (; asked_ < plan_.requests.size() && expected < answers + plan_.depth; ++asked_) {
    put_malformed(asked_);
    const Request& request = plan_.requests[asked_];
    expected += is_answered(request) ? 1 : 0;
    Random random(mixed(config_.seed, 2000 + asked_));
    writes_[kClient].add_request(request.bytes, plan_, random, now_ns_);
  }
  writes_[kClient].write_due(client, now_ns_, plan_.pieces == 3);
  const bool all_asked = asked_ == plan_.requests.size() && writes_[kClient].empty();
  if (all_asked && (answers >= expected || plan_.half_close) && !closing_[kClient]) {
    closing_[kClient] = true;
    client.close(now_ns_);
  }
}

void Talk::answer(const Bytes& request, const Request* asked) {
  Writes& writes = writes_[kServer];
  const TimeNs at_ns = now_ns_ + plan_.think_ns;
  if (asked == nullptr || !asked->granted) return writes.add(carried_out(request), at_ns);
  Random random(mixed(config_.seed, 3000 + asked->transaction));
  Bytes right = server_answer(request, plan_, random);
  // Whether another request has been asked by now depends on the way.
  store_be16(right.data(), asked->transaction);
  writes.add_answer(request, right, plan_, random, at_ns);
}

void Talk::step_server() {
  TcpModel& server = ends_[kServer];
  while (const auto next = next_message(server.received, consumed_)) {
    const Bytes& request = *next;
    if (!config_.observes && !is_granted(request)) violate("a refused request arrived");
    const std::size_t index = load_be16(request.data()) - 1U;
    const bool known = index < plan_.requests.size() && plan_.requests[index].bytes == request;
    if (known && !plan_.requests[index].answered) continue;
    if (request.size() > 7) answer(request, known ? &plan_.requests[index] : nullptr);
  }
  writes_[kServer].write_due(server, now_ns_, false);
  if (server.peer_closed() && writes_[kServer].empty() && !closing_[kServer]) {
    closing_[kServer] = true;
    server.close(now_ns_);
  }
}

void Talk::attack() {
  if (!plan_.attacked || !ends_[kClient].established() || attacks_ > 40 ||
      !one_in(attack_random_, 3)) {
    return;
  }
  ++attacks_;
  const std::size_t end = one_in(attack_random_, 3) ? kServer : kClient;
  for (const Bytes& frame : random_attack(ends_[end], attack_random_, now_ns_)) {
    links_.put_surely(end, frame, now_ns_);
  }
}

void Talk::advance_to(TimeNs at_ns) {
  advance(plant_, now_ns_, at_ns, [this] {
    if (witness_ != nullptr) witness_->on_time(now_ns_);
    note_refusals(packets);
    if (plant_.sent.empty()) return false;
    if (config_.observes) violate("an appliance that observes made a frame");
    std::vector<support::Sent> sent;
    std::swap(sent, plant_.sent);
    pass_on(std::move(sent));
    return true;
  });
}

void Talk::handle_due() {
  while (!violation_) {
    const auto arrival = links_.take_due(now_ns_);
    if (!arrival) break;
    if (++handled_ > kHandledMax) violate("more frames than any conversation needs");
    if (arrival->from_end) {
      arrive(arrival->end, arrival->frame);
    } else {
      deliver(arrival->end, arrival->frame);
    }
  }
  for (TcpModel& end : ends_) end.run_timers(now_ns_);
  step_client();
  step_server();
  for (const std::size_t end : {kClient, kServer}) {
    for (const Bytes& frame : ends_[end].output) send(end, frame);
    ends_[end].output.clear();
  }
  attack();
}

bool Talk::is_over() const {
  if (plan_.attacked && witness_ != nullptr && witness_->has_enough()) return true;
  return have_ended(ends_);
}

std::optional<std::string> Talk::run() {
  plant_.clear();
  plant_.be_at(now_ns_);
  const TimeNs end_ns = now_ns_ + kTimeLimitNs;
  ends_[kClient].connect(now_ns_);
  handle_due();
  TimeNs last_progress_ns = now_ns_;
  std::size_t last_size = 0;
  while (!violation_ && now_ns_ < end_ns && !is_over()) {
    const std::size_t size = ends_[0].received.size() + ends_[1].received.size();
    if (size != last_size) last_progress_ns = now_ns_;
    last_size = size;
    // Refused without a word, attacked to death, or over but for acknowledgements that were lost.
    if (now_ns_ - last_progress_ns > kStalledNs) break;
    const TimeNs next_ns = next_event(links_, ends_, writes_);
    const TimeNs pause_ns = now_ns_ + 10 * kMillisecondNs;  // its timers may be all that is left
    advance_to(std::max(next_ns == UINT64_MAX ? pause_ns : next_ns, now_ns_));
    handle_due();
  }
  const bool may_stall = plan_.attacked || plan_.rogue_server;
  if (config_.observes && !may_stall && !violation_) check_complete();
  return violation_;
}

// Nothing is refused, so all that was said arrives.
void Talk::check_complete() {
  Bytes all;
  for (const Request& request : plan_.requests) {
    all.insert(all.end(), request.bytes.begin(), request.bytes.end());
  }
  if (ends_[kServer].received != all) violate("the server has not all that was asked");
  if (!closing_[kClient]) violate("the client has not all answers");
}

}  // namespace bulkhead::adversary
