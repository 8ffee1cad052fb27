// From the top: state, alarms, pair, workers; then the sections share what lines are left.
#include "controlplane/cli/top_screen.h"

#include <algorithm>
#include <cstdio>
#include <tuple>

#include "controlplane/cli/containment_text.h"
#include "controlplane/cli/tap_text.h"

namespace bulkhead::controlplane {

namespace {

constexpr std::string_view kSorts[] = {"rate", "refused", "total", "bytes", "name"};
// The first that fits is shown.
constexpr std::string_view kKeys[] = {
    "q quit  1 conduits 2 functions 3 refusals 0 all  sort: m rate r refused t total b bytes n "
    "name  "
    "/ filter",
    "q quit  1 2 3 section 0 all  m rate r refused t total b bytes n name  / filter",
    "q quit  0-3 sections  m r t b n sort  / filter",
    "q quit  / filter",
};
// Of a section that is shown alone.
constexpr std::string_view kScrollKeys = "up down scroll  ";
// Widths of the columns of numbers, with the blanks before them.
constexpr std::size_t kPassedWidth = 9;
constexpr std::size_t kRefusedWidth = 11;
constexpr std::size_t kBytesWidth = 9;
constexpr std::size_t kTotalWidth = 9;
constexpr std::size_t kNumbersWidth = kPassedWidth + kRefusedWidth + kBytesWidth + kTotalWidth;

// A number in at most 8 columns.
std::string short_number(double value) {
  char text[32];
  if (value < 9.95) {
    std::snprintf(text, sizeof(text), value < 0.05 ? "%.0f" : "%.1f", value);
    return text;
  }
  if (value < 999'999.5) return grouped(static_cast<std::uint64_t>(value + 0.5));
  constexpr const char* kUnits[] = {"M", "G", "T", "P"};
  std::size_t unit = 0;
  value /= 1e6;
  while (value >= 999.95 && unit < 3) {
    value /= 1000;
    ++unit;
  }
  std::snprintf(text, sizeof(text), "%.1f%s", value, kUnits[unit]);
  return text;
}

// The same for what is counted.
std::string short_count(std::uint64_t value) {
  return value < 1'000'000 ? grouped(value) : short_number(static_cast<double>(value));
}

// Characters, taken for columns.
std::size_t width_of(const std::string& text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xc0) != 0x80;
  }));
}

// The text in exactly so many columns; what is cut off shows as `~`.
std::string fit(const std::string& text, std::size_t columns, bool right = false) {
  const std::size_t width = width_of(text);
  if (width <= columns) {
    const std::string blanks(columns - width, ' ');
    return right ? blanks + text : text + blanks;
  }
  std::string out;
  std::size_t taken = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool begins = (static_cast<unsigned char>(text[i]) & 0xc0) != 0x80;
    if (begins && ++taken >= columns) break;
    out += text[i];
  }
  return columns == 0 ? std::string() : out + "~";
}

std::string right(double value, std::size_t columns) {
  return fit(short_number(value), columns, true);
}

// As it stands, cut at the screen's edge.
std::string cut(const std::string& text, const TopWish& wish) {
  return width_of(text) <= wish.columns ? text : fit(text, wish.columns);
}

TopLine line(const std::string& text, const TopWish& wish, Colour colour = Colour::plain) {
  return {cut(printable(text), wish), colour};
}

double rate_of(const TopRow& row) { return row.allowed_s + row.refused_s; }
std::uint64_t total_of(const TopRow& row) { return row.allowed + row.refused; }

bool comes_before(const TopRow& a, const TopRow& b, TopSort sort) {
  if (sort == TopSort::rate && rate_of(a) != rate_of(b)) return rate_of(a) > rate_of(b);
  if (sort == TopSort::refused && a.refused_s != b.refused_s) return a.refused_s > b.refused_s;
  if (sort == TopSort::refused && a.refused != b.refused) return a.refused > b.refused;
  if (sort == TopSort::bytes && a.bytes_s != b.bytes_s) return a.bytes_s > b.bytes_s;
  if (sort != TopSort::name && total_of(a) != total_of(b)) return total_of(a) > total_of(b);
  return std::tie(a.name, a.detail) < std::tie(b.name, b.detail);
}

