// rte_ip_frag links buffers; the stages behind want one piece, so that is what they get.
#define ALLOW_EXPERIMENTAL_API  // rte_ip_frag_table_del_expired_entries, in DPDK since 20.11
#include "dataplane/flow/fragments.h"

#include <rte_errno.h>
#include <rte_ip_frag.h>
#include <rte_lcore.h>
#include <rte_mbuf_dyn.h>

#include <algorithm>
#include <cstring>

#include "dataplane/base/bytes.h"
#include "dataplane/wire/checksum.h"
#include "dataplane/wire/ethernet.h"
#include "dataplane/wire/ip.h"

namespace bulkhead::flow {

namespace {

constexpr std::size_t kFragmentHeaderBytes = 8;  // RFC 8200, 4.5
constexpr std::uint16_t kWholeBytes = 65535;     // of a buffer: head room and packet
constexpr std::uint32_t kWholeBuffers = 64;

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
  constexpr std::uint32_t kBucketEntries = 4;
  std::unique_ptr<Reassembler> made(new Reassembler());
  // Time is whatever the caller's clock counts; here nanoseconds.
  made->table_ = rte_ip_frag_table_create(limits.datagrams, kBucketEntries, limits.datagrams,
                                          limits.fragments_ns, SOCKET_ID_ANY);
  made->whole_ = rte_pktmbuf_pool_create((name + "_whole").c_str(), kWholeBuffers, 0, 0,
                                         kWholeBytes, SOCKET_ID_ANY);
  if (whole_flag() == 0) return std::string("fragments: packet buffers have no room for a mark");
  if (made->table_ == nullptr || made->whole_ == nullptr) {
    return std::string("fragments: ") + rte_strerror(rte_errno) + "; raise memory-mib";
  }
  made->doomed_ = std::make_unique<rte_ip_frag_death_row>();
  made->doomed_->cnt = 0;
  return made;
}

Reassembler::~Reassembler() {
  if (table_ != nullptr) rte_ip_frag_table_destroy(table_);
  if (whole_ != nullptr) rte_mempool_free(whole_);
}

rte_mbuf* Reassembler::flatten(rte_mbuf* chain) {
  // One that any buffer holds gets one like its fragments had: a session may keep it for long.
  const bool usual =
      chain->pkt_len + RTE_PKTMBUF_HEADROOM <= rte_pktmbuf_data_room_size(chain->pool);
  rte_mbuf* whole = rte_pktmbuf_alloc(usual ? chain->pool : whole_);
  char* room = nullptr;
  if (whole != nullptr && chain->pkt_len <= kWholeBytes - RTE_PKTMBUF_HEADROOM) {
    room = rte_pktmbuf_append(whole, static_cast<std::uint16_t>(chain->pkt_len));
  }
  if (room == nullptr) {
    rte_pktmbuf_free(whole);
    rte_pktmbuf_free(chain);
    return nullptr;
  }
  for (const rte_mbuf* part = chain; part != nullptr; part = part->next) {
    std::memcpy(room, rte_pktmbuf_mtod(part, const char*), part->data_len);
    room += part->data_len;
  }
  whole->port = chain->port;
  whole->ol_flags = whole_flag();
  rte_pktmbuf_free(chain);
  return whole;
}

Reassembler::Outcome Reassembler::take(rte_mbuf* mbuf, std::uint16_t ip_offset, bool v4,
                                       TimeNs now_ns, rte_mbuf*& packet) {
  std::uint8_t* ip = rte_pktmbuf_mtod(mbuf, std::uint8_t*) + ip_offset;
  mbuf->l2_len = ip_offset & 0x7f;
  rte_mbuf* chain = nullptr;
  if (v4) {
    mbuf->l3_len = wire::kIpv4HeaderBytes;
    chain = rte_ipv4_frag_reassemble_packet(table_, doomed_.get(), mbuf, now_ns,
                                            reinterpret_cast<rte_ipv4_hdr*>(ip));
  } else {
    mbuf->l3_len = wire::kIpv6HeaderBytes + kFragmentHeaderBytes;
    chain = rte_ipv6_frag_reassemble_packet(
        table_, doomed_.get(), mbuf, now_ns, reinterpret_cast<rte_ipv6_hdr*>(ip),
        reinterpret_cast<rte_ipv6_fragment_ext*>(ip + wire::kIpv6HeaderBytes));
  }
  rte_mbuf* const* row = doomed_->row;
  const bool doomed = std::find(row, row + doomed_->cnt, mbuf) != row + doomed_->cnt;
  rte_ip_frag_free_death_row(doomed_.get(), 0);
  if (chain == nullptr) return doomed ? Outcome::conflict : Outcome::held;
  packet = flatten(chain);
  if (packet == nullptr) return Outcome::no_room;
  if (v4) seal_ipv4(rte_pktmbuf_mtod(packet, std::uint8_t*) + ip_offset);
  return Outcome::whole;
}

void Reassembler::expire(TimeNs now_ns) {
  rte_ip_frag_table_del_expired_entries(table_, doomed_.get(), now_ns);
  rte_ip_frag_free_death_row(doomed_.get(), 0);
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
  constexpr std::uint16_t kMoreFragments = 0x2000;
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
