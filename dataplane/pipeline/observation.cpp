// A frame leaves before its copy is judged.
#include "dataplane/pipeline/observation.h"

#include <rte_mbuf_dyn.h>

#include <algorithm>
#include <bit>

#include "dataplane/policy/observed.h"
#include "dataplane/wire/ethernet.h"

namespace bulkhead::pipeline {

namespace {

std::uint64_t registered(const rte_mbuf_dynflag& mark) {
  const int bit = rte_mbuf_dynflag_register(&mark);
  return bit < 0 ? std::uint64_t{0} : std::uint64_t{1} << bit;
}

// Marks, because a copy may have a way to go to the worker that owns its session: of each, and of
// those that a tap port heard.
std::uint64_t copy_flag() {
  static const std::uint64_t flag = registered({"bulkhead_copy", 0});
  return flag;
}

std::uint64_t heard_flag() {
  static const std::uint64_t flag = registered({"bulkhead_heard", 0});
  return flag;
}

// What judging beside may use: an eighth of the worker's buffers, a quarter of its small pools.
flow::Limits limits_beside(const flow::Limits& limits) {
  flow::Limits beside = limits;
  beside.flows = limits.observed_sessions;
  beside.half_open = std::max(1U, beside.flows / 4);
  beside.deep_sessions = limits.deep_sessions / 4;
  beside.carried_sessions = 0;
  beside.relations = std::max(8U, limits.relations / 4);
  beside.segments = std::max(16U, limits.segments / 8);
  beside.datagrams = std::max(4U, limits.datagrams / 16);
  beside.name_bytes = limits.name_bytes / 4;
  beside.known_verdicts = limits.known_verdicts / 4;
  beside.acknowledge_held_ns = 0;  // nothing is acknowledged
  return beside;
}

// A station has spoken once the one that it spoke to has answered, as in a session.
void learn(flow::MacTable& macs, const rte_mbuf& mbuf, std::uint32_t ports, TimeNs now_ns) {
  if (mbuf.data_len < wire::kEthernetHeaderBytes) return;
  const auto* bytes = rte_pktmbuf_mtod(&mbuf, const std::uint8_t*);
  const wire::Mac to = wire::Mac::from(bytes);
  const wire::Mac from = wire::Mac::from(bytes + to.bytes.size());
  if (from.is_group() || from.is_zero()) return;
  macs.learn(from, mbuf.port, now_ns, flow::Evidence::claimed);
  if (to.is_group() || std::popcount(ports) != 1) return;
  const auto other = static_cast<std::uint16_t>(std::countr_zero(ports));
  if (macs.stands_at(to, other, now_ns)) macs.learn(to, other, now_ns, flow::Evidence::spoken);
}

bool is_in_band(const rte_mbuf& mbuf) {
  constexpr std::size_t kTypeAt = 12;
  return mbuf.data_len >= kTypeAt + 2 &&
         load_be16(rte_pktmbuf_mtod(&mbuf, const std::uint8_t*) + kTypeAt) == wire::kEtherTypePair;
}

}  // namespace

Result<std::unique_ptr<Observation>, std::string> Observation::make(
    const std::string& name, const PipelineOptions& options) {
  std::unique_ptr<Observation> made(new Observation());
  if (copy_flag() == 0 || heard_flag() == 0) {
    return std::string("observation: packet buffers have no room for a mark");
  }
  if (options.limits.observed_sessions == 0) {
    if (options.taps) return std::string("a tap port judges nothing with observed-sessions 0");
    return made;
  }
  if (options.taps) made->mirrored_ = std::make_unique<MirroredFrames>();
  PipelineOptions beside = options;
  beside.limits = limits_beside(options.limits);
  beside.judges_only = true;
  beside.accept_midstream = true;
  beside.accept_answers = options.accept_midstream;
  beside.challenge_openings = false;
  beside.spans = options.spans_beside;
  beside.owners = options.owners_beside;
  made->macs_ = std::make_unique<flow::MacTable>();
  auto judge = Pipeline::make(name + "_beside", beside, *made->macs_);
  if (!judge) return judge.error();
  made->judge_ = std::move(judge).value();
  return made;
}

Observation::~Observation() = default;

void Observation::send(rte_mbuf* mbuf, std::uint32_t ports) {
  ++frames_;
  for (; (ports & (ports - 1)) != 0; ports &= ports - 1) {
    rte_mbuf* copy = rte_pktmbuf_copy(mbuf, mbuf->pool, 0, mbuf->pkt_len);
    const auto port = static_cast<std::uint16_t>(std::countr_zero(ports));
    if (copy != nullptr) output_->transmit(copy, port);
  }
  output_->transmit(mbuf, static_cast<std::uint16_t>(std::countr_zero(ports)));
}

std::uint32_t Observation::take(const Image& image, std::span<rte_mbuf*> mbufs,
                                const Moment& moment, flow::MacTable& macs, Output& output,
                                Observer& observer, std::uint32_t first_frame) {
  output_ = &output;
  observer_ = &observer;
  std::array<rte_mbuf*, kBurstMax> copies;
  std::uint32_t copied = 0;
  std::uint32_t left = 0;
  const policy::ObservedAt at{moment.wall_s, image.containment.load(std::memory_order_acquire)};
  for (rte_mbuf* mbuf : mbufs) {
    const ByteView frame{rte_pktmbuf_mtod(mbuf, const std::uint8_t*), mbuf->data_len};
    const policy::ObservedFrame found =
        is_in_band(*mbuf) ? policy::ObservedFrame{}
                          : policy::find_observed(image.tables, mbuf->port, frame, at);
    const std::uint32_t ports = found.ports & ~(1U << mbuf->port);
    if (ports == 0) {
      mbufs[left++] = mbuf;
      continue;
    }
    learn(macs, *mbuf, ports, moment.now_ns);
    rte_mbuf* copy = nullptr;
    if (judge_ != nullptr) copy = rte_pktmbuf_copy(mbuf, mbuf->pool, 0, mbuf->pkt_len);
    if (copy != nullptr) {
      copy->port = mbuf->port;
      copies[copied++] = copy;
    } else {
      report_unseen(*mbuf, found.conduit, moment);
    }
    rte_mbuf* enforced =
        found.is_enforced_too ? rte_pktmbuf_copy(mbuf, mbuf->pool, 0, mbuf->pkt_len) : nullptr;
    if (enforced != nullptr) {
      enforced->port = mbuf->port;
      mbufs[left++] = enforced;
    }
    send(mbuf, ports);
  }
  judge(image, {copies.data(), copied}, moment, Source::observed, first_frame);
  return left;
}

std::uint32_t Observation::take_copies(const Image& image, std::span<rte_mbuf*> mbufs,
                                       const Moment& moment, Output& output, Observer& observer) {
  output_ = &output;
  observer_ = &observer;
  std::array<rte_mbuf*, kBurstMax> observed;
  std::array<rte_mbuf*, kBurstMax> heard;
  std::uint32_t observed_count = 0;
  std::uint32_t heard_count = 0;
  std::uint32_t left = 0;
  for (rte_mbuf* mbuf : mbufs) {
    if ((mbuf->ol_flags & copy_flag()) == 0) {
      mbufs[left++] = mbuf;
    } else if (judge_ == nullptr) {
      rte_pktmbuf_free(mbuf);
    } else if ((mbuf->ol_flags & heard_flag()) == 0) {
      observed[observed_count++] = mbuf;
    } else {
      heard[heard_count++] = mbuf;
    }
  }
  judge(image, {observed.data(), observed_count}, moment, Source::observed, 0);
  judge(image, {heard.data(), heard_count}, moment, Source::tap, 0);
  return left;
}

std::uint32_t Observation::hear(const Image& image, std::span<rte_mbuf*> mbufs,
                                const Moment& moment, Output& output, Observer& observer) {
  output_ = &output;
  observer_ = &observer;
  std::uint32_t left = 0;
  for (rte_mbuf* mbuf : mbufs) {
    ++heard_.all;
    const Heard heard = image.generation == kNoPolicy
                            ? Heard::within
                            : mirrored_->place(image.tables, *mbuf, *macs_, moment.now_ns);
    if (heard == Heard::between) {
      mbuf->ol_flags |= copy_flag() | heard_flag();
      mbufs[left++] = mbuf;
      continue;
    }
    heard_.copies += heard == Heard::copy ? 1 : 0;
    heard_.within += heard == Heard::within ? 1 : 0;
    if (heard == Heard::unknown) report_frame(*mbuf, Reason::unknown_zone, policy::kNoConduit);
    rte_pktmbuf_free(mbuf);
  }
  return left;
}

void Observation::judge(const Image& image, std::span<rte_mbuf* const> copies, const Moment& moment,
                        Source source, std::uint32_t first_frame) {
  if (copies.empty()) return;
  idle_ = false;
  judge_->set_hears(source == Source::tap);
  judge_->set_wall_s(moment.wall_s);
  judge_->process(image, copies, moment.now_ns, *this, *this, first_frame);
}

void Observation::pass_time(const Image& image, const Moment& moment, Output& output,
                            Observer& observer) {
  if (judge_ == nullptr) return;
  output_ = &output;
  observer_ = &observer;
  judge_->set_hears(mirrored_ != nullptr);
  judge_->pass_time(image, moment.now_ns, *this, *this);
}

void Observation::forget_all() {
  if (judge_ != nullptr) judge_->forget_all();
  idle_ = true;
}

// A frame of which there is no copy.
void Observation::report_unseen(const rte_mbuf& mbuf, std::uint16_t conduit, const Moment& moment) {
  if (judge_ != nullptr) {
    judge_->set_hears(false);
    judge_->note_lost(moment.now_ns);
  }
  report_frame(mbuf, Reason::not_judged, conduit);
}

void Observation::report_frame(const rte_mbuf& mbuf, Reason reason, std::uint16_t conduit) {
  flow::Packet packet;
  packet.port = mbuf.port;
  wire::parse_ethernet({rte_pktmbuf_mtod(&mbuf, const std::uint8_t*), mbuf.data_len},
                       packet.ethernet);
  Verdict verdict;
  verdict.reason = reason;
  verdict.standing.conduit = conduit;
  verdict.bytes = mbuf.pkt_len;
  on_verdict(verdict, packet);
}

void Observation::read_gauges(Statistics& stats) const {
  stats.observed_sessions = sessions();
  stats.observed = frames_;
  stats.tapped = heard_.all;
  stats.tap_copies = heard_.copies;
  stats.tap_within = heard_.within;
}

void Observation::transmit(rte_mbuf* mbuf, std::uint16_t port) {
  (void)port;
  rte_pktmbuf_free(mbuf);
}

bool Observation::hand_over(rte_mbuf* mbuf) {
  mbuf->ol_flags |= copy_flag() | (judge_->hears() ? heard_flag() : 0);
  return output_->hand_over(mbuf);
}

bool Observation::hand_to(rte_mbuf* mbuf, std::uint32_t worker) {
  mbuf->ol_flags |= copy_flag() | (judge_->hears() ? heard_flag() : 0);
  return output_->hand_to(mbuf, worker);
}

// Enforcing has all of the worker's pools; what was refused here for want of room it might not.
void Observation::on_verdict(const Verdict& verdict, const flow::Packet& packet) {
  Verdict told = verdict;
  told.observed = true;
  if (is_for_room(verdict.reason)) told.reason = Reason::not_judged;
  const bool heard =
      packet.flow != nullptr ? packet.flow->heard : judge_ != nullptr && judge_->hears();
  if (heard && may_be_a_gap(verdict, packet)) {
    told.reason = Reason::not_judged;
    told.fault = protocols::Fault::none;
  }
  observer_->on_verdict(told, packet);
}

}  // namespace bulkhead::pipeline