std::vector<TopRow> chosen(const std::vector<TopRow>& rows, const TopWish& wish) {
  std::vector<TopRow> out;
  for (const TopRow& row : rows) {
    const bool fits = row.name.find(wish.filter) != std::string::npos ||
                      row.detail.find(wish.filter) != std::string::npos;
    if (fits) out.push_back(row);
  }
  std::sort(out.begin(), out.end(),
            [&wish](const TopRow& a, const TopRow& b) { return comes_before(a, b, wish.sort); });
  return out;
}

std::string state_text(const TopView& view) {
  const v1::GetStatusResponse& status = view.status;
  if (!status.problem().empty()) return "problem: " + status.problem();
  const bool stands_by = status.dataplane().has_pair() && !status.dataplane().pair().forwards();
  return std::string(only_listens(status.dataplane()) ? "listening, and enforcing nothing:"
                     : stands_by                      ? "standby of a pair"
                                                      : "enforcing") +
         " revision " + std::to_string(status.active().number()) + " of " + status.active().site();
}

std::string pair_text(const v1::PairStatus& pair) {
  std::string text = "pair: " + pair.self().role() + ", term " + std::to_string(pair.term());
  if (!pair.peer_heard()) return text + ", the peer is not heard";
  text += ", peer " + pair.peer().name() + " " + pair.peer().role();
  const v1::PairAppliance& standby = pair.self().role() == "active" ? pair.peer() : pair.self();
  text += standby.maintenance() ? " in maintenance" : standby.ready() ? " ready" : " NOT READY";
  std::string silent;
  for (const v1::PairPath& path : pair.paths()) {
    if (!path.heard()) silent += (silent.empty() ? ", silent: " : ", ") + path.name();
  }
  return text + silent;
}

std::string conduits_that_observe(const v1::DataplaneStatus& dataplane) {
  std::string names;
  for (const v1::ObservedConduit& each : dataplane.observed()) {
    if (!each.ended() && !each.contained()) names += (names.empty() ? "" : ", ") + each.conduit();
  }
  return names;
}

// What only listens, what observes, and what enforcing would refuse of both.
void add_foretold(const TopView& view, const TopWish& wish, std::vector<TopLine>& lines) {
  constexpr std::size_t kTapsMax = 2;
  for (std::size_t i = 0; i < view.taps.size() && i < kTapsMax; ++i) {
    const TopTap& tap = view.taps[i];
    const std::string missed =
        tap.missed_s > 0 ? short_number(tap.missed_s) + " missed/s, " : std::string();
    lines.push_back(line("TAP " + std::to_string(tap.index) + ": " + short_number(tap.frames_s) +
                             " frames/s, " + missed + tap.device,
                         wish, Colour::bad));
  }
  if (view.taps.size() > kTapsMax) {
    lines.push_back(line("    and " + std::to_string(view.taps.size() - kTapsMax) + " more taps",
                         wish, Colour::bad));
  }
  const std::string observing = conduits_that_observe(view.status.dataplane());
  if (!observing.empty()) lines.push_back(line("OBSERVES: " + observing, wish, Colour::bad));
  if (view.taps.empty() && observing.empty()) return;
  std::string text = "would refuse " + short_number(view.foretold.refused_s) + "/s, not judged " +
                     short_number(view.foretold.not_judged_s) + "/s";
  if (!view.taps.empty()) {
    for (const std::string& more :
         {", copies " + short_number(view.foretold.copies_s) + "/s",
          ", in one zone " + short_number(view.foretold.within_s) + "/s"}) {
      if (text.size() + more.size() <= wish.columns) text += more;
    }
  }
  lines.push_back(line(text, wish, view.foretold.refused_s > 0 ? Colour::bad : Colour::plain));
}

