// What the two of a pair say to each other may be of two releases, one behind the other, so that a
// pair is upgraded one appliance after the other: fields are only ever added behind the others, and
// whoever reads a later release's message skips what it does not know.
#pragma once

#include <cstddef>

// A test builds what stands for the next release: it says so, and adds bytes that this one does not
// know.
#ifndef BULKHEAD_NEXT_RELEASE
#define BULKHEAD_NEXT_RELEASE 0
#endif

namespace bulkhead {

constexpr unsigned kReleaseAhead = BULKHEAD_NEXT_RELEASE;
constexpr std::size_t kBytesAhead = 8 * kReleaseAhead;  // behind what this release knows

}  // namespace bulkhead
