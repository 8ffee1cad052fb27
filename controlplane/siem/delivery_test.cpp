// What counts as delivered, and from where a next connection goes on.
#include "controlplane/siem/delivery.h"

#include <gtest/gtest.h>

#include "controlplane/siem/requests.h"

namespace bulkhead::siem {
namespace {

constexpr std::uint64_t kBatch = 1000;

Places at(std::uint64_t number) { return {Place{true, number, number, 0}, Place{}}; }
std::uint64_t number_of(const Places& places) { return places[0].after; }

// Batch i ends at i * kBatch and with the number i.
Delivery with_batches(std::uint64_t count) {
  Delivery delivery(at(0));
  for (std::uint64_t i = 1; i <= count; ++i) delivery.wrote(i * kBatch, at(i));
  return delivery;
}

TEST(Delivery, CountsWhatIsAcknowledgedWhole) {
  Delivery delivery = with_batches(3);
  delivery.acknowledged(kBatch - 1);
  EXPECT_EQ(number_of(delivery.confirmed()), 0U);
  delivery.acknowledged(kBatch);
  EXPECT_EQ(number_of(delivery.confirmed()), 1U);
  delivery.acknowledged(3 * kBatch - 1);
  EXPECT_EQ(number_of(delivery.confirmed()), 2U);
  EXPECT_EQ(delivery.pending(), 1U);
  EXPECT_EQ(number_of(delivery.resume(true)), 2U);
}

TEST(Delivery, RepeatsWhatAResetPutsInDoubt) {
  constexpr std::uint64_t kBatches = Delivery::kDoubtBytes / kBatch + 10;
  Delivery delivery = with_batches(kBatches);
  delivery.acknowledged(kBatches * kBatch);
  EXPECT_EQ(number_of(delivery.confirmed()), kBatches);
  EXPECT_EQ(number_of(delivery.resume(true)), kBatches);
  const std::uint64_t certain = (kBatches * kBatch - Delivery::kDoubtBytes) / kBatch;
  EXPECT_EQ(number_of(delivery.resume(false)), certain);
}

TEST(Delivery, BelievesReceiptsAlone) {
  Delivery delivery = with_batches(5);
  delivery.acknowledged(4 * kBatch);
  EXPECT_EQ(number_of(delivery.confirmed()), 4U);
  delivery.receipt(2 * kBatch);
  EXPECT_EQ(number_of(delivery.confirmed()), 2U);
  delivery.acknowledged(5 * kBatch);
  EXPECT_EQ(number_of(delivery.confirmed()), 2U);
  EXPECT_EQ(number_of(delivery.resume(true)), 2U);
  EXPECT_EQ(number_of(delivery.resume(false)), 2U);
  EXPECT_FALSE(delivery.is_receipted());
  delivery.receipt(5 * kBatch);
  EXPECT_TRUE(delivery.is_receipted());
  EXPECT_EQ(number_of(delivery.resume(false)), 5U);
}

TEST(Delivery, StopsAtTheWindowOnceThereAreReceipts) {
  Delivery delivery(at(0));
  delivery.wrote(2 * Delivery::kWindowBytes, at(1));
  EXPECT_TRUE(delivery.may_write());
  delivery.receipt(Delivery::kWindowBytes);
  EXPECT_FALSE(delivery.may_write());
  delivery.receipt(2 * Delivery::kWindowBytes);
  EXPECT_TRUE(delivery.may_write());
}

// What its kernel alone has may be any length: none of it counts while a receipt may yet come.
TEST(Delivery, AwaitsReceiptsWithinTheWindow) {
  Delivery delivery(at(0));
  delivery.await_receipts();
  delivery.wrote(Delivery::kWindowBytes, at(1));
  EXPECT_FALSE(delivery.may_write());
  delivery.acknowledged(Delivery::kWindowBytes);
  EXPECT_EQ(number_of(delivery.confirmed()), 0U);
  EXPECT_FALSE(delivery.may_write());
  EXPECT_EQ(number_of(delivery.resume(true)), 0U);
  delivery.receipt(Delivery::kWindowBytes);
  EXPECT_EQ(number_of(delivery.resume(false)), 1U);
  EXPECT_TRUE(delivery.may_write());
}

TEST(Delivery, BelievesAcknowledgementsWhereNoReceiptCame) {
  Delivery delivery(at(0));
  delivery.await_receipts();
  delivery.wrote(Delivery::kWindowBytes, at(1));
  delivery.await_no_longer();
  EXPECT_TRUE(delivery.may_write());
  delivery.acknowledged(Delivery::kWindowBytes);
  EXPECT_EQ(number_of(delivery.confirmed()), 1U);
  EXPECT_EQ(number_of(delivery.resume(false)), 0U) << "in doubt";
}

TEST(Delivery, KeepsPlacesThatMoveWithoutAMessage) {
  Delivery delivery(at(0));
  delivery.passed_over(at(5));
  EXPECT_EQ(number_of(delivery.confirmed()), 5U);
  EXPECT_EQ(number_of(delivery.resume(false)), 5U);
  delivery.wrote(kBatch, at(6));
  delivery.passed_over(at(9));
  EXPECT_EQ(number_of(delivery.confirmed()), 5U);
  delivery.acknowledged(kBatch);
  EXPECT_EQ(number_of(delivery.confirmed()), 9U);
  EXPECT_EQ(number_of(delivery.resume(false)), 5U);
  delivery.passed_over(at(12));
  EXPECT_EQ(number_of(delivery.confirmed()), 12U);
}

constexpr Requests::Clock::time_point kBegin{};
constexpr auto kShort = Requests::kPatience - std::chrono::milliseconds(1);
constexpr auto kLong = Requests::kPatience + std::chrono::milliseconds(1);

TEST(Requests, AreAnsweredOneByOne) {
  Requests requests;
  ASSERT_TRUE(requests.may_ask(kBegin));
  requests.ask(10, kBegin);
  EXPECT_FALSE(requests.may_ask(kBegin + kShort));
  EXPECT_EQ(requests.answer(), 10U);
  requests.ask(20, kBegin);
  EXPECT_FALSE(requests.may_ask(kBegin + kLong)) << "this one answers all";
  EXPECT_EQ(requests.answer(), 20U);
}

// As OpenSSL 3.0's server does it: no answer vouches for more than was read.
TEST(Requests, OneLeftOutMakesTheOthersCountForTheOneBefore) {
  Requests requests;
  requests.ask(10, kBegin);
  EXPECT_TRUE(requests.may_yet_be_answered());
  ASSERT_TRUE(requests.may_ask(kBegin + kLong));
  requests.ask(20, kBegin + kLong);
  EXPECT_FALSE(requests.may_ask(kBegin + 9 * kLong)) << "there is no third";
  EXPECT_EQ(requests.answer(), 10U);
  ASSERT_TRUE(requests.may_ask(kBegin + kLong));
  requests.ask(20, kBegin + kLong);
  EXPECT_EQ(requests.answer(), 20U);
}

}  // namespace
}  // namespace bulkhead::siem