void add_state(const TopView& view, const TopWish& wish, std::vector<TopLine>& lines) {
  const bool good = view.status.problem().empty();
  std::string head =
      "bulkhead top  " + wish.server + "  " + wish.time + "  by " + std::string(name_of(wish.sort));
  if (view.seconds == 0) head += "  (rates from the second look on)";
  if (view.cut) head += "  (counters are cut)";
  lines.push_back(line(head, wish, Colour::bold));
  if (!wish.message.empty()) lines.push_back(line("no answer: " + wish.message, wish, Colour::bad));
  lines.push_back(line(state_text(view), wish, good ? Colour::good : Colour::bad));
  if (view.pair) lines.push_back(line(pair_text(*view.pair), wish));
  std::string contained;
  for (const v1::Containment& each : view.status.containment().containments()) {
    contained += (contained.empty() ? "CONTAINED: " : "; ") + target_text(each.target()) + " " +
                 level_text(each.level());
  }
  if (!contained.empty()) lines.push_back(line(contained, wish, Colour::bad));
  add_foretold(view, wish, lines);
  if (view.missed_s > 0) {
    lines.push_back(line("ports miss " + short_number(view.missed_s) +
                             " frames/s: more arrive than the workers can take",
                         wish, Colour::bad));
  }
  std::string alarms;
  for (const v1::Alarm& alarm : view.status.alarms()) {
    alarms += (alarms.empty() ? "alarms: " : ", ") + alarm.name();
    if (!alarm.subject().empty()) alarms += " (" + alarm.subject() + ")";
  }
  if (!alarms.empty()) lines.push_back(line(alarms, wish, Colour::bad));
}

std::string slow_text(const TopWorker& worker) {
  if (worker.slow_us == 0) return "-";
  char text[32];
  std::snprintf(text, sizeof(text), "%s%.0f us", worker.slower ? ">" : "", worker.slow_us);
  return text;
}

// Of many workers the busiest.
void add_workers(const TopView& view, const TopWish& wish, std::vector<TopLine>& lines) {
  const std::size_t most = std::max<std::size_t>(2, wish.lines / 6);
  std::vector<TopWorker> workers = view.workers;
  std::stable_sort(workers.begin(), workers.end(),
                   [](const TopWorker& a, const TopWorker& b) { return a.frames_s > b.frames_s; });
  lines.push_back(line("WORKER  FRAMES/S  CYCLES/FRAME  99% INSIDE  SESSIONS  FULLEST LIMIT", wish,
                       Colour::dim));
  for (std::size_t i = 0; i < workers.size() && i < most; ++i) {
    const TopWorker& worker = workers[i];
    char percent[32];
    std::snprintf(percent, sizeof(percent), " %.0f%%", 100 * worker.fullest_ratio);
    lines.push_back(line(
        fit(std::to_string(worker.index), 6, true) + fit(short_number(worker.frames_s), 10, true) +
            fit(short_number(worker.cycles_a_frame), 14, true) + fit(slow_text(worker), 12, true) +
            fit(grouped(worker.sessions), 10, true) + "  " +
            (worker.fullest.empty() ? "" : worker.fullest + percent),
        wish, worker.fullest_ratio >= 0.95 ? Colour::bad : Colour::plain));
  }
  if (workers.size() > most) {
    lines.push_back(
        line("        and " + std::to_string(workers.size() - most) + " more", wish, Colour::dim));
  }
}

struct Section {
  TopSection section;
  std::string title;
  std::vector<TopRow> rows;
  bool of_refusals = false;  // rows have a detail, and nothing of them passes
};

std::vector<Section> sections_of(const TopView& view, const TopWish& wish) {
  std::vector<Section> all = {
      {TopSection::conduits, "CONDUITS", chosen(view.conduits, wish), false},
      {TopSection::functions, "FUNCTIONS", chosen(view.functions, wish), false},
      {TopSection::refusals, "REFUSALS", chosen(view.refusals, wish), true}};
  if (wish.section == TopSection::all) return all;
  std::erase_if(all, [&wish](const Section& each) { return each.section != wish.section; });
  return all;
}

// Columns of the names, the same in each section: as many as the longest needs, so that numbers
// stand near what they belong to.
struct Names {
  std::size_t all = 0;
  std::size_t name = 0;    // of a refusal, with two blanks
  std::size_t detail = 0;  // of a refusal; nothing of it passes, so that column is the name's too
};

// `fault:not_this_protocol` in place of the whole reason, which needs more than there is.
std::string shown_name(const TopRow& row) {
  constexpr std::string_view kReason = "protocol_fault:";
  std::string name = printable(row.name);
  if (name.starts_with(kReason)) name = name.substr(std::string_view("protocol_").size());
  return row.foretold ? "would: " + name : name;
}

