// learn CAPTURE...: a policy from recorded traffic, or recorded traffic against a policy.
#include <algorithm>
#include <memory>

#include "controlplane/cli/capture_decoder.h"
#include "controlplane/cli/chosen_ports.h"
#include "controlplane/cli/compiled_file.h"
#include "controlplane/cli/output.h"
#include "controlplane/cli/remote.h"
#include "controlplane/cli/service_sessions.h"
#include "controlplane/learn/usage.h"
#include "controlplane/learn/write.h"
#include "controlplane/policy/literals.h"
#include "dataplane/wire/text.h"

namespace bulkhead::controlplane {

namespace {

using protocols::Direction;
using protocols::Fault;

struct Arguments {
  std::vector<std::string> captures;
  std::vector<std::string> zones;
  std::vector<std::string> as;
  std::string site = "site";
  std::string out;
  std::string against;
  bool values = false;
};

// Hands what captures hold to the observations and to a policy's usage, if there is one.
class Learner final : public DecodedMessages {
 public:
  Learner(const ChosenPorts& ports, learn::Observations& observations, learn::Usage* usage)
      : ports_(ports), observations_(observations), usage_(usage), services_(ports) {}

  void read(const std::string& path) {
    times_.clear();
    services_.forget();
    const auto decoder = std::make_unique<CaptureDecoder>(ports_, *this);
    read_capture(
        path,
        [&](const CapturedPacket& packet) {
          note_time(packet);
          note_name(packet);
          note_service(packet);
          decoder->take(packet);
        },
        [&](const CapturedEcho& echo) {
          packets.note(echo.time_ns);
          note({echo.source, echo.destination, policy::Transport::icmp, 0}, echo.time_ns);
        });
    decoder->finish();
  }

  void on_operation(const Conversation& conversation, std::uint32_t frame, Direction direction,
                    const protocols::Operation& operation, Fault pairing) override {
    const protocols::Catalogue& catalogue =
        protocols::registry()[conversation.protocol]->catalogue();
    if (!learn::needs_rule(operation, direction, catalogue.functions[operation.function])) return;
    if (pairing != Fault::none) return on_fault(conversation, frame, direction, pairing, {});
    const learn::Session session = session_of(conversation, direction);
    observations_.note_operation(session, conversation.protocol, operation, time_of(frame));
    if (usage_ != nullptr) {
      usage_->note_operation(session, conversation.protocol, operation, time_of(frame));
    }
  }

  void on_fault(const Conversation& conversation, std::uint32_t frame, Direction direction,
                Fault fault, std::optional<std::uint16_t> /*code*/) override {
    observations_.note_fault(session_of(conversation, direction), conversation.protocol, fault,
                             time_of(frame));
  }

  learn::Seen packets;
  learn::HostNames names;

 private:
  void note_time(const CapturedPacket& packet) {
    packets.note(packet.time_ns);
    times_.resize(std::max<std::size_t>(times_.size(), packet.frame + 1), packet.time_ns);
    times_[packet.frame] = packet.time_ns;
  }

  TimeNs time_of(std::uint32_t frame) const {
    return frame < times_.size() ? times_[frame] : packets.last_ns;
  }

  void note_service(const CapturedPacket& packet) {
    if (const auto session = services_.find(packet)) note(*session, packet.time_ns);
  }

  void note(const learn::Session& session, TimeNs time_ns) {
    observations_.note_service(session, time_ns);
    if (usage_ != nullptr) usage_->note_service(session, time_ns);
  }

  void note_name(const CapturedPacket& packet) {
    names.note({policy::transport_over(packet.carrier), packet.source_mac, packet.source,
                packet.source_port, packet.destination_port, packet.payload});
  }

  const ChosenPorts& ports_;
  learn::Observations& observations_;
  learn::Usage* usage_;
  std::vector<TimeNs> times_;  // by frame
  ServiceSessions services_;
};

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
    zones.push_back(std::move(zone));
  }
  return zones;
}

Json refused_json(const learn::Usage::Refused& refused, const learn::Seen& seen) {
  constexpr const char* kTransports[] = {"tcp", "udp", "icmp", "ethernet"};
  Json json = {{"kind", "not_granted"},
               {"client", wire::to_text(refused.session.client)},
               {"server", wire::to_text(refused.session.server)},
               {"transport", kTransports[static_cast<std::size_t>(refused.session.transport)]},
               {"port", refused.session.port},
               {"reason", describe(refused.reason).name},
               {"count", seen.count}};
  if (refused.protocol == protocols::kNoProtocol) return json;
  const protocols::Catalogue& catalogue = protocols::registry()[refused.protocol]->catalogue();
  json["protocol"] = catalogue.name;
  json["function"] = catalogue.functions[refused.function].name;
  return json;
}

