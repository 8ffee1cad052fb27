// SipHash, and keys from the kernel.
#include "dataplane/flow/keyed_hash.h"

#include <sys/random.h>

#include <array>
#include <bit>
#include <ctime>

namespace bulkhead::flow {

namespace {

struct State {
  std::array<std::uint64_t, 4> v;

  void mix(int rounds) {
    for (int i = 0; i < rounds; ++i) {
      v[0] += v[1];
      v[2] += v[3];
      v[1] = std::rotl(v[1], 13) ^ v[0];
      v[3] = std::rotl(v[3], 16) ^ v[2];
      v[0] = std::rotl(v[0], 32);
      v[2] += v[1];
      v[0] += v[3];
      v[1] = std::rotl(v[1], 17) ^ v[2];
      v[3] = std::rotl(v[3], 21) ^ v[0];
      v[2] = std::rotl(v[2], 32);
    }
  }
  void take(std::uint64_t word) {
    v[3] ^= word;
    mix(2);
    v[0] ^= word;
  }
};

}  // namespace

HashKey HashKey::make() {
  HashKey key;
  if (getrandom(&key, sizeof(key), 0) == sizeof(key)) return key;
  // Only a kernel that forbids the call comes here; what is hashed is then no secret for ever.
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return {static_cast<std::uint64_t>(now.tv_nsec) * 0x9e3779b97f4a7c15ULL,
          static_cast<std::uint64_t>(now.tv_sec) * 0xc2b2ae3d27d4eb4fULL};
}

std::uint64_t keyed_hash(const HashKey& key, ByteView bytes) {
  State state{{key.low ^ 0x736f6d6570736575ULL, key.high ^ 0x646f72616e646f6dULL,
               key.low ^ 0x6c7967656e657261ULL, key.high ^ 0x7465646279746573ULL}};
  std::size_t i = 0;
  for (; i + 8 <= bytes.size(); i += 8) state.take(load_le64(bytes.data() + i));
  std::uint64_t last = std::uint64_t{bytes.size() & 0xff} << 56;
  for (std::size_t j = 0; i + j < bytes.size(); ++j) last |= std::uint64_t{bytes[i + j]} << (8 * j);
  state.take(last);
  state.v[2] ^= 0xff;
  state.mix(4);
  return state.v[0] ^ state.v[1] ^ state.v[2] ^ state.v[3];
}

}  // namespace bulkhead::flow
