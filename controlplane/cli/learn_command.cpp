// learn CAPTURE... | --live INTERFACE: a policy from traffic, or traffic against a policy.
#include <algorithm>
#include <filesystem>
#include <memory>

#include "controlplane/cli/chosen_ports.h"
#include "controlplane/cli/compiled_file.h"
#include "controlplane/cli/learner.h"
#include "controlplane/cli/left_out_output.h"
#include "controlplane/cli/listening.h"
#include "controlplane/cli/output.h"
#include "controlplane/cli/remote.h"
#include "controlplane/learn/words.h"
#include "controlplane/learn/write.h"
#include "controlplane/policy/literals.h"
#include "dataplane/base/duration.h"
#include "dataplane/wire/text.h"

namespace bulkhead::controlplane {

namespace {

struct Arguments {
  std::vector<std::string> captures;
  std::string live;  // an interface instead
  std::string for_text;
  std::vector<std::string> zones;
  std::vector<std::string> as;
  std::string site = "site";
  std::string out;
  std::string against;
  bool values = false;
};

// As the proposal must have it to compile.
void require_clean_name(const std::string& name, const std::string& option) {
  if (is_clean_name(name)) return;
  throw CommandFailed{kUsage, option + ": the name `" + name +
                                  "` is none: use 1 to 64 letters, digits, `-`, `_` or `.`"};
}

void require_apart(const learn::ZoneWish& zone, const learn::ZoneWish& other) {
  if (other.name == zone.name) {
    throw CommandFailed{kUsage, "--zone: " + zone.name +
                                    " is named twice: give one all its networks, as in "
                                    "NAME=NETWORK,NETWORK"};
  }
  for (const wire::Prefix& network : zone.networks) {
    if (std::find(other.networks.begin(), other.networks.end(), network) == other.networks.end()) {
      continue;
    }
    throw CommandFailed{
        kUsage, "--zone: " + other.name + " and " + zone.name + " have the same network or host"};
  }
}

// NAME=NETWORK,..., repeated. A MAC address stands for a station without an address.
std::vector<learn::ZoneWish> read_zones(const std::vector<std::string>& words) {
  std::vector<learn::ZoneWish> zones;
  for (const std::string& word : words) {
    const std::size_t equals = word.find('=');
    learn::ZoneWish zone{word.substr(0, equals), {}};
    for (std::size_t at = equals; at < word.size();) {
      const std::size_t end = std::min(word.find(',', at + 1), word.size());
      const std::string text = word.substr(at + 1, end - at - 1);
      std::string problem;
      if (const auto network = read_network(text, problem)) {
        zone.networks.push_back(*network);
      } else if (const auto address = read_address(text)) {
        zone.networks.push_back(host_prefix(*address));
      } else if (const auto mac = read_mac(text, true)) {
        zone.networks.push_back(host_prefix(wire::IpAddress::from_mac(*mac)));
      } else {
        throw CommandFailed{kUsage, "--zone: `" + text + "` is no network, address or MAC address" +
                                        (problem.empty() ? "" : ": it " + problem)};
      }
      at = end;
    }
    if (zone.name.empty() || zone.networks.empty()) {
      throw CommandFailed{kUsage,
                          "--zone takes NAME=NETWORK, such as control=10.10.0.0/24, not " + word};
    }
    require_clean_name(zone.name, "--zone");
    for (const learn::ZoneWish& other : zones) require_apart(zone, other);
    zones.push_back(std::move(zone));
  }
  return zones;
}

Json refused_json(const learn::Usage::Refused& refused, const learn::Seen& seen,
                  const learn::Observations& observations) {
  Json json = {{"kind", "not_granted"},
               {"client", wire::to_text(refused.session.client)},
               {"server", wire::to_text(refused.session.server)},
               {"transport", learn::transport_word(refused.session.transport)},
               {"port", refused.session.port},
               {"service", learn::service_word(refused.session.transport, refused.session.port)},
               {"reason", describe(refused.reason).name},
               {"count", seen.count}};
  if (refused.protocol == protocols::kNoProtocol) {
    json["opened"] = !observations.never_opened(refused.session);
    return json;
  }
  const protocols::Catalogue& catalogue = protocols::registry()[refused.protocol]->catalogue();
  json.erase("service");
  json["protocol"] = catalogue.name;
  json["function"] = catalogue.functions[refused.function].name;
  return json;
}

void print_usage(Session& session, const Model& model, const learn::Usage& usage,
                 const learn::Observations& observations, const LeftOutFrames& left_out) {
  std::size_t unused = 0;
  for (std::size_t i = 0; i < model.conduits.size(); ++i) {
    const ModelConduit& conduit = model.conduits[i];
    const auto used = usage.used().find(static_cast<std::uint16_t>(i));
    for (std::size_t j = 0; j < conduit.rules.size(); ++j) {
      const auto number = static_cast<std::uint16_t>(j + 1);
      if (used != usage.used().end() && used->second.contains(number)) continue;
      ++unused;
      if (session.format() == Format::json) {
        print_json({{"kind", "never_used"},
                    {"conduit", conduit.name.text},
                    {"rule", number},
                    {"line", conduit.rules[j].at.line}});
      } else {
        say("never used: %s rule %u (line %u): %s\n", conduit.name.text, unsigned{number},
            conduit.rules[j].at.line, explain_rule(model, conduit, j, Listing::classes));
      }
    }
  }
  for (const auto& [refused, seen] : usage.refused()) {
    const Json json = refused_json(refused, seen, observations);
    if (session.format() == Format::json) {
      print_json(json);
      continue;
    }
    const std::string what = refused.protocol == protocols::kNoProtocol
                                 ? json.value("service", "")
                                 : json.value("protocol", "") + " " + json.value("function", "");
    say("not granted: %s > %s  %s: %s, %s%s\n", json.value("client", ""), json.value("server", ""),
        what, json.value("reason", ""),
        seen.count == 1 ? "once" : std::to_string(seen.count) + " times",
        json.value("opened", true) ? "" : ", never opened");
  }
  std::uint64_t not_granted = 0;
  for (const auto& [refused, seen] : usage.refused()) not_granted += seen.count;
  if (session.format() == Format::json) {
    print_json({{"kind", "total"},
                {"rules_never_used", unused},
                {"granted", usage.granted()},
                {"not_granted", not_granted},
                {"not_compared", count_left_out(left_out)}});
  } else {
    say("rules: %zu never used, kinds of traffic: %zu not granted%s\n", unused,
        usage.refused().size(), not_compared_words(left_out));
  }
  if (!usage.refused().empty() || has_traffic_of_hosts(left_out)) session.exit_code = kRefused;
}

ListeningWish listening_wish(const Arguments& arguments) {
  ListeningWish wish{arguments.live, 0};
  if (arguments.for_text.empty()) return wish;
  const auto time = parse_duration(arguments.for_text);
  if (!time || *time == 0) {
    throw CommandFailed{kUsage,
                        "--for takes a time such as 30m, 24h or 7d, not " + arguments.for_text};
  }
  wish.for_ns = *time;
  return wish;
}

// Captures, or an interface. What was learned until then goes to `keep` now and then.
Listened learn_from(const Arguments& arguments, Learner& learner,
                    const std::function<void(const Listened&)>& keep) {
  if (!arguments.live.empty()) return listen_on(listening_wish(arguments), learner, keep);
  for (const std::string& path : arguments.captures) learner.read(path);
  return {};
}

void check_arguments(const Arguments& arguments) {
  if (arguments.captures.empty() == arguments.live.empty()) {
    throw CommandFailed{kUsage, "learn takes captures, or --live INTERFACE"};
  }
  if (arguments.live.empty() && !arguments.for_text.empty()) {
    throw CommandFailed{kUsage, "--for takes --live INTERFACE"};
  }
  require_clean_name(arguments.site, "--site");
  if (arguments.out.empty()) return;
  if (!arguments.against.empty()) {
    throw CommandFailed{kUsage, "--out takes no --against, which proposes nothing to be written"};
  }
  for (const std::string& path : arguments.captures) {
    std::error_code no_such_file;
    if (path == arguments.out || std::filesystem::equivalent(path, arguments.out, no_such_file)) {
      throw CommandFailed{kUsage, "--out: " + arguments.out + " is a capture to be read"};
    }
  }
}

Json curve_json(const learn::Novelty::Curve& curve) {
  Json steps = Json::array();
  for (std::size_t i = 0; i < curve.steps.size(); ++i) {
    steps.push_back({{"from_s", (curve.start_ns + i * curve.width_ns) / kSecondNs},
                     {"hosts", curve.steps[i].hosts},
                     {"services", curve.steps[i].services},
                     {"operations", curve.steps[i].operations}});
  }
  return steps;
}

// What came of listening, in a proposal's summary.
Json listened_json(const Arguments& arguments, const Learner& learner, const Listened& listened) {
  const auto end_ns = listened.end_ns;
  const learn::Novelty::Curve curve = learner.novelty.curve(end_ns);
  return {{"interface", arguments.live},
          {"seconds", (end_ns - listened.start_ns) / kSecondNs},
          {"packets", learner.packets.count},
          {"lost", listened.lost},
          {"nothing_new_s", learner.novelty.quiet_ns(end_ns) / kSecondNs},
          {"step_s", curve.width_ns / kSecondNs},
          {"curve", curve_json(curve)}};
}

// On standard error, where the proposal itself is printed.
void print_listened(const Learner& learner, const Listened& listened, std::FILE* to) {
  print_text(learn::curve_text(learner.novelty, listened.end_ns), to);
  if (listened.lost > 0) {
    print_text(grouped(listened.lost) + " frames were lost: nobody read them in time", to);
  }
}

void report_problem(Session& session, const Listened& listened) {
  if (listened.problem.empty()) return;
  print_error("bulkheadctl: listening ended early: " + listened.problem);
  session.exit_code = kFileFailed;
}

void run_against(Session& session, const Arguments& arguments) {
  const Compilation policy = compile_or_fail(session, arguments.against);
  const auto tables = policy::finished(lower_policy(*policy.model));
  if (!tables) throw CommandFailed{kRefused, tables.error()};
  const ChosenPorts ports = read_chosen_ports(arguments.as);
  learn::Observations observations(false);
  learn::Usage usage(tables.value());
  Learner learner(ports, observations, &usage, wall_now_ns());
  const Listened listened = learn_from(arguments, learner, [](const Listened&) {});
  if (!arguments.live.empty()) print_listened(learner, listened, stderr);
  for (const std::string& each : learner.cut) print_cut(session, each);
  print_left_out(session, learner.left_out);
  const auto others = print_other_tags(session, arguments.against, tables.value(), learner.tags);
  print_foreign_tags(session, learner.foreign_tags);
  print_usage(session, *policy.model, usage, observations, learner.left_out);
  if (!others.empty() || learner.foreign_tags > 0) session.exit_code = kRefused;
  report_problem(session, listened);
}

learn::Proposal propose(const Arguments& arguments, const std::vector<learn::ZoneWish>& zones,
                        const learn::Observations& observations, const Learner& learner,
                        const Listened& listened) {
  learn::Proposal proposal = learn::propose(observations, zones, learner.names, learner.tags);
  for (const auto& [what, frames] : learner.left_out) {
    proposal.apart.push_back(left_out_text(what, frames));
  }
  if (learner.foreign_tags > 0) proposal.apart.push_back(foreign_tags_text(learner.foreign_tags));
  for (const std::string& each : learner.cut) proposal.apart.push_back("cut short: " + each);
  if (listened.lost > 0) {
    proposal.apart.push_back("not heard: " + std::to_string(listened.lost) + " frames of " +
                             arguments.live + " that were lost");
  }
  return proposal;
}

std::string text_of(const Arguments& arguments, const learn::Proposal& proposal,
                    const Learner& learner) {
  const std::vector<std::string> from =
      arguments.live.empty() ? arguments.captures : std::vector<std::string>{arguments.live};
  return learn::proposal_text(proposal, {arguments.site, from, learner.packets.count,
                                         learner.packets.first_ns, learner.packets.last_ns});
}

// With the text of the proposal where that is written to no file.
void print_summary(Session& session, const Arguments& arguments, const learn::Proposal& proposal,
                   const Learner& learner, const Listened& listened, const std::string& text) {
  std::size_t rules = 0;
  std::size_t unreviewed = 0;
  for (const learn::ProposedConduit& conduit : proposal.conduits) {
    rules += conduit.rules.size();
    for (const learn::ProposedRule& rule : conduit.rules) unreviewed += rule.review.empty() ? 0 : 1;
  }
  if (session.format() == Format::json) {
    Json json = {{"zones", proposal.zones.size()},
                 {"rules", rules},
                 {"to_review", unreviewed},
                 {"apart", proposal.apart},
                 {"cut", learner.cut}};
    if (arguments.out.empty()) json["policy"] = json_text(text);
    if (!arguments.out.empty()) json["file"] = arguments.out;
    if (!arguments.live.empty()) json["live"] = listened_json(arguments, learner, listened);
    return print_json(json);
  }
  if (!arguments.live.empty()) print_listened(learner, listened, stdout);
  say("%s: %zu zones, %zu rules, %zu of them to be reviewed\n", arguments.out,
      proposal.zones.size(), rules, unreviewed);
}

void run_learn(Session& session, const Arguments& arguments) {
  check_arguments(arguments);
  if (!arguments.against.empty()) return run_against(session, arguments);
  const ChosenPorts ports = read_chosen_ports(arguments.as);
  const std::vector<learn::ZoneWish> zones = read_zones(arguments.zones);
  learn::Observations observations(arguments.values);
  Learner learner(ports, observations, nullptr, wall_now_ns());
  const auto learned_nothing = [&observations] {
    return observations.uses().empty() && observations.services().empty();
  };
  const Listened listened = learn_from(arguments, learner, [&](const Listened& until_now) {
    if (arguments.out.empty() || learned_nothing()) return;
    const auto proposal = propose(arguments, zones, observations, learner, until_now);
    replace_file_or_fail(arguments.out, text_of(arguments, proposal, learner));
  });
  report_problem(session, listened);
  for (const std::string& each : learner.cut) warn_cut(each);
  if (learned_nothing()) {
    std::string problem =
        "nothing to learn from: no message of a known protocol and no "
        "session; for other ports, name them with --as";
    for (const auto& [what, frames] : learner.left_out) {
      problem += "; " + left_out_text(what, frames);
    }
    throw CommandFailed{kRefused, problem};
  }
  const auto proposal = propose(arguments, zones, observations, learner, listened);
  const std::string text = text_of(arguments, proposal, learner);
  if (proposal.conduits.empty()) {
    print_error(
        "bulkheadctl: warning: nothing passes from one zone to another, so that the proposal has "
        "no conduit: what was seen stands in its comments; --zone says what is on either side");
  }
  if (arguments.out.empty() && session.format() == Format::table) {
    if (!arguments.live.empty()) print_listened(learner, listened, stderr);
    return print_text(text);
  }
  if (!arguments.out.empty()) replace_file_or_fail(arguments.out, text);
  print_summary(session, arguments, proposal, learner, listened, text);
}

}  // namespace

void add_learn_command(CLI::App& app, Session& session) {
  const auto arguments = std::make_shared<Arguments>();
  CLI::App* command = app.add_subcommand(
      "learn",
      "Propose a policy that grants what captures hold, or what passes an interface. Rules that "
      "change, program or control "
      "something, that grant what cannot be inspected, or that were seen once have an empty "
      "`reviewed_by:`: the policy does not compile until somebody has written a name there. What "
      "no "
      "rule says (clear-text passwords, what could not be decoded, fragments and other frames that "
      "were left out, VLAN tags that differ within a zone) stands in comments on top. The "
      "same captures give the same text.");
  command->add_option("CAPTURE", arguments->captures,
                      "Captures, pcap or pcapng; - is standard input");
  command->add_option(
      "--live", arguments->live,
      "Instead: this interface of this host, such as one at a switch's mirror port; "
      "takes root or CAP_NET_RAW. Nothing is sent. At the end stands how much was "
      "new when, and for how long nothing was");
  command->add_option("--for", arguments->for_text,
                      "How long --live listens: 30m, 24h, 7d; Ctrl-C ends it sooner. The proposal "
                      "is made then, and once an hour in the file of --out");
  command->add_option("-o,--out", arguments->out,
                      "File to write; printed if not given, as JSON in the key `policy`");
  command->add_option("--site", arguments->site, "Name of the site")->capture_default_str();
  command->add_option(
      "--zone", arguments->zones,
      "NAME=NETWORK[,NETWORK...], repeated; else each /24 or /64 is a zone, link-local "
      "addresses apart, and in "
      "a single one the clients and the servers are two. Stations without an "
      "address are named by their MAC address");
  command->add_flag("--values", arguments->values,
                    "Also limit what is written to the values that were seen");
  command->add_option("--as", arguments->as, "PROTOCOL=PORT for ports that are not the usual ones");
  command->add_option(
      "--against", arguments->against,
      "Propose nothing: rules of this policy that the captures never use, and what "
      "they hold that it does not grant; exit code 1 if there is such traffic, or "
      "fragments and other IP between hosts that could not be compared, a zone's "
      "VLAN that no frame of its hosts has, or VLAN tags that no appliance lets pass");
  command->callback([&session, arguments] { run_learn(session, *arguments); });
}

}  // namespace bulkhead::controlplane
