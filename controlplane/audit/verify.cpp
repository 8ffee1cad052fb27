// Records in place are a longest run of increasing numbers; the others have been moved. Lines
// between two records in place that are no records stand for those that are missing there.
#include "controlplane/audit/verify.h"

#include <algorithm>
#include <utility>

namespace bulkhead::audit {

namespace {

std::string range_text(std::uint64_t first, std::uint64_t last) {
  if (first == last) return "record " + std::to_string(first);
  return "records " + std::to_string(first) + " to " + std::to_string(last);
}

std::string detail(const Record& record, std::string_view name) {
  for (const auto& [key, value] : record.entry.details) {
    if (key == name) return value;
  }
  return {};
}

int digit(char c) { return c <= '9' ? c - '0' : c - 'a' + 10; }

}  // namespace

const char* name_of(Finding::Kind kind) {
  switch (kind) {
    case Finding::Kind::header:
      return "header";
    case Finding::Kind::changed:
      return "changed";
    case Finding::Kind::missing:
      return "missing";
    case Finding::Kind::reordered:
      return "reordered";
    case Finding::Kind::repeated:
      return "repeated";
    case Finding::Kind::foreign:
      return "foreign";
    case Finding::Kind::cut:
      return "cut";
    case Finding::Kind::differs:
      return "differs";
  }
  return "unknown";
}

Verifier::Hash Verifier::packed(const std::string& hash) {
  Hash bytes{};
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    bytes[i] = static_cast<char>(digit(hash[2 * i]) << 4 | digit(hash[2 * i + 1]));
  }
  return bytes;
}

void Verifier::report(Finding finding) {
  if (report_.findings.size() < Report::kFindingsMax) {
    report_.findings.push_back(std::move(finding));
  } else {
    ++report_.findings_beyond;
  }
}

void Verifier::report(Finding::Kind kind, std::uint64_t first, std::uint64_t last,
                      std::uint32_t source, std::string text) {
  report({kind, first, last, sources_[source], std::move(text)});
}

void Verifier::add(const std::string& source, std::string_view text) {
  const auto index = static_cast<std::uint32_t>(sources_.size());
  sources_.push_back(source);
  SegmentReader reader(text);
  const bool is_export = reader.header() && reader.header()->head;
  if (is_export) {
    chains_.emplace_back().head = reader.header()->head;
  } else if (!std::exchange(has_segments_, true)) {
    chains_.emplace(chains_.begin());
  }
  Chain& chain = is_export ? chains_.back() : chains_.front();
  chain.source = index;
  bool first = !reader.header();
  if (first) {
    report(Finding::Kind::header, 0, 0, index, "its first line is not that of an audit log");
  }
  while (const auto line = reader.next()) {
    // In the place of a header stands no record.
    if (std::exchange(first, false) && !line->record) continue;
    add_line(chain, *line, index);
  }
}

void Verifier::add_line(Chain& chain, const Line& line, std::uint32_t source) {
  Item item;
  item.source = source;
  item.whole = line.is_whole();
  if (line.record) {
    item.number = line.record->number;
    item.hash = packed(line.hash);
    item.previous = packed(line.record->previous);
    note(chain, *line.record);
  }
  chain.items.push_back(item);
}

void Verifier::note(Chain& chain, const Record& record) {
  const std::string& kind = record.entry.kind;
  if (kind != "removal" && kind != "cut" && kind != "damage") return;
  if (kind == "removal") {
    const auto head = parse_head(detail(record, "head"));
    if (head && head->number > chain.removed.last) chain.removed = {head->number, head->hash};
  }
  chain.remarks.push_back({record.number, kind, record.entry.text});
  if (chain.remarks.size() > Report::kRemarksMax) chain.remarks.erase(chain.remarks.begin());
}

// A longest increasing subsequence, by patience sorting.
void Verifier::place(std::vector<Item>& items) {
  std::vector<std::size_t> ends;  // of the best run of each length
  std::vector<std::size_t> before(items.size(), items.size());
  for (std::size_t i = 0; i < items.size(); ++i) {
    if (items[i].number == 0) continue;
    const auto end = std::lower_bound(
        ends.begin(), ends.end(), items[i].number,
        [&items](std::size_t each, std::uint64_t number) { return items[each].number < number; });
    if (end != ends.begin()) before[i] = *(end - 1);
    if (end == ends.end()) {
      ends.push_back(i);
    } else {
      *end = i;
    }
  }
  for (std::size_t i = ends.empty() ? items.size() : ends.back(); i < items.size(); i = before[i]) {
    items[i].in_place = true;
  }
}

