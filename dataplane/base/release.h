// Two appliances of a pair may run releases that differ by one, so that they can be upgraded one
// after the other: fields are only ever appended, and a reader of a later release's message skips
// fields that it does not know.
#pragma once

#include <cstddef>

// A test builds the next release: one version later, with bytes appended that this release does not
// know.
#ifndef BULKHEAD_NEXT_RELEASE
#define BULKHEAD_NEXT_RELEASE 0
#endif

namespace bulkhead {

constexpr unsigned kReleaseAhead = BULKHEAD_NEXT_RELEASE;
constexpr std::size_t kBytesAhead = 8 * kReleaseAhead;  // appended to the fields of this release

}  // namespace bulkhead
