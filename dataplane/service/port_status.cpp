// The zone ports as operators see them: counts, links that follow others, and what is wrong, each
// with the command that mends it.
#include <spdlog/fmt/fmt.h>

#include <bit>

#include "dataplane/service/engine.h"
#include "dataplane/wire/prp.h"

namespace bulkhead::service {

namespace {

std::string ports_text(std::uint32_t ports) {
  std::string text;
  for (; ports != 0; ports &= ports - 1) {
    text += (text.empty() ? "port " : ", ") + std::to_string(std::countr_zero(ports));
  }
  return text;
}

}  // namespace

void Engine::add_port_status(std::uint16_t port, v1::PortStatus& status) const {
  const ports::PortCounts counts = ports_->counts(port);
  status.set_index(port);
  status.set_device(ports_->device(port));
  status.set_mac(ports_->mac(port));
  // Of one of a pair the lease's thread looks.
  status.set_link_up(shared_->in_band == nullptr ? ports_->link_up(port)
                                                 : (shared_->ports_down.load() >> port & 1) == 0);
  status.set_tap((shared_->taps >> port & 1) != 0);
  status.set_link_held((links_.held() >> port & 1) != 0);
  status.set_packets_in(counts.packets_in);
  status.set_packets_out(counts.packets_out);
  status.set_bytes_in(counts.bytes_in);
  status.set_bytes_out(counts.bytes_out);
  status.set_missed(counts.missed);
  status.set_missed_unknown(counts.losses_unseen);
  std::uint64_t lost = 0;
  for (const auto& worker : workers_) lost += worker->stats().transmit_lost[port].load();
  status.set_transmit_lost(lost);
  add_port_problems(port, status);
}

void Engine::add_port_problems(std::uint16_t port, v1::PortStatus& status) const {
  const std::string interface = ports_->interface(port);
  std::string options;
  for (const std::string& option : ports_->joining(port)) options += " " + option + " off";
  if (!options.empty()) {
    status.add_problems(fmt::format("frames are joined before they come here: `ethtool -K {}{}`",
                                    interface, options));
  }
  std::uint64_t partial = 0;
  std::uint64_t longer = 0;
  std::uint64_t trailers = 0;
  for (const auto& worker : workers_) {
    partial += worker->stats().partial_checksums[port].load();
    longer += worker->stats().longer_than_mtu[port].load();
    trailers += worker->stats().prp_trailers[port].load();
  }
  if (partial > 0) {
    status.add_problems(fmt::format(
        "{} frames came without a checksum: where their senders stand, `ethtool -K DEVICE tx off`",
        partial));
  }
  if (longer > 0) {
    status.add_problems(fmt::format(
        "{} frames came longer than the MTU: where their senders stand, `ethtool -K DEVICE tso off "
        "gso off`; here, `ethtool -K {} gro off lro off`",
        longer, interface.empty() ? "DEVICE" : interface));
  }
  if (status.tap()) return add_tap_problems(status);
  const bool prp = (image_->tables.prp_ports >> port & 1) != 0;
  if (trailers > 0 && !prp) {
    status.add_problems(
        "frames come with PRP trailers, and no zone here has prp: true: what is cut anew or held "
        "leaves without");
  }
  const std::uint32_t mtu = ports_->interface_mtu(port);
  const std::uint32_t wanted = mtu_ + static_cast<std::uint32_t>(wire::kPrpTrailerBytes);
  if (prp && mtu != 0 && mtu < wanted) {
    status.add_problems(
        fmt::format("frames of full length have no room for PRP's trailer: `ip link set {} mtu {}`",
                    interface, wanted));
  }
  const bool follows = (links_.followed() >> port & 1) != 0;
  if (follows && shared_->in_band != nullptr) {
    status.add_problems("link: follow does nothing on one of a pair: its peer takes over instead");
  } else if ((cannot_hold_ >> port & 1) != 0) {
    status.add_problems(
        "its carrier cannot be dropped (link: follow): the driver does not do that, or this "
        "process lacks CAP_NET_ADMIN");
  } else if (status.link_held()) {
    status.add_problems(fmt::format("shows no carrier, because {} has none (link: follow)",
                                    ports_text(links_.causes_of(port))));
  }
}

// Frames of a zone without addresses are found by stations alone that assets are bound to.
void Engine::add_tap_problems(v1::PortStatus& status) const {
  std::string zones;
  for (const policy::Zone& zone : image_->tables.zones) {
    if (zone.networks.empty()) zones += (zones.empty() ? "" : ", ") + zone.name;
  }
  if (zones.empty()) return;
  status.add_problems(fmt::format(
      "a tap tells zones by addresses, and these have no networks: {}; frames of hosts that are "
      "no assets are unknown_zone",
      zones));
}

void Engine::watch_links() {
  if (zone_ports_ == 0) return;
  if (shared_->in_band != nullptr || (links_.followed() == 0 && links_.held() == 0)) return;
  std::uint32_t up = 0;
  for (std::uint16_t port = 0; port < ports_->size(); ++port) {
    if (ports_->link_up(port)) up |= 1U << port;
  }
  const std::uint32_t before = links_.held();
  const std::uint32_t now = links_.step(up, monotonic_now_ns());
  for (std::uint16_t port = 0; port < ports_->size(); ++port) {
    if (((before ^ now) >> port & 1) != 0) hold_link(port, (now >> port & 1) != 0);
  }
}

v1::Event& Engine::add_notice(const std::string& kind) {
  constexpr std::size_t kNoticesMax = 256;  // that wait for an agent
  if (notices_.size() == kNoticesMax) notices_.erase(notices_.begin());
  v1::Event& notice = notices_.emplace_back();
  notice.set_wall_time_ns(wall_now_ns());
  notice.set_kind(kind);
  notice.set_policy_generation(generation_);
  return notice;
}

// Frames that are sent to a port without carrier may wait in its device, and would leave too late.
void Engine::hold_link(std::uint16_t port, bool held) {
  const std::uint32_t bit = 1U << port;
  if (held) shared_->ports_down.fetch_or(bit);
  const bool done = ports_->show_carrier(port, !held);
  cannot_hold_ = held && !done ? cannot_hold_ | bit : cannot_hold_ & ~bit;
  if (!held || !done) shared_->ports_down.fetch_and(~bit);
  v1::Event& notice = add_notice("link");
  notice.set_port(port);
  const std::string which = fmt::format("port {} ({})", port, ports_->device(port));
  if (!held) {
    notice.set_text(which + " shows carrier again (link: follow)");
  } else {
    notice.set_text(fmt::format("{} {} no carrier, because {} has none (link: follow)", which,
                                done ? "shows" : "should show but cannot be made to show",
                                ports_text(links_.causes_of(port))));
  }
}

}  // namespace bulkhead::service
