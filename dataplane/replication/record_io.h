// The bytes of records, in network order.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <span>

#include "dataplane/base/bytes.h"
#include "dataplane/flow/flow_key.h"

namespace bulkhead::replication {

class Writer {
 public:
  explicit Writer(std::span<std::uint8_t> out) : out_(out) {}

  void u8(std::uint8_t value) {
    if (std::uint8_t* at = advance(1)) at[0] = value;
  }
  void u16(std::uint16_t value) {
    if (std::uint8_t* at = advance(2)) store_be16(at, value);
  }
  void u32(std::uint32_t value) {
    if (std::uint8_t* at = advance(4)) store_be32(at, value);
  }
  void u64(std::uint64_t value) {
    if (std::uint8_t* at = advance(8)) store_be64(at, value);
  }
  void bytes(const void* from, std::size_t count) {
    std::uint8_t* at = advance(count);
    if (at != nullptr && count > 0) std::memcpy(at, from, count);
  }
  // 0 if it did not fit.
  std::size_t length() const { return ok_ ? length_ : 0; }

 private:
  std::uint8_t* advance(std::size_t count) {
    ok_ = ok_ && out_.size() - length_ >= count;
    if (!ok_) return nullptr;
    length_ += count;
    return out_.data() + length_ - count;
  }

  std::span<std::uint8_t> out_;
  std::size_t length_ = 0;
  bool ok_ = true;
};

inline void write_key(Writer& out, const flow::FlowKey& key) {
  out.bytes(key.low.bytes.data(), key.low.bytes.size());
  out.bytes(key.high.bytes.data(), key.high.bytes.size());
  for (const std::uint16_t part : {key.low_port, key.high_port, key.vlan_outer, key.vlan_inner}) {
    out.u16(part);
  }
  out.u8(static_cast<std::uint8_t>(key.protocol));
  out.u8(static_cast<std::uint8_t>(key.opened_by));
}

inline void read_bytes(ByteReader& in, std::span<std::uint8_t> to) {
  const ByteView bytes = in.take(to.size());
  if (bytes.size() == to.size()) std::copy(bytes.begin(), bytes.end(), to.begin());
}

inline void read_key(ByteReader& in, flow::FlowKey& key) {
  read_bytes(in, key.low.bytes);
  read_bytes(in, key.high.bytes);
  for (std::uint16_t* part : {&key.low_port, &key.high_port, &key.vlan_outer, &key.vlan_inner}) {
    *part = in.u16();
  }
  key.protocol = in.u8();
  key.opened_by = in.u8();
}

}  // namespace bulkhead::replication
