// Random mutations of captured packets through the whole pipeline.
//   storm MUTATIONS SEED [CAPTURE_FOLDER]
// Half of them get right checksums again, so that they reach the depths. Nothing may crash (build
// it with sanitizers), each frame that leaves must be well-formed, and no buffer may be lost.
// Without captures, packets of its own making are mutated.
#include <pcap/pcap.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <random>

#include "dataplane/wire/checksum.h"
#include "tests/support/plant.h"

namespace {

using namespace bulkhead;
using support::Bytes;
using support::kHmi;
using support::kPlc;
using Random = std::mt19937_64;

std::vector<Bytes> read_captures(const std::string& folder) {
  constexpr std::size_t kFrameMax = 1800;
  std::vector<Bytes> frames;
  if (folder.empty() || !std::filesystem::is_directory(folder)) return frames;
  std::size_t files = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
    if (entry.path().extension() != ".pcap") continue;
    char error[PCAP_ERRBUF_SIZE];
    pcap_t* file = pcap_open_offline(entry.path().c_str(), error);
    if (file == nullptr) continue;
    ++files;
    pcap_pkthdr* header = nullptr;
    const u_char* bytes = nullptr;
    while (pcap_next_ex(file, &header, &bytes) == 1) {
      if (header->caplen <= kFrameMax) frames.emplace_back(bytes, bytes + header->caplen);
    }
    pcap_close(file);
  }
  std::printf("%zu captures, %zu frames\n", files, frames.size());
  return frames;
}

std::vector<Bytes> make_frames() {
  std::vector<Bytes> frames;
  support::TcpSpec spec;
  for (const std::uint8_t flags : {wire::kTcpSyn, wire::kTcpAck, wire::kTcpRst}) {
    spec.flags = flags;
    frames.push_back(support::tcp_frame(kHmi, kPlc, spec));
    frames.push_back(support::tcp_frame(kPlc, kHmi, spec));
  }
  spec.flags = wire::kTcpAck;
  spec.payload = support::modbus_adu({16, 0, 1, 0, 2, 4, 0, 1, 0, 2});
  frames.push_back(support::tcp_frame(kHmi, kPlc, spec));
  frames.push_back(support::udp_frame(kHmi, kPlc, 5000, 502, spec.payload));
  frames.push_back(support::arp_frame(kHmi, kPlc.mac, 1, kPlc.address));
  frames.push_back(support::with_vlan(frames[0], 10));
  return frames;
}

// Puts an IPv4 packet between the two known hosts, its server on the Modbus port, so that it is not
// refused at the door.
void bring_home(Bytes& frame, bool from_client) {
  wire::EthernetHeader ethernet;
  if (!wire::parse_ethernet(frame, ethernet) || ethernet.ethertype != wire::kEtherTypeIpv4) return;
  const std::size_t ip = ethernet.payload_offset;
  if (frame.size() < ip + 24) return;
  const support::Host& from = from_client ? kHmi : kPlc;
  const support::Host& to = from_client ? kPlc : kHmi;
  std::copy(from.mac.bytes.begin(), from.mac.bytes.end(), frame.begin() + 6);
  std::copy(from.address.bytes.begin() + 12, from.address.bytes.end(), frame.begin() + ip + 12);
  std::copy(to.address.bytes.begin() + 12, to.address.bytes.end(), frame.begin() + ip + 16);
  const std::size_t server_port = ip + 20 + (from_client ? 2 : 0);
  store_be16(frame.data() + server_port, 502);
  store_be16(frame.data() + ip + 20 + (from_client ? 0 : 2),
             static_cast<std::uint16_t>(40000 + frame.size() % 64));
}

void mend_checksums(Bytes& frame) {
  wire::EthernetHeader ethernet;
  wire::IpHeader ip;
  if (!wire::parse_ethernet(frame, ethernet)) return;
  std::uint8_t* packet = frame.data() + ethernet.payload_offset;
  const ByteView view{packet, frame.size() - ethernet.payload_offset};
  if (ethernet.ethertype != wire::kEtherTypeIpv4) return;
  if (wire::parse_ipv4(view, false, ip) == wire::IpStatus::malformed) return;
  store_be16(packet + 10, 0);
  store_be16(packet + 10,
             wire::checksum_finish(wire::checksum_add(0, view.first(ip.payload_offset))));
  std::uint8_t* segment = packet + ip.payload_offset;
  const std::size_t at = ip.protocol == wire::kProtocolTcp ? 16 : 6;
  if (ip.payload_length < at + 2) return;
  store_be16(segment + at, 0);
  const ByteView whole{segment, ip.payload_length};
  const std::uint32_t pseudo =
      wire::pseudo_header_sum(ip.source, ip.destination, ip.protocol, ip.payload_length);
  store_be16(segment + at, wire::checksum_finish(wire::checksum_add(pseudo, whole)));
}

