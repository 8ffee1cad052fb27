// Fields of which a message's bytes say one only: what a case states of some fixes others, such as
// a quantity beside a range of addresses, and values that no message has together are a mistake.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "controlplane/cli/case_values.h"

namespace bulkhead::controlplane {

// Bits count by the field's index in the catalogue.
struct SettledFields {
  std::uint32_t derived = 0;  // follow from others, and have their values now
  std::uint32_t absent = 0;   // no message has them beside those that are there
  std::string contradiction;  // why no message has such values; empty: one does
};

// Gives fields the values that follow from those that a case states. A single address beside a
// quantity is the first one.
SettledFields settle_stated(const protocols::Catalogue& catalogue,
                            const protocols::FunctionInfo& function, FieldChoices& fields);

// The same where values are tried for fields that the case leaves open, which are not those of the
// bits `stated`. Such a field goes where no message has it beside the others. Names are not taken
// apart, since that of a rule is a pattern.
SettledFields settle_tried(const protocols::Catalogue& catalogue,
                           const protocols::FunctionInfo& function, std::uint32_t stated,
                           FieldChoices& fields);

// Whether the field says how many elements a message is about.
bool counts_elements(const protocols::Catalogue& catalogue, std::uint8_t field);

// The values of a field that says how large an element is, so that each may fit others; none of
// other fields.
std::span<const std::int64_t> element_sizes(const protocols::Catalogue& catalogue,
                                            std::uint8_t field);

}  // namespace bulkhead::controlplane