Report Verifier::finish(const std::optional<Head>& expected) {
  std::uint64_t furthest = 0;
  std::size_t furthest_chain = 0;
  for (std::size_t i = 0; i < chains_.size(); ++i) {
    place(chains_[i].items);
    for (const Item& item : chains_[i].items) {
      if (!item.in_place || item.number <= furthest) continue;
      furthest = item.number;
      furthest_chain = i;
    }
  }
  for (std::size_t i = 0; i < chains_.size(); ++i) {
    check(chains_[i], i == furthest_chain ? expected : std::nullopt);
    compare(chains_[i]);
    for (Remark& remark : chains_[i].remarks) report_.remarks.push_back(std::move(remark));
  }
  if (chains_.empty() && expected && expected->number != 0) {
    report({Finding::Kind::cut, 1, expected->number, "", "there is no log"});
  }
  return std::move(report_);
}

void Verifier::check(Chain& chain, const std::optional<Head>& expected) {
  strays_.clear();
  for (const Item& item : chain.items) {
    if (item.number != 0 && !item.in_place) strays_.push_back(item.number);
  }
  std::sort(strays_.begin(), strays_.end());
  std::vector<const Item*> placed;
  std::vector<bool> adjoins;  // whether nothing lies between a record and the next one
  std::vector<const Item*> bad;
  for (const Item& item : chain.items) {
    if (!item.in_place) {
      if (item.number == 0) bad.push_back(&item);
      continue;
    }
    if (placed.empty()) {
      check_begin(chain, item, bad.size());
    } else {
      const std::uint64_t before = placed.back()->number;
      adjoins.push_back(before + 1 == item.number);
      check_gap(before + 1, item.number - 1, bad.size(), item);
    }
    placed.push_back(&item);
    bad.clear();
  }
  check_links(placed, adjoins);
  check_strays(chain);
  check_end(chain, placed.empty() ? nullptr : placed.back(), bad, expected);
  report_.records += placed.size();
  if (placed.empty()) return;
  if (report_.first == 0 || placed.front()->number < report_.first) {
    report_.first = placed.front()->number;
  }
  if (placed.back()->number > report_.head.number) {
    report_.head = {placed.back()->number, {}};
    for (const char byte : placed.back()->hash) {
      constexpr char kDigits[] = "0123456789abcdef";
      report_.head.hash += kDigits[static_cast<unsigned char>(byte) >> 4];
      report_.head.hash += kDigits[static_cast<unsigned char>(byte) & 15];
    }
  }
}

// Numbers first to last have no record in place; `bad` lines without one stand there.
void Verifier::check_gap(std::uint64_t first, std::uint64_t last, std::size_t bad,
                         const Item& after) {
  if (first > last) {
    if (bad == 0) return;
    return report(Finding::Kind::foreign, after.number, after.number, after.source,
                  std::to_string(bad) + " lines before record " + std::to_string(after.number) +
                      " are no records");
  }
  // Ranges without those that stand elsewhere.
  auto stray = std::lower_bound(strays_.begin(), strays_.end(), first);
  std::uint64_t from = first;
  const auto tell = [&](std::uint64_t to) {
    if (from > to) return;
    const Finding::Kind kind = bad == 0 ? Finding::Kind::missing : Finding::Kind::changed;
    std::string text = range_text(from, to);
    if (bad == 0) {
      text += to == from ? " is not there" : " are not there";
    } else {
      text += ": " + std::to_string(bad) + " damaged lines stand there";
    }
    report(kind, from, to, after.source, text);
  };
  for (; stray != strays_.end() && *stray <= last; ++stray) {
    if (*stray < from) continue;
    tell(*stray - 1);
    from = *stray + 1;
  }
  tell(last);
}

void Verifier::check_begin(const Chain& chain, const Item& first, std::size_t bad) {
  const std::uint64_t begin = chain.removed.last + 1;
  check_gap(std::min(begin, first.number), first.number - 1, bad, first);
  // A removal that was recorded and not carried out leaves earlier records, which prove themselves.
  const std::string before = first.number == 1       ? std::string(kNoHash)
                             : first.number == begin ? chain.removed.hash
                                                     : std::string();
  if (!before.empty() && first.previous != packed(before)) {
    report(Finding::Kind::changed, first.number, first.number, first.source,
           "record " + std::to_string(first.number) + " does not continue what was before it");
  }
}

