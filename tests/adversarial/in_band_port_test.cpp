// Frames for the lease thread: a ring for each zone port.
#include "dataplane/ports/in_band_port.h"

#include <gtest/gtest.h>
#include <rte_mbuf.h>

#include <array>
#include <memory>

#include "tests/support/plant.h"

namespace bulkhead {
namespace {

TEST(InBandPort, AFloodInOneZoneTakesNoPlaceOfAnothers) {
  support::start_eal_for_tests();
  constexpr unsigned kBuffers = 511;
  const std::unique_ptr<rte_mempool, void (*)(rte_mempool*)> pool(
      rte_pktmbuf_pool_create("in_band_test", kBuffers, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE,
                              SOCKET_ID_ANY),
      rte_mempool_free);
  ASSERT_NE(pool, nullptr);
  auto made = ports::InBandPort::make(2);
  ASSERT_TRUE(made) << made.error();
  std::unique_ptr<ports::InBandPort> in_band = std::move(made).value();
  const auto arrive = [&](std::uint16_t port) {
    rte_mbuf* mbuf = rte_pktmbuf_alloc(pool.get());
    ASSERT_NE(mbuf, nullptr);
    mbuf->port = port;
    in_band->give_incoming(mbuf);
  };
  for (unsigned i = 0; i < 2 * kBuffers; ++i) arrive(0);
  EXPECT_FALSE(in_band->has_incoming(1));
  arrive(1);
  arrive(2);  // which there is not
  std::array<rte_mbuf*, 64> frames{};
  ASSERT_EQ(in_band->take_incoming(1, frames), 1U);
  EXPECT_EQ(frames[0]->port, 1U);
  rte_pktmbuf_free(frames[0]);
  EXPECT_GT(in_band->take_incoming(0, std::span(frames).first(1)), 0U);
  rte_pktmbuf_free(frames[0]);
  in_band.reset();
  EXPECT_EQ(rte_mempool_avail_count(pool.get()), kBuffers) << "all were given back";
}

}  // namespace
}  // namespace bulkhead
