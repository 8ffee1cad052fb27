// What leaves the firewall is looked at as it leaves; what its receivers have of it, at the end.
#include "tests/adversarial/model/world.h"

#include <algorithm>
#include <cstdio>
#include <memory>

#include "tests/adversarial/model/attacker.h"
#include "tests/adversarial/model/clockwork.h"
#include "tests/adversarial/model/oracle.h"
#include "tests/adversarial/model/pair.h"
#include "tests/adversarial/model/trace.h"

namespace bulkhead::adversary {

namespace {

using support::kControl;
using support::kSupervision;

constexpr std::size_t kFlagsAt = 14 + 20 + 13;
// Longer than the firewall's longest pauses between two resends that both may be lost.
constexpr TimeNs kFirewallAloneNs = 150 * kSecondNs;

class World {
 public:
  World(support::Plant& plant, policy::OnDeny on_deny, const CaseConfig& config)
      : first_(plant),
        plant_(&plant),
        on_deny_(on_deny),
        config_(config),
        random_(config.seed * 0x9e3779b97f4a7c15ULL + 1),
        plan_(random_plan(random_, static_cast<std::uint16_t>(1024 + config.seed % 60000))),
        now_ns_(std::max(plant.now_ns(), kStartNs)),
        ends_{TcpModel(plan_.ends[kClient], random_), TcpModel(plan_.ends[kServer], random_)},
        oracle_(plan_),
        links_(plan_, random_) {
    if (plan_.takeover_at != 0) pair_ = std::make_unique<Pair>(plant, on_deny);
  }

  std::optional<std::string> run();

 private:
  void violate(const std::string& what) {
    if (!violation_) violation_ = what;
  }
  void put_on_wire(std::size_t end, bool to_firewall, const Bytes& frame);
  void flush(std::size_t end);
  void take_from_firewall();
  void trace(const char* where, const Bytes& frame) const;
  void step_client();
  void step_server();
  void advance_to(TimeNs at_ns);
  void attack();
  void reopen();
  void step_pair();
  void take_over();
  std::size_t answered() const { return split(ends_[kClient].received).messages.size(); }
  void check_streams();
  void check_server_stream(const Split& heard, const std::string& who);
  void check_client_stream();
  void check_complete();

