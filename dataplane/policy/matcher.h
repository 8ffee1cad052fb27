// Judges operations. A message passes only if each of its operations lies wholly inside the union
// of what the rules grant: each value of a range, each written element with its own address.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "dataplane/base/clock.h"
#include "dataplane/base/reason.h"
#include "dataplane/policy/standing.h"
#include "dataplane/protocols/operation.h"
#include "dataplane/protocols/protocol.h"

namespace bulkhead::policy {

struct Decision {
  Reason reason = Reason::function_not_granted;                         // granted, or why not
  protocols::DeniedPart denied_part = protocols::DeniedPart::function;  // if it is not
  std::uint16_t rule = kNoRule;  // number of the first rule that grants, or that came nearest
};

// The budgets that a message is charged to, each once however many of its operations need it.
class Charges {
 public:
  static constexpr std::size_t kBudgetsMax = 16;

  bool empty() const { return count_ == 0; }
  bool has(std::uint16_t budget) const;
  // False if there are more budgets than can be kept: the message is not granted then.
  bool add(std::uint16_t budget);
  std::span<const std::uint16_t> budgets() const { return {budgets_.data(), count_}; }
  // Charges all; or none, and returns false, if another worker has exhausted one meanwhile.
  bool charge(const Conduit& conduit, TimeNs now_ns) const;
  void refund(const Conduit& conduit) const;

 private:
  std::size_t count_ = 0;
  std::array<std::uint16_t, kBudgetsMax> budgets_;
};

// Which rules grant: all, or those alone that are marked as essential.
enum class Grants : std::uint8_t { all, essential };

// `cell`: the session's position among the conduit's rules; `protocol`: how it is parsed. Charges
// nothing: budgets that the operation would use are added to `charges`, the message's. A rule
// without a rate decides before one with a rate.
Decision judge(const Conduit& conduit, RuleCell cell, std::uint8_t protocol,
               const protocols::Operation& operation, TimeNs now_ns, Charges& charges,
               Grants grants = Grants::all);

// The same for a session that stands under a policy of these tables.
inline Decision judge(const Tables& tables, const Standing& standing, std::uint8_t protocol,
                      const protocols::Operation& operation, TimeNs now_ns, Charges& charges) {
  return judge(tables.conduits[standing.conduit], standing.cell, protocol, operation, now_ns,
               charges);
}

// The same for a preview that no message follows, so that nothing will be charged.
inline Decision judge(const Conduit& conduit, RuleCell cell, std::uint8_t protocol,
                      const protocols::Operation& operation, TimeNs now_ns) {
  Charges charges;
  return judge(conduit, cell, protocol, operation, now_ns, charges);
}

}  // namespace bulkhead::policy