Names names_of(const std::vector<Section>& sections, const TopWish& wish) {
  constexpr std::size_t kLeast = 24;  // a title with its numbers
  Names longest;
  std::size_t plain = kLeast;
  for (const Section& section : sections) {
    for (const TopRow& row : section.rows) {
      const std::size_t width = width_of(shown_name(row));
      if (!section.of_refusals) {
        plain = std::max(plain, width);
        continue;
      }
      longest.name = std::max(longest.name, width + 2);
      longest.detail = std::max(longest.detail, width_of(printable(row.detail)));
    }
  }
  const std::size_t room = wish.columns > kNumbersWidth + 8 ? wish.columns - kNumbersWidth : 8;
  Names names;
  const std::size_t both = longest.name + longest.detail;
  names.all = std::min(room, std::max(plain, both - std::min(both, kPassedWidth)));
  const std::size_t refusal = names.all + kPassedWidth;
  names.name =
      std::min(longest.name, std::max(refusal / 2, refusal - std::min(refusal, longest.detail)));
  names.detail = refusal - names.name;
  return names;
}

TopLine section_row(const Section& section, const TopRow& row, const Names& names,
                    const TopWish& wish) {
  std::string text;
  if (section.of_refusals) {
    const std::string name =
        fit(shown_name(row), names.name - std::min<std::size_t>(names.name, 2));
    text = fit(name, names.name) + fit(printable(row.detail), names.detail);
  } else {
    text = fit(shown_name(row), names.all) + right(row.allowed_s, kPassedWidth);
  }
  text += right(row.refused_s, kRefusedWidth) + right(row.bytes_s, kBytesWidth) +
          fit(short_count(total_of(row)), kTotalWidth, true);
  return {cut(text, wish), row.refused_s > 0 ? Colour::bad : Colour::plain};
}

// The first row that is shown, so that the last page is a whole one.
std::size_t first_of(const Section& section, const TopWish& wish, std::size_t shown) {
  return wish.section == TopSection::all ? 0 : std::min(wish.first, section.rows.size() - shown);
}

void add_section(const Section& section, const Names& names, const TopWish& wish,
                 std::size_t lines_max, std::vector<TopLine>& lines) {
  const std::size_t shown = std::min(section.rows.size(), lines_max - 1);
  const std::size_t first = first_of(section, wish, shown);
  std::string title = section.title;
  if (section.rows.empty()) {
    title += wish.filter.empty() ? " (none)" : " (none fits)";
  } else if (shown < section.rows.size()) {
    const std::string from = first == 0 ? "" : grouped(first + 1) + "-";
    title += " (" + from + grouped(first + shown) + " of " + grouped(section.rows.size()) + ")";
  }
  const std::string passed = fit(section.of_refusals ? "" : "PASSED/S", kPassedWidth, true);
  lines.push_back({cut(fit(title, names.all) + passed + fit("REFUSED/S", kRefusedWidth, true) +
                           fit("BYTES/S", kBytesWidth, true) + fit("TOTAL", kTotalWidth, true),
                       wish),
                   Colour::bold});
  for (std::size_t i = first; i < first + shown; ++i) {
    lines.push_back(section_row(section, section.rows[i], names, wish));
  }
}

// Sections that need less than their share leave the rest to the others.
void add_sections(const TopView& view, const TopWish& wish, std::size_t left,
                  std::vector<TopLine>& lines) {
  const std::vector<Section> sections = sections_of(view, wish);
  const Names names = names_of(sections, wish);
  std::vector<std::size_t> heights(sections.size(), 0);
  for (bool grew = true; grew && left > 0;) {
    grew = false;
    for (std::size_t i = 0; i < sections.size() && left > 0; ++i) {
      const std::size_t wanted = sections[i].rows.size() + 1;
      if (heights[i] >= wanted) continue;
      const std::size_t more = heights[i] == 0 ? std::min<std::size_t>(2, left) : 1;
      heights[i] += std::min(more, wanted - heights[i]);
      left -= std::min(more, left);
      grew = true;
    }
  }
  for (std::size_t i = 0; i < sections.size(); ++i) {
    if (heights[i] > 0) add_section(sections[i], names, wish, heights[i], lines);
  }
}

// What stands above the sections.
std::vector<TopLine> head_lines(const TopView& view, const TopWish& wish) {
  std::vector<TopLine> lines;
  add_state(view, wish, lines);
  add_workers(view, wish, lines);
  return lines;
}