void print_usage(Session& session, const Model& model, const learn::Usage& usage) {
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
    const Json json = refused_json(refused, seen);
    if (session.format() == Format::json) {
      print_json(json);
      continue;
    }
    const std::string what =
        refused.protocol == protocols::kNoProtocol
            ? json.value("transport", "") + "/" + std::to_string(refused.session.port)
            : json.value("protocol", "") + " " + json.value("function", "");
    say("not granted: %s > %s  %s: %s, %s\n", json.value("client", ""), json.value("server", ""),
        what, json.value("reason", ""),
        seen.count == 1 ? "once" : std::to_string(seen.count) + " times");
  }
  std::uint64_t not_granted = 0;
  for (const auto& [refused, seen] : usage.refused()) not_granted += seen.count;
  if (session.format() == Format::json) {
    print_json({{"kind", "total"},
                {"rules_never_used", unused},
                {"granted", usage.granted()},
                {"not_granted", not_granted}});
  } else {
    say("rules: %zu never used, kinds of traffic: %zu not granted\n", unused,
        usage.refused().size());
  }
  if (!usage.refused().empty()) session.exit_code = kRefused;
}

void run_against(Session& session, const Arguments& arguments) {
  const Compilation policy = compile_or_fail(session, arguments.against);
  const auto tables = policy::finished(lower_policy(*policy.model));
  if (!tables) throw CommandFailed{kRefused, tables.error()};
  const ChosenPorts ports = read_chosen_ports(arguments.as);
  learn::Observations observations(false);
  learn::Usage usage(tables.value());
  Learner learner(ports, observations, &usage);
  for (const std::string& path : arguments.captures) learner.read(path);
  print_usage(session, *policy.model, usage);
}

void run_learn(Session& session, const Arguments& arguments) {
  if (!arguments.against.empty()) return run_against(session, arguments);
  const ChosenPorts ports = read_chosen_ports(arguments.as);
  const std::vector<learn::ZoneWish> zones = read_zones(arguments.zones);
  learn::Observations observations(arguments.values);
  Learner learner(ports, observations, nullptr);
  for (const std::string& path : arguments.captures) learner.read(path);
  if (observations.uses().empty() && observations.services().empty()) {
    throw CommandFailed{kRefused,
                        "nothing to learn from: no message of a known protocol and no "
                        "session; for other ports, name them with --as"};
  }
  const learn::Proposal proposal = learn::propose(observations, zones, learner.names);
  const std::string text =
      learn::proposal_text(proposal, {arguments.site, arguments.captures, learner.packets.count,
                                      learner.packets.first_ns, learner.packets.last_ns});
  std::size_t rules = 0;
  std::size_t unreviewed = 0;
  for (const learn::ProposedConduit& conduit : proposal.conduits) {
    rules += conduit.rules.size();
    for (const learn::ProposedRule& rule : conduit.rules) unreviewed += rule.review.empty() ? 0 : 1;
  }
  if (arguments.out.empty()) return print_text(text);
  write_file_or_fail(arguments.out, text);
  if (session.format() == Format::json) {
    print_json({{"file", arguments.out},
                {"zones", proposal.zones.size()},
                {"rules", rules},
                {"to_review", unreviewed},
                {"apart", proposal.apart}});
  } else {
    say("%s: %zu zones, %zu rules, %zu of them to be reviewed\n", arguments.out,
        proposal.zones.size(), rules, unreviewed);
  }
}

}  // namespace

void add_learn_command(CLI::App& app, Session& session) {
  const auto arguments = std::make_shared<Arguments>();
  CLI::App* command = app.add_subcommand(
      "learn",
      "Propose a policy that grants what captures hold. Rules that change, program or control "
      "something, that grant what cannot be inspected, or that were seen once have an empty "
      "`reviewed_by:`: the policy does not compile until somebody has written a name there. What "
      "no "
      "rule says (clear-text passwords, what could not be decoded) stands in comments on top. The "
      "same captures give the same text.");
  command->add_option("CAPTURE", arguments->captures, "Captures, pcap or pcapng")->required();
  command->add_option("-o,--out", arguments->out, "File to write; printed if not given");
  command->add_option("--site", arguments->site, "Name of the site")->capture_default_str();
  command->add_option("--zone", arguments->zones,
                      "NAME=NETWORK[,NETWORK...], repeated; else each /24 or /64 is a zone, and in "
                      "a single one the clients and the servers are two. Stations without an "
                      "address are named by their MAC address");
  command->add_flag("--values", arguments->values,
                    "Also limit what is written to the values that were seen");
  command->add_option("--as", arguments->as, "PROTOCOL=PORT for ports that are not the usual ones");
  command->add_option("--against", arguments->against,
                      "Propose nothing: rules of this policy that the captures never use, and what "
                      "they hold that it does not grant; exit code 1 if there is such traffic");
  command->callback([&session, arguments] { run_learn(session, *arguments); });
}

}  // namespace bulkhead::controlplane
