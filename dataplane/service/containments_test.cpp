// Sets of containments on an image that nobody reads but the test.
#include "dataplane/service/containments.h"

#include <gtest/gtest.h>

namespace bulkhead::service {
namespace {

constexpr TimeNs kNow = 1000 * kSecondNs;
constexpr auto kIsolate = v1::CONTAINMENT_LEVEL_ISOLATE;
constexpr auto kReadOnly = v1::CONTAINMENT_LEVEL_READ_ONLY;

v1::Containment zone(std::uint64_t id, v1::ContainmentLevel level, TimeNs left_ns = 0) {
  v1::Containment each;
  each.set_id(id);
  each.set_level(level);
  each.mutable_target()->set_zone("control");
  each.set_left_ns(left_ns);
  return each;
}

v1::ContainmentSet set_of(std::vector<v1::Containment> all, bool join = false) {
  v1::ContainmentSet set;
  for (v1::Containment& each : all) *set.add_containments() = std::move(each);
  set.set_join(join);
  return set;
}

class ContainmentsTest : public testing::Test {
 protected:
  ContainmentsTest() {
    for (const char* name : {"supervision", "control"}) {
      image_.tables.zones.emplace_back().name = name;
    }
    image_.tables.conduits.emplace_back().name = "scada";
    image_.tables.conduits[0].to = 1;
    image_.generation = 1;
  }

  policy::Cut cut() const {
    const policy::Containment* table = image_.containment.load();
    return table == nullptr ? policy::Cut{} : table->of(0);
  }
  std::size_t count(TimeNs now_ns = kNow) const {
    return containments_.list(image_, now_ns).size();
  }

  std::uint64_t begun_ = 0;
  std::uint64_t over_ = 0;  // all grace periods up to this one
  Containments containments_{
      {[this] { return ++begun_; }, [this](std::uint64_t token) { return token <= over_; }}};
  pipeline::Image image_;
};

TEST_F(ContainmentsTest, ASetTakesThePlaceOfTheOneBefore) {
  EXPECT_EQ(containments_.set(set_of({zone(1, kIsolate)}), image_, kNow), "");
  EXPECT_TRUE(cut().isolates());
  EXPECT_EQ(containments_.set(set_of({zone(2, kReadOnly)}), image_, kNow), "");
  EXPECT_FALSE(cut().isolates());
  EXPECT_TRUE(cut().has(policy::ContainmentLevel::read_only));
  EXPECT_EQ(containments_.set(set_of({}), image_, kNow), "");
  EXPECT_EQ(image_.containment.load(), nullptr) << "the packet path tests no more than this";
}

TEST_F(ContainmentsTest, JoiningLoosensNothing) {
  containments_.set(set_of({zone(1, kIsolate, kSecondNs)}), image_, kNow);
  containments_.set(set_of({zone(2, kReadOnly)}, true), image_, kNow);
  EXPECT_EQ(count(), 2U);
  EXPECT_TRUE(cut().isolates());
  // Of two deadlines of one the later.
  containments_.set(set_of({zone(1, kIsolate, 1)}, true), image_, kNow);
  EXPECT_EQ(count(kNow + kSecondNs - 1), 2U);
  containments_.set(set_of({zone(1, kIsolate)}, true), image_, kNow);
  EXPECT_EQ(count(kNow + kSecondNs), 2U);
}

TEST_F(ContainmentsTest, ItEndsAtItsTimeAndNotBefore) {
  containments_.set(set_of({zone(1, kIsolate, kSecondNs), zone(2, kReadOnly)}), image_, kNow);
  EXPECT_FALSE(containments_.end_due(image_, kNow + kSecondNs - 1));
  EXPECT_TRUE(cut().isolates());
  EXPECT_TRUE(containments_.end_due(image_, kNow + kSecondNs));
  EXPECT_FALSE(cut().isolates());
  EXPECT_FALSE(containments_.end_due(image_, kNow + 1000000 * kSecondNs));
  EXPECT_TRUE(cut().has(policy::ContainmentLevel::read_only));
  // A time that no clock reaches.
  containments_.set(set_of({zone(3, kIsolate, ~TimeNs{0})}), image_, kNow);
  EXPECT_FALSE(containments_.end_due(image_, ~TimeNs{0} - 1));
}

TEST_F(ContainmentsTest, ANewImageHasThemAndNamesWhatItLacks) {
  containments_.set(set_of({zone(1, kIsolate)}), image_, kNow);
  pipeline::Image next;
  next.generation = 2;
  auto before = containments_.follow(next);
  EXPECT_NE(next.containment.load(), nullptr);
  EXPECT_NE(before, nullptr) << "the image before is still read";
  EXPECT_TRUE(cut().isolates());
  containments_.retire(std::move(before));
  EXPECT_FALSE(containments_.list(image_, kNow).at(0).unknown());
  EXPECT_TRUE(containments_.list(next, kNow).at(0).unknown());
  next.generation = pipeline::kNoPolicy;
  EXPECT_FALSE(containments_.list(next, kNow).at(0).unknown()) << "nothing is known yet";
  image_.containment = nullptr;
}

TEST_F(ContainmentsTest, ItIsTakenUpOnceEachWorkerHasGoneThroughAGracePeriod) {
  EXPECT_TRUE(containments_.is_taken_up());
  containments_.set(set_of({zone(1, kIsolate)}), image_, kNow);
  EXPECT_FALSE(containments_.is_taken_up());
  containments_.set(set_of({}), image_, kNow);
  over_ = 1;
  EXPECT_FALSE(containments_.is_taken_up());
  over_ = 2;
  EXPECT_TRUE(containments_.is_taken_up());
}

TEST_F(ContainmentsTest, WhatIsNotSoundChangesNothing) {
  containments_.set(set_of({zone(1, kIsolate)}), image_, kNow);
  std::vector<v1::Containment> wrong(6, zone(2, kReadOnly));
  wrong[0].set_id(0);
  wrong[1].set_level(v1::CONTAINMENT_LEVEL_NORMAL);
  wrong[2].set_level(static_cast<v1::ContainmentLevel>(4));
  wrong[3].clear_target();
  wrong[4].mutable_target()->set_zone(std::string(policy::kNameBytesMax + 1, 'z'));
  wrong[5].set_reason(std::string(Containments::kTextBytesMax + 1, 'r'));
  for (const v1::Containment& each : wrong) {
    EXPECT_NE(containments_.set(set_of({zone(3, kReadOnly), each}), image_, kNow), "");
    EXPECT_TRUE(cut().isolates());
    EXPECT_EQ(count(), 1U);
  }
}

TEST_F(ContainmentsTest, Limits) {
  std::vector<v1::Containment> all;
  for (std::uint64_t i = 1; i <= Containments::kMax; ++i) all.push_back(zone(i, kReadOnly));
  EXPECT_EQ(containments_.set(set_of(all), image_, kNow), "");
  EXPECT_NE(containments_.set(set_of({zone(1000, kIsolate)}, true), image_, kNow), "");
  EXPECT_EQ(count(), Containments::kMax);
  all.push_back(zone(1000, kIsolate));
  EXPECT_NE(containments_.set(set_of(all), image_, kNow), "");
}

}  // namespace
}  // namespace bulkhead::service
