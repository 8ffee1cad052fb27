// What is done to a log is named: every bit, every cut, every exchange.
#include "controlplane/audit/verify.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "tests/support/audit_log.h"

namespace bulkhead::audit {
namespace {

using support::chain_of;
using support::findings;
using support::head_of;
using support::joined;
using support::verify_text;

std::string as_segment(const std::vector<std::string>& lines) {
  return segment_header() + joined(lines);
}
std::string as_export(const std::vector<std::string>& lines) {
  return export_header(head_of(lines)) + joined(lines);
}

// Whether a finding names the record.
bool names(const Report& report, std::uint64_t number) {
  return std::any_of(report.findings.begin(), report.findings.end(), [number](const Finding& each) {
    return each.first <= number && number <= each.last;
  });
}
// The most that a finding may be from `number`, where a line feed has joined or split records.
bool names_no_other(const Report& report, std::uint64_t number) {
  return std::all_of(report.findings.begin(), report.findings.end(), [number](const Finding& each) {
    return each.first <= number + 1 && each.last + 1 >= number && each.last <= number + 1;
  });
}

TEST(Verify, WholeChainIsGood) {
  const auto lines = chain_of(20);
  for (const std::string& text :
       {as_segment(lines), as_export(lines), as_segment(lines) + std::string(5000, '\0')}) {
    const Report report = verify_text(text, head_of(lines));
    EXPECT_TRUE(report.is_good()) << findings(report);
    EXPECT_EQ(report.records, 20U);
    EXPECT_EQ(report.first, 1U);
    EXPECT_EQ(report.head, head_of(lines));
  }
  EXPECT_TRUE(verify_text(segment_header()).is_good());
  EXPECT_FALSE(verify_text("").is_good());
}

// Each bit of a segment with free room, and of an export.
TEST(Verify, EveryBitIsNamed) {
  const auto lines = chain_of(8);
  for (const bool exported : {false, true}) {
    const std::string header = exported ? export_header(head_of(lines)) : segment_header();
    std::string text = header + joined(lines) + std::string(exported ? 0 : 64, '\0');
    std::size_t at = 0;
    for (std::size_t record = 0; record <= lines.size() + 1; ++record) {
      const std::size_t size = record == 0              ? header.size()
                               : record <= lines.size() ? lines[record - 1].size()
                                                        : text.size() - at;
      for (const std::size_t end = at + size; at < end; ++at) {
        for (int bit = 0; bit < 8; ++bit) {
          text[at] = static_cast<char>(text[at] ^ 1 << bit);
          const Report report = verify_text(text);
          ASSERT_FALSE(report.is_good()) << "byte " << at << " bit " << bit;
          if (record > 0) {
            ASSERT_TRUE(names(report, record)) << "byte " << at << " bit " << bit << " of record "
                                               << record << ": " << findings(report);
            ASSERT_TRUE(names_no_other(report, record))
                << "byte " << at << " bit " << bit << " of record " << record << ": "
                << findings(report);
          }
          text[at] = static_cast<char>(text[at] ^ 1 << bit);
        }
      }
    }
  }
}

TEST(Verify, EveryMissingRunIsNamed) {
  const auto lines = chain_of(9);
  for (std::size_t from = 0; from < lines.size(); ++from) {
    for (std::size_t to = from + 1; to <= lines.size(); ++to) {
      auto fewer = lines;
      fewer.erase(fewer.begin() + static_cast<std::ptrdiff_t>(from),
                  fewer.begin() + static_cast<std::ptrdiff_t>(to));
      const std::string range = std::to_string(from + 1) + "-" + std::to_string(to);
      const bool at_end = to == lines.size();
      EXPECT_EQ(findings(verify_text(export_header(head_of(lines)) + joined(fewer))),
                (at_end ? "cut " : "missing ") + range);
      // Without a head a cut end does not show; with one that was noted, it does.
      EXPECT_EQ(findings(verify_text(as_segment(fewer))), at_end ? "" : "missing " + range);
      EXPECT_EQ(findings(verify_text(as_segment(fewer), head_of(lines))),
                (at_end ? "cut " : "missing ") + range);
    }
  }
}

TEST(Verify, EveryCutIsNamed) {
  const auto lines = chain_of(4);
  const std::string text = as_export(lines);
  std::size_t record_end = export_header(head_of(lines)).size();
  std::size_t record = 0;
  for (std::size_t at = record_end; at < text.size(); ++at) {
    if (record < lines.size() && at >= record_end + lines[record].size()) {
      record_end += lines[record++].size();
    }
    const Report report = verify_text(text.substr(0, at));
    EXPECT_EQ(findings(report), "cut " + std::to_string(record + 1) + "-4") << at;
  }
}

TEST(Verify, EveryExchangeOfTwoRecordsIsNamed) {
  const auto lines = chain_of(12);
  for (std::size_t one = 0; one < lines.size(); ++one) {
    for (std::size_t other = one + 1; other < lines.size(); ++other) {
      auto swapped = lines;
      std::swap(swapped[one], swapped[other]);
      const Report report = verify_text(as_export(swapped));
      ASSERT_FALSE(report.is_good());
      EXPECT_TRUE(names(report, one + 1) || names(report, other + 1)) << findings(report);
      for (const Finding& each : report.findings) {
        EXPECT_EQ(each.kind, Finding::Kind::reordered);
        EXPECT_TRUE(each.first >= one + 1 && each.last <= other + 1) << findings(report);
      }
      // Of three in reverse order, any one may count as in its place.
      if (other > one + 2) {
        EXPECT_EQ(report.findings.size(), 2U) << findings(report);
        EXPECT_TRUE(names(report, one + 1) && names(report, other + 1)) << findings(report);
      }
    }
  }
}

TEST(Verify, RepeatedAndForeignLinesAreNamed) {
  const auto lines = chain_of(6);
  auto more = lines;
  more.insert(more.begin() + 4, lines[1]);
  EXPECT_EQ(findings(verify_text(export_header(head_of(lines)) + joined(more))), "repeated 2-2");
  more = lines;
  more.insert(more.begin() + 3, "no record\n");
  EXPECT_EQ(findings(verify_text(export_header(head_of(lines)) + joined(more))), "foreign 4-4");
  EXPECT_EQ(findings(verify_text(as_export(lines) + chain_of(7).back())), "foreign 7-7");
}

// A line that stands there is no missing record.
TEST(Verify, DamagedLinesAreChangedRecords) {
  auto lines = chain_of(6);
  const auto damage = [&lines](std::size_t record) { lines[record - 1][kHashDigits + 5] = '!'; };
  damage(3);
  EXPECT_EQ(findings(verify_text(as_segment(lines))), "changed 3-3");
  damage(4);
  EXPECT_EQ(findings(verify_text(as_segment(lines))), "changed 3-4");
}

TEST(Verify, RecordsWithoutAHeaderAreChecked) {
  auto lines = chain_of(5);
  EXPECT_EQ(findings(verify_text(joined(lines))), "header 0-0");
  EXPECT_EQ(findings(verify_text("no header\n" + joined(lines))), "header 0-0");
  lines.erase(lines.begin() + 1);
  EXPECT_EQ(findings(verify_text(joined(lines))), "header 0-0, missing 2-2");
}

// A record that is written anew, with a hash that fits.
TEST(Verify, ReplacedRecordIsNamedByTheNextOne) {
  const auto lines = chain_of(6);
  for (std::size_t i = 0; i < lines.size(); ++i) {
    SegmentReader reader(lines[i]);
    auto line = reader.next();
    ASSERT_TRUE(line && line->record);
    line->record->entry.text = "something else";
    auto replaced = lines;
    replaced[i] = line_of(encode(*line->record));
    const std::string number = std::to_string(i + 1) + "-" + std::to_string(i + 1);
    const bool is_last = i + 1 == lines.size();
    EXPECT_EQ(findings(verify_text(export_header(head_of(lines)) + joined(replaced))),
              (is_last ? "differs " : "changed ") + number);
    if (i == 0) continue;
    // So is one whose own link is wrong too.
    line->record->previous = std::string(kHashDigits, 'e');
    replaced[i] = line_of(encode(*line->record));
    const Report report = verify_text(export_header(head_of(lines)) + joined(replaced));
    EXPECT_TRUE(names(report, i + 1)) << findings(report);
    if (is_last) continue;
    EXPECT_EQ(findings(report), "changed " + number);
  }
}

// The whole end written anew fits itself: only a head shows it.
TEST(Verify, RewrittenEndDiffersFromTheHead) {
  const auto lines = chain_of(6);
  auto rewritten = lines;
  Head head = {4, lines[3].substr(0, kHashDigits)};
  for (std::size_t i = 4; i < 6; ++i) {
    const std::string object =
        encode({head.number + 1, head.hash, support::fixed_stamp(), bounded({.kind = "stop"})});
    head = {head.number + 1, hash_of(object)};
    rewritten[i] = line_of(object);
  }
  EXPECT_TRUE(verify_text(as_segment(rewritten)).is_good());
  EXPECT_EQ(findings(verify_text(as_segment(rewritten), head_of(lines))), "differs 6-6");
  Verifier verifier;
  verifier.add("export", as_export(lines));
  verifier.add("log", as_segment(rewritten));
  EXPECT_EQ(findings(verifier.finish(std::nullopt)), "differs 5-5, differs 6-6");
}

TEST(Verify, BeginMayOnlyGoWithARecordOfIt) {
  auto lines = chain_of(5);
  EXPECT_EQ(findings(verify_text(segment_header() + joined({lines.begin() + 2, lines.end()}))),
            "missing 1-2");
  const auto with_removal = [&](const std::string& hash) {
    const Entry removal{.kind = "removal", .details = {{"head", "2:" + hash}}};
    const std::string object =
        encode({6, lines[4].substr(0, kHashDigits), support::fixed_stamp(), bounded(removal)});
    auto more = lines;
    more.push_back(line_of(object));
    return more;
  };
  const auto honest = with_removal(lines[1].substr(0, kHashDigits));
  const Report report = verify_text(segment_header() + joined({honest.begin() + 2, honest.end()}));
  EXPECT_TRUE(report.is_good()) << findings(report);
  EXPECT_EQ(report.first, 3U);
  ASSERT_EQ(report.remarks.size(), 1U);
  EXPECT_EQ(report.remarks.front().kind, "removal");
  EXPECT_TRUE(verify_text(segment_header() + joined(honest)).is_good());
  EXPECT_EQ(findings(verify_text(segment_header() + joined({honest.begin() + 3, honest.end()}))),
            "missing 3-3");
  const auto dishonest = with_removal(std::string(kHashDigits, 'e'));
  EXPECT_EQ(
      findings(verify_text(segment_header() + joined({dishonest.begin() + 2, dishonest.end()}))),
      "changed 3-3");
}

TEST(Verify, SegmentsOfALogAreOneChain) {
  const auto lines = chain_of(9);
  const auto part = [&](std::ptrdiff_t from, std::ptrdiff_t to) {
    return segment_header() + joined({lines.begin() + from, lines.begin() + to});
  };
  const auto verify = [&](const std::vector<std::string>& texts) {
    Verifier verifier;
    for (std::size_t i = 0; i < texts.size(); ++i) verifier.add(std::to_string(i), texts[i]);
    return findings(verifier.finish(head_of(lines)));
  };
  EXPECT_EQ(verify({part(0, 3), part(3, 6), part(6, 9)}), "");
  EXPECT_EQ(verify({part(0, 3), part(6, 9)}), "missing 4-6");
  EXPECT_EQ(verify({part(0, 3), part(3, 6)}), "cut 7-9");
  EXPECT_EQ(verify({part(0, 3), part(3, 5), part(6, 9)}), "missing 6-6");
  EXPECT_NE(verify({part(3, 6), part(0, 3), part(6, 9)}), "");
}

TEST(Verify, WithoutALogANotedHeadShowsIt) {
  EXPECT_EQ(findings(Verifier().finish(head_of(chain_of(3)))), "cut 1-3");
  EXPECT_TRUE(Verifier().finish(std::nullopt).is_good());
}

TEST(Verify, FindingsAreBounded) {
  std::string text = segment_header();
  const auto lines = chain_of(2 * Report::kFindingsMax + 20);
  for (std::size_t i = 0; i < lines.size(); i += 2) text += lines[i];
  const Report report = verify_text(text);
  EXPECT_EQ(report.findings.size(), Report::kFindingsMax);
  EXPECT_EQ(report.findings_beyond, 9U);
}

}  // namespace
}  // namespace bulkhead::audit
