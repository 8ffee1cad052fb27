// The layout, in network order: version, kind, flags; the key; then, unless it is gone, the
// session; what version 2 added comes last.
#include "dataplane/replication/flow_record.h"

#include <algorithm>

#include "dataplane/replication/record_io.h"

namespace bulkhead::replication {

namespace {

using flow::Flow;
using flow::FlowKey;
using flow::TcpSide;

enum Flag : std::uint16_t {
  kGone = 1,
  kClientIsLow = 2,
  kRefused = 4,
  kProtocolKnown = 8,
  kResumed = 16,
  kSpliced = 32,
  kDeep = 64,
  kSession = 128,
  kUnjudged = 256,
  kReversed = 512,
};
enum SegmentFlag : std::uint8_t { kInjected = 1, kEnd = 2 };
enum SideFlag : std::uint8_t { kScale = 1, kTimestamps = 2, kFin = 4 };

constexpr std::array<std::uint8_t, kBytesAhead> kAhead{};

void write_side(Writer& out, const TcpSide& side) {
  for (const std::uint32_t number : {side.released, side.acknowledged, side.window_end,
                                     side.window_max, side.timestamp, side.unread}) {
    out.u32(number);
  }
  out.u16(side.mss);
  out.u16(side.announced);
  out.u8(side.offered_scale);
  out.u8(static_cast<std::uint8_t>((side.scale_offered ? kScale : 0) |
                                   (side.timestamps_offered ? kTimestamps : 0) |
                                   (side.fin_released ? kFin : 0)));
}

void read_side(ByteReader& in, TcpSide& side) {
  for (std::uint32_t* number : {&side.released, &side.acknowledged, &side.window_end,
                                &side.window_max, &side.timestamp, &side.unread}) {
    *number = in.u32();
  }
  side.mss = in.u16();
  side.announced = in.u16();
  side.offered_scale = in.u8();
  const std::uint8_t flags = in.u8();
  side.scale_offered = (flags & kScale) != 0;
  side.timestamps_offered = (flags & kTimestamps) != 0;
  side.fin_released = (flags & kFin) != 0;
}

constexpr std::size_t kSegmentHeadBytes = 15;

std::size_t frame_length(const flow::Segment& segment) {
  return std::size_t{segment.payload_offset} + segment.length;
}

// Of the frame's headers: what stands between them and the payload was cut off and does not travel.
std::size_t header_length(const flow::SegmentPool& pool, std::uint32_t index,
                          const flow::Segment& segment) {
  const std::uint8_t* tcp = pool.frame(index) + segment.transport_offset;
  return segment.transport_offset + (tcp[12] >> 4) * std::size_t{4};
}

// Bytes of a list of segments in a record.
std::size_t list_length(flow::SegmentPool& pool, std::uint32_t first) {
  std::size_t length = 0;
  for (std::uint32_t i = first; i != flow::kNoSegment; i = pool[i].next) {
    length += kSegmentHeadBytes + header_length(pool, i, pool[i]) + pool[i].length;
  }
  return length;
}

void write_list(Writer& out, flow::SegmentPool& pool, std::uint32_t first, bool whole) {
  const std::size_t length = whole ? list_length(pool, first) : 0;
  out.u16(static_cast<std::uint16_t>(length));
  for (std::uint32_t i = first; length > 0 && i != flow::kNoSegment; i = pool[i].next) {
    const flow::Segment& segment = pool[i];
    out.u32(segment.sequence);
    out.u8(
        static_cast<std::uint8_t>((segment.injected ? kInjected : 0) | (segment.fin ? kEnd : 0)));
    out.u16(segment.transport_offset);
    const std::size_t headers = header_length(pool, i, segment);
    out.u16(static_cast<std::uint16_t>(headers));
    out.u16(segment.length);
    out.u16(segment.waits_for);
    out.u16(static_cast<std::uint16_t>(headers + segment.length));
    out.bytes(pool.frame(i), headers);
    out.bytes(pool.frame(i) + segment.payload_offset, segment.length);
  }
}

void write_segments(Writer& out, flow::SegmentPool& pool, const Flow& flow) {
  std::size_t length = list_length(pool, flow.pending_first);
  for (const TcpSide& side : flow.sides) {
    length += list_length(pool, side.retained_first) + list_length(pool, side.held_first);
  }
  const bool whole = length <= kRecordSegmentBytesMax;
  for (const TcpSide& side : flow.sides) {
    write_list(out, pool, side.retained_first, whole);
    write_list(out, pool, side.held_first, whole);
  }
  write_list(out, pool, flow.pending_first, whole);
}

void write_more(Writer& out, flow::SegmentPool& pool, const Flow& flow) {
  for (const flow::Link& link : flow.links) out.bytes(link.to.bytes.data(), 6);
  for (const std::uint32_t number : flow.first) out.u32(number);
  out.u8(flow.predecessor.answered ? 1 : 0);
  for (const std::uint32_t number : flow.predecessor.first) out.u32(number);
  if (flow.spliced) return;
  for (const TcpSide& side : flow.sides) {
    const std::uint32_t first = side.retained_first;
    write_list(out, pool, first, list_length(pool, first) <= kRecordSegmentBytesMax / 2);
  }
}

bool is_whole(ByteView segments) {
  SegmentReader reader(segments);
  while (reader.next()) {
  }
  return reader.ok();
}

constexpr std::uint8_t kMoreVersion = 2;

bool read_more(ByteReader& in, FlowRecord& record) {
  for (flow::Link& link : record.flow.links) read_bytes(in, link.to.bytes);
  for (std::uint32_t& number : record.flow.first) number = in.u32();
  record.flow.predecessor.answered = in.u8() != 0;
  for (std::uint32_t& number : record.flow.predecessor.first) number = in.u32();
  for (std::size_t side = 0; !record.flow.spliced && side < 2; ++side) {
    record.retained[side] = in.take(in.u16());
    if (!is_whole(record.retained[side])) return false;
  }
  return true;
}

// Whether a session can have such values.
bool is_possible(const FlowRecord& record) {
  constexpr std::uint8_t kScaleMax = 14;  // RFC 7323, 2.3
  const Flow& flow = record.flow;
  return flow.phase <= flow::TcpPhase::closed && flow.transport <= policy::Transport::ethernet &&
         flow.key.opened_by <= 5 && flow.ports[0] < policy::kPortsMax &&
         flow.ports[1] < policy::kPortsMax && flow.sides[0].offered_scale <= kScaleMax &&
         flow.sides[1].offered_scale <= kScaleMax;
}

TimeNs since(TimeNs then_ns, TimeNs now_ns) { return now_ns > then_ns ? now_ns - then_ns : 0; }
TimeNs before(TimeNs now_ns, TimeNs span_ns) { return now_ns > span_ns ? now_ns - span_ns : 0; }

}  // namespace

std::optional<SegmentReader::Piece> SegmentReader::next() {
  if (in_.remaining() == 0) return std::nullopt;
  Piece piece;
  flow::Segment& segment = piece.segment;
  segment.sequence = in_.u32();
  const std::uint8_t flags = in_.u8();
  segment.injected = (flags & kInjected) != 0;
  segment.fin = (flags & kEnd) != 0;
  segment.transport_offset = in_.u16();
  segment.payload_offset = in_.u16();
  segment.length = in_.u16();
  segment.waits_for = in_.u16();
  piece.frame = in_.take(in_.u16());
  // A TCP header is in front of the payload, and other headers before it.
  constexpr std::size_t kTcpHeaderBytes = 20;
  constexpr std::size_t kHeadersMax = 256;
  ok_ = in_.ok() && segment.payload_offset <= kHeadersMax &&
        segment.transport_offset + kTcpHeaderBytes <= segment.payload_offset &&
        piece.frame.size() == frame_length(segment);
  if (!ok_) return std::nullopt;
  return piece;
}

std::size_t encode_gone(const FlowKey& key, std::span<std::uint8_t> out) {
  Writer writer(out);
  writer.u8(kRecordVersion);
  writer.u16(kGone);
  write_key(writer, key);
  writer.bytes(kAhead.data(), kAhead.size());
  return writer.length();
}

std::size_t encode_flow(const Flow& flow, flow::SegmentPool& segments, std::string_view protocol,
                        const SessionState& state, bool deep, TimeNs now_ns,
                        std::span<std::uint8_t> out) {
  Writer writer(out);
  writer.u8(kRecordVersion);
  writer.u16(static_cast<std::uint16_t>(
      (flow.client_is_low ? kClientIsLow : 0) | (flow.refused ? kRefused : 0) |
      (flow.protocol_known ? kProtocolKnown : 0) | (flow.resumed ? kResumed : 0) |
      (flow.spliced ? kSpliced : 0) | (deep ? kDeep : 0) | (state.bytes.empty() ? 0 : kSession) |
      (flow.unjudged ? kUnjudged : 0) | (flow.reversed ? kReversed : 0)));
  write_key(writer, flow.key);
  writer.u8(static_cast<std::uint8_t>(flow.transport));
  writer.u8(static_cast<std::uint8_t>(flow.phase));
  for (const std::uint16_t port : flow.ports) writer.u16(port);
  for (const flow::Link& link : flow.links) writer.bytes(link.from.bytes.data(), 6);
  writer.u16(flow.expected ? 1 : 0);
  writer.u64(since(flow.last_seen_ns, now_ns));
  writer.u64(since(now_ns, flow.expires_ns));
  writer.u64(since(flow.created_ns, now_ns));
  for (const std::uint64_t count : flow.packets) writer.u64(count);
  for (const std::uint64_t count : flow.bytes) writer.u64(count);
  for (const TcpSide& side : flow.sides) write_side(writer, side);
  for (std::size_t side = 0; side < 2; ++side) {
    writer.u32(flow.split_begin[side]);
    writer.u32(flow.split_end[side]);
  }
  for (std::size_t side = 0; flow.spliced && side < 2; ++side) {
    writer.u32(flow.splice[side].out_next - flow.sides[side].released);
    writer.u32(flow.splice[side].out_next - flow.splice[side].out_acked);
    writer.u32(flow.splice[side].out_edge);
  }
  if (flow.spliced) write_segments(writer, segments, flow);
  writer.u8(static_cast<std::uint8_t>(protocol.size()));
  writer.bytes(protocol.data(), protocol.size());
  if (!state.bytes.empty()) {
    writer.u16(state.layout);
    writer.u32(static_cast<std::uint32_t>(state.bytes.size()));
    writer.bytes(state.bytes.data(), state.bytes.size());
  }
  write_more(writer, segments, flow);
  writer.bytes(kAhead.data(), kAhead.size());
  return writer.length();
}

std::optional<FlowRecord> decode_record(ByteView bytes, TimeNs now_ns) {
  ByteReader in(bytes);
  const auto ends_here = [&in](std::uint8_t version) {
    if (version >= kRecordVersion) in.take(kBytesAhead);
    return in.ok() && (version > kRecordVersion || in.remaining() == 0);
  };
  FlowRecord record;
  Flow& flow = record.flow;
  const std::uint8_t version = in.u8();
  const std::uint16_t flags = in.u16();
  read_key(in, flow.key);
  if (!in.ok() || version < kRecordVersionOldest) return std::nullopt;
  record.gone = (flags & kGone) != 0;
  if (record.gone) return ends_here(version) ? std::optional(record) : std::nullopt;
  flow.client_is_low = (flags & kClientIsLow) != 0;
  flow.refused = (flags & kRefused) != 0;
  flow.protocol_known = (flags & kProtocolKnown) != 0;
  flow.resumed = (flags & kResumed) != 0;
  flow.spliced = (flags & kSpliced) != 0;
  flow.unjudged = (flags & kUnjudged) != 0;
  flow.reversed = (flags & kReversed) != 0;
  record.deep = (flags & kDeep) != 0;
  flow.transport = static_cast<policy::Transport>(in.u8());
  flow.phase = static_cast<flow::TcpPhase>(in.u8());
  for (std::uint16_t& port : flow.ports) port = in.u16();
  for (flow::Link& link : flow.links) read_bytes(in, link.from.bytes);
  flow.expected = in.u16() != 0;  // of an earlier release: a port of the session beside
  flow.last_seen_ns = before(now_ns, in.u64());
  const TimeNs left_ns = in.u64();
  flow.expires_ns = now_ns + std::min(left_ns, 365 * 24 * 3600 * kSecondNs);
  flow.created_ns = before(now_ns, in.u64());
  for (std::uint64_t& count : flow.packets) count = in.u64();
  for (std::uint64_t& count : flow.bytes) count = in.u64();
  for (TcpSide& side : flow.sides) read_side(in, side);
  for (std::size_t side = 0; side < 2; ++side) {
    flow.split_begin[side] = in.u32();
    flow.split_end[side] = in.u32();
  }
  for (std::size_t side = 0; flow.spliced && side < 2; ++side) {
    record.translations[side].delta = in.u32();
    record.translations[side].owed = in.u32();
    record.translations[side].edge = in.u32();
  }
  for (std::size_t side = 0; flow.spliced && side < 2; ++side) {
    record.owed[side] = in.take(in.u16());
    record.held[side] = in.take(in.u16());
    if (!is_whole(record.owed[side]) || !is_whole(record.held[side])) return std::nullopt;
  }
  if (flow.spliced) record.pending = in.take(in.u16());
  if (!is_whole(record.pending)) return std::nullopt;
  const std::size_t name_length = in.u8();
  const ByteView name = in.take(name_length);
  if (name_length > kProtocolNameMax) return std::nullopt;
  record.protocol = {reinterpret_cast<const char*>(name.data()), name.size()};
  if ((flags & kSession) != 0) {
    record.layout = in.u16();
    record.session = in.take(in.u32());
  }
  if (version >= kMoreVersion && !read_more(in, record)) return std::nullopt;
  if (!ends_here(version) || !is_possible(record)) return std::nullopt;
  return record;
}

}  // namespace bulkhead::replication
