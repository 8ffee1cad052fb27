// A pipeline with two zones around it, without ports: tests write what hosts would send and read
// what would have left. EAL runs without huge pages.
#pragma once

#include <rte_mbuf.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "dataplane/pipeline/event.h"
#include "dataplane/pipeline/observation.h"
#include "dataplane/pipeline/pipeline.h"

namespace bulkhead::support {

using Bytes = std::vector<std::uint8_t>;

// Starts EAL once for the process.
void start_eal_for_tests();

constexpr std::uint16_t kSupervision = 0;  // zone ports
constexpr std::uint16_t kControl = 1;

wire::IpAddress ip4(std::uint8_t a, std::uint8_t b, std::uint8_t c, std::uint8_t d);
wire::IpAddress ip6(const std::string& text);
wire::Mac mac(std::uint8_t last);

struct Host {
  wire::IpAddress address;
  wire::Mac mac;
  std::uint16_t port = 0;  // zone port it stands behind
};

// Frames, with right lengths and checksums unless told otherwise.
struct TcpSpec {
  std::uint16_t source_port = 40000;
  std::uint16_t destination_port = 502;
  std::uint32_t sequence = 0;
  std::uint32_t acknowledgement = 0;
  std::uint8_t flags = wire::kTcpAck;
  std::uint16_t window = 65535;
  std::uint16_t urgent = 0;
  Bytes options;  // a multiple of four bytes
  Bytes payload;
};
Bytes tcp_frame(const Host& from, const Host& to, const TcpSpec& spec);
Bytes udp_frame(const Host& from, const Host& to, std::uint16_t source_port,
                std::uint16_t destination_port, const Bytes& payload);
// Checksummed as of IPv4; `identifier` stands where an echo has it.
Bytes icmp_message(std::uint8_t type, std::uint8_t code, std::uint16_t identifier,
                   const Bytes& body = {});
Bytes ip_frame(const Host& from, const Host& to, std::uint8_t protocol, const Bytes& payload);
// To a host, or to a group with its MAC address. The checksum of `message` is filled in.
Bytes icmp6_frame(const Host& from, const Host& to, Bytes message);
Bytes icmp6_frame(const Host& from, const wire::IpAddress& group, Bytes message);
// RFC 4861, 4.3 and 4.4: neighbour solicitation (135) or advertisement (136).
Bytes neighbour_message(std::uint8_t type, std::uint8_t flags, const wire::IpAddress& target,
                        const Bytes& option);
Bytes arp_frame(const Host& from, const wire::Mac& to, std::uint16_t operation,
                const wire::IpAddress& target);
// A part of the IP payload of a whole IPv4 frame.
struct Part {
  std::size_t offset;
  std::size_t length;
  bool more;
};
Bytes fragment_of(const Bytes& whole, const Part& part, std::uint16_t identification);
Bytes with_vlan(const Bytes& frame, std::uint16_t vid, std::uint16_t tpid = 0x8100);

Bytes modbus_adu(Bytes pdu, std::uint16_t transaction = 1, std::uint8_t unit = 1);

// What a TCP frame that left says.
struct SentTcp {
  wire::TcpHeader header;
  Bytes payload;
};
std::optional<SentTcp> parse_sent(const Bytes& frame);

struct Sent {
  std::uint16_t port = 0;
  Bytes frame;
};

// How much a plant can hold: enough for a test of one thing and quick to make, or all that the
// options say.
enum class PlantSize : std::uint8_t { small, as_configured };

class Plant final : public pipeline::Output, public pipeline::Observer {
 public:
  explicit Plant(policy::Tables tables, pipeline::PipelineOptions options = {},
                 PlantSize size = PlantSize::small);
  ~Plant();

  // The frame arrives on a zone port, or with PipelineOptions::taps at the tap port; what leaves
  // and what is told is added to the lists below. `flags` are ol_flags, as a port with offloads
  // sets them.
  void arrive(std::uint16_t port, const Bytes& frame, std::uint64_t flags = 0);
  void arrive(const Host& from, const Bytes& frame) { arrive(from.port, frame); }
  // The same on a zone port, beside a tap port too.
  void arrive_inline(const Host& from, const Bytes& frame);
  // Several at once, as one burst.
  void arrive_burst(const std::vector<Sent>& frames);
  void change_policy(policy::Tables tables);
  // From now on these stand, under this policy and each later one; none: nothing is cut.
  void contain(std::vector<policy::Contained> all);
  // Long enough behind it that every session was looked at.
  void pass_time(TimeNs by_ns);
  // Moves the clock to a time and runs the timers once.
  void be_at(TimeNs now_ns);
  TimeNs now_ns() const { return now_ns_; }
  // The clock by which observed conduits end, in seconds since 1970; 1 at first. Those of the first
  // policy decide whether the plant can observe.
  void set_wall_s(std::uint64_t wall_s) { wall_s_ = wall_s; }
  pipeline::Observation& observation() { return *observation_; }
  void clear() {
    sent.clear();
    verdicts.clear();
  }
  // Why the last packet or message was let through or refused.
  Reason last() const { return verdicts.empty() ? Reason::no_policy : verdicts.back().reason; }
  std::uint32_t buffers_in_use() const;
  rte_mempool* buffers() { return buffers_; }

