// What the pipeline relies on of any module, and what modules rely on of Parsed.
#include <gtest/gtest.h>

#include <vector>

#include "dataplane/protocols/registry.h"

namespace bulkhead::protocols {
namespace {

struct Head {
  std::uint16_t code = 7;
};
struct Body {
  ByteView content;
};

TEST(Parsed, KeepsPlainTypesOfOneMessage) {
  const std::vector<std::uint8_t> bytes = {1, 2, 3};
  Parsed parsed(bytes, Direction::request);
  EXPECT_TRUE(parsed.is_request());
  EXPECT_EQ(parsed.kept<Head>(), nullptr) << "nothing was parsed";
  EXPECT_EQ(parsed.keep<Head>().code, 7);
  parsed.keep(Body{ByteView(bytes).subspan(1)});
  ASSERT_NE(parsed.kept<Head>(), nullptr);
  ASSERT_NE(parsed.kept<Body>(), nullptr);
  EXPECT_EQ(parsed.kept<Head>()->code, 7);
  EXPECT_EQ(parsed.kept<Body>()->content.size(), 2U);
  parsed.begin(bytes, Direction::response);
  EXPECT_FALSE(parsed.is_request());
  EXPECT_EQ(parsed.kept<Head>(), nullptr) << "another message";
  EXPECT_EQ(parsed.kept<Body>(), nullptr) << "another message";
}

struct Large {
  std::array<std::uint64_t, Parsed::kBytesMax / sizeof(std::uint64_t)> words{};
};

TEST(ParsedDeathTest, AModuleCannotKeepMoreThanThereIsRoomFor) {
  Parsed parsed({}, Direction::request);
  parsed.keep<Large>().words.back() = 5;
  EXPECT_EQ(parsed.kept<Large>()->words.back(), 5U);
  EXPECT_DEATH(parsed.keep<Head>(), "");
}

TEST(Registry, HasTheInterfacesOfItsModules) {
  ASSERT_EQ(modules().size(), registry().size());
  for (std::size_t i = 0; i < modules().size(); ++i) {
    const Protocol& protocol = *registry()[i];
    const Module& module = modules()[i];
    EXPECT_EQ(module.protocol, &protocol);
    EXPECT_EQ(module.remembered, protocol.remembered_verdicts());
    EXPECT_EQ(module.numbered, protocol.numbered_messages());
    EXPECT_EQ(module.splicing, protocol.splicing());
    EXPECT_EQ(module.spanning, protocol.spanning_messages());
    EXPECT_EQ(module.questions, protocol.questions_to_many());
    EXPECT_EQ(module.shared_port, protocol.shared_port());
    EXPECT_EQ(module.expectations, protocol.expectations());
    EXPECT_EQ(module.names, protocol.learns_names());
    EXPECT_EQ(module.frames_by_session, protocol.frames_by_session());
    if (module.numbered != nullptr) {
      EXPECT_LE(module.numbered->numbered_bytes(), kNumberedBytesMax);
    }
  }
}

TEST(StateLayout, HasAVersionWhereSomethingIsKept) {
  for (const Protocol* protocol : registry()) {
    const StateLayout layout = protocol->state_layout();
    EXPECT_EQ(layout.version != 0, layout.bytes != 0) << protocol->catalogue().name;
    EXPECT_LE(layout.bytes, kSessionBytesUsual) << protocol->catalogue().name;
    EXPECT_LE(layout.bytes, layout.bytes_max) << protocol->catalogue().name;
  }
}

}  // namespace
}  // namespace bulkhead::protocols
