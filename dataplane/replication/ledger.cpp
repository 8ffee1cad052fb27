// SHA-256 is libcrypto's; eight bytes of it are enough against chance, and the link is authentic.
#include "dataplane/replication/ledger.h"

#include <openssl/sha.h>

#include <array>
#include <string_view>
#include <utility>

#include "dataplane/replication/flow_record.h"

namespace bulkhead::replication {

std::size_t Ledger::Hash::operator()(const flow::FlowKey& key) const {
  return std::hash<std::string_view>()({reinterpret_cast<const char*>(&key), sizeof(key)});
}

bool Ledger::note(ByteView record) {
  const std::optional<FlowRecord> read = decode_record(record, 0);
  if (!read) return false;
  const auto known = sessions_.find(read->flow.key);
  if (known != sessions_.end()) digest_ ^= known->second;
  if (read->gone) {
    if (known != sessions_.end()) sessions_.erase(known);
    return true;
  }
  std::array<unsigned char, SHA256_DIGEST_LENGTH> whole{};
  SHA256(record.data(), record.size(), whole.data());
  const std::uint64_t digest = load_be64(whole.data());
  digest_ ^= digest;
  if (known != sessions_.end()) {
    known->second = digest;
  } else {
    sessions_.emplace(read->flow.key, digest);
  }
  return true;
}

void Ledger::clear() {
  digest_ = 0;
  if (sessions_.empty()) return;
  cleared_.push_back(std::move(sessions_));
  sessions_ = Sessions();
  sessions_.reserve(room_);
}

void Ledger::forget_some() {
  constexpr int kSessionsPerCall = 2000;
  for (int i = 0; i < kSessionsPerCall && !cleared_.empty(); ++i) {
    Sessions& oldest = cleared_.front();
    if (oldest.empty()) {
      cleared_.pop_front();
    } else {
      oldest.erase(oldest.begin());
    }
  }
}

}  // namespace bulkhead::replication
