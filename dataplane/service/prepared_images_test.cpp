// Which prepared images are kept.
#include "dataplane/service/prepared_images.h"

#include <gtest/gtest.h>

namespace bulkhead::service {
namespace {

PreparedImages::Pointer image(const std::string& digest) {
  auto image = std::make_unique<pipeline::Image>();
  image->tables.digest = digest;
  return image;
}

std::string names(const std::vector<PreparedImages::Pointer>& images) {
  std::string names;
  for (const auto& each : images) names += each->tables.digest;
  return names;
}

TEST(PreparedImages, TheLeastRecentlyUsedGoes) {
  static_assert(PreparedImages::kImagesMax == 4);
  PreparedImages prepared;
  for (const char* digest : {"a", "b", "c", "d"})
    EXPECT_EQ(names(prepared.keep(image(digest), 1)), "");
  EXPECT_EQ(prepared.size(), 4U);
  ASSERT_NE(prepared.find("a"), nullptr);
  EXPECT_EQ(names(prepared.keep(image("e"), 1)), "b") << "a was used since";
  EXPECT_EQ(prepared.find("b"), nullptr);
  EXPECT_EQ(names(prepared.keep(image("c"), 1)), "c") << "prepared again";
  EXPECT_EQ(names(prepared.keep(image("f"), 1)), "d");
  EXPECT_EQ(prepared.size(), 4U);
}

TEST(PreparedImages, WhatIsTakenIsKeptNoLonger) {
  PreparedImages prepared;
  EXPECT_EQ(prepared.take("a"), nullptr);
  EXPECT_EQ(names(prepared.keep(image("a"), 1)), "");
  const auto taken = prepared.take("a");
  ASSERT_NE(taken, nullptr);
  EXPECT_EQ(taken->tables.digest, "a");
  EXPECT_EQ(prepared.take("a"), nullptr);
  EXPECT_EQ(prepared.size(), 0U);
}

TEST(PreparedImages, BytesOfArtefactsAreBounded) {
  constexpr std::size_t kMax = PreparedImages::kArtefactBytesMax;
  PreparedImages prepared;
  EXPECT_EQ(names(prepared.keep(image("a"), 1)), "");
  EXPECT_EQ(names(prepared.keep(image("b"), kMax - 2)), "") << "one byte is left";
  EXPECT_EQ(names(prepared.keep(image("c"), 1)), "") << "none is left";
  EXPECT_EQ(names(prepared.keep(image("d"), 1)), "a");
  EXPECT_EQ(names(prepared.keep(image("e"), kMax)), "bcd") << "the newest stays, whatever its size";
  EXPECT_NE(prepared.take("e"), nullptr);
  EXPECT_EQ(names(prepared.keep(image("f"), kMax)), "") << "what was taken is not counted";
}

}  // namespace
}  // namespace bulkhead::service
