// Judges operations. A message passes only if every operation of it lies wholly inside what the
// rules grant together: each value of a range, each written element with its own address. Two rules
// that cover a range only between them do cover it.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "dataplane/base/clock.h"
#include "dataplane/base/reason.h"
#include "dataplane/policy/tables.h"
#include "dataplane/protocols/operation.h"
#include "dataplane/protocols/protocol.h"

namespace bulkhead::policy {

struct Decision {
  Reason reason = Reason::function_not_granted;            // granted, or why not
  protocols::Denial denial = protocols::Denial::function;  // if it is not
  std::uint16_t rule = kNoRule;  // number of the first rule that grants, or that came nearest
};

// The budgets that a message uses, each once however many of its operations need it.
class Charges {
 public:
  static constexpr std::size_t kBudgetsMax = 16;

  bool empty() const { return count_ == 0; }
  bool has(std::uint16_t budget) const;
  // False if the message uses more than can be kept: it is not granted then.
  bool add(std::uint16_t budget);
  std::span<const std::uint16_t> budgets() const { return {budgets_.data(), count_}; }
  // Charges all, or none and false if another worker has used one up meanwhile.
  bool charge(const Conduit& conduit, TimeNs now_ns) const;
  void refund(const Conduit& conduit) const;

 private:
  std::size_t count_ = 0;
  std::array<std::uint16_t, kBudgetsMax> budgets_;
};

// `cell` is where the session stands among the conduit's rules, `protocol` how it is read. Nothing
// is charged: what the operation would use is added to `charges`, which is that of its message. A
// rule without a rate decides before one with a rate.
Decision judge(const Conduit& conduit, RuleCell cell, std::uint8_t protocol,
               const protocols::Operation& operation, TimeNs now_ns, Charges& charges);

// The same for a question that is no message, so that nothing will be charged.
inline Decision judge(const Conduit& conduit, RuleCell cell, std::uint8_t protocol,
                      const protocols::Operation& operation, TimeNs now_ns) {
  Charges charges;
  return judge(conduit, cell, protocol, operation, now_ns, charges);
}

}  // namespace bulkhead::policy