void mutate(Bytes& frame, Random& random) {
  const auto below = [&random](std::size_t limit) { return random() % limit; };
  const std::size_t changes = below(5);
  for (std::size_t i = 0; i < changes && !frame.empty(); ++i) {
    const std::size_t at = below(frame.size());
    switch (below(6)) {
      case 0:
        frame[at] = static_cast<std::uint8_t>(random());
        break;
      case 1:
        frame[at] = static_cast<std::uint8_t>(frame[at] ^ (1U << below(8)));
        break;
      case 2:
        frame.resize(at);
        break;
      case 3:
        frame.resize(std::min<std::size_t>(frame.size() + below(40), 1900),
                     static_cast<std::uint8_t>(random()));
        break;
      case 4:
        frame[at] = below(2) == 0 ? 0x00 : 0xff;
        break;
      default:
        if (at + 1 < frame.size())
          store_be16(frame.data() + at, static_cast<std::uint16_t>(below(300)));
        break;
    }
  }
}

policy::Tables storm_policy(policy::OnDeny on_deny) {
  policy::Tables tables = support::two_zones(on_deny);
  tables.conduits[0].reassemble = on_deny == policy::OnDeny::reject;
  tables.bindings.clear();
  policy::Rule tcp = support::modbus_rule({0, 1, 2, 3, 4, 5, 24, 25, 27, 28, 30, 31}, {{0, 999}});
  tcp.clients = {{support::ip4(10, 20, 0, 0), 120}};
  tcp.servers = {{support::ip4(10, 10, 0, 0), 120}};
  policy::Rule udp = support::modbus_rule({0, 1, 2, 3});
  udp.transport = policy::Transport::udp;
  return support::with_rules(std::move(tables), {&tcp, &udp});
}

void require(bool good, const char* what) {
  if (good) return;
  std::fprintf(stderr, "storm: %s\n", what);
  std::abort();
}

// Whatever left must be a frame that a stack would take.
void check_sent(const support::Plant& plant) {
  for (const support::Sent& sent : plant.sent) {
    wire::EthernetHeader ethernet;
    require(wire::parse_ethernet(sent.frame, ethernet), "a malformed frame left");
    if (ethernet.ethertype != wire::kEtherTypeIpv4) continue;
    wire::IpHeader ip;
    const ByteView packet = ByteView{sent.frame}.subspan(ethernet.payload_offset);
    require(wire::parse_ipv4(packet, true, ip) == wire::IpStatus::ok, "a bad IP header left");
    require(ip.payload_offset + ip.payload_length == packet.size(), "padding left");
    if (ip.protocol != wire::kProtocolTcp) continue;
    require(support::parse_sent(sent.frame).has_value(), "a bad TCP segment left");
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) {
    std::fprintf(stderr, "usage: storm MUTATIONS SEED [CAPTURE_FOLDER]\n");
    return 2;
  }
  const std::uint64_t total = std::strtoull(argv[1], nullptr, 10);
  Random random(std::strtoull(argv[2], nullptr, 10));
  std::vector<Bytes> seeds = read_captures(argc > 3 ? argv[3] : "");
  if (seeds.empty()) {
    std::printf("SKIPPED the captures: none at hand; packets of our own are mutated instead\n");
    seeds = make_frames();
  }
  pipeline::PipelineOptions lenient;
  lenient.accept_midstream = true;
  support::Plant strict(storm_policy(policy::OnDeny::reject));
  support::Plant midstream(storm_policy(policy::OnDeny::reset), lenient);
  support::Plant splicing(storm_policy(policy::OnDeny::reject), lenient);
  support::Plant* const plants[] = {&strict, &midstream, &splicing};
  std::uint64_t allowed = 0;
  const auto begin = std::chrono::steady_clock::now();
  for (std::uint64_t i = 0; i < total; ++i) {
    // The captures as they are come first.
    Bytes frame = seeds[i < seeds.size() ? i : random() % seeds.size()];
    const bool from_client = random() % 2 == 0;
    if (i >= seeds.size()) {
      if (random() % 4 != 0) bring_home(frame, from_client);
      mutate(frame, random);
      if (random() % 2 == 0) mend_checksums(frame);
    }
    support::Plant& plant = *plants[random() % std::size(plants)];
    plant.clear();
    plant.arrive(from_client ? support::kSupervision : support::kControl, frame);
    check_sent(plant);
    allowed += plant.sent.size();
    if (i % 64 == 0) plant.be_at(plant.now_ns() + random() % (50 * kMillisecondNs));
    check_sent(plant);
    if (i % 4096 == 0) plant.pass_time(20 * kSecondNs);
  }
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - begin;
  for (support::Plant* plant : plants) {
    plant->clear();
    for (int i = 0; i < 3; ++i) plant->pass_time(48 * 3600 * kSecondNs);
    require(plant->buffers_in_use() == 0, "a buffer was lost");
  }
  std::printf("%lu mutations in %.1f s, %lu frames left, no fault\n", total, seconds.count(),
              allowed);
  return allowed > 0 || total < 100000 ? 0 : 1;
}
