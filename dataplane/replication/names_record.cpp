// The layout, in network order: version and flags as of a session that has gone; a key that names
// no session; then what only this release reads: the session's key, and its changes in one length.
// What a later version adds comes last.
#include "dataplane/replication/names_record.h"

#include <array>

#include "dataplane/base/release.h"
#include "dataplane/replication/record_io.h"

namespace bulkhead::replication {

namespace {

constexpr std::uint8_t kVersion = 0x81;   // beyond those of sessions, which end where it goes on
constexpr std::uint16_t kFlags = 0x4001;  // gone, for who knows no names
constexpr std::uint32_t kNoEntry = 7;     // FlowKey::opened_by
constexpr std::size_t kHeadBytes = 3;
constexpr std::size_t kChangeHeadBytes = 4;

constexpr std::array<std::uint8_t, kBytesAhead> kAhead{};

enum Flag : std::uint8_t { kAnew = 1 };

void write_head(Writer& out, const flow::FlowKey& key, std::uint8_t flags) {
  flow::FlowKey none;
  none.opened_by = kNoEntry;
  out.u8(static_cast<std::uint8_t>(kVersion + kReleaseAhead));
  out.u16(kFlags);
  write_key(out, none);
  write_key(out, key);
  out.u8(flags);
}

}  // namespace

std::optional<NamesReader::Change> NamesReader::next() {
  if (in_.remaining() == 0) return std::nullopt;
  Change change;
  const std::uint8_t forgotten = in_.u8();
  const std::size_t handle_bytes = in_.u8();
  const std::size_t name_bytes = in_.u16();
  change.forgotten = forgotten != 0;
  change.handle = in_.take(handle_bytes);
  change.name = in_.take(name_bytes);
  ok_ = in_.ok() && forgotten <= 1 && handle_bytes > 0 &&
        handle_bytes <= protocols::kHandleBytesMax &&
        name_bytes <= (change.forgotten ? 0 : protocols::kNameBytesMax);
  if (!ok_) return std::nullopt;
  return change;
}

bool is_names(ByteView record) {
  return record.size() >= kHeadBytes && record[0] >= kVersion &&
         load_be16(record.data() + 1) == kFlags;
}

std::size_t encode_names_anew(const flow::FlowKey& key, std::span<std::uint8_t> out) {
  Writer writer(out);
  write_head(writer, key, kAnew);
  writer.u16(0);
  writer.bytes(kAhead.data(), kAhead.size());
  return writer.length();
}

std::size_t encode_names(const flow::FlowKey& key, flow::NameStore& names, std::uint32_t session,
                         std::span<std::uint8_t> out) {
  std::array<std::uint8_t, protocols::kNameBytesMax> name;
  Writer writer(out);
  write_head(writer, key, 0);
  const std::size_t begin = writer.length();
  writer.u16(0);
  const std::size_t most = out.size() - kAhead.size();
  while (const auto change = names.unsent(session)) {
    const std::size_t length = kChangeHeadBytes + change->handle.size() + change->name_bytes;
    if (writer.length() + length > most) break;
    writer.u8(change->forgotten ? 1 : 0);
    writer.u8(static_cast<std::uint8_t>(change->handle.size()));
    writer.u16(change->name_bytes);
    writer.bytes(change->handle.data(), change->handle.size());
    names.copy_name(*change, std::span(name).first(change->name_bytes));
    writer.bytes(name.data(), change->name_bytes);
    names.note_sent(*change);
  }
  store_be16(out.data() + begin, static_cast<std::uint16_t>(writer.length() - begin - 2));
  writer.bytes(kAhead.data(), kAhead.size());
  return writer.length();
}

std::optional<NamesRecord> decode_names(ByteView bytes) {
  ByteReader in(bytes);
  NamesRecord record;
  const std::uint8_t version = in.u8();
  in.u16();
  flow::FlowKey none;
  read_key(in, none);
  read_key(in, record.key);
  record.anew = (in.u8() & kAnew) != 0;
  record.changes = in.take(in.u16());
  if (version >= kVersion + kReleaseAhead) in.take(kBytesAhead);
  const bool ends = version > kVersion + kReleaseAhead || in.remaining() == 0;
  if (!in.ok() || !ends) return std::nullopt;
  NamesReader reader(record.changes);
  while (reader.next()) {
  }
  return reader.ok() ? std::optional(record) : std::nullopt;
}

}  // namespace bulkhead::replication
