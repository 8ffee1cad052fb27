// Each frame goes through the stages alone, so that what comes out is its own.
#include "dataplane/selftest/rehearsal.h"

#include <rte_cycles.h>
#include <rte_mempool.h>

#include <algorithm>

#include "dataplane/flow/mac_table.h"
#include "dataplane/wire/ethernet.h"
#include "dataplane/wire/ip.h"
#include "dataplane/wire/llc.h"
#include "dataplane/wire/transport.h"

namespace bulkhead::selftest {

namespace {

constexpr unsigned kBuffers = 127;
constexpr std::uint16_t kFrameBytesMax = 2048;
constexpr std::uint32_t kFlows = 64;
constexpr std::uint32_t kSegments = 64;
constexpr std::uint32_t kNameBytes = 65536;
constexpr std::uint32_t kVerdicts = 16;
// The rehearsal's clock stands so far ahead that no rate of the policy is used up, and goes on by
// more than a MAC address is remembered before each run, so that no run depends on the one before.
constexpr TimeNs kAheadNs = TimeNs{10} * 365 * 86'400 * kSecondNs;
constexpr TimeNs kBetweenRunsNs = flow::MacTable::kAgeNs + kSecondNs;

pipeline::PipelineOptions own_options(const pipeline::PipelineOptions& workers) {
  pipeline::PipelineOptions options;
  options.mtu = workers.mtu;
  options.limits = workers.limits;
  options.limits.flows = options.limits.half_open = kFlows;
  options.limits.deep_sessions = std::min(options.limits.deep_sessions, kFlows);
  options.limits.carried_sessions = kFlows;
  options.limits.segments = kSegments;
  options.limits.relations = kFlows;
  options.limits.datagrams = 4;
  options.limits.name_bytes = std::min(options.limits.name_bytes, kNameBytes);
  options.challenge_openings = false;  // nobody would answer
  options.limits.known_verdicts = std::min(options.limits.known_verdicts, kVerdicts);
  options.charge_rates = false;
  return options;
}

// The content of a frame behind the headers of its transport; of one that cannot be read, all.
ByteView content_of(ByteView frame) {
  wire::EthernetHeader ethernet;
  if (!wire::parse_ethernet(frame, ethernet)) return frame;
  if (ethernet.ethertype < wire::kEtherTypeMin) {  // a length, which is the message's
    return frame.subspan(ethernet.payload_offset - wire::kLengthBytes);
  }
  ByteView rest = frame.subspan(ethernet.payload_offset);
  wire::IpHeader ip;
  const bool v4 = ethernet.ethertype == wire::kEtherTypeIpv4;
  if (!v4 && ethernet.ethertype != wire::kEtherTypeIpv6) return rest;
  const wire::IpStatus status = v4 ? wire::parse_ipv4(rest, false, ip) : wire::parse_ipv6(rest, ip);
  if (status != wire::IpStatus::ok) return rest;
  rest = rest.subspan(ip.payload_offset, ip.payload_length);
  wire::TcpHeader tcp;
  if (ip.protocol != wire::kProtocolTcp || !wire::parse_tcp(rest, tcp)) return rest;
  return rest.subspan(tcp.payload_offset);
}

}  // namespace

Result<std::unique_ptr<Rehearsal>, std::string> Rehearsal::make(
    const std::string& name, const pipeline::PipelineOptions& options) {
  rte_mempool* buffers = rte_pktmbuf_pool_create(
      name.c_str(), kBuffers, 0, 0, kFrameBytesMax + RTE_PKTMBUF_HEADROOM, SOCKET_ID_ANY);
  if (buffers == nullptr) return std::string("self-test: not enough memory; raise memory-mib");
  std::unique_ptr<Rehearsal> rehearsal(new Rehearsal(buffers));
  auto pipeline = pipeline::Pipeline::make(name, own_options(options), rehearsal->macs_);
  if (!pipeline) return pipeline.error();
  rehearsal->pipeline_ = std::move(pipeline).value();
  return rehearsal;
}

Rehearsal::~Rehearsal() {
  pipeline_.reset();
  rte_mempool_free(buffers_);
}

void Rehearsal::begin(const Script& script) {
  if (is_asked()) return;
  outcomes_.assign(script.trials.size(), Outcome{});
  next_ = 0;
  later_ns_ = std::max(later_ns_, kAheadNs) + kBetweenRunsNs;
  script_.store(&script, std::memory_order_release);
}

void Rehearsal::turn(const pipeline::Image& image, TimeNs now_ns) {
  const Script& script = *script_.load(std::memory_order_acquire);
  if (next_ < script.trials.size()) {
    if (image.generation == script.generation) {
      run(script.trials[next_], image, now_ns + later_ns_);
    } else {
      outcomes_[next_].unheard = true;
    }
    ++next_;
  }
  if (next_ == script.trials.size()) script_.store(nullptr, std::memory_order_release);
}

void Rehearsal::run(const Trial& trial, const pipeline::Image& image, TimeNs now_ns) {
  const std::uint64_t begin = rte_rdtsc();
  Outcome& outcome = outcomes_[next_];
  trial_ = &trial;
  outcome.ran = true;
  pipeline_->forget_verdicts();  // those of an earlier run must not hide what is wrong now
  for (const Frame& frame : trial.frames) {
    at_last_ = &frame == &trial.frames.back();
    outcome.ran = outcome.ran && arrive(frame, image, now_ns);
  }
  pipeline_->forget_all();
  outcome.cycles = static_cast<std::uint32_t>(rte_rdtsc() - begin);
}

bool Rehearsal::arrive(const Frame& frame, const pipeline::Image& image, TimeNs now_ns) {
  rte_mbuf* mbuf = rte_pktmbuf_alloc(buffers_);
  if (mbuf == nullptr) return false;
  char* room = rte_pktmbuf_append(mbuf, static_cast<std::uint16_t>(frame.bytes.size()));
  if (room == nullptr) {
    rte_pktmbuf_free(mbuf);
    return false;
  }
  std::ranges::copy(frame.bytes, reinterpret_cast<std::uint8_t*>(room));
  mbuf->port = frame.in_port;
  pipeline_->process(image, {&mbuf, 1}, now_ns, *this, *this);
  return true;
}

void Rehearsal::transmit(rte_mbuf* mbuf, std::uint16_t port) {
  Outcome& outcome = outcomes_[next_];
  const Frame& last = trial_->frames.back();
  if (port != last.in_port && port != last.out_port) ++outcome.astray;
  if (at_last_ && port == last.out_port) {
    const ByteView frame{rte_pktmbuf_mtod(mbuf, std::uint8_t*), mbuf->data_len};
    const ByteView content = content_of(frame);
    const Bytes& message = trial_->message;
    const Bytes& trailer = trial_->trailer;
    const bool whole =
        std::search(content.begin(), content.end(), message.begin(), message.end()) !=
            content.end() &&
        std::equal(
            trailer.rbegin(), trailer.rend(), frame.rbegin(),
            frame.rbegin() + static_cast<std::ptrdiff_t>(std::min(frame.size(), trailer.size())));
    ++outcome.left;
    outcome.through += content.empty() ? 0 : 1;
    outcome.as_it_came = outcome.as_it_came || whole;
  }
  rte_pktmbuf_free(mbuf);
}

void Rehearsal::on_verdict(const pipeline::Verdict& verdict, const flow::Packet& /*packet*/) {
  Outcome& outcome = outcomes_[next_];
  if (verdict.reason == Reason::contained) outcome.unheard = true;
  if (!at_last_) {
    if (is_allowed(verdict.reason)) return;
    if (outcome.refused_before++ == 0) outcome.refused_reason = verdict.reason;
  } else if (verdict.is_message || trial_->subject.is_service()) {
    outcome.judged = true;
    outcome.reason = verdict.reason;
    outcome.fault = verdict.fault;
  }
}

}  // namespace bulkhead::selftest
