// The rates between two looks, and the screen that shows them.
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "controlplane/cli/top_rates.h"
#include "controlplane/cli/top_screen.h"
#include "dataplane/base/time_buckets.h"

namespace bulkhead::controlplane {
namespace {

v1::Counter counter(const std::string& conduit, const std::string& function,
                    const std::string& reason, std::uint64_t messages) {
  v1::Counter row;
  row.set_conduit(conduit);
  row.set_protocol(function.empty() ? "" : "modbus");
  row.set_function(function);
  row.set_verdict(reason == "granted" ? "allow" : "deny");
  row.set_reason(reason);
  row.set_messages(messages);
  row.set_bytes(messages * 10);
  return row;
}

CounterLook look_of(const std::vector<v1::Counter>& rows) {
  v1::Counters page;
  for (const v1::Counter& row : rows) *page.add_rows() = row;
  CounterLook look;
  look.take(page);
  return look;
}

v1::GetStatusResponse status_of(std::uint64_t uptime_ms, std::uint64_t packets) {
  v1::GetStatusResponse status;
  status.set_dataplane_connected(true);
  status.mutable_active()->set_number(7);
  status.mutable_active()->set_site("water-works");
  status.mutable_dataplane()->set_uptime_ms(uptime_ms);
  v1::WorkerStatus& worker = *status.mutable_dataplane()->add_workers();
  const auto add = [&worker](const std::string& name, std::uint64_t value) {
    v1::Statistic& row = *worker.add_statistics();
    row.set_name(name);
    row.set_value(value);
  };
  add("packets", packets);
  add("busy_cycles", packets * 500);
  add("flows", 12);
  add(time_bucket_name(3), packets - packets / 50);
  add(time_bucket_name(9), packets / 50);
  v1::LimitStatus& limit = *worker.add_limits();
  limit.set_name("flows");
  limit.set_max(100);
  limit.set_used(12);
  return status;
}

TEST(TopRates, AreWhatCameBetweenTwoLooks) {
  TopRates rates;
  TopView view = rates.step(status_of(1000, 100), {},
                            look_of({counter("scada", "read_coils", "granted", 100)}), kSecondNs);
  EXPECT_EQ(view.seconds, 0);
  ASSERT_EQ(view.conduits.size(), 1U);
  EXPECT_EQ(view.conduits[0].allowed_s, 0) << "nothing is known of the time before";
  EXPECT_EQ(view.conduits[0].allowed, 100U);
  view = rates.step(status_of(3000, 300), {},
                    look_of({counter("scada", "read_coils", "granted", 140),
                             counter("scada", "write_coil", "function_not_granted", 6),
                             counter("", "", "no_rule", 4)}),
                    3 * kSecondNs);
  EXPECT_EQ(view.seconds, 2);
  ASSERT_EQ(view.conduits.size(), 2U);
  EXPECT_EQ(view.conduits[0].name, "(none)");
  EXPECT_EQ(view.conduits[1].allowed_s, 20);
  EXPECT_EQ(view.conduits[1].refused_s, 3) << "a row that is new began at 0";
  EXPECT_EQ(view.conduits[1].bytes_s, 230);
  ASSERT_EQ(view.functions.size(), 2U);
  EXPECT_EQ(view.functions[0].name, "modbus read_coils");
  ASSERT_EQ(view.refusals.size(), 2U);
  EXPECT_EQ(view.refusals[0].name, "function_not_granted");
  EXPECT_EQ(view.refusals[0].detail, "scada");
  ASSERT_EQ(view.workers.size(), 1U);
  EXPECT_EQ(view.workers[0].frames_s, 100);
  EXPECT_EQ(view.workers[0].cycles_a_frame, 500);
  EXPECT_EQ(view.workers[0].slow_us, 512) << "two of a hundred are in the slow bucket";
  EXPECT_EQ(view.workers[0].fullest, "flows");
}

TEST(TopRates, ADataPlaneThatBeganAnewHasNoRatesYet) {
  TopRates rates;
  rates.step(status_of(5000, 1000), {}, look_of({counter("scada", "", "granted", 100)}), kSecondNs);
  const TopView view = rates.step(status_of(100, 10), {},
                                  look_of({counter("scada", "", "granted", 3)}), 2 * kSecondNs);
  EXPECT_EQ(view.seconds, 0);
  EXPECT_EQ(view.conduits[0].allowed_s, 0);
}

// An appliance with much to show.
TopView busy() {
  TopRates rates;
  std::vector<v1::Counter> rows;
  for (int i = 0; i < 40; ++i) {
    const std::string number = std::to_string(i);
    rows.push_back(counter("conduit-" + number, "function_" + number, "granted",
                           static_cast<std::uint64_t>(i)));
    rows.push_back(counter("conduit-" + number, "function_" + number, "values_not_granted",
                           static_cast<std::uint64_t>(40 - i)));
  }
  rates.step(status_of(1000, 100), {}, look_of({}), kSecondNs);
  v1::PairStatus pair;
  pair.mutable_self()->set_role("active");
  pair.set_peer_heard(true);
  pair.mutable_peer()->set_name("bravo");
  pair.mutable_peer()->set_role("standby");
  v1::GetStatusResponse status = status_of(2000, 1'234'567);
  v1::Alarm& alarm = *status.add_alarms();
  alarm.set_name("no_peer");
  return rates.step(status, pair, look_of(rows), 2 * kSecondNs);
}

TopWish wish_of(std::size_t columns, std::size_t lines) {
  TopWish wish;
  wish.server = "192.0.2.10:7443";
  wish.time = "2026-11-30 12:00:00";
  wish.columns = columns;
  wish.lines = lines;
  return wish;
}

std::string text_of(const std::vector<TopLine>& lines) {
  std::string text;
  for (const TopLine& line : lines) text += line.text + "\n";
  return text;
}

bool has(const std::vector<TopLine>& lines, const std::string& text) {
  return text_of(lines).find(text) != std::string::npos;
}

TEST(TopScreen, FitsEachSize) {
  const TopView view = busy();
  for (const auto& [columns, lines] : std::vector<std::pair<std::size_t, std::size_t>>{
           {60, 12}, {80, 24}, {100, 30}, {200, 50}, {80, 200}, {300, 13}, {10, 3}}) {
    const auto drawn = draw_top(view, wish_of(columns, lines));
    EXPECT_EQ(drawn.size(), lines) << columns << "x" << lines;
    for (const TopLine& line : drawn) {
      EXPECT_LE(line.text.size(), columns) << columns << "x" << lines << ": " << line.text;
    }
  }
}

TEST(TopScreen, ShowsEachPartAt80By24) {
  const auto drawn = draw_top(busy(), wish_of(80, 24));
  for (const char* part :
       {"192.0.2.10:7443", "enforcing revision 7 of water-works",
        "pair: active, term 0, peer bravo", "NOT READY", "alarms: no_peer", "WORKER", "CONDUITS (",
        " of 40)", "FUNCTIONS (", "REFUSALS (", "values_not_granted", "q quit"}) {
    EXPECT_TRUE(has(drawn, part)) << part << "\n" << text_of(drawn);
  }
}

TEST(TopScreen, CountsAreWholeAndTheKeysAreNotCut) {
  TopRates rates;
  const TopView view =
      rates.step(status_of(1, 1), {},
                 look_of({counter("a", "", "granted", 2), counter("b", "", "granted", 9)}), 1);
  EXPECT_TRUE(has(draw_top(view, wish_of(80, 24)), "        2\n"));
  EXPECT_TRUE(has(draw_top(view, wish_of(80, 24)), "        9\n"));
  TopWish wish = wish_of(80, 24);
  for (const std::size_t columns : {60U, 79U, 80U, 88U, 200U}) {
    for (const char* filter : {"", "conduit", "a filter of more than thirty letters"}) {
      wish.columns = columns;
      wish.filter = filter;
      const std::string keys = draw_top(view, wish).back().text;
      EXPECT_EQ(keys.find('~'), std::string::npos) << keys;
      EXPECT_TRUE(keys.ends_with("/ filter") || columns == 60) << keys;
    }
  }
  wish = wish_of(80, 24);
  EXPECT_TRUE(has(draw_top(view, wish), "r refused t total b bytes n name  / filter"));
  wish.columns = 200;
  EXPECT_TRUE(has(draw_top(view, wish), "1 conduits 2 functions 3 refusals"));
}

TEST(TopScreen, SortsAndFiltersAndEnlarges) {
  TopWish wish = wish_of(80, 50);
  wish.section = TopSection::conduits;
  const auto first = [](const std::vector<TopLine>& lines) {
    for (std::size_t i = 0; i < lines.size(); ++i) {
      if (lines[i].text.starts_with("CONDUITS")) {
        return lines[i + 1].text.substr(0, lines[i + 1].text.find(' '));
      }
    }
    return std::string("none");
  };
  const TopView view = busy();
  EXPECT_EQ(first(draw_top(view, wish)), "conduit-0") << "all have as many, so by name";
  EXPECT_FALSE(has(draw_top(view, wish), "FUNCTIONS"));
  wish.sort = TopSort::name;
  wish.filter = "-3";
  const auto filtered = draw_top(view, wish);
  EXPECT_EQ(first(filtered), "conduit-3");
  EXPECT_TRUE(has(filtered, "conduit-39"));
  EXPECT_FALSE(has(filtered, "conduit-4"));
  EXPECT_TRUE(has(filtered, "filter: -3"));
  TopRates rates;
  rates.step(status_of(1000, 1), {}, look_of({counter("old", "", "granted", 1000)}), kSecondNs);
  const TopView two =
      rates.step(status_of(2000, 1), {},
                 look_of({counter("old", "", "granted", 1001), counter("new", "", "granted", 5)}),
                 2 * kSecondNs);
  wish.filter.clear();
  wish.sort = TopSort::rate;
  EXPECT_EQ(first(draw_top(two, wish)), "new");
  wish.sort = TopSort::total;
  EXPECT_EQ(first(draw_top(two, wish)), "old");
  wish.sort = TopSort::bytes;
  EXPECT_EQ(first(draw_top(two, wish)), "new");
  wish.sort = TopSort::refused;
  EXPECT_EQ(first(draw_top(busy(), wish)), "conduit-0") << "of 40 refusals";
}

// One row below the other, at the right edge of their headings and near their names.
TEST(TopScreen, NumbersStandBelowTheirHeadings) {
  TopRates rates;
  rates.step(status_of(1000, 1), {}, look_of({}), kSecondNs);
  const TopView view = rates.step(status_of(2000, 1), {},
                                  look_of({counter("scada", "read_coils", "granted", 123'456),
                                           counter("scada", "write_coil", "no_rule", 77)}),
                                  2 * kSecondNs);
  for (const std::size_t columns : {60U, 80U, 200U}) {
    const auto drawn = draw_top(view, wish_of(columns, 24));
    const auto begins = [&drawn](const std::string& with) {
      const auto found = std::find_if(drawn.begin(), drawn.end(), [&with](const TopLine& line) {
        return line.text.starts_with(with);
      });
      return found == drawn.end() ? std::string() : found->text;
    };
    const auto end_of = [](const std::string& text, const std::string& part) {
      const std::size_t at = text.find(part);
      return at == std::string::npos ? at : at + part.size();
    };
    const std::string title = begins("CONDUITS");
    const std::string row = begins("scada");
    EXPECT_EQ(end_of(title, "PASSED/S"), end_of(row, "123,456")) << columns;
    EXPECT_EQ(end_of(title, "REFUSED/S"), end_of(row, " 77")) << columns;
    EXPECT_EQ(end_of(title, "BYTES/S"), end_of(row, "1.2M")) << columns;
    EXPECT_EQ(end_of(title, "TOTAL"), row.size()) << columns;
    EXPECT_LE(row.size(), 24U + 9 + 11 + 9 + 9) << "near its name";
    EXPECT_EQ(begins("REFUSALS").find("PASSED"), std::string::npos) << "nothing of them passes";
  }
}

// The conduits of two refusals are told from one another, although their names are long.
TEST(TopScreen, ARefusalsConduitHasTheRoomThatItsReasonLeaves) {
  TopRates rates;
  const TopView view =
      rates.step(status_of(1, 1), {},
                 look_of({counter("historian-to-packaging-line-03-maintenance", "", "no_rule", 2),
                          counter("historian-to-packaging-line-06-maintenance", "", "no_rule", 2)}),
                 1);
  const auto drawn = draw_top(view, wish_of(80, 24));
  EXPECT_TRUE(has(drawn, "no_rule  historian-to-packaging-line-03")) << text_of(drawn);
  EXPECT_TRUE(has(drawn, "no_rule  historian-to-packaging-line-06")) << text_of(drawn);
  v1::Counter malformed =
      counter("historian-to-packaging-line-06-maintenance", "", "protocol_fault", 2);
  malformed.set_fault("not_this_protocol");
  const TopView faults = TopRates().step(status_of(1, 1), {}, look_of({malformed}), 1);
  EXPECT_TRUE(
      has(draw_top(faults, wish_of(80, 24)), "fault:not_this_protocol  historian-to-packaging-"));
  EXPECT_EQ(top_json(faults, wish_of(80, 24))["refusals"][0]["name"],
            "protocol_fault:not_this_protocol");
}

TEST(TopScreen, ASectionAloneScrollsToItsLastRow) {
  const TopView view = busy();
  TopWish wish = wish_of(80, 24);
  EXPECT_EQ(page_of(view, wish).rows, 0U) << "all sections";
  wish.section = TopSection::conduits;
  wish.sort = TopSort::name;
  const TopPage page = page_of(view, wish);
  EXPECT_EQ(page.rows, 40U);
  wish.first = page.rows - page.fits;
  const auto last = draw_top(view, wish);
  EXPECT_TRUE(has(last, "conduit-9 ")) << text_of(last);
  EXPECT_TRUE(has(last, "-40 of 40)"));
  EXPECT_FALSE(has(last, "conduit-0 "));
  wish.first = 1000;
  EXPECT_EQ(text_of(draw_top(view, wish)), text_of(last)) << "the last page is whole";
  wish.first = 0;
  EXPECT_TRUE(has(draw_top(view, wish), "(" + std::to_string(page.fits) + " of 40)"));
  EXPECT_TRUE(has(draw_top(view, wish), "up down scroll"));
}

TEST(TopScreen, ShowsWhatIsContainedAndMissed) {
  TopRates rates;
  v1::GetStatusResponse status = status_of(1000, 1);
  v1::PortStatus& port = *status.mutable_dataplane()->add_ports();
  port.set_missed(1000);
  rates.step(status, {}, look_of({}), kSecondNs);
  EXPECT_FALSE(has(draw_top(rates.step(status, {}, look_of({}), 2 * kSecondNs), wish_of(80, 24)),
                   "ports miss"));
  status.mutable_dataplane()->mutable_ports(0)->set_missed(1500);
  v1::Containment& cut = *status.mutable_containment()->add_containments();
  cut.mutable_target()->set_zone("control");
  cut.set_level(v1::CONTAINMENT_LEVEL_READ_ONLY);
  const TopView view = rates.step(status, {}, look_of({}), 3 * kSecondNs);
  const auto drawn = draw_top(view, wish_of(80, 24));
  EXPECT_TRUE(has(drawn, "CONTAINED: zone control read-only")) << text_of(drawn);
  EXPECT_TRUE(has(drawn, "ports miss 500 frames/s")) << text_of(drawn);
  const Json json = top_json(view, wish_of(80, 24));
  EXPECT_EQ(json["contained"][0]["zone"], "control");
  EXPECT_EQ(json["missed_per_second"], 500);
}

// At a mirror port: nothing else is there.
v1::GetStatusResponse status_with_tap(std::uint64_t frames, std::uint64_t would_deny) {
  v1::GetStatusResponse status = status_of(frames, frames);
  v1::PortStatus& port = *status.mutable_dataplane()->add_ports();
  port.set_tap(true);
  port.set_device("net_af_packet0,iface=mon0");
  port.set_packets_in(frames);
  port.set_missed(frames / 100);
  const auto add = [&status](const std::string& name, std::uint64_t value) {
    v1::Statistic& row = *status.mutable_dataplane()->mutable_workers(0)->add_statistics();
    row.set_name(name);
    row.set_value(value);
  };
  add("observed_sessions", 4);
  add("would_deny", would_deny);
  add("not_judged", frames / 1000);
  add("tap_copies", frames / 2);
  add("tap_within", frames / 10);
  return status;
}

v1::Counter would_deny(std::uint64_t messages) {
  v1::Counter row = counter("scada", "write_coil", "values_not_granted", messages);
  row.set_verdict("would_deny");
  return row;
}

TEST(TopRates, OfATapAndWhatItForetells) {
  TopRates rates;
  v1::Counter unjudged = counter("scada", "", "not_judged", 5);
  unjudged.set_verdict("not_judged");
  TopView view =
      rates.step(status_with_tap(10'000, 10), {}, look_of({would_deny(10), unjudged}), kSecondNs);
  ASSERT_EQ(view.taps.size(), 1U);
  EXPECT_EQ(view.taps[0].frames_s, 0) << "nothing is known of the time before";
  EXPECT_EQ(view.foretold.refused_s, 0);
  unjudged.set_messages(9);
  view = rates.step(status_with_tap(14'000, 16), {}, look_of({would_deny(16), unjudged}),
                    3 * kSecondNs);
  EXPECT_EQ(view.taps[0].frames_s, 2000);
  EXPECT_EQ(view.workers[0].sessions, 16U) << "those that are judged beside, too";
  EXPECT_EQ(view.taps[0].missed_s, 20);
  EXPECT_EQ(view.foretold.refused_s, 3);
  EXPECT_EQ(view.foretold.not_judged_s, 2);
  EXPECT_EQ(view.foretold.copies_s, 1000);
  EXPECT_EQ(view.foretold.within_s, 200);
  ASSERT_EQ(view.refusals.size(), 1U) << "what was not judged has passed";
  EXPECT_TRUE(view.refusals[0].foretold);
  EXPECT_EQ(view.refusals[0].refused_s, 3);
  EXPECT_EQ(view.conduits[0].allowed_s, 2);
}

TEST(TopScreen, SaysThatATapEnforcesNothing) {
  TopRates rates;
  rates.step(status_with_tap(10'000, 10), {}, look_of({would_deny(10)}), kSecondNs);
  v1::GetStatusResponse status = status_with_tap(14'000, 16);
  const TopView view = rates.step(
      status, {}, look_of({would_deny(16), counter("scada", "", "no_rule", 2)}), 3 * kSecondNs);
  const auto drawn = draw_top(view, wish_of(80, 24));
  for (const char* part :
       {"listening, and enforcing nothing: revision 7 of water-works\n",
        "TAP 0: 2,000 frames/s, 20 missed/s, net_af_packet0,iface=mon0\n",
        "would refuse 3.0/s, not judged 2.0/s, copies 1,000/s, in one zone 200/s\n",
        "\nwould: values_not_granted  scada", "\nno_rule "}) {
    EXPECT_TRUE(has(drawn, part)) << part << "\n" << text_of(drawn);
  }
  const auto narrow = draw_top(view, wish_of(60, 12));
  EXPECT_TRUE(has(narrow, "TAP 0: 2,000 frames/s, 20 missed/s, net_af_packet0,iface=mo~"))
      << text_of(narrow);
  EXPECT_TRUE(has(narrow, "would refuse 3.0/s, not judged 2.0/s, copies 1,000/s\n"))
      << text_of(narrow);
  EXPECT_TRUE(has(narrow, "CONDUITS")) << text_of(narrow);
  const Json json = top_json(view, wish_of(80, 24));
  EXPECT_EQ(json["only_listens"], true);
  EXPECT_EQ(json["taps"][0]["device"], "net_af_packet0,iface=mon0");
  EXPECT_EQ(json["taps"][0]["frames_per_second"], 2000);
  EXPECT_EQ(json["would_refuse_per_second"], 3);
  EXPECT_EQ(json["refusals"].size(), 2U);
  EXPECT_NE(json["refusals"][0]["foretold"], json["refusals"][1]["foretold"]);
  EXPECT_FALSE(has(draw_top(busy(), wish_of(80, 24)), "TAP"));
  EXPECT_FALSE(has(draw_top(busy(), wish_of(80, 24)), "would"));
}

TEST(TopScreen, ManyTapsLeaveRoomAndZonePortsEnforce) {
  TopRates rates;
  v1::GetStatusResponse status = status_with_tap(1000, 0);
  for (std::uint32_t i = 1; i < 5; ++i) {
    v1::PortStatus& port = *status.mutable_dataplane()->add_ports();
    port.set_index(i);
    port.set_tap(i > 1);
    port.set_missed_unknown(true);
    port.set_device("net_af_xdp" + std::to_string(i));
  }
  const auto drawn =
      draw_top(rates.step(status, {}, look_of({counter("scada", "", "granted", 1)}), kSecondNs),
               wish_of(60, 12));
  EXPECT_TRUE(has(drawn, "enforcing revision 7")) << text_of(drawn);
  EXPECT_TRUE(has(drawn, "TAP 2: 0 frames/s, net_af_xdp2\n    and 2 more taps\n"))
      << text_of(drawn);
  EXPECT_TRUE(has(drawn, "CONDUITS")) << text_of(drawn);
}

TEST(TopScreen, SaysWhatObserves) {
  TopRates rates;
  v1::GetStatusResponse status = status_of(1000, 1);
  status.mutable_dataplane()->add_observed()->set_conduit("scada");
  v1::ObservedConduit& ended = *status.mutable_dataplane()->add_observed();
  ended.set_conduit("office");
  ended.set_ended(true);
  const auto drawn = draw_top(rates.step(status, {}, look_of({}), kSecondNs), wish_of(80, 24));
  EXPECT_TRUE(has(drawn, "\nOBSERVES: scada\nwould refuse 0/s, not judged 0/s\n"))
      << text_of(drawn);
}

TEST(TopScreen, NamesCannotControlTheTerminal) {
  TopRates rates;
  const TopView view =
      rates.step(status_of(1, 1), {}, look_of({counter("a\x1b[31mb", "", "granted", 1)}), 1);
  EXPECT_EQ(text_of(draw_top(view, wish_of(80, 24))).find('\x1b'), std::string::npos);
}

TEST(TopJson, HasWhatTheScreenHas) {
  TopWish wish = wish_of(80, 24);
  wish.filter = "conduit-39";
  const Json json = top_json(busy(), wish);
  EXPECT_EQ(json["conduits"].size(), 1U);
  EXPECT_EQ(json["conduits"][0]["passed"], 39);
  EXPECT_EQ(json["conduits"][0]["refused"], 1);
  EXPECT_EQ(json["refusals"][0]["conduit"], "conduit-39");
  EXPECT_EQ(json["workers"][0]["fullest_limit"], "flows");
  EXPECT_EQ(json["alarms"][0], "no_peer");
}

}  // namespace
}  // namespace bulkhead::controlplane
