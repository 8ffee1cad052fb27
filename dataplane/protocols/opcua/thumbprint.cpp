// Thumbprints of certificates.
#include "dataplane/protocols/opcua/thumbprint.h"

#include <algorithm>
#include <bit>

namespace bulkhead::opcua {

namespace {

constexpr std::size_t kBlockBytes = 64;
using State = std::array<std::uint32_t, 5>;

// FIPS 180-4, 6.1.2.
void add_block(State& state, const std::uint8_t* block) {
  std::array<std::uint32_t, 80> words{};
  for (std::size_t i = 0; i < 16; ++i) words[i] = load_be32(block + 4 * i);
  for (std::size_t i = 16; i < words.size(); ++i) {
    words[i] = std::rotl(words[i - 3] ^ words[i - 8] ^ words[i - 14] ^ words[i - 16], 1);
  }
  auto [a, b, c, d, e] = state;
  for (std::size_t i = 0; i < words.size(); ++i) {
    std::uint32_t mixed = 0;
    std::uint32_t constant = 0;
    if (i < 20) {
      mixed = (b & c) | (~b & d);
      constant = 0x5a827999;
    } else if (i < 40) {
      mixed = b ^ c ^ d;
      constant = 0x6ed9eba1;
    } else if (i < 60) {
      mixed = (b & c) | (b & d) | (c & d);
      constant = 0x8f1bbcdc;
    } else {
      mixed = b ^ c ^ d;
      constant = 0xca62c1d6;
    }
    const std::uint32_t next = std::rotl(a, 5) + mixed + e + constant + words[i];
    e = d;
    d = c;
    c = std::rotl(b, 30);
    b = a;
    a = next;
  }
  state = {state[0] + a, state[1] + b, state[2] + c, state[3] + d, state[4] + e};
}

}  // namespace

Thumbprint sha1(ByteView bytes) {
  State state = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0};
  const std::uint64_t bits = std::uint64_t{bytes.size()} * 8;
  for (; bytes.size() >= kBlockBytes; bytes = bytes.subspan(kBlockBytes)) {
    add_block(state, bytes.data());
  }
  // 5.1.1: a bit, zeros, and the length in the last eight octets.
  std::array<std::uint8_t, 2 * kBlockBytes> tail{};
  std::copy(bytes.begin(), bytes.end(), tail.begin());
  tail[bytes.size()] = 0x80;
  const std::size_t end = bytes.size() + 9 <= kBlockBytes ? kBlockBytes : 2 * kBlockBytes;
  for (std::size_t i = 0; i < 8; ++i) {
    tail[end - 1 - i] = static_cast<std::uint8_t>(bits >> (8 * i));
  }
  for (std::size_t at = 0; at < end; at += kBlockBytes) add_block(state, tail.data() + at);
  Thumbprint digest{};
  for (std::size_t i = 0; i < digest.size(); ++i) {
    digest[i] = static_cast<std::uint8_t>(state[i / 4] >> (8 * (3 - i % 4)));
  }
  return digest;
}

ByteView first_certificate(ByteView chain) {
  constexpr std::uint8_t kSequence = 0x30;
  ByteReader reader(chain);
  const bool sequence = reader.u8() == kSequence;
  const std::uint8_t first = reader.u8();
  std::size_t length = first;
  if (first == 0x81) length = reader.u8();
  if (first == 0x82) length = reader.u16();
  const bool known = sequence && reader.ok() && (first < 0x80 || first == 0x81 || first == 0x82);
  return known && length <= reader.remaining() ? chain.first(reader.offset() + length) : chain;
}

}  // namespace bulkhead::opcua
