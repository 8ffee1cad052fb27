// A session as it travels to the standby: what that needs to go on with it. Numbers that mean
// something on one appliance alone (slots, indices of a policy, times of a clock) do not travel:
// times are told as spans, and the standby judges the session anew under its own policy at the
// first packet. Of bytes those travel that left and were not acknowledged, for no others must ever
// stand in their place; and of a session that is carried those that its sender believes to have
// arrived: what it owes and what it holds.
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
// Of all segments of a session with their headers. One that owes more cannot be gone on with where
// the receiver lacks something.
constexpr std::size_t kRecordSegmentBytesMax = 16 * 1024;
constexpr std::size_t kProtocolNameMax = 16;

// Layout of the records (see release.h), and of the protocols' state in them. State of another
// layout is not taken: the session goes on as one whose beginning was not seen.
constexpr std::uint8_t kRecordVersion = 2 + kReleaseAhead;
constexpr std::uint8_t kRecordVersionOldest = 1;
constexpr std::uint16_t kSessionLayout = 3;

struct FlowRecord {
  bool gone = false;  // the session has ended; only its key counts
  flow::Flow flow;    // what travels of it; times are of the reader's clock
  // By sender, if the session is carried: by how much its receiver counts further (modulo 2^32),
  // how many bytes the receiver had not acknowledged, and where its window ends.
  struct Translation {
    std::uint32_t delta = 0;
    std::uint32_t owed = 0;
    std::uint32_t edge = 0;
  };
  std::array<Translation, 2> translations;
  // If the session is carried, lists of segments for SegmentReader. By sender: those that the
  // receiver lacks, and those that are held; and the refusals that wait for earlier answers.
  std::array<ByteView, 2> owed;
  std::array<ByteView, 2> held;
  ByteView pending;
  // If it is not: those that were let through and not acknowledged. None may also mean that they
  // are too long for a record, or that the peer is of a release that does not tell them.
  std::array<ByteView, 2> retained;
  std::string_view protocol;  // empty: not inspected; a view of the bytes
  ByteView session;           // the protocol's state; empty if it cannot be read here
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
  // Nothing behind the last, and behind one that is broken.
  std::optional<Piece> next();
  bool ok() const { return ok_; }

 private:
  ByteReader in_;
  bool ok_ = true;
};

// Writes the record of a session; its length, 0 if it does not fit. `session` is its block of
// protocol state, or empty.
std::size_t encode_flow(const flow::Flow& flow, flow::SegmentPool& segments,
                        std::string_view protocol, std::span<const std::byte> session, bool deep,
                        TimeNs now_ns, std::span<std::uint8_t> out);
std::size_t encode_gone(const flow::FlowKey& key, std::span<std::uint8_t> out);

// Nothing if the bytes are no whole record.
std::optional<FlowRecord> decode_record(ByteView bytes, TimeNs now_ns);

}  // namespace bulkhead::replication
