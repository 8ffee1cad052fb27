// Frame size limits by link, the same at both ends.
#pragma once

#include <cstddef>

namespace bulkhead::ipc {

// The data plane's Unix sockets: a request may hold a compiled policy.
constexpr std::size_t kDataplaneFrameBytesMax = std::size_t{128} << 20;
// The pair link: a revision with its policy and its text.
constexpr std::size_t kPairFrameBytesMax = std::size_t{80} << 20;

}  // namespace bulkhead::ipc
