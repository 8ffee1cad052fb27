// What sessions of one worker open beside themselves, where other workers receive its packets: they
// hand them to that one, by whichever queue the packets come.
#include "tests/support/agreement_module.h"
#include "tests/support/appliance.h"
#include "tests/support/locator_module.h"

namespace bulkhead {
namespace {

using support::Agreement;
using support::Appliance;
using support::Bytes;
using support::Host;
using support::ip4;
using support::Locator;

constexpr std::uint32_t kWorkers = 3;
constexpr const char* kPolicy = R"(bulkhead: v1
site: workers
zones:
  supervision: {port: 0, networks: [10.20.0.0/24]}
  control: {port: 1, networks: [10.10.0.0/24]}
conduits:
  scada:
    from: supervision
    to: control
    allow:
      - {protocol: locator, client: any, server: any, access: [session, operate]}
      - {protocol: agreement, client: any, server: any, access: [session, operate]}
)";

std::string policy() {
  Locator::index();
  Agreement::index();
  return kPolicy;
}

const Host kClient{ip4(10, 20, 0, 10), support::mac(0x10), 0};
const Host kServer{ip4(10, 10, 0, 20), support::mac(0x20), 1};

// A TCP session of which each packet comes by another queue.
class Session {
 public:
  Session(Appliance& appliance, std::uint16_t client_port, std::uint16_t server_port)
      : appliance_(appliance), client_port_(client_port), server_port_(server_port) {
    send(true, {}, wire::kTcpSyn);
    send(false, {}, wire::kTcpSyn | wire::kTcpAck);
    send(true, {}, wire::kTcpAck);
  }
  // How many frames left for the other end, all by one queue.
  std::size_t send(bool from_client, const Bytes& payload,
                   std::uint8_t flags = wire::kTcpAck | wire::kTcpPsh) {
    support::TcpSpec spec;
    spec.source_port = from_client ? client_port_ : server_port_;
    spec.destination_port = from_client ? server_port_ : client_port_;
    spec.sequence = next_[from_client ? 0 : 1];
    spec.acknowledgement = (flags & wire::kTcpAck) != 0 ? next_[from_client ? 1 : 0] : 0;
    spec.flags = flags;
    spec.payload = payload;
    const Host& from = from_client ? kClient : kServer;
    const Host& to = from_client ? kServer : kClient;
    EXPECT_TRUE(appliance_.arrive(tcp_frame(from, to, spec), from.port, queue_++ % kWorkers));
    appliance_.turn();
    next_[from_client ? 0 : 1] +=
        static_cast<std::uint32_t>(payload.size()) + ((flags & wire::kTcpSyn) != 0 ? 1 : 0);
    const auto left = appliance_.collect();
    for (const auto& each : left) owner = each.queue;
    return left.size();
  }
  std::uint32_t owner = kWorkers;  // by whose queue packets leave

 private:
  Appliance& appliance_;
  std::uint16_t client_port_;
  std::uint16_t server_port_;
  std::array<std::uint32_t, 2> next_ = {1000, 900000};
  std::uint32_t queue_ = 0;
};

TEST(ExpectedWorkers, ANamedPortIsOfTheSessionThatNamedIt) {
  Appliance appliance(kWorkers, 256, false, policy());
  std::set<std::uint32_t> owners;
  for (std::uint16_t i = 0; i < 12; ++i) {
    const auto named = static_cast<std::uint16_t>(9000 + i);
    Session session(appliance, static_cast<std::uint16_t>(40000 + i), Locator::kPort);
    ASSERT_EQ(session.send(true, Locator::message(Locator::locate, i)), 1U);
    ASSERT_EQ(session.send(false, Locator::message(Locator::located, named)), 1U);
    owners.insert(session.owner);
    for (std::uint16_t port = 50000; port < 50005; ++port) {
      Session opened(appliance, static_cast<std::uint16_t>(port + 8 * i), named);
      EXPECT_EQ(opened.send(true, Locator::message(Locator::run, 5)), 1U);
      EXPECT_EQ(opened.send(false, Locator::message(Locator::done, 5)), 1U);
      EXPECT_EQ(opened.owner, session.owner);
    }
    Session other(appliance, 60000, static_cast<std::uint16_t>(named + 100));
    EXPECT_EQ(other.owner, kWorkers) << "nobody named it";
    ASSERT_EQ(session.send(true, Locator::message(Locator::release, i)), 1U);
    ASSERT_EQ(session.send(false, Locator::message(Locator::released, i)), 1U);
    Session late(appliance, 60001, named);
    EXPECT_EQ(late.owner, kWorkers) << "it was released";
  }
  EXPECT_EQ(owners.size(), kWorkers);
}

TEST(ExpectedWorkers, AgreedFramesAreOfTheSessionThatAgreedOnThem) {
  Appliance appliance(kWorkers, 256, false, policy());
  std::set<std::uint32_t> owners;
  for (std::uint16_t i = 0; i < 12; ++i) {
    const auto port = static_cast<std::uint16_t>(34000 + i);
    const auto identifier = static_cast<std::uint16_t>(0x8000 + 2 * i);
    const Bytes asks = udp_frame(kClient, kServer, port, Agreement::kPort,
                                 Agreement::message(Agreement::agree, identifier, kClient.mac));
    const Bytes agrees =
        udp_frame(kServer, kClient, Agreement::kPort, port,
                  Agreement::message(Agreement::agreed, static_cast<std::uint16_t>(identifier + 1),
                                     kServer.mac));
    ASSERT_TRUE(appliance.arrive(asks, 0, i % kWorkers));
    appliance.turn();
    ASSERT_TRUE(appliance.arrive(agrees, 1, (i + 1U) % kWorkers));
    appliance.turn();
    const auto said = appliance.collect();
    ASSERT_EQ(said.size(), 2U);
    owners.insert(said[0].queue);
    for (const bool there : {true, false}) {
      const Host& from = there ? kClient : kServer;
      const Host& to = there ? kServer : kClient;
      Bytes frame(to.mac.bytes.begin(), to.mac.bytes.end());
      frame.insert(frame.end(), from.mac.bytes.begin(), from.mac.bytes.end());
      frame.resize(60);
      store_be16(frame.data() + 12, Agreement::kEtherType);
      store_be16(frame.data() + 14, static_cast<std::uint16_t>(identifier + (there ? 0 : 1)));
      for (std::uint32_t queue = 0; queue < kWorkers; ++queue) {
        ASSERT_TRUE(appliance.arrive(frame, from.port, queue));
        appliance.turn();
      }
      const auto left = appliance.collect();
      ASSERT_EQ(left.size(), kWorkers);
      for (const auto& each : left) {
        EXPECT_EQ(each.port, to.port);
        EXPECT_EQ(each.queue, said[0].queue);
      }
      store_be16(frame.data() + 14, 0x9000);
      ASSERT_TRUE(appliance.arrive(frame, from.port, 0));
      appliance.turn();
      EXPECT_TRUE(appliance.collect().empty());
    }
  }
  EXPECT_EQ(owners.size(), kWorkers);
}

}  // namespace
}  // namespace bulkhead
