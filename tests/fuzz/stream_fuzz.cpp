// libFuzzer on the whole stream engine. The input is a list of segments with times: who sends,
// where in its stream, how much, changed or not, and how long nothing happens. What is forwarded
// must be of one content, whole and granted; no input may crash, and no buffer may be lost.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <memory>

#include "dataplane/base/bytes.h"
#include "tests/adversarial/model/conversation.h"
#include "tests/adversarial/model/receivers.h"

namespace {

using namespace bulkhead;
using support::Bytes;

constexpr std::uint32_t kClientIsn = 0xfffffe00;  // wraps soon
constexpr std::uint32_t kServerIsn = 5000;

void require(bool good, const char* what) {
  if (good) return;
  std::fprintf(stderr, "stream_fuzz: %s\n", what);
  std::abort();
}

// Two streams that would be a conversation if all of it passed.
struct Script {
  Bytes client;
  Bytes server;

  Script() {
    adversary::Random random(42);
    for (std::uint16_t i = 1; i <= 40; ++i) {
      const auto request = adversary::random_request(random, i, i % 4 != 0);
      client.insert(client.end(), request.bytes.begin(), request.bytes.end());
      if (!request.granted) continue;
      const Bytes answer = adversary::answer_to(request.bytes);
      server.insert(server.end(), answer.begin(), answer.end());
    }
  }
};

class Session {
 public:
  Session(support::Plant& plant, std::uint16_t port) : plant_(plant), port_(port) {
    plant_.clear();
    send(true, kClientIsn, 0, wire::kTcpSyn, {});
    send(false, kServerIsn, kClientIsn + 1, wire::kTcpSyn | wire::kTcpAck, {});
    send(true, kClientIsn + 1, kServerIsn + 1, wire::kTcpAck, {});
  }

  void step(ByteReader& input) {
    static const Script kScript;
    const std::uint8_t what = input.u8();
    const bool client = (what & 1) != 0;
    const Bytes& stream = client ? kScript.client : kScript.server;
    std::uint32_t& at = client ? client_at_ : server_at_;
    const std::uint32_t other = client ? server_at_ : client_at_;
    const std::uint32_t first = (client ? kClientIsn : kServerIsn) + 1;
    const std::uint32_t acknowledged = (client ? kServerIsn : kClientIsn) + 1 + other;
    if ((what & 0x0e) == 0) return wait(input.u8());
    const auto jump = static_cast<std::int8_t>((what & 0x10) != 0 ? input.u8() : 0);
    const std::uint32_t begin = at + static_cast<std::uint32_t>(static_cast<std::int32_t>(jump));
    const std::uint8_t length = (what & 0x0e) == 2 ? std::uint8_t{0} : input.u8();
    Bytes payload;
    for (std::uint32_t i = 0; i < length; ++i)
      payload.push_back(stream[(begin + i) % stream.size()]);
    if ((what & 0x20) != 0 && !payload.empty()) payload[input.u8() % payload.size()] ^= 0x40;
    std::uint8_t flags = wire::kTcpAck;
    if ((what & 0xc0) == 0x40) flags = input.u8() & 0x3f;
    send(client, first + begin, acknowledged, flags, payload);
    if (jump == 0 && flags == wire::kTcpAck) at += length;
  }

  void check() {
    const adversary::Split heard = adversary::split(receivers_[1].stream(0));
    require(!heard.malformed, "bytes that are no message were forwarded");
    require(heard.rest.empty(), "a part of a message was forwarded");
    for (const Bytes& message : heard.messages) {
      require(adversary::is_granted(message), "a message that is not granted was forwarded");
    }
  }

 private:
  void wait(std::uint8_t amount) {
    plant_.be_at(plant_.now_ns() + TimeNs{amount} * amount * 100 * kMicrosecondNs);
    hear();
  }

  void send(bool client, std::uint32_t sequence, std::uint32_t acknowledgement, std::uint8_t flags,
            const Bytes& payload) {
    support::TcpSpec spec;
    spec.source_port = client ? port_ : std::uint16_t{502};
    spec.destination_port = client ? std::uint16_t{502} : port_;
    spec.sequence = sequence;
    spec.acknowledgement = acknowledgement;
    spec.flags = flags;
    spec.payload = payload;
    const support::Host& from = client ? support::kHmi : support::kPlc;
    const support::Host& to = client ? support::kPlc : support::kHmi;
    plant_.arrive(from, support::tcp_frame(from, to, spec));
    hear();
  }

  void hear() {
    for (const support::Sent& each : plant_.sent) {
      const auto tcp = support::parse_sent(each.frame);
      require(tcp.has_value(), "a damaged frame left");
      adversary::Receivers& receivers = receivers_[each.port];
      if ((tcp->header.flags & wire::kTcpSyn) != 0) {
        const std::uint32_t first = tcp->header.sequence + 1;
        if (receivers.begun() && receivers.first() == first) continue;
        check();  // a new session under the same ports
        receivers = adversary::Receivers{};
        receivers.begin(first);
      } else {
        const auto wrong = receivers.take(*tcp);
        if (wrong) require(false, wrong->c_str());
      }
    }
    plant_.clear();
  }

  support::Plant& plant_;
  std::uint16_t port_;
  std::uint32_t client_at_ = 0;
  std::uint32_t server_at_ = 0;
  adversary::Receivers receivers_[2];
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static std::unique_ptr<support::Plant> plants[3];
  static std::uint16_t port = 1024;
  ByteReader input({data, size});
  const auto on_deny = static_cast<policy::OnDeny>(input.u8() % 3);
  auto& plant = plants[static_cast<std::size_t>(on_deny)];
  static std::uint32_t runs = 0;
  if (++runs % 65536 == 0) {  // before the clock has passed its 584 years
    for (auto& each : plants) each.reset();
  }
  if (!plant) {
    pipeline::PipelineOptions options;
    options.limits.flows = 16;  // few, so that a day passes quickly
    plant = std::make_unique<support::Plant>(adversary::case_policy(on_deny), options);
  }
  if (++port < 1024) port = 1024;
  Session session(*plant, port);
  while (input.remaining() > 0) session.step(input);
  session.check();
  for (int i = 0; i < 2; ++i) plant->pass_time(24 * 3600 * kSecondNs);
  plant->clear();
  require(plant->buffers_in_use() == 0, "a buffer was lost");
  return 0;
}
