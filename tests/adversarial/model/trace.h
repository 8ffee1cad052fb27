// What --trace prints.
#pragma once

#include <string>
#include <vector>

#include "tests/support/plant.h"

namespace bulkhead::adversary {

bool is_fragment(const support::Bytes& frame);
void print_frame(TimeNs since_start_ns, const char* what, const support::Bytes& frame);
void print_refusals(const char* what, const std::vector<pipeline::Event>& events);

}  // namespace bulkhead::adversary
