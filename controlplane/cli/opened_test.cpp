// Both ways of an implicit connection of EtherNet/IP, whose ports are alike (EIP 2-6.4).
#include "controlplane/cli/opened.h"

#include "tests/support/cip_messages.h"

namespace bulkhead::controlplane {
namespace {

using protocols::Direction;
using namespace support::cip;

const auto kScanner = wire::IpAddress::from_v4_number(0x0a140010);
const auto kDevice = wire::IpAddress::from_v4_number(0x0a0a0020);
constexpr std::uint32_t kGroup = 0xefc00120;  // 239.192.1.32
constexpr std::uint32_t kToTarget = 0x11;
constexpr std::uint32_t kToOriginator = 0x22;

class OpenedTraffic : public ::testing::Test {
 protected:
  void note(const support::Message& message, Direction direction) {
    const support::Put put(module, message, direction);
    opened.note(module, kScanner, kDevice, put.parsed,
                Opened::step_of(module, put.parsed, direction));
  }
  void open(const Opening& opening, const support::Message& accepted) {
    note(unconnected(opening.request()), Direction::request);
    note(accepted, Direction::response);
  }
  std::optional<Direction> sent(const wire::IpAddress& from, const wire::IpAddress& to,
                                std::uint32_t connection) {
    const support::Message message = io_packet(connection, 100);
    CapturedPacket packet;
    packet.carrier = protocols::Carrier::udp;
    packet.source = from;
    packet.destination = to;
    packet.destination_port = 2222;
    packet.payload = message;
    return opened.direction_of(module, packet);
  }

  const protocols::Protocol& module = support::module_of("enip");
  Opening cyclic{.path = {0x20, 4, 0x24, 0x97, 0x2c, 0x96, 0x2c, 0x64}, .trigger = 1};
  Opened opened;
};

TEST_F(OpenedTraffic, OutputsAreOfTheHostThatOpened) {
  EXPECT_EQ(sent(kScanner, kDevice, kToTarget), std::nullopt);
  open(cyclic, unconnected(cyclic.accepted(kToTarget, kToOriginator)));
  for (int i = 0; i < 100; ++i) {
    EXPECT_EQ(sent(kDevice, kScanner, kToOriginator), Direction::response);
    EXPECT_EQ(sent(kScanner, kDevice, kToTarget), Direction::request);
  }
  EXPECT_EQ(sent(kScanner, kDevice, kToOriginator), std::nullopt);
  EXPECT_EQ(sent(kDevice, kDevice, kToOriginator), std::nullopt);
}

TEST_F(OpenedTraffic, InputsMayGoToAGroup) {
  cyclic.type_back = 1;
  open(cyclic,
       unconnected_to_group(cyclic.accepted(kToTarget, kToOriginator), {0xef, 0xc0, 0x01, 0x20}));
  const auto group = wire::IpAddress::from_v4_number(kGroup);
  EXPECT_EQ(sent(kDevice, group, kToOriginator), Direction::response);
  EXPECT_EQ(sent(kScanner, group, kToOriginator), std::nullopt);
}

}  // namespace
}  // namespace bulkhead::controlplane
