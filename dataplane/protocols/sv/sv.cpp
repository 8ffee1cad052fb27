// The module's face, and whether samples follow each other.
#include <algorithm>
#include <array>

#include "dataplane/protocols/sv/layout.h"

namespace bulkhead::sv {

using protocols::Direction;
using protocols::Fault;
using protocols::MessageContext;
using protocols::Operation;
using protocols::OperationList;
using protocols::Parsed;

namespace {

// smpCnt counts up and begins anew at 0 with each second (IEC 61850-9-2, 8.5.2), or with 16 bits.
// Some may be lost on the way, none comes twice. After a silence anything is taken.
constexpr std::uint16_t kLostMax = 250;
constexpr std::uint16_t kSecondMin = 250;  // nobody samples more slowly than this
constexpr std::uint32_t kSilenceMs = 1000;

bool follows(std::uint16_t last, std::uint16_t next) {
  const auto step = static_cast<std::uint16_t>(next - last);
  if (step > 0 && step <= kLostMax) return true;
  return last >= kSecondMin && next < last && next < kLostMax;
}

Fault accept_sample(Session session, std::uint16_t appid, const Asdu& asdu, std::uint32_t now_ms) {
  const Stream next{published::stream_key(appid, asdu.sv_id), now_ms, asdu.sample_count};
  return published::accept_next(session, next, [&](const Stream& last) {
    return now_ms - last.asked_ms > kSilenceMs || follows(last.sample_count, next.sample_count);
  });
}

class SampledValues final : public published::Publication {
 public:
  const protocols::Catalogue& catalogue() const override { return sv::catalogue(); }

  protocols::StateLayout state_layout() const override { return kStateLayout; }

  Fault accept(std::span<std::byte> session, const Parsed& message,
               std::uint32_t now_ms) const override {
    Pdu pdu = *message.kept<Pdu>();  // as it was before its samples were read
    // All of them or none: what finds no room is put again with a larger block.
    alignas(8) std::array<std::byte, Session::bytes_for(protocols::kOutstandingMax)> trial{};
    const std::size_t bytes = std::min(session.size(), trial.size());
    std::copy_n(session.begin(), bytes, trial.begin());
    const Session streams{std::span<std::byte>(trial).first(bytes)};
    for (Asdu asdu; pdu.next(asdu);) {
      const Fault fault = accept_sample(streams, pdu.appid(), asdu, now_ms);
      if (fault != Fault::none) return fault;
    }
    if (pdu.fault() == Fault::none) std::copy_n(trial.begin(), bytes, session.begin());
    return pdu.fault();
  }

 private:
  Fault parse_publication(Parsed& parsed, OperationList& operations) const override {
    Pdu pdu;
    if (const Fault fault = pdu.parse(parsed.message()); fault != Fault::none) return fault;
    parsed.keep<Pdu>() = pdu;
    operations.leave_free(pdu.extension(), "a keyed hash, which only the two ends can check");
    for (Asdu asdu; pdu.next(asdu);) {
      Operation* operation = operations.add(0);
      if (operation == nullptr) return Fault::too_many_operations;
      operation->set(kAppid, pdu.appid());
      operation->set_name(kSvId, asdu.sv_id);
      if (asdu.dataset) operation->set_name(kDataSet, *asdu.dataset);
      operation->set(kConfRev, asdu.conf_rev);
      if (asdu.sample_rate) operation->set(kSmpRate, *asdu.sample_rate);
      operation->set(kSmpSynch, asdu.synchronised);
      operation->set(kAsduCount, pdu.count());
      operation->set(kSimulation, pdu.simulated() ? 1 : 0);
      if (asdu.sample_mode) operation->set(kSmpMod, *asdu.sample_mode);
      operation->set(kExtension, static_cast<std::int64_t>(pdu.extension().size()));
      operations.leave_free(asdu.sample_count_bytes, "the sample's number, which accept() checks");
      operations.leave_free(asdu.samples, "values that are published");
      operations.leave_free(asdu.refresh_time, "when they were refreshed");
      operations.leave_free(asdu.clock, "the clock's own identifier");
    }
    return pdu.fault();
  }
};

}  // namespace

const protocols::Protocol& protocol() {
  static const SampledValues kProtocol;
  return kProtocol;
}

}  // namespace bulkhead::sv
