// The store of learned names against a map, at its bounds, and what a peer is told of it.
#include "dataplane/flow/names.h"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <string>

namespace bulkhead::flow {
namespace {

constexpr NameLimits kLimits = {64 * NameStore::kBlockBytes, 16, 2048};
constexpr ShareIds kNobody{};

ByteView view(const std::string& text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

std::optional<std::string> text(const std::optional<ByteView>& bytes) {
  if (!bytes) return std::nullopt;
  return std::string(bytes->begin(), bytes->end());
}

// One message that changes one thing.
bool learn(NameStore& store, std::uint32_t session, const std::string& handle,
           const std::string& name, ShareIds owner = kNobody) {
  store.begin(session, owner);
  if (store.learn(view(handle), view(name))) {
    store.keep();
    return true;
  }
  store.undo();
  return false;
}

void forget(NameStore& store, std::uint32_t session, const std::string& handle) {
  store.begin(session, kNobody);
  store.forget(view(handle));
  store.keep();
}

std::optional<std::string> find(const NameStore& store, std::uint32_t session,
                                const std::string& handle) {
  return text(store.find(session, view(handle)));
}

using Names = std::map<std::string, std::string>;

// What a peer makes of what it is told.
void tell(NameStore& store, std::uint32_t session, Names& peer) {
  if (store.is_anew(session)) {
    peer.clear();
    store.note_anew_sent(session);
  }
  while (const auto change = store.unsent(session)) {
    std::string name(change->name_bytes, '\0');
    store.copy_name(*change, {reinterpret_cast<std::uint8_t*>(name.data()), name.size()});
    const std::string handle(change->handle.begin(), change->handle.end());
    if (change->forgotten) {
      peer.erase(handle);
    } else {
      peer[handle] = name;
    }
    store.note_sent(*change);
  }
}

TEST(NameStore, FindsWhatASessionHasLearned) {
  NameStore store(4, kLimits);
  EXPECT_EQ(find(store, 1, "a"), std::nullopt);
  EXPECT_TRUE(learn(store, 1, "a", "boiler/pressure"));
  EXPECT_EQ(find(store, 1, "a"), "boiler/pressure");
  EXPECT_EQ(find(store, 2, "a"), std::nullopt) << "another session's";
  EXPECT_EQ(find(store, 1, "b"), std::nullopt);
  EXPECT_EQ(find(store, 1, ""), std::nullopt);
  EXPECT_TRUE(learn(store, 1, "a", "boiler/valve")) << "bound anew";
  EXPECT_EQ(find(store, 1, "a"), "boiler/valve");
  EXPECT_EQ(store.names(1), 1U);
  EXPECT_EQ(store.bytes(1), 13U);
  EXPECT_TRUE(learn(store, 1, "empty", ""));
  EXPECT_EQ(find(store, 1, "empty"), "");
  forget(store, 1, "a");
  EXPECT_EQ(find(store, 1, "a"), std::nullopt);
  store.drop(1);
  EXPECT_EQ(find(store, 1, "empty"), std::nullopt);
  EXPECT_EQ(store.used_bytes(), 0U);
}

TEST(NameStore, WithoutRoomKnowsNothingAndTakesNoMemory) {
  NameStore store(4, {NameStore::kBlockBytes - 1, 16, 2048});
  EXPECT_FALSE(store.is_kept());
  EXPECT_FALSE(learn(store, 1, "a", "x"));
  EXPECT_EQ(find(store, 1, "a"), std::nullopt);
  forget(store, 1, "a");
  store.begin(1, kNobody);
  store.forget_all();
  EXPECT_FALSE(store.keep());
  store.drop(1);
  EXPECT_EQ(store.used_bytes(), 0U);
}

// Each length around the ends of blocks.
TEST(NameStore, NamesOfAllLengthsComeBackWhole) {
  NameStore store(2, {1 << 20, 16, 1 << 20});
  std::string name;
  for (std::size_t length = 0; length <= protocols::kNameBytesMax; ++length) {
    if (length > 0) name.push_back(static_cast<char>('a' + length % 26));
    const bool near_end = length < 520 || length > protocols::kNameBytesMax - 4;
    if (!near_end) continue;
    ASSERT_TRUE(learn(store, 1, "handle", name)) << length;
    store.release_views();
    ASSERT_EQ(find(store, 1, "handle"), name) << length;
  }
  EXPECT_FALSE(learn(store, 1, "handle", name + "x"));
  EXPECT_EQ(find(store, 1, "handle"), name);
  const std::string longest(protocols::kHandleBytesMax, 'h');
  EXPECT_TRUE(learn(store, 1, longest, "x"));
  EXPECT_EQ(find(store, 1, longest), "x");
  EXPECT_FALSE(learn(store, 1, longest + "h", "x"));
  EXPECT_EQ(find(store, 1, longest + "h"), std::nullopt);
  EXPECT_FALSE(learn(store, 1, "", "x"));
  store.drop(1);
  EXPECT_EQ(store.used_bytes(), 0U);
}

// Names that stand in several blocks are put together for as long as a message is parsed.
TEST(NameStore, ManyLongNamesOfOneMessageAreBounded) {
  NameStore store(2, {1 << 20, 16, 1 << 20});
  const std::string name(4000, 'n');
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(learn(store, 1, std::to_string(i), name));
  for (int i = 0; i < 4; ++i) EXPECT_EQ(find(store, 1, std::to_string(i)), name);
  EXPECT_EQ(find(store, 1, "4"), std::nullopt) << "unknown, so that the message is refused";
  store.release_views();
  EXPECT_EQ(find(store, 1, "4"), name);
}

// --- bounds: at each one the store stays as it was

TEST(NameStore, ASessionHasSoManyNames) {
  NameStore store(2, kLimits);
  for (std::uint32_t i = 0; i < kLimits.session_names; ++i) {
    EXPECT_TRUE(learn(store, 1, std::to_string(i), "x"));
  }
  EXPECT_FALSE(learn(store, 1, "more", "x"));
  EXPECT_EQ(find(store, 1, "more"), std::nullopt);
  EXPECT_TRUE(learn(store, 1, "7", "anew")) << "the number stays";
  EXPECT_TRUE(learn(store, 0, "more", "x")) << "another session";
  forget(store, 1, "3");
  EXPECT_TRUE(learn(store, 1, "more", "x"));
}

TEST(NameStore, ASessionHasSoManyBytes) {
  NameStore store(2, {1 << 20, 16, 1000});
  EXPECT_TRUE(learn(store, 1, "a", std::string(499, 'x')));
  EXPECT_FALSE(learn(store, 1, "b", std::string(500, 'x')));
  EXPECT_TRUE(learn(store, 1, "b", std::string(499, 'x')));
  EXPECT_FALSE(learn(store, 1, "c", ""));
  EXPECT_TRUE(learn(store, 1, "a", std::string(498, 'y'))) << "in the place of the other";
  EXPECT_TRUE(learn(store, 1, "c", ""));
  EXPECT_EQ(store.bytes(1), 1000U);
}

TEST(NameStore, AWorkerHasSoManyBlocks) {
  NameStore store(64, {8 * NameStore::kBlockBytes, 16, 2048});
  for (std::uint32_t i = 0; i < 8; ++i) EXPECT_TRUE(learn(store, i, "a", "x"));
  EXPECT_FALSE(learn(store, 9, "a", "x"));
  EXPECT_EQ(find(store, 9, "a"), std::nullopt);
  store.drop(0);
  EXPECT_FALSE(learn(store, 9, "a", std::string(200, 'x'))) << "longer than what is free";
  EXPECT_TRUE(learn(store, 9, "a", "x"));
  EXPECT_EQ(store.used_bytes(), 8 * NameStore::kBlockBytes);
}

// As of the other pools: one host ends at a third, and hosts that use little are served.
TEST(NameStore, AHostEndsAtItsShare) {
  constexpr std::uint32_t kBlocks = 256;
  constexpr ShareIds kGreedy = {1, 0};
  NameStore store(64, {kBlocks * NameStore::kBlockBytes, 64, 1 << 16});
  std::uint32_t learned = 0;
  for (std::uint32_t i = 0; i < kBlocks; ++i) {
    learned += learn(store, i % 8, std::to_string(i), "x", kGreedy) ? 1 : 0;
  }
  EXPECT_GE(learned, kBlocks / 4);
  EXPECT_LE(learned, kBlocks / 3 + 1);
  for (std::uint16_t host = 2; host < 40; ++host) {
    EXPECT_TRUE(learn(store, 8U + host, "a", "x", {host, 0}));
  }
  // What is given back is the host's to take again.
  for (std::uint32_t session = 0; session < 8; ++session) store.drop(session);
  EXPECT_TRUE(learn(store, 0, "again", "x", kGreedy));
}

// A session of the peer's is nobody's until its first packet.
TEST(NameStore, WhatASessionHasIsItsOwnersOnceThatIsKnown) {
  constexpr std::uint32_t kBlocks = 256;
  constexpr ShareIds kOwner = {7, 3};
  NameStore store(8, {kBlocks * NameStore::kBlockBytes, 256, 1 << 16});
  for (std::uint32_t i = 0; i < 120; ++i) {
    ASSERT_TRUE(learn(store, 1, std::to_string(i), "x")) << "it had its share where it came from";
  }
  EXPECT_FALSE(learn(store, 1, "more", "x", kOwner)) << "beyond its share here";
  EXPECT_FALSE(learn(store, 2, "more", "x", kOwner)) << "in another session too";
  EXPECT_TRUE(learn(store, 3, "more", "x", {8, 4}));
  store.drop(1);
  EXPECT_TRUE(learn(store, 2, "more", "x", kOwner));
  store.drop(2);
  EXPECT_EQ(store.used_bytes(), NameStore::kBlockBytes);
}

// --- one message changes all or nothing

TEST(NameStore, WhatIsUndoneHasNotHappened) {
  NameStore store(2, kLimits);
  store.track_changes();
  learn(store, 1, "a", "first");
  learn(store, 1, "b", std::string(300, 'b'));
  Names peer;
  tell(store, 1, peer);
  const std::uint32_t used = store.used_bytes();
  store.begin(1, kNobody);
  EXPECT_TRUE(store.learn(view("a"), view("second")));
  EXPECT_TRUE(store.learn(view("a"), view("third")));
  store.forget(view("b"));
  EXPECT_TRUE(store.learn(view("c"), view("new")));
  EXPECT_EQ(text(store.find(view("a"))), "third") << "with the changes so far";
  EXPECT_EQ(text(store.find(view("b"))), std::nullopt);
  store.forget_all();
  EXPECT_EQ(text(store.find(view("c"))), std::nullopt);
  EXPECT_TRUE(store.learn(view("b"), view("other")));
  store.undo();
  EXPECT_EQ(find(store, 1, "a"), "first");
  EXPECT_EQ(find(store, 1, "b"), std::string(300, 'b'));
  EXPECT_EQ(find(store, 1, "c"), std::nullopt);
  EXPECT_EQ(store.used_bytes(), used);
  EXPECT_EQ(store.unsent(1), std::nullopt) << "the peer hears nothing of it";
}

TEST(NameStore, AMessageForWhichThereIsNoRoomHasFailed) {
  NameStore store(2, kLimits);
  store.begin(1, kNobody);
  for (std::uint32_t i = 0; i < kLimits.session_names; ++i) {
    EXPECT_TRUE(store.learn(view(std::to_string(i)), view("x")));
  }
  EXPECT_FALSE(store.has_failed());
  EXPECT_FALSE(store.learn(view("more"), view("x")));
  EXPECT_TRUE(store.has_failed());
  store.undo();
  EXPECT_EQ(store.names(1), 0U);
  EXPECT_EQ(store.used_bytes(), 0U);
  // So has one that changes more than is ever undone.
  store.begin(1, kNobody);
  for (std::size_t i = 0; i < protocols::kNameChangesMax; ++i) store.learn(view("a"), view("x"));
  EXPECT_FALSE(store.has_failed());
  store.forget(view("a"));
  EXPECT_TRUE(store.has_failed());
  store.undo();
}

TEST(NameStore, ANameMayBeOneThatWasFound) {
  NameStore store(2, kLimits);
  for (const std::size_t length : {20U, 300U}) {
    const std::string name(length, 'n');
    learn(store, 1, "asked", name);
    store.begin(1, kNobody);
    const auto found = store.find(view("asked"));
    ASSERT_TRUE(found.has_value());
    EXPECT_TRUE(store.learn(view("asked"), view("other")));
    EXPECT_TRUE(store.learn(view("given"), *found));
    store.forget(view("asked"));
    EXPECT_TRUE(store.keep());
    EXPECT_EQ(find(store, 1, "given"), name);
    EXPECT_EQ(find(store, 1, "asked"), std::nullopt);
  }
}

TEST(NameStore, WhatIsKnownAlreadyIsNoChange) {
  NameStore store(2, kLimits);
  for (const std::string& name : {std::string("x"), std::string(300, 'x'), std::string()}) {
    learn(store, 1, "a", name);
    store.begin(1, kNobody);
    EXPECT_TRUE(store.learn(view("a"), view(name)));
    EXPECT_FALSE(store.keep());
  }
}

// --- what a peer is told

TEST(NameStore, OnlyChangesAreReplicated) {
  NameStore store(2, kLimits);
  store.track_changes();
  learn(store, 1, "a", "first");
  learn(store, 1, "b", "second");
  Names peer = {{"stale", "of another session"}};
  tell(store, 1, peer);
  EXPECT_EQ(peer, (Names{{"a", "first"}, {"b", "second"}}));
  learn(store, 1, "b", "third");
  ASSERT_TRUE(store.unsent(1).has_value());
  EXPECT_EQ(text(store.unsent(1)->handle), "b");
  EXPECT_FALSE(store.is_anew(1));
  tell(store, 1, peer);
  forget(store, 1, "a");
  EXPECT_TRUE(store.unsent(1)->forgotten);
  tell(store, 1, peer);
  EXPECT_EQ(peer, (Names{{"b", "third"}}));
  EXPECT_EQ(store.used_bytes(), NameStore::kBlockBytes) << "no tombstone stays";
  store.begin(1, kNobody);
  store.forget_all();
  store.keep();
  tell(store, 1, peer);
  EXPECT_TRUE(peer.empty());
}

// Handles that come and go while nobody listens take no room.
TEST(NameStore, TombstonesAreBounded) {
  NameStore store(2, kLimits);
  store.track_changes();
  learn(store, 1, "stays", "x");
  for (int i = 0; i < 1000; ++i) {
    ASSERT_TRUE(learn(store, 1, std::to_string(i), "x"));
    forget(store, 1, std::to_string(i));
    ASSERT_LE(store.used_bytes(), 12 * NameStore::kBlockBytes);
  }
  Names peer = {{"5", "x"}};
  tell(store, 1, peer);
  EXPECT_EQ(peer, (Names{{"stays", "x"}}));
}

TEST(NameStore, AFullStoreForgetsAsWell) {
  NameStore store(4, {4 * NameStore::kBlockBytes, 16, 2048});
  store.track_changes();
  for (std::uint32_t i = 0; i < 4; ++i) ASSERT_TRUE(learn(store, 1, std::to_string(i), "x"));
  Names peer;
  tell(store, 1, peer);
  forget(store, 1, "2");
  EXPECT_EQ(find(store, 1, "2"), std::nullopt);
  tell(store, 1, peer);
  EXPECT_EQ(peer, (Names{{"0", "x"}, {"1", "x"}, {"3", "x"}}));
}

// Whatever happens, what is found is what a map has, and the peer has it once it is told.
TEST(NameStore, DoesWhatAMapDoes) {
  constexpr std::uint32_t kSessions = 6;
  NameStore store(kSessions, {256 * NameStore::kBlockBytes, 16, 2048});
  store.track_changes();
  std::vector<Names> known(kSessions);
  std::vector<Names> peers(kSessions);
  std::mt19937 engine(5);
  const auto random = [&engine] { return static_cast<std::uint32_t>(engine()); };
  std::uint32_t refused = 0;
  for (int round = 0; round < 30000; ++round) {
    const std::uint32_t session = random() % kSessions;
    Names next = known[session];
    store.begin(session, kNobody);
    for (std::uint32_t i = 0; i <= random() % 4 && !store.has_failed(); ++i) {
      const std::string handle = std::to_string(random() % 24);
      const std::uint32_t what = random() % 16;
      if (what == 0) {
        store.forget_all();
        next.clear();
      } else if (what < 6) {
        store.forget(view(handle));
        next.erase(handle);
      } else {
        const std::string name(random() % (what == 6 ? 400 : 40), static_cast<char>(random()));
        if (store.learn(view(handle), view(name))) next[handle] = name;
      }
    }
    refused += store.has_failed() ? 1 : 0;
    if (store.has_failed() || random() % 8 == 0) {
      store.undo();
    } else {
      store.keep();
      known[session] = next;
    }
    if (random() % 64 == 0) {
      store.drop(session);
      known[session].clear();
    }
    if (random() % 4 == 0) {
      tell(store, session, peers[session]);
      ASSERT_EQ(peers[session], known[session]);
    }
    store.release_views();
    const std::string handle = std::to_string(random() % 24);
    const auto expected = known[session].find(handle);
    ASSERT_EQ(find(store, session, handle),
              expected == known[session].end() ? std::nullopt : std::optional(expected->second));
    ASSERT_EQ(store.names(session), known[session].size());
  }
  EXPECT_GT(refused, 100U) << "the bounds were reached";
  for (std::uint32_t session = 0; session < kSessions; ++session) store.drop(session);
  EXPECT_EQ(store.used_bytes(), 0U);
}

}  // namespace
}  // namespace bulkhead::flow