  std::vector<Sent> sent;
  std::vector<pipeline::Event> verdicts;
  pipeline::Pipeline& pipeline() { return *pipeline_; }

  void transmit(rte_mbuf* mbuf, std::uint16_t port) override;
  void on_verdict(const pipeline::Verdict& verdict, const flow::Packet& packet) override;

 private:
  rte_mbuf* make_mbuf(std::uint16_t port, const Bytes& frame);

  flow::MacTable macs_;
  rte_mempool* buffers_;
  std::unique_ptr<pipeline::Pipeline> pipeline_;
  std::unique_ptr<pipeline::Observation> observation_;
  std::uint64_t wall_s_ = 1;
  void process(std::vector<rte_mbuf*> mbufs);
  void process_inline(std::vector<rte_mbuf*> mbufs);
  void run_timers();
  void enforce_containment();
  std::unique_ptr<pipeline::Image> image_;
  std::vector<policy::Contained> contained_;
  std::unique_ptr<policy::Containment> containment_;
  std::uint32_t flows_ = 0;
  TimeNs now_ns_ = 1000 * kSecondNs;
};

// The zones and hosts that most tests use, and a conduit between them.
extern const Host kHmi;    // 10.20.0.10 in supervision
extern const Host kRogue;  // 10.20.0.66, named by no rule
extern const Host kPlc;    // 10.10.0.20 in control, its MAC address bound
policy::Tables two_zones(policy::OnDeny on_deny);
policy::Rule modbus_rule(std::vector<std::uint16_t> functions, std::vector<Range> addresses = {});
// The two zones with the rule for Modbus over TCP, and Modbus over UDP and ping beside it.
policy::Tables modbus_tables(policy::OnDeny on_deny, policy::Rule modbus);
policy::Tables with_rules(policy::Tables tables, std::vector<policy::Rule*> rules);

// A TCP session of the HMI with the PLC, opened by a handshake, that keeps its numbers.
class TcpSession {
 public:
  TcpSession(Plant& plant, std::uint16_t client_port, std::uint32_t client_isn = 1000,
             std::uint32_t server_isn = 900000, std::uint16_t server_port = 502,
             const Host& client = kHmi);
  // From now on its segments arrive at another plant.
  void move_to(Plant& plant) { plant_ = &plant; }
  // Sends bytes as one segment and counts them.
  void from_client(const Bytes& payload, std::uint8_t flags = wire::kTcpAck | wire::kTcpPsh);
  void from_server(const Bytes& payload, std::uint8_t flags = wire::kTcpAck | wire::kTcpPsh);
  // A segment at any number, not counted.
  void client_at(std::uint32_t sequence, const Bytes& payload,
                 std::uint8_t flags = wire::kTcpAck | wire::kTcpPsh);
  void server_at(std::uint32_t sequence, const Bytes& payload,
                 std::uint8_t flags = wire::kTcpAck | wire::kTcpPsh);

  std::uint32_t client_next;  // next number each end sends
  std::uint32_t server_next;
  std::uint32_t client_acked;  // what each end acknowledges
  std::uint32_t server_acked;
  std::uint16_t client_port;
  std::uint16_t server_port;

 private:
  Plant* plant_;
  Host client_;
};

// TCP segments that left through the port, in their order; the plant forgets them.
std::vector<SentTcp> take(Plant& plant, std::uint16_t port);

struct Refusal {
  Reason reason;
  protocols::Fault fault;
  auto operator<=>(const Refusal&) const = default;
};

// What was refused, or foretold to be, but for what only follows from a refusal.
std::vector<Refusal> refusals(const Plant& plant);
// Verdicts of this reason.
std::size_t count(const Plant& plant, Reason reason);

}  // namespace bulkhead::support
