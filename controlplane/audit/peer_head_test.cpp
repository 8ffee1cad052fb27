// What this appliance keeps of the peer's log.
#include "controlplane/audit/peer_head.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "tests/support/audit_log.h"

namespace bulkhead::audit {
namespace {

std::vector<std::string> events(const std::string& folder) {
  std::vector<std::string> texts;
  for (const Record& record : support::records_in(folder)) {
    if (record.entry.kind == "pair") texts.push_back(record.entry.text);
  }
  return texts;
}

TEST(PeerHead, IsKeptAndMayNotGoBack) {
  const support::AuditFolder folder;
  const std::string log = folder.path() + "/audit";
  const std::string path = folder.path() + "/peer-head";
  const auto head = [](std::uint64_t number, char digit) {
    return Head{number, std::string(kHashDigits, digit)};
  };
  {
    Trail trail(log, support::small_log());
    PeerHead peer(path, trail);
    EXPECT_FALSE(peer.head());
    peer.note(text_of(head(7, 'a')));
    peer.note("no head");
    peer.note(text_of(head(9, 'b')));
    EXPECT_EQ(peer.head(), head(9, 'b'));
    EXPECT_EQ(support::file_text(path), text_of(head(9, 'b')) + "\n");
  }
  EXPECT_TRUE(events(log).empty());
  {
    Trail trail(log, support::small_log());
    PeerHead peer(path, trail);
    EXPECT_EQ(peer.head(), head(9, 'b'));
    peer.note(text_of(head(9, 'b')));
    peer.note(text_of(head(9, 'c')));  // the same number, another record
    peer.note(text_of(head(5, 'd')));
  }
  EXPECT_EQ(events(log).size(), 2U);
  support::put_file(path, "9:");
  {
    Trail trail(log, support::small_log());
    const PeerHead peer(path, trail);
    EXPECT_FALSE(peer.head());
  }
  EXPECT_EQ(events(log).size(), 3U);
}

}  // namespace
}  // namespace bulkhead::audit