  support::Plant& first_;
  support::Plant* plant_;  // the one that forwards
  policy::OnDeny on_deny_;
  CaseConfig config_;
  Random random_;
  Plan plan_;
  TimeNs now_ns_;
  TcpModel ends_[2];
  Oracle oracle_;
  std::unique_ptr<Pair> pair_;
  Links links_;
  std::uint64_t handled_ = 0;
  std::optional<std::string> violation_;
  std::size_t asked_ = 0, expected_answers_ = 0;
  std::size_t consumed_ = 0;  // bytes of the server's stream
  Writes writes_[2];
  bool client_closing_ = false, server_closing_ = false;
  std::uint32_t attacks_ = 0;
  Bytes server_syn_;  // the frame, of which a copy may come late
  bool reopened_ = false, taken_over_ = false;
  bool wire_is_cut_ = false;  // what leaves now arrives nowhere
};

void World::trace(const char* where, const Bytes& frame) const {
  if (config_.trace) print_frame(now_ns_ - kStartNs, where, frame);
}

void World::put_on_wire(std::size_t end, bool to_firewall, const Bytes& frame) {
  if (to_firewall || !wire_is_cut_) links_.put(end, to_firewall, frame, now_ns_);
}

void World::flush(std::size_t end) {
  for (const Bytes& frame : ends_[end].output) {
    trace(end == kClient ? "client  sends" : "server  sends", frame);
    const bool syn = (frame[kFlagsAt] & wire::kTcpSyn) != 0;
    if (end == kServer && syn && server_syn_.empty()) server_syn_ = frame;
    put_on_wire(end, true, frame);
  }
  ends_[end].output.clear();
}

void World::take_from_firewall() {
  std::vector<support::Sent> sent;
  std::swap(sent, plant_->sent);
  for (const support::Sent& each : sent) {
    const std::size_t end = end_at(each.port);
    trace(end == kClient ? "  fw to client" : "  fw to server", each.frame);
    if (const auto wrong = oracle_.see(end, each.frame)) violate(*wrong);
    put_on_wire(end, false, each.frame);
  }
}

void World::step_client() {
  TcpModel& client = ends_[kClient];
  if (!client.established()) return;
  const std::size_t answers = answered();
  while (asked_ < plan_.requests.size() && expected_answers_ < answers + plan_.depth) {
    const Request& request = plan_.requests[asked_++];
    expected_answers_ += request.answered || !request.granted ? 1 : 0;
    writes_[kClient].add_request(request.bytes, plan_, random_, now_ns_);
  }
  writes_[kClient].write_due(client, now_ns_, plan_.pieces == 3);
  const bool all_asked = asked_ == plan_.requests.size() && writes_[kClient].empty();
  const bool all_heard = answers >= expected_answers_;
  if (all_asked && (all_heard || plan_.half_close) && !client_closing_) {
    client_closing_ = true;
    client.close(now_ns_);
  }
}

void World::step_server() {
  TcpModel& server = ends_[kServer];
  while (const auto next = next_message(server.received, consumed_)) {
    const Bytes& request = *next;
    if (!is_granted(request)) {
      violate("a request that is not granted reached the server");
      break;
    }
    const std::size_t index = load_be16(request.data()) - 1U;
    const bool silent = index < plan_.requests.size() && !plan_.requests[index].answered;
    const Bytes answer = server_answer(request, plan_, random_);
    if (!silent) {
      writes_[kServer].add_answer(request, answer, plan_, random_, now_ns_ + plan_.think_ns);
    }
  }
  writes_[kServer].write_due(server, now_ns_, false);
  if (server.peer_closed() && writes_[kServer].empty() && !server_closing_) {
    server_closing_ = true;
    server.close(now_ns_);
  }
}

void World::attack() {
  if (!plan_.attacked || !ends_[kClient].established() || attacks_ > 40 || !one_in(random_, 3)) {
    return;
  }
  ++attacks_;
  if (plan_.reopens && !reopened_) return reopen();
  const std::size_t end = one_in(random_, 3) ? kServer : kClient;
  for (const Bytes& frame : random_attack(ends_[end], random_, now_ns_)) {
    trace("attacker sends", frame);
    links_.put_surely(end, frame, now_ns_);
  }
}

// The client resets its session, of which the server may not hear, and opens it with the number
// that it had; what the server said to the first SYN comes a second time; and then other bytes.
void World::reopen() {
  const TcpModel& client = ends_[kClient];
  const std::uint32_t isn = client.config().isn;
  if (server_syn_.empty() || client.next_sequence() - isn < 13) return;
  reopened_ = true;
  wire_is_cut_ = plan_.loses_attacks;
  const auto say = [&](std::uint32_t sequence, const Bytes& payload, std::uint8_t flags) {
    const Bytes frame = ends_[kClient].frame(sequence, payload, flags, now_ns_);
    trace("attacker sends", frame);
    plant_->arrive(kSupervision, frame);
  };
  say(client.next_sequence(), {}, wire::kTcpRst);
  say(isn, {}, wire::kTcpSyn);
  plant_->arrive(kControl, server_syn_);
  say(isn + 1, random_request(random_, 40000, true).bytes, wire::kTcpAck | wire::kTcpPsh);
  take_from_firewall();
  wire_is_cut_ = false;
}

// The second appliance hears at once of what frames wait for, and of the rest when there is time.
// If asked for, it has missed what came last before one takeover in four.
void World::step_pair() {
  constexpr std::uint64_t kMissedFrames = 6;
  if (!pair_ || taken_over_) return;
  const bool misses = config_.falls_behind && plan_.takeover_at % 4 == 0;
  if (misses && handled_ + kMissedFrames >= plan_.takeover_at) pair_->fall_behind();
  if (!one_in(random_, 3)) pair_->tell(*plant_);
  if (one_in(random_, 3)) pair_->tell_more(*plant_);
  take_from_firewall();
  if (handled_ >= plan_.takeover_at) take_over();
}

// Of an attacker's two requests that have left nothing arrives, and where they stood it says
// something else now.
void World::take_over() {
  const std::uint32_t at = ends_[kClient].next_sequence();
  const bool attacks = plan_.attacked && ends_[kClient].established();
  if (attacks) {
    wire_is_cut_ = true;
    std::uint32_t sequence = at;
    for (int i = 0; i < 2; ++i) {
      const Bytes bytes = random_request(random_, 50000, true).bytes;
      plant_->arrive(kSupervision, ends_[kClient].frame(sequence, bytes, wire::kTcpAck, now_ns_));
      sequence += static_cast<std::uint32_t>(bytes.size());
    }
    pair_->tell(*plant_);
    pair_->tell_more(*plant_);
    take_from_firewall();
    wire_is_cut_ = false;
  }
  if (config_.trace) std::printf("             takeover%s\n", attacks ? ", and an attack" : "");
  taken_over_ = true;
  plant_ = &pair_->take_over(*plant_, now_ns_);
  if (!attacks) return;
  plant_->arrive(kControl,
                 ends_[kServer].frame(ends_[kServer].next_sequence(), {}, wire::kTcpAck, now_ns_));
  plant_->arrive(kSupervision, ends_[kClient].frame(at, random_request(random_, 60000, true).bytes,
                                                    wire::kTcpAck, now_ns_));
  take_from_firewall();
}

void World::advance_to(TimeNs at_ns) {
  advance(*plant_, now_ns_, at_ns, [this] {
    const bool left = !plant_->sent.empty();
    take_from_firewall();
    return left;
  });
}

std::optional<std::string> World::run() {
  plant_->clear();
  plant_->be_at(now_ns_);
  const TimeNs end_ns = now_ns_ + kTimeLimitNs;
  ends_[kClient].connect(now_ns_);
  flush(kClient);
  TimeNs last_progress_ns = now_ns_;
  std::size_t last_size = 0;
  while (!violation_ && now_ns_ < end_ns && !have_ended(ends_)) {
    TimeNs at_ns = next_event(links_, ends_, writes_);
    // A dead conversation: refused without a word, or attacked to death.
    const std::size_t size = ends_[0].received.size() + ends_[1].received.size();
    if (size != last_size) last_progress_ns = now_ns_;
    last_size = size;
    const bool may_stall =
        plan_.attacked || plan_.rogue_server || taken_over_ || on_deny_ != policy::OnDeny::reject;
    if (may_stall && now_ns_ - last_progress_ns > kStalledNs) break;
    if (at_ns == UINT64_MAX) {
      // Only the firewall's own timers are left.
      if (now_ns_ - last_progress_ns > kFirewallAloneNs) break;
      at_ns = now_ns_ + 10 * kMillisecondNs;
    }
    advance_to(std::max(at_ns, now_ns_));
    while (!violation_) {
      const auto arrival = links_.take_due(now_ns_);
      if (!arrival) break;
      if (++handled_ > kHandledMax) violate("more frames than any conversation needs");
      if (arrival->from_end) {
        plant_->arrive(port_of(arrival->end), arrival->frame);
        take_from_firewall();
      } else if (const auto tcp = support::parse_sent(arrival->frame)) {
        ends_[arrival->end].take(*tcp, now_ns_);
      }
    }
    for (TcpModel& end : ends_) end.run_timers(now_ns_);
    step_client();
    step_server();
    flush(kClient);
    flush(kServer);
    attack();
    step_pair();
    if (config_.trace) print_refusals("refused", plant_->verdicts);
    plant_->verdicts.clear();
  }
  check_streams();
  if (!violation_) check_complete();
  if (pair_ && !violation_ && !pair_->end(first_))
    violate("the second appliance lost records or buffers");
  return violation_;
}

void World::check_server_stream(const Split& heard, const std::string& who) {
  if (heard.malformed) return violate(who + " accepted bytes that are no message");
  std::size_t next = 0;
  for (const Bytes& message : heard.messages) {
    if (!is_granted(message)) return violate(who + " accepted a message that is not granted");
    if (plan_.attacked) continue;
    while (next < plan_.requests.size() && plan_.requests[next].bytes != message) ++next;
    if (next == plan_.requests.size()) {
      return violate(who + " accepted a message that was not sent, or out of order");
    }
    ++next;
  }
  if (heard.rest.empty()) return;
  // Only an attacker, whose resets count as the server's or the client's own, may cut a message; or
  // an appliance that goes while one leaves in several segments.
  if (!plan_.attacked && !taken_over_) violate(who + " accepted a part of a message");
}

void World::check_client_stream() {
  for (std::size_t i = 0; i < Receivers::kCount; ++i) {
    const Split heard = split(oracle_.receivers(kClient).stream(i));
    if (heard.malformed) return violate("client accepted bytes that are no message");
    // The second appliance may not have heard of all requests, and passes what may answer them.
    if (plan_.attacked || taken_over_) continue;
    std::vector<bool> answered(plan_.requests.size());
    for (const Bytes& message : heard.messages) {
      const std::size_t index = load_be16(message.data()) - 1U;
      const bool known = index < answered.size() && message[6] == 1 && !answered[index];
      if (!known) return violate("client accepted an answer to nothing");
      answered[index] = true;
    }
  }
}

void World::check_streams() {
  for (std::size_t i = 0; i < Receivers::kCount && !violation_; ++i) {
    check_server_stream(split(oracle_.receivers(kServer).stream(i)),
                        "receiver " + std::to_string(i));
  }
  if (!violation_) check_server_stream(split(ends_[kServer].received), "the server");
  if (!violation_) check_client_stream();
  if (violation_) return;
  if (const auto wrong = oracle_.check_segments()) violate(*wrong);
}

// What a well-behaved pair must get done.
void World::check_complete() {
  if (plan_.attacked || plan_.rogue_server || taken_over_) return;
  const bool all_granted = std::all_of(plan_.requests.begin(), plan_.requests.end(),
                                       [](const Request& request) { return request.granted; });
  if (on_deny_ != policy::OnDeny::reject && !all_granted) return;
  std::size_t delivered = 0;
  for (const Request& request : plan_.requests) delivered += request.granted ? 1 : 0;
  if (split(ends_[kServer].received).messages.size() != delivered) {
    return violate("a granted message was lost: " +
                   std::to_string(split(ends_[kServer].received).messages.size()) + " of " +
                   std::to_string(delivered) + " arrived");
  }
  std::vector<int> heard(plan_.requests.size());
  for (const Bytes& answer : split(ends_[kClient].received).messages) {
    const std::size_t index = load_be16(answer.data()) - 1U;
    if (index >= heard.size()) return violate("an answer to nothing");
    ++heard[index];
    const Request& request = plan_.requests[index];
    const std::uint8_t code = request.granted ? request.code : request.code | 0x80;
    if (answer[7] != code) return violate("a wrong answer to request " + std::to_string(index + 1));
  }
  for (std::size_t i = 0; i < heard.size(); ++i) {
    const Request& request = plan_.requests[i];
    const int wanted = request.granted && !request.answered ? 0 : 1;
    if (heard[i] != wanted) {
      return violate(std::string(request.granted ? "granted" : "refused") + " request " +
                     std::to_string(i + 1) + " was answered " + std::to_string(heard[i]) +
                     " times");
    }
  }
  if (!ends_[kClient].finished() || !ends_[kServer].finished()) {
    violate("the session did not end cleanly");
  }
}

}  // namespace

std::optional<std::string> run_case(support::Plant& plant, policy::OnDeny on_deny,
                                    const CaseConfig& config) {
  auto violation = World(plant, on_deny, config).run();
  plant.clear();
  return violation;
}

}  // namespace bulkhead::adversary
