// Checks a log or its exports without their writer: each changed, missing, moved or cut record by
// its number.
//
// What a chain cannot show by itself: records cut from its end, and an end that was written anew
// throughout. For these an export has its head, the pair's peer has the last one it received, and
// an auditor may name one that he has noted.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "controlplane/audit/segment.h"

namespace bulkhead::audit {

struct Finding {
  enum class Kind {
    header,   // of the source
    changed,  // what stands in the records' place does not have their hash
    missing,
    reordered,  // whole, in another place
    repeated,
    foreign,  // a line that is no record, where none is missing
    cut,      // at the end
    differs,  // from the same record in another source, or from a head
  };
  Kind kind{};
  std::uint64_t first = 0;  // numbers of records; 0: none
  std::uint64_t last = 0;
  std::string source;
  std::string text;
};
const char* name_of(Finding::Kind kind);

// A record in which the log itself reports that records are not there: cut, damage, removal.
struct Remark {
  std::uint64_t number = 0;
  std::string kind;
  std::string text;
};

struct Report {
  static constexpr std::size_t kFindingsMax = 1000;
  static constexpr std::size_t kRemarksMax = 100;  // the newest

  std::uint64_t records = 0;  // that are right
  std::uint64_t first = 0;
  Head head;
  std::vector<Finding> findings;
  std::uint64_t findings_beyond = 0;
  std::vector<Remark> remarks;

  bool is_good() const { return findings.empty(); }
};

class Verifier {
 public:
  // Segments of one log in the order of their names; exports in any order. `source` names it in
  // findings.
  void add(const std::string& source, std::string_view text);
  // `expected`: a head of the log that was noted before.
  Report finish(const std::optional<Head>& expected);

 private:
  using Hash = std::array<char, kHashDigits / 2>;
  struct Item {
    std::uint64_t number = 0;  // 0: no record
    Hash hash{};
    Hash previous{};
    std::uint32_t source = 0;
    bool whole = true;
    bool in_place = false;
  };
  struct Removed {
    std::uint64_t last = 0;
    std::string hash;
  };
  // All segments, or one export.
  struct Chain {
    std::vector<Item> items;
    std::optional<Head> head;  // of an export
    std::uint32_t source = 0;  // the last one
    Removed removed;
    std::vector<Remark> remarks;
  };

  static Hash packed(const std::string& hash);
  void add_line(Chain& chain, const Line& line, std::uint32_t source);
  void note(Chain& chain, const Record& record);
  void report(Finding finding);
  void report(Finding::Kind kind, std::uint64_t first, std::uint64_t last, std::uint32_t source,
              std::string text);
  static void place(std::vector<Item>& items);
  void check(Chain& chain, const std::optional<Head>& expected);
  void check_strays(const Chain& chain);
  void check_gap(std::uint64_t first, std::uint64_t last, std::size_t bad, const Item& after);
  void check_begin(const Chain& chain, const Item& first, std::size_t bad);
  void check_links(const std::vector<const Item*>& placed, const std::vector<bool>& adjoins);
  void check_end(const Chain& chain, const Item* last, const std::vector<const Item*>& bad,
                 const std::optional<Head>& expected);
  void check_head(const Chain& chain, const Head& head, const std::string& what);
  void compare(const Chain& chain);

  std::vector<std::string> sources_;
  std::vector<Chain> chains_;  // that of segments first, if there are any
  bool has_segments_ = false;
  std::map<std::uint64_t, std::pair<Hash, std::uint32_t>> known_;  // of chains that were checked
  std::vector<std::uint64_t> strays_;  // numbers of records out of place, sorted
  Report report_;
};

}  // namespace bulkhead::audit
