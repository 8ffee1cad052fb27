// Names that messages of a capture define: what a refused message changed is taken back.
#include "controlplane/cli/known_names.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

namespace bulkhead::controlplane {
namespace {

ByteView bytes(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

class Names : public ::testing::Test {
 protected:
  std::string name(std::string_view handle) {
    const auto found = names.view().find(bytes(handle));
    return found ? std::string(found->begin(), found->end()) : "none";
  }

  KnownNames names;
};

TEST_F(Names, StandForWhatWasDefinedLast) {
  EXPECT_EQ(name("1"), "none");
  names.learn(bytes("1"), bytes("a"));
  names.learn(bytes("2"), bytes("b"));
  names.learn(bytes("1"), *names.find(bytes("2")));
  EXPECT_EQ(name("1"), "b");
  names.forget(bytes("2"));
  EXPECT_EQ(name("2"), "none");
  names.forget_all();
  EXPECT_EQ(name("1"), "none");
}

TEST_F(Names, AreAsBeforeARefusedMessage) {
  names.learn(bytes("1"), bytes("a"));
  names.learn(bytes("2"), bytes("b"));
  names.begin();
  names.learn(bytes("1"), bytes("c"));
  names.learn(bytes("1"), bytes("d"));
  names.learn(bytes("3"), bytes("e"));
  names.forget(bytes("2"));
  names.forget_all();
  names.learn(bytes("4"), bytes("f"));
  names.undo();
  EXPECT_EQ(name("1"), "a");
  EXPECT_EQ(name("2"), "b");
  EXPECT_EQ(name("3"), "none");
  EXPECT_EQ(name("4"), "none");
  names.undo();
  EXPECT_EQ(name("1"), "a") << "once";
}

// An operation that is printed after its message was accepted has views of them.
TEST_F(Names, LiveUntilTheNextMessage) {
  names.learn(bytes("1"), bytes("a name that is not short"));
  names.begin();
  const ByteView view = *names.view().find(bytes("1"));
  names.learn(bytes("1"), bytes("b"));
  names.forget_all();
  EXPECT_EQ(std::string(view.begin(), view.end()), "a name that is not short");
}

}  // namespace
}  // namespace bulkhead::controlplane
