// The record of a session for the standby. Values that are local to one appliance (slots, policy
// indices, clock readings) do not travel: times are sent as spans, and the standby judges the
// session under its own policy at its first packet. Bytes that left and were not acknowledged are
// included, so that no others ever take their place; of a spliced session also bytes that were
// acknowledged to their sender: owed and held ones.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "dataplane/base/bytes.h"
#include "dataplane/base/release.h"
#include "dataplane/flow/segments.h"

namespace bulkhead::replication {

constexpr std::size_t kRecordFixedBytesMax = 448;  // all but segments and the protocol's state
// All segments of a session with their headers. A session that owes more cannot be continued where
// the receiver lacks something.
constexpr std::size_t kRecordSegmentBytesMax = 16 * 1024;
constexpr std::size_t kProtocolNameMax = 16;

// Layout of the records (see release.h), and of entries beside sessions. A protocol's state has a
// version of its own (protocols::StateLayout). State of another layout is ignored: the session
// continues as one whose beginning was not seen.
constexpr std::uint8_t kRecordVersion = 2 + kReleaseAhead;
constexpr std::uint8_t kRecordVersionOldest = 1;
constexpr std::uint16_t kEntryLayout = 3;

// A block that belongs to a flow, and the version of its layout.
struct SessionState {
  std::span<const std::byte> bytes{};
  std::uint16_t layout = 0;
};

struct FlowRecord {
  bool gone = false;  // the session has ended; only its key is valid
  flow::Flow flow;    // the replicated fields; times are of the reader's clock
  // By sender, if the session is spliced: offset of its receiver's numbers (modulo 2^32), bytes
  // that the receiver had not acknowledged, and its window's right edge.
  struct Translation {
    std::uint32_t delta = 0;
    std::uint32_t owed = 0;
    std::uint32_t edge = 0;
  };
  std::array<Translation, 2> translations;
  // If the session is spliced, lists of segments for SegmentReader. By sender: segments that the
  // receiver lacks, and held ones; and refusals that wait for earlier answers.
  std::array<ByteView, 2> owed;
  std::array<ByteView, 2> held;
  ByteView pending;
  // If it is not: segments that were passed and not acknowledged. Empty also if they exceed a
  // record, or the peer's release does not send them.
  std::array<ByteView, 2> retained;
  std::string_view protocol;  // empty: not inspected; a view of the bytes
  ByteView session;           // the protocol's state; empty if there is none
  std::uint16_t layout = 0;   // of the state
  bool deep = false;          // it needs a deep block
};

// Reads segments of a record one by one.
class SegmentReader {
 public:
  struct Piece {
    flow::Segment segment;  // without buffer and place
    ByteView frame;         // up to its last payload byte
  };
  explicit SegmentReader(ByteView bytes) : in_(bytes) {}
  // Nothing after the last one or a malformed one.
  std::optional<Piece> next();
  bool ok() const { return ok_; }

 private:
  ByteReader in_;
  bool ok_ = true;
};

// Writes the record of a session; its length, 0 if it does not fit. `state` is its block of
// protocol state, or empty.
std::size_t encode_flow(const flow::Flow& flow, flow::SegmentPool& segments,
                        std::string_view protocol, const SessionState& state, bool deep,
                        TimeNs now_ns, std::span<std::uint8_t> out);
std::size_t encode_gone(const flow::FlowKey& key, std::span<std::uint8_t> out);

// Nothing if the bytes are not a complete record.
std::optional<FlowRecord> decode_record(ByteView bytes, TimeNs now_ns);

}  // namespace bulkhead::replication
