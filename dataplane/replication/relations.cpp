// The layout, in network order: version and flags as of a session that has gone; a key that names
// no session; then what only this release reads. What a later version adds comes last.
#include "dataplane/replication/relations.h"

#include <algorithm>

#include "dataplane/protocols/registry.h"
#include "dataplane/replication/flow_record.h"
#include "dataplane/replication/record_io.h"

namespace bulkhead::replication {

using flow::Expectation;
using flow::Relation;

namespace {

// Of what modules keep in Relation::asked: raised when one of them changes it.
constexpr std::uint16_t kAskedLayout = 3;

constexpr std::uint8_t kVersion = 0x81;      // beyond those of sessions, which end where it goes on
constexpr std::uint16_t kFlags = 0x8001;     // gone, for who knows no relations
constexpr std::uint32_t kRelationEntry = 6;  // FlowKey::opened_by
constexpr std::size_t kHeadBytes = 3;

enum Flag : std::uint8_t { kThere = 1, kOpen = 2, kReversed = 4 };

TimeNs since(TimeNs then_ns, TimeNs now_ns) { return now_ns > then_ns ? now_ns - then_ns : 0; }
TimeNs before(TimeNs now_ns, TimeNs span_ns) { return now_ns > span_ns ? now_ns - span_ns : 0; }

void write_head(Writer& out, const flow::RelationId& id, std::string_view protocol,
                std::uint8_t flags) {
  out.u8(kVersion);
  out.u16(kFlags);
  flow::FlowKey key;
  key.low = id.client;
  key.high = id.server;
  key.vlan_outer = id.vlan_outer;
  key.vlan_inner = id.vlan_inner;
  key.opened_by = kRelationEntry;
  write_key(out, key);
  out.u8(flags);
  out.bytes(id.name.bytes.data(), id.name.bytes.size());
  out.u8(static_cast<std::uint8_t>(protocol.size()));
  out.bytes(protocol.data(), protocol.size());
}

void write_expectation(Writer& out, const Expectation& expectation, TimeNs now_ns) {
  const flow::ExpectationKey& key = expectation.key;
  out.bytes(key.from.bytes.data(), key.from.bytes.size());
  out.bytes(key.to.bytes.data(), key.to.bytes.size());
  out.u16(key.port);
  out.u32(key.identifier);
  out.u32(expectation.bytes_max);
  out.u8(static_cast<std::uint8_t>(key.carrier));
  out.u8(static_cast<std::uint8_t>(key.covers));
  out.u8(static_cast<std::uint8_t>(expectation.direction));
  out.u8(static_cast<std::uint8_t>(expectation.from));
  out.u8(static_cast<std::uint8_t>(expectation.to));
  out.u64(expectation.interval_ns);
  out.u64(expectation.silence_ns);
  out.u64(since(now_ns, expectation.full_at_ns));
  out.u64(since(expectation.heard_ns, now_ns));
}

// False if no session can have opened such a one.
bool read_expectation(ByteReader& in, const flow::RelationId& id, TimeNs now_ns,
                      Expectation& expectation) {
  expectation = Expectation{};
  flow::ExpectationKey& key = expectation.key;
  read_bytes(in, key.from.bytes);
  read_bytes(in, key.to.bytes);
  key.port = in.u16();
  key.vlan_outer = id.vlan_outer;
  key.vlan_inner = id.vlan_inner;
  key.identifier = in.u32();
  expectation.bytes_max = in.u32();
  const std::uint8_t carrier = in.u8();
  const std::uint8_t covers = in.u8();
  const std::uint8_t direction = in.u8();
  const std::uint8_t from = in.u8();
  const std::uint8_t to = in.u8();
  key.carrier = static_cast<protocols::Carrier>(carrier);
  key.covers = static_cast<protocols::Covers>(covers);
  expectation.direction = static_cast<protocols::Direction>(direction);
  expectation.from = static_cast<protocols::Party>(from);
  expectation.to = static_cast<protocols::Party>(to);
  constexpr TimeNs kDayNs = 24 * 3600 * kSecondNs;
  expectation.interval_ns = std::min(in.u64(), kDayNs);
  expectation.silence_ns = std::min(in.u64(), 365 * kDayNs);
  expectation.full_at_ns = now_ns + std::min(in.u64(), 8 * kDayNs);
  expectation.heard_ns = before(now_ns, in.u64());
  return in.ok() && carrier <= static_cast<std::uint8_t>(protocols::Carrier::ethernet) &&
         covers <= static_cast<std::uint8_t>(protocols::Covers::session) &&
         direction <= static_cast<std::uint8_t>(protocols::Direction::publish) &&
         from <= static_cast<std::uint8_t>(protocols::Party::other) &&
         to <= static_cast<std::uint8_t>(protocols::Party::other);
}

bool read_relation(ByteReader& in, TimeNs now_ns, RelationRecord& record) {
  Relation& relation = record.relation;
  const std::uint8_t transport = in.u8();
  relation.transport = static_cast<policy::Transport>(transport);
  relation.service_port = in.u16();
  for (wire::Mac& mac : relation.macs) read_bytes(in, mac.bytes);
  relation.asked_ns = before(now_ns, in.u64());
  relation.wait_ns = std::min(in.u64(), 3600 * kSecondNs);
  record.readable = in.u16() == kAskedLayout;
  const ByteView asked = in.take(in.u16());
  const std::size_t count = in.u8();
  const bool possible = in.ok() && asked.size() <= relation.asked.size() &&
                        count <= relation.expectations.size() &&
                        transport <= static_cast<std::uint8_t>(policy::Transport::ethernet);
  if (!possible) return false;
  std::copy_n(reinterpret_cast<const std::byte*>(asked.data()), asked.size(),
              relation.asked.begin());
  relation.asked_bytes = static_cast<std::uint16_t>(asked.size());
  relation.count = static_cast<std::uint16_t>(count);
  for (Expectation& expectation : relation.opened()) {
    if (!read_expectation(in, relation.id, now_ns, expectation)) return false;
  }
  return true;
}

}  // namespace

bool is_relation(ByteView record) {
  return record.size() >= kHeadBytes && record[0] >= kVersion &&
         load_be16(record.data() + 1) == kFlags;
}

std::size_t encode_relation_gone(const flow::RelationId& id, bool is_open,
                                 std::string_view protocol, std::span<std::uint8_t> out) {
  Writer writer(out);
  write_head(writer, id, protocol, static_cast<std::uint8_t>(is_open ? kOpen : 0));
  return writer.length();
}

std::size_t encode_relation(const Relation& relation, std::string_view protocol, TimeNs now_ns,
                            std::span<std::uint8_t> out) {
  Writer writer(out);
  write_head(writer, relation.id, protocol,
             static_cast<std::uint8_t>(kThere | (relation.is_open ? kOpen : 0) |
                                       (relation.reversed ? kReversed : 0)));
  writer.u8(static_cast<std::uint8_t>(relation.transport));
  writer.u16(relation.service_port);
  for (const wire::Mac& mac : relation.macs) writer.bytes(mac.bytes.data(), mac.bytes.size());
  writer.u64(since(relation.asked_ns, now_ns));
  writer.u64(relation.wait_ns);
  writer.u16(kAskedLayout);
  writer.u16(relation.asked_bytes);
  writer.bytes(relation.asked.data(), relation.asked_bytes);
  writer.u8(static_cast<std::uint8_t>(relation.count));
  for (const Expectation& expectation : relation.opened()) {
    write_expectation(writer, expectation, now_ns);
  }
  return writer.length();
}

std::optional<RelationRecord> decode_relation(ByteView bytes, TimeNs now_ns) {
  if (!is_relation(bytes)) return std::nullopt;
  ByteReader in(bytes);
  in.skip(kHeadBytes);
  flow::FlowKey key;
  read_key(in, key);
  const std::uint8_t flags = in.u8();
  RelationRecord record;
  Relation& relation = record.relation;
  relation.id.client = key.low;
  relation.id.server = key.high;
  relation.id.vlan_outer = key.vlan_outer;
  relation.id.vlan_inner = key.vlan_inner;
  relation.is_open = (flags & kOpen) != 0;
  relation.reversed = (flags & kReversed) != 0;
  read_bytes(in, relation.id.name.bytes);
  const ByteView name = in.take(in.u8());
  if (!in.ok() || key.opened_by != kRelationEntry || name.size() > kProtocolNameMax) {
    return std::nullopt;
  }
  record.protocol = {reinterpret_cast<const char*>(name.data()), name.size()};
  record.gone = (flags & kThere) == 0;
  if (!record.gone && !read_relation(in, now_ns, record)) return std::nullopt;
  if (bytes[0] == kVersion && in.remaining() != 0) return std::nullopt;
  return record;
}

RelationSender::RelationSender(flow::ExpectationTable& table)
    : table_(table), sent_(table.capacity()) {
  table_.track_changes();
}

void RelationSender::restart() {
  std::fill(sent_.begin(), sent_.end(), Sent{});
  snapshot_next_ = 0;
  snapshot_end_ = table_.slots_used();
}

namespace {

std::string_view name_of(const flow::RelationId& id) {
  return protocols::registry()[id.protocol]->catalogue().name;
}

}  // namespace

std::optional<std::uint32_t> RelationSender::send(std::uint32_t slot, TimeNs now_ns,
                                                  RecordRing& out) {
  if (slot >= table_.slots_used()) return 0;
  const Relation& relation = table_.slot(slot);
  Sent& sent = sent_[slot];
  const bool same = relation.in_use && sent.id == relation.id && sent.is_open == relation.is_open;
  std::uint32_t records = 0;
  if (sent.any && !same) {
    // Its name may have a new relation in another slot, with a record of its own.
    const Relation* moved = table_.find(sent.id, sent.is_open);
    if (moved == nullptr) {
      const auto room = out.reserve(kRelationRecordBytesMax);
      if (room.empty()) return std::nullopt;
      out.commit(encode_relation_gone(sent.id, sent.is_open, name_of(sent.id), room));
      ++records;
    }
    sent.any = false;
  }
  if (!relation.in_use) return records;
  const auto room = out.reserve(kRelationRecordBytesMax);
  if (room.empty()) {
    if (records == 0) return std::nullopt;
    table_.touch(relation);  // it goes later
    return records;
  }
  out.commit(encode_relation(relation, name_of(relation.id), now_ns, room));
  sent = {relation.id, relation.is_open, true};
  return records + 1;
}

std::uint32_t RelationSender::run(std::uint32_t records_max, TimeNs now_ns, RecordRing& out,
                                  bool& full) {
  std::uint32_t written = 0;
  full = false;
  while (written < records_max && (table_.has_changes() || !has_sent_all())) {
    const bool change = table_.has_changes();
    const std::uint32_t slot = change ? table_.take_change() : snapshot_next_;
    if (!change && sent_[slot].any) {
      ++snapshot_next_;
      continue;
    }
    const auto records = send(slot, now_ns, out);
    if (!records) {
      if (change) table_.touch(table_.slot(slot));
      full = true;
      return written;
    }
    written += *records;
    if (!change) ++snapshot_next_;
  }
  return written;
}

}  // namespace bulkhead::replication
