// HMAC is libcrypto's.
#include "dataplane/replication/authentication.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <algorithm>

namespace bulkhead::replication {

Tag authenticate(ByteView bytes, const Key& key) {
  std::array<std::uint8_t, EVP_MAX_MD_SIZE> code{};
  unsigned length = 0;
  HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()), bytes.data(), bytes.size(),
       code.data(), &length);
  Tag tag{};
  std::copy_n(code.begin(), tag.size(), tag.begin());
  return tag;
}

bool is_authentic(ByteView bytes, ByteView tag, const Key& key) {
  const Tag right = authenticate(bytes, key);
  return CRYPTO_memcmp(right.data(), tag.data(), kTagBytes) == 0;
}

}  // namespace bulkhead::replication
