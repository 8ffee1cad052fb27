// The module's face, and the state machine of a subscriber (IEC 61850-8-1, 18.1.2.5).
#include "dataplane/protocols/goose/layout.h"

namespace bulkhead::goose {

using protocols::Direction;
using protocols::Fault;
using protocols::MessageContext;
using protocols::Operation;
using protocols::OperationList;
using protocols::Parsed;

namespace {

// Both counters go from their last value to 1 (8-1, 18.1.2.5): 0 is what comes first after a
// change.
std::uint32_t steps(std::uint32_t from, std::uint32_t to) {
  return to >= from ? to - from : to - from - 1;
}

// What may follow while the last message is still good: the same state, repeated, or a later one,
// no further away than a publisher gets between two messages that both arrive.
bool follows(const Stream& last, const Pdu& pdu) {
  constexpr std::uint32_t kStatesMax = 1000;
  constexpr std::uint32_t kRepetitionsMax = 1U << 31;
  if (pdu.state == last.state) {
    const std::uint32_t further = steps(last.sequence, pdu.sequence);
    return further > 0 && further < kRepetitionsMax;
  }
  return steps(last.state, pdu.state) <= kStatesMax;
}

// What nobody need judge: content, and numbers that accept() checks.
void leave_free(const Pdu& pdu, const OperationList& operations) {
  operations.leave_free(pdu.time, "when the state changed");
  operations.leave_free(pdu.state_part, "the number of the state, which accept() checks");
  operations.leave_free(pdu.sequence_part, "the number of the message, which accept() checks");
  operations.leave_free(pdu.data_part, "values that are published");
  operations.leave_free(pdu.extension, "a keyed hash, which only the two ends can check");
}

class Goose final : public published::Publication {
 public:
  const protocols::Catalogue& catalogue() const override { return goose::catalogue(); }

  protocols::StateLayout state_layout() const override { return kStateLayout; }

  Fault accept(std::span<std::byte> session, const Parsed& message,
               std::uint32_t now_ms) const override {
    return accept_pdu(Session(session), *message.kept<Pdu>(), now_ms);
  }

 private:
  Fault parse_publication(Parsed& parsed, OperationList& operations) const override {
    Pdu& pdu = parsed.keep<Pdu>();
    if (const Fault fault = parse_pdu(parsed.message(), pdu); fault != Fault::none) return fault;
    Operation& operation = *operations.add(0);
    operation.set(kAppid, pdu.appid);
    operation.set_name(kGocbRef, pdu.gocb_ref);
    operation.set_name(kDataSet, pdu.dataset);
    operation.set_name(kGoId, pdu.go_id);
    operation.set(kConfRev, pdu.conf_rev);
    operation.set(kEntries, pdu.entries);
    operation.set(kSimulation, pdu.simulated ? 1 : 0);
    operation.set(kNeedsCommissioning, pdu.needs_commissioning ? 1 : 0);
    operation.set(kTimeAllowed, pdu.time_allowed_ms);
    operation.set(kExtension, static_cast<std::int64_t>(pdu.extension.size()));
    leave_free(pdu, operations);
    return Fault::none;
  }
};

}  // namespace

// Once the time allowed to live is over, subscribers take any state, and so it is here: a publisher
// that began anew is heard again after that.
Fault accept_pdu(Session session, const Pdu& pdu, std::uint32_t now_ms) {
  const Stream next{published::stream_key(pdu.appid, pdu.gocb_ref), now_ms, pdu.time_allowed_ms,
                    pdu.state, pdu.sequence};
  return published::accept_next(session, next, [&](const Stream& last) {
    return now_ms - last.asked_ms > last.time_allowed_ms || follows(last, pdu);
  });
}

const protocols::Protocol& protocol() {
  static const Goose kProtocol;
  return kProtocol;
}

}  // namespace bulkhead::goose
