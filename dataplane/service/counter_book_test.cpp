// Counters of large policies in pages: each is small, and together they are all that was counted.
#include "dataplane/service/counter_book.h"

#include <gtest/gtest.h>

#include <map>
#include <memory>

namespace bulkhead::service {
namespace {

using pipeline::CounterKey;
using pipeline::Image;

constexpr std::size_t kPageBytesMax = std::size_t{1} << 20;  // of a message to clients

std::unique_ptr<Image> image_of(std::size_t conduits, std::size_t workers,
                                const std::string& prefix = "c") {
  auto image = std::make_unique<Image>();
  for (std::size_t i = 0; i < conduits; ++i) {
    policy::Conduit conduit;
    conduit.name = prefix + std::to_string(i);
    conduit.name.resize(policy::kNameBytesMax, '-');
    conduit.rules.resize(16);
    image->tables.conduits.push_back(std::move(conduit));
  }
  const std::size_t cells = pipeline::Counters::cells_for(image->tables);
  for (std::size_t i = 0; i < workers; ++i) {
    image->counters.push_back(std::make_unique<pipeline::Counters>(cells));
  }
  return image;
}

void count(Image& image, std::size_t worker, std::size_t conduit, std::uint16_t function) {
  std::uint32_t place = 0;
  image.counters[worker]->add({static_cast<std::uint16_t>(conduit), 1, function, 0, Reason::granted,
                               protocols::Fault::none},
                              10, place);
}

struct Look {
  std::map<std::pair<std::string, std::string>, std::uint64_t> messages;  // conduit and function
  std::uint64_t overflow = 0;
  std::size_t pages = 0;
  std::size_t page_bytes_max = 0;
  int page_rows_max = 0;
};

Look look_at(const CounterBook& book, const CounterBook::Images& images) {
  Look look;
  std::optional<v1::CounterPlace> from;
  do {
    const CounterBook::Page page = book.page(images, 1, from);
    EXPECT_EQ(page.counters.more(), page.next.has_value());
    EXPECT_FALSE(page.counters.anew());
    for (const v1::Counter& row : page.counters.rows()) {
      if (row.reason() == "counter_overflow") {
        look.overflow += row.messages();
      } else {
        look.messages[{row.conduit(), row.function()}] += row.messages();
      }
    }
    look.page_bytes_max = std::max(look.page_bytes_max, page.counters.ByteSizeLong());
    look.page_rows_max = std::max(look.page_rows_max, page.counters.rows_size());
    ++look.pages;
    from = page.next;
  } while (from && look.pages < 100'000);
  return look;
}

TEST(CounterBook, TenThousandConduitsComeInSmallPages) {
  constexpr std::size_t kConduits = 10'000;
  constexpr std::uint16_t kFunctions = 8;
  const auto image = image_of(kConduits, 2);
  for (std::size_t conduit = 0; conduit < kConduits; ++conduit) {
    for (std::uint16_t function = 0; function < kFunctions; ++function) {
      for (const std::size_t worker : {0, 1, 1}) count(*image, worker, conduit, function);
    }
  }
  const Look look = look_at({}, {nullptr, image.get()});
  EXPECT_LT(look.page_bytes_max, kPageBytesMax / 2);
  EXPECT_LT(look.page_rows_max, 2 * CounterBook::kRowsOfPage);
  EXPECT_GE(look.pages, 2 * kConduits * kFunctions / (2 * CounterBook::kRowsOfPage));
  std::uint64_t sum = look.overflow;
  for (const auto& [name, messages] : look.messages) {
    EXPECT_LE(messages, 3U);
    sum += messages;
  }
  EXPECT_EQ(sum, 3 * kConduits * kFunctions);
  EXPECT_GT(look.messages.size(), kConduits * kFunctions * 9 / 10) << "told apart";
}

TEST(CounterBook, EmptyTablesTakeFewPages) {
  const auto image = image_of(30'000, 4);
  EXPECT_LE(look_at({}, {nullptr, image.get()}).pages,
            4 * image->counters[0]->cells() / CounterBook::kCellsOfPage + 1);
  EXPECT_EQ(look_at({}, {nullptr, nullptr}).pages, 1U);
}

TEST(CounterBook, WhatOlderPoliciesCountedIsKeptByName) {
  CounterBook book;
  const auto oldest = image_of(3, 1);
  const auto before = image_of(3, 1);
  const auto now = image_of(3, 1, "other");
  for (Image* image : {oldest.get(), before.get(), before.get(), now.get()}) {
    count(*image, 0, 2, 0);
  }
  book.keep(*oldest);
  const Look look = look_at(book, {before.get(), now.get()});
  ASSERT_EQ(look.messages.size(), 2U);
  EXPECT_EQ(look.messages.begin()->second, 3U);
  EXPECT_EQ(look.messages.rbegin()->second, 1U);
}

TEST(CounterBook, WhatItKeepsIsBounded) {
  CounterBook book;
  std::uint64_t counted = 0;
  for (int policy = 0; policy < 9; ++policy) {
    const auto image = image_of(10'000, 1, "p" + std::to_string(policy) + "-");
    for (std::size_t conduit = 0; conduit < 10'000; ++conduit) count(*image, 0, conduit, 0);
    counted += 10'000;
    book.keep(*image);
  }
  const Look look = look_at(book, {nullptr, nullptr});
  EXPECT_LE(look.messages.size(), CounterBook::kKindsMax);
  EXPECT_EQ(look.overflow, counted - look.messages.size()) << "it is counted all the same";
  EXPECT_LE(look.page_rows_max, CounterBook::kRowsOfPage);
}

TEST(CounterBook, AChangeOfPolicyBeginsALookAnew) {
  CounterBook book;
  const auto image = image_of(2000, 1);
  for (std::size_t conduit = 0; conduit < 2000; ++conduit) count(*image, 0, conduit, 0);
  const auto first = book.page({nullptr, image.get()}, 1, std::nullopt);
  ASSERT_TRUE(first.next);
  book.keep(*image);
  const auto second = book.page({nullptr, nullptr}, 2, first.next);
  EXPECT_TRUE(second.counters.anew());
  EXPECT_EQ(second.counters.rows_size(), CounterBook::kRowsOfPage) << "from the beginning";
}

TEST(CounterBook, APlaceThatIsNoneEndsTheLook) {
  CounterBook book;
  const auto image = image_of(2, 1);
  count(*image, 0, 1, 0);
  for (const std::uint32_t table : {0U, 1U, 2U, 0xffffffffU}) {
    v1::CounterPlace place;
    place.set_generation(1);
    place.set_table(table);
    place.set_cell(0xffffffff);
    const auto page = book.page({nullptr, image.get()}, 1, place);
    EXPECT_FALSE(page.next) << table;
    EXPECT_EQ(page.counters.rows_size(), table == 0 ? 1 : 0) << table;
  }
}

}  // namespace
}  // namespace bulkhead::service