std::string keys_text(const TopWish& wish) {
  std::string filter = wish.filter.empty() ? "" : "filter: " + wish.filter + " (Esc: none)  ";
  if (wish.section != TopSection::all) filter += kScrollKeys;
  for (const std::string_view keys : kKeys) {
    if (width_of(filter) + keys.size() <= wish.columns) return filter + std::string(keys);
  }
  return filter;
}

}  // namespace

std::optional<TopSort> find_top_sort(std::string_view name) {
  for (std::size_t i = 0; i < std::size(kSorts); ++i) {
    if (kSorts[i] == name) return static_cast<TopSort>(i);
  }
  return std::nullopt;
}

std::string_view name_of(TopSort sort) { return kSorts[static_cast<std::size_t>(sort)]; }

TopPage page_of(const TopView& view, const TopWish& wish) {
  if (wish.section == TopSection::all) return {};
  const std::size_t used = head_lines(view, wish).size() + 2;  // with a title and the keys
  return {wish.lines > used ? wish.lines - used : 0, sections_of(view, wish).front().rows.size()};
}

std::vector<TopLine> draw_top(const TopView& view, const TopWish& wish) {
  std::vector<TopLine> lines = head_lines(view, wish);
  const std::size_t used = lines.size() + 1;  // with the line of keys
  if (used < wish.lines) add_sections(view, wish, wish.lines - used, lines);
  if (lines.size() > wish.lines - 1) lines.resize(wish.lines - 1);
  lines.resize(std::max(lines.size(), wish.lines - 1));
  lines.push_back(line(wish.prompt.empty() ? keys_text(wish) : wish.prompt, wish, Colour::dim));
  return lines;
}

namespace {

Json rows_json(const std::vector<TopRow>& rows, const TopWish& wish, const char* detail) {
  Json out = Json::array();
  for (const TopRow& row : chosen(rows, wish)) {
    Json each = {{"name", row.name}};
    if (detail != nullptr) {
      each[detail] = row.detail;
      each["foretold"] = row.foretold;
    }
    each["passed_per_second"] = row.allowed_s;
    each["refused_per_second"] = row.refused_s;
    each["bytes_per_second"] = row.bytes_s;
    each["passed"] = row.allowed;
    each["refused"] = row.refused;
    out.push_back(std::move(each));
  }
  return out;
}

}  // namespace

Json top_json(const TopView& view, const TopWish& wish) {
  Json json = {{"problem", view.status.problem()}, {"seconds", view.seconds}, {"cut", view.cut}};
  json["alarms"] = Json::array();
  for (const v1::Alarm& alarm : view.status.alarms()) json["alarms"].push_back(alarm.name());
  if (view.pair) json["pair"] = pair_text(*view.pair).substr(6);
  json["contained"] = containment_json(view.status.containment())["contained"];
  json["missed_per_second"] = view.missed_s;
  json["only_listens"] = only_listens(view.status.dataplane());
  json["taps"] = Json::array();
  for (const TopTap& tap : view.taps) {
    json["taps"].push_back(
        {{"port", tap.index},
         {"device", tap.device},
         {"frames_per_second", tap.frames_s},
         {"missed_per_second", tap.missed_unknown ? Json() : Json(tap.missed_s)}});
  }
  json["would_refuse_per_second"] = view.foretold.refused_s;
  json["not_judged_per_second"] = view.foretold.not_judged_s;
  json["tap_copies_per_second"] = view.foretold.copies_s;
  json["tap_within_per_second"] = view.foretold.within_s;
  json["workers"] = Json::array();
  for (const TopWorker& worker : view.workers) {
    json["workers"].push_back({{"worker", worker.index},
                               {"frames_per_second", worker.frames_s},
                               {"cycles_per_frame", worker.cycles_a_frame},
                               {"inside_99_us", worker.slow_us},
                               {"sessions", worker.sessions},
                               {"fullest_limit", worker.fullest},
                               {"fullest_ratio", worker.fullest_ratio}});
  }
  json["conduits"] = rows_json(view.conduits, wish, nullptr);
  json["functions"] = rows_json(view.functions, wish, nullptr);
  json["refusals"] = rows_json(view.refusals, wish, "conduit");
  return json;
}

}  // namespace bulkhead::controlplane
