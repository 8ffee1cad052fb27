// A packet is joined by copying: the stages behind want one piece.
#include "dataplane/flow/fragments.h"

#include <rte_errno.h>
#include <rte_lcore.h>
#include <rte_mbuf_dyn.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <type_traits>
#include <utility>

#include "dataplane/base/bytes.h"
#include "dataplane/wire/checksum.h"
#include "dataplane/wire/ethernet.h"
#include "dataplane/wire/ip.h"

namespace bulkhead::flow {

namespace {

constexpr std::size_t kFragmentHeaderBytes = 8;  // RFC 8200, 4.5
constexpr std::uint16_t kWholeBytes = 65535;     // of a buffer: head room and packet
constexpr std::uint32_t kWholeBuffers = 64;
constexpr std::uint16_t kDoNotFragment = 0x4000;
constexpr std::uint16_t kMoreFragments = 0x2000;

void seal_ipv4(std::uint8_t* ip) {
  store_be16(ip + 10, 0);
  store_be16(ip + 10,
             wire::checksum_finish(wire::checksum_add(0, ByteView{ip, wire::kIpv4HeaderBytes})));
}

}  // namespace

// A mark, because a whole packet may have a way to go to the worker that owns its session; 0 if
// buffers have no room for it.
std::uint64_t Reassembler::whole_flag() {
  static const std::uint64_t flag = [] {
    constexpr rte_mbuf_dynflag kWhole = {"bulkhead_whole", 0};
    const int bit = rte_mbuf_dynflag_register(&kWhole);
    return bit < 0 ? std::uint64_t{0} : std::uint64_t{1} << bit;
  }();
  return flag;
}

Result<std::unique_ptr<Reassembler>, std::string> Reassembler::make(const std::string& name,
                                                                    const Limits& limits) {
  std::unique_ptr<Reassembler> made(new Reassembler(limits.datagrams, limits.fragments_ns));
  made->whole_ =
      rte_pktmbuf_pool_create((name + "_whole").c_str(), std::min(kWholeBuffers, limits.datagrams),
                              0, 0, kWholeBytes, SOCKET_ID_ANY);
  if (whole_flag() == 0) return std::string("fragments: packet buffers have no room for a mark");
  if (made->whole_ == nullptr) {
    return std::string("fragments: ") + rte_strerror(rte_errno) + "; raise memory-mib";
  }
  return made;
}

Reassembler::Reassembler(std::uint32_t packets, TimeNs time_ns)
    : time_ns_(time_ns), packets_(packets), buckets_(std::bit_ceil(packets) * 2, kNone) {
  for (std::uint32_t i = packets; i > 0; --i) {
    packets_[i - 1].next = free_first_;
    free_first_ = i - 1;
  }
}

Reassembler::~Reassembler() {
  for (std::uint32_t i = 0; i < packets_.size(); ++i) {
    if (packets_[i].count > 0) end(i);
  }
  if (whole_ != nullptr) rte_mempool_free(whole_);
}

Reassembler::Key Reassembler::key_of(const rte_mbuf* mbuf, std::uint16_t ip_offset, bool v4,
                                     std::uint16_t port) {
  constexpr std::size_t kTagsOffset = 12;
  const std::uint8_t* frame = rte_pktmbuf_mtod(mbuf, const std::uint8_t*);
  const std::uint8_t* ip = frame + ip_offset;
  Key key;
  std::memcpy(key.mac.data(), frame + 6, key.mac.size());
  // Behind the tags stands the EtherType.
  const std::size_t tags = std::min<std::size_t>(ip_offset - kTagsOffset - 2U, key.tags.size());
  std::memcpy(key.tags.data(), frame + kTagsOffset, tags);
  key.port = port;
  key.version = v4 ? 4 : 6;
  if (v4) {
    std::memcpy(key.addresses.data(), ip + 12, 8);
    key.identification = load_be16(ip + 4);
    key.protocol = ip[9];
  } else {
    std::memcpy(key.addresses.data(), ip + 8, 32);
    key.identification = load_be32(ip + wire::kIpv6HeaderBytes + 4);
  }
  return key;
}

std::uint32_t Reassembler::find(const Key& key, std::uint32_t bucket) const {
  std::uint32_t index = buckets_[bucket];
  while (index != kNone && !(packets_[index].key == key)) index = packets_[index].next;
  return index;
}

// Of the port that has most the station that has most, and of its packets the oldest.
std::uint32_t Reassembler::find_victim() const {
  const auto rank = [this](const Packet& packet) {
    return std::pair(ports_[packet.list / kMacIds], lists_[packet.list]);
  };
  std::uint32_t victim = 0;
  for (std::uint32_t i = 1; i < packets_.size(); ++i) {
    const auto one = rank(packets_[i]);
    const auto most = rank(packets_[victim]);
    if (one > most || (one == most && packets_[i].since_ns < packets_[victim].since_ns)) victim = i;
  }
  return victim;
}

std::uint32_t Reassembler::begin(const Key& key, std::uint32_t bucket, TimeNs now_ns) {
  if (free_first_ == kNone) end(find_victim());
  const std::uint32_t index = free_first_;
  Packet& packet = packets_[index];
  free_first_ = packet.next;
  packet = Packet{};
  packet.key = key;
  packet.since_ns = now_ns;
  packet.next = buckets_[bucket];
  buckets_[bucket] = index;
  const std::size_t port = key.port % policy::kPortsMax;
  const std::size_t mac_id = keyed_hash(hash_key_, key.mac) % kMacIds;
  packet.list = static_cast<std::uint16_t>(port * kMacIds + mac_id);
  ++lists_[packet.list];
  ++ports_[port];
  return index;
}

void Reassembler::end(std::uint32_t index) {
  Packet& packet = packets_[index];
  for (std::size_t i = 0; i < packet.count; ++i) rte_pktmbuf_free(packet.fragments[i].mbuf);
  std::uint32_t* place = &buckets_[bucket_of(packet.key)];
  while (*place != index) place = &packets_[*place].next;
  *place = packet.next;
  --lists_[packet.list];
  --ports_[packet.list / kMacIds];
  packet.count = 0;
  packet.next = free_first_;
  free_first_ = index;
}

std::uint32_t Reassembler::bucket_of(const Key& key) const {
  static_assert(std::has_unique_object_representations_v<Key>);
  const ByteView bytes{reinterpret_cast<const std::uint8_t*>(&key), sizeof(key)};
  return static_cast<std::uint32_t>(keyed_hash(hash_key_, bytes) & (buckets_.size() - 1));
}

// Whether the fragment stands where no other does, and ends where the packet may.
bool Reassembler::fits(const Packet& packet, const Fragment& fragment) {
  constexpr std::uint32_t kPayloadMax = 65535 - wire::kIpv4HeaderBytes;
  if (packet.count == kFragmentsMax || fragment.length == 0 || fragment.end() > kPayloadMax) {
    return false;
  }
  if (fragment.more ? fragment.length % 8 != 0 : packet.length != 0) return false;
  if (packet.length != 0 && fragment.end() > packet.length) return false;
  for (std::size_t i = 0; i < packet.count; ++i) {
    const Fragment& other = packet.fragments[i];
    if (fragment.offset < other.end() && other.offset < fragment.end()) return false;
    if (!fragment.more && other.end() > fragment.end()) return false;
  }
  return true;
}

// The headers are those of the first fragment, whose station and identification the others share.
rte_mbuf* Reassembler::join(Packet& packet, std::uint16_t ip_offset, bool v4) {
  const auto parts = std::span(packet.fragments).first(packet.count);
  std::sort(parts.begin(), parts.end(),
            [](const Fragment& one, const Fragment& other) { return one.offset < other.offset; });
  const std::size_t header = v4 ? wire::kIpv4HeaderBytes : wire::kIpv6HeaderBytes;
  const std::size_t bytes = ip_offset + header + packet.length;
  // One that any buffer holds gets one like its fragments had: a session may keep it for long.
  rte_mempool* usual = parts[0].mbuf->pool;
  const bool fits = bytes + RTE_PKTMBUF_HEADROOM <= rte_pktmbuf_data_room_size(usual);
  if (bytes > kWholeBytes - RTE_PKTMBUF_HEADROOM) return nullptr;
  rte_mbuf* whole = rte_pktmbuf_alloc(fits ? usual : whole_);
  if (whole == nullptr) return nullptr;
  auto* frame =
      reinterpret_cast<std::uint8_t*>(rte_pktmbuf_append(whole, static_cast<std::uint16_t>(bytes)));
  const std::uint8_t* first = rte_pktmbuf_mtod(parts[0].mbuf, const std::uint8_t*);
  std::memcpy(frame, first, ip_offset + header);
  for (const Fragment& part : parts) {
    std::memcpy(frame + ip_offset + header + part.offset,
                rte_pktmbuf_mtod(part.mbuf, const std::uint8_t*) + part.data_offset, part.length);
  }
  std::uint8_t* ip = frame + ip_offset;
  if (v4) {
    store_be16(ip + 2, static_cast<std::uint16_t>(header + packet.length));
    store_be16(ip + 6, load_be16(ip + 6) & kDoNotFragment);
    seal_ipv4(ip);
  } else {
    store_be16(ip + 4, static_cast<std::uint16_t>(packet.length));
    ip[6] = first[ip_offset + header];  // what the fragment header says comes next
  }
  whole->port = parts[0].mbuf->port;
  whole->ol_flags = whole_flag();
  return whole;
}

Reassembler::Outcome Reassembler::take(rte_mbuf* mbuf, std::uint16_t ip_offset, bool v4,
                                       std::uint16_t port, TimeNs now_ns, rte_mbuf*& packet) {
  const std::uint8_t* ip = rte_pktmbuf_mtod(mbuf, const std::uint8_t*) + ip_offset;
  const std::size_t header =
      v4 ? wire::kIpv4HeaderBytes : wire::kIpv6HeaderBytes + kFragmentHeaderBytes;
  const std::size_t end_of_ip = v4 ? load_be16(ip + 2) : wire::kIpv6HeaderBytes + load_be16(ip + 4);
  const std::uint16_t word = load_be16(v4 ? ip + 6 : ip + wire::kIpv6HeaderBytes + 2);
  if (end_of_ip < header || ip_offset + end_of_ip > mbuf->data_len) {
    rte_pktmbuf_free(mbuf);
    return Outcome::conflict;
  }
  Fragment fragment;
  fragment.mbuf = mbuf;
  fragment.data_offset = static_cast<std::uint16_t>(ip_offset + header);
  fragment.offset = static_cast<std::uint16_t>(v4 ? word << 3 : word & 0xfff8);
  fragment.length = static_cast<std::uint16_t>(end_of_ip - header);
  fragment.more = v4 ? (word & kMoreFragments) != 0 : (word & 1) != 0;
  const Key key = key_of(mbuf, ip_offset, v4, port);
  const std::uint32_t bucket = bucket_of(key);
  std::uint32_t index = find(key, bucket);
  if (index != kNone && now_ns - packets_[index].since_ns > time_ns_) {
    end(index);
    index = kNone;
  }
  if (index == kNone) index = begin(key, bucket, now_ns);
  Packet& known = packets_[index];
  if (!fits(known, fragment)) {
    rte_pktmbuf_free(mbuf);
    end(index);
    return Outcome::conflict;
  }
  known.fragments[known.count++] = fragment;
  known.bytes += fragment.length;
  if (!fragment.more) known.length = fragment.end();
  if (known.bytes != known.length) return Outcome::held;
  packet = join(known, ip_offset, v4);
  end(index);
  return packet == nullptr ? Outcome::no_room : Outcome::whole;
}

void Reassembler::expire(TimeNs now_ns) {
  for (std::uint32_t i = 0; i < packets_.size(); ++i) {
    if (packets_[i].count > 0 && now_ns - packets_[i].since_ns > time_ns_) end(i);
  }
}

namespace {

// One fragment: the packet's headers, its own place, and `length` bytes from `from`.
struct Cut {
  const std::uint8_t* frame;
  std::size_t ip_offset;
  std::size_t payload_offset;  // of the IP payload, from the start of the frame
  std::size_t from;            // in the payload
  std::size_t length;
  bool more;
};

rte_mbuf* cut_ipv4(const rte_mbuf* packet, const Cut& cut, std::uint32_t identification) {
  rte_mbuf* mbuf = rte_pktmbuf_alloc(packet->pool);
  if (mbuf == nullptr) return nullptr;
  const std::size_t bytes = cut.payload_offset + cut.length;
  auto* to =
      reinterpret_cast<std::uint8_t*>(rte_pktmbuf_append(mbuf, static_cast<std::uint16_t>(bytes)));
  std::memcpy(to, cut.frame, cut.payload_offset);
  std::memcpy(to + cut.payload_offset, cut.frame + cut.payload_offset + cut.from, cut.length);
  std::uint8_t* ip = to + cut.ip_offset;
  store_be16(ip + 2, static_cast<std::uint16_t>(wire::kIpv4HeaderBytes + cut.length));
  store_be16(ip + 4, static_cast<std::uint16_t>(identification));
  store_be16(ip + 6, static_cast<std::uint16_t>((cut.from / 8) | (cut.more ? kMoreFragments : 0)));
  seal_ipv4(ip);
  return mbuf;
}

rte_mbuf* cut_ipv6(const rte_mbuf* packet, const Cut& cut, std::uint32_t identification) {
  constexpr std::uint8_t kFragmentHeader = 44;
  rte_mbuf* mbuf = rte_pktmbuf_alloc(packet->pool);
  if (mbuf == nullptr) return nullptr;
  const std::size_t bytes = cut.payload_offset + kFragmentHeaderBytes + cut.length;
  auto* to =
      reinterpret_cast<std::uint8_t*>(rte_pktmbuf_append(mbuf, static_cast<std::uint16_t>(bytes)));
  std::memcpy(to, cut.frame, cut.payload_offset);
  std::uint8_t* ip = to + cut.ip_offset;
  std::uint8_t* header = to + cut.payload_offset;
  header[0] = ip[6];
  header[1] = 0;
  store_be16(header + 2, static_cast<std::uint16_t>(cut.from | (cut.more ? 1U : 0U)));
  store_be32(header + 4, identification);
  ip[6] = kFragmentHeader;
  store_be16(ip + 4, static_cast<std::uint16_t>(kFragmentHeaderBytes + cut.length));
  std::memcpy(header + kFragmentHeaderBytes, cut.frame + cut.payload_offset + cut.from, cut.length);
  return mbuf;
}

}  // namespace

Pieces fragment(rte_mbuf* mbuf, std::uint16_t mtu, std::uint32_t identification) {
  Pieces pieces;
  const std::uint8_t* frame = rte_pktmbuf_mtod(mbuf, const std::uint8_t*);
  wire::EthernetHeader ethernet;
  wire::parse_ethernet({frame, mbuf->data_len}, ethernet);
  const bool v4 = ethernet.ethertype == wire::kEtherTypeIpv4;
  const std::size_t header = v4 ? wire::kIpv4HeaderBytes : wire::kIpv6HeaderBytes;
  const std::size_t room =
      (mtu - header - (v4 ? 0 : kFragmentHeaderBytes)) / 8 * 8;  // places count in eights
  Cut cut{frame, ethernet.payload_offset, ethernet.payload_offset + header, 0, 0, true};
  const std::size_t payload = mbuf->data_len - cut.payload_offset;
  bool failed = payload > room * Pieces::kMax;
  for (; !failed && cut.from < payload; cut.from += cut.length) {
    cut.length = std::min(room, payload - cut.from);
    cut.more = cut.from + cut.length < payload;
    rte_mbuf* piece =
        v4 ? cut_ipv4(mbuf, cut, identification) : cut_ipv6(mbuf, cut, identification);
    failed = piece == nullptr;
    if (!failed) pieces.mbufs[pieces.count++] = piece;
  }
  if (failed) {
    rte_pktmbuf_free_bulk(pieces.mbufs, pieces.count);
    pieces.count = 0;
  }
  rte_pktmbuf_free(mbuf);
  return pieces;
}

}  // namespace bulkhead::flow
