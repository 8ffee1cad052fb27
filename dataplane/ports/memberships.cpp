// A conduit a step: hosts of one of its zones may send to the groups of the other, by a
// rule or because a message of a session that the conduit grants said so (protocols/expectation.h).
#include "dataplane/ports/memberships.h"

#include <rte_mbuf.h>

#include <algorithm>

#include "dataplane/wire/igmp.h"

namespace bulkhead::ports {

namespace {

constexpr std::uint32_t kUnasked = 2;          // RFC 2236, 8.1: one may be lost
constexpr TimeNs kUnaskedNs = 10 * kSecondNs;  // 8.10
constexpr TimeNs kAnswerNs = kSecondNs;        // those who ask more often are not answered
constexpr std::size_t kConduitsPerTurn = 64;
constexpr std::size_t kGroupsPerTurn = 64;

}  // namespace

void Memberships::tell(const policy::Tables& tables, std::uint16_t of_zone, std::uint16_t on_zone,
                       const PortSet& ports, pipeline::Output& output) const {
  const policy::Zone& zone = tables.zones[on_zone];
  if (zone.port >= ports.size() || (on_ports_ >> zone.port & 1) == 0) return;
  const std::array<std::uint8_t, 6> own = ports.address(zone.port);
  for (const wire::IpAddress& group : tables.zones[of_zone].groups) {
    if (!wire::is_reported(group)) continue;
    rte_mbuf* mbuf = rte_pktmbuf_alloc(ports.buffers());
    if (mbuf == nullptr) return;  // the next round may have one
    auto* bytes = reinterpret_cast<std::uint8_t*>(
        rte_pktmbuf_append(mbuf, static_cast<std::uint16_t>(wire::kIgmpReportBytesMax)));
    if (bytes == nullptr) return rte_pktmbuf_free(mbuf);
    const std::size_t length = wire::write_igmp_report(
        wire::Mac::from(own.data()), zone.vlan, group,
        std::span<std::uint8_t, wire::kIgmpReportBytesMax>(bytes, wire::kIgmpReportBytesMax));
    rte_pktmbuf_trim(mbuf, static_cast<std::uint16_t>(wire::kIgmpReportBytesMax - length));
    output.transmit(mbuf, zone.port);
  }
}

void Memberships::begin_round(std::uint32_t on_ports, TimeNs now_ns) {
  on_ports_ = on_ports;
  asked_ &= ~on_ports;
  begun_ns_ = now_ns;
  conduit_ = 0;
}

void Memberships::turn(const policy::Tables& tables, std::uint32_t generation, TimeNs now_ns,
                       const PortSet& ports, pipeline::Output& output) {
  if (tables.groups.empty()) return;
  if (generation != generation_) begin();
  generation_ = generation;
  const bool over = conduit_ >= tables.conduits.size();
  const bool again = over && unasked_ < kUnasked && now_ns >= begun_ns_ + kUnaskedNs;
  if (unasked_ == 0 || again) {
    ++unasked_;
    begin_round(kAllPorts, now_ns);
  } else if (over && asked_ != 0 && now_ns >= begun_ns_ + kAnswerNs) {
    begin_round(asked_, now_ns);
  }
  std::size_t groups = 0;
  const std::size_t end = std::min(conduit_ + kConduitsPerTurn, tables.conduits.size());
  for (; conduit_ < end && groups < kGroupsPerTurn; ++conduit_) {
    const policy::Conduit& conduit = tables.conduits[conduit_];
    tell(tables, conduit.to, conduit.from, ports, output);
    tell(tables, conduit.from, conduit.to, ports, output);
    groups += tables.zones[conduit.to].groups.size() + tables.zones[conduit.from].groups.size();
  }
}

}  // namespace bulkhead::ports