// A record that was written anew, with a hash that fits, no longer fits the next one; where it
// fits neither, both links are wrong.
void Verifier::check_links(const std::vector<const Item*>& placed,
                           const std::vector<bool>& adjoins) {
  const auto fits = [&](std::size_t i) {
    return !adjoins[i] || placed[i]->hash == placed[i + 1]->previous;
  };
  for (std::size_t i = 0; i < adjoins.size(); ++i) {
    if (fits(i)) continue;
    const bool next_too = i + 1 < adjoins.size() && !fits(i + 1);
    const Item& item = next_too ? *placed[i + 1] : *placed[i];
    report(Finding::Kind::changed, item.number, item.number, item.source,
           "record " + std::to_string(item.number) +
               " has been replaced: its hash is not the one " + "that the next record names");
    if (next_too) ++i;
  }
}

void Verifier::check_strays(const Chain& chain) {
  std::map<std::uint64_t, const Item*> in_place;
  for (const Item& item : chain.items) {
    if (item.in_place) in_place.emplace(item.number, &item);
  }
  for (const Item& item : chain.items) {
    if (item.number == 0 || item.in_place) continue;
    const auto twin = in_place.find(item.number);
    const std::string name = "record " + std::to_string(item.number);
    if (twin == in_place.end()) {
      report(Finding::Kind::reordered, item.number, item.number, item.source,
             name + " does not stand in its place");
    } else if (twin->second->hash == item.hash) {
      report(Finding::Kind::repeated, item.number, item.number, item.source,
             name + " stands there more than once");
    } else {
      report(Finding::Kind::differs, item.number, item.number, item.source,
             "there is more than one " + name + ", and they differ");
    }
  }
}

void Verifier::check_end(const Chain& chain, const Item* last, const std::vector<const Item*>& bad,
                         const std::optional<Head>& expected) {
  std::uint64_t end = last != nullptr ? last->number : 0;
  // Records that have been moved from the end are not cut.
  if (last != nullptr && !strays_.empty() && strays_.back() > end) {
    check_gap(end + 1, strays_.back(), 0, *last);
    end = strays_.back();
  }
  std::uint64_t wanted = chain.head ? chain.head->number : 0;
  if (expected) wanted = std::max(wanted, expected->number);
  const std::uint32_t source = chain.source;
  if (!bad.empty()) {
    const bool torn = bad.size() == 1 && !bad.front()->whole;
    const std::uint64_t to = std::max(wanted, end + bad.size());
    report(torn ? Finding::Kind::cut : Finding::Kind::changed, end + 1, to, bad.front()->source,
           torn ? "record " + std::to_string(end + 1) + " is incomplete, at the end"
                : range_text(end + 1, to) + ": " + std::to_string(bad.size()) +
                      " damaged lines stand there, at the end");
  } else if (wanted > end) {
    report(Finding::Kind::cut, end + 1, wanted, source,
           range_text(end + 1, wanted) + " cut from the end: the head names record " +
               std::to_string(wanted));
  }
  if (chain.head) check_head(chain, *chain.head, "the export's head");
  if (expected) check_head(chain, *expected, "the head that was given");
  if (chain.head && end > chain.head->number) {
    report(Finding::Kind::foreign, chain.head->number + 1, end, source,
           range_text(chain.head->number + 1, end) + " added after the export's head");
  }
}

void Verifier::check_head(const Chain& chain, const Head& head, const std::string& what) {
  for (const Item& item : chain.items) {
    if (!item.in_place || item.number != head.number) continue;
    if (item.hash == packed(head.hash)) return;
    report(Finding::Kind::differs, item.number, item.number, item.source,
           "record " + std::to_string(item.number) + " is not the one that " + what + " names");
  }
}

void Verifier::compare(const Chain& chain) {
  for (const Item& item : chain.items) {
    if (!item.in_place) continue;
    const auto [place, added] = known_.try_emplace(item.number, item.hash, item.source);
    if (added || place->second.first == item.hash) continue;
    report(Finding::Kind::differs, item.number, item.number, item.source,
           "record " + std::to_string(item.number) + " differs from that of " +
               sources_[place->second.second]);
  }
}

}  // namespace bulkhead::audit
