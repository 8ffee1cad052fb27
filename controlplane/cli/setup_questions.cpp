// An empty answer takes what stands in brackets.
#include "controlplane/cli/setup_questions.h"

#include <cstdio>
#include <functional>
#include <iostream>
#include <sstream>
#include <string>
#include <vector>

#include "controlplane/access/access_rules.h"
#include "controlplane/access/identity.h"
#include "controlplane/cli/output.h"
#include "controlplane/cli/session.h"
#include "controlplane/setup/sessions.h"

namespace bulkhead::controlplane {

namespace {

std::vector<std::string> words_of(std::string text) {
  for (char& c : text) {
    if (c == ',') c = ' ';
  }
  std::istringstream words(text);
  return {std::istream_iterator<std::string>(words), {}};
}

std::string ask(const std::string& question, const std::string& offered) {
  say("%s%s: ", question, offered.empty() ? std::string() : " [" + offered + "]");
  std::fflush(stdout);
  std::string answer;
  if (!std::getline(std::cin, answer)) {
    say("\n");
    throw CommandFailed{kUsage, "the input ended before all was answered; --yes does not ask"};
  }
  return answer.empty() ? offered : answer;
}

// Asks anew until the answer is taken.
void ask_until(const std::string& question, const std::string& offered, const std::string& right,
               const std::function<bool(const std::string&)>& take) {
  while (!take(ask(question, offered))) say("  that is not %s\n", right);
}

// The address on which this session came, else the only one that the machine has.
std::string likely_management(const setup::Facts& facts) {
  if (!facts.session.address.empty()) return facts.session.address;
  std::string found;
  for (const std::string& each : facts.addresses) {
    if (setup::holds("127.0.0.0/8", each) || each.find(':') != std::string::npos) continue;
    if (!found.empty()) return {};
    found = each;
  }
  return found;
}

void ask_zone_ports(const setup::Facts& facts, setup::Wishes& wishes) {
  std::vector<std::string> offered;
  for (const setup::ZonePort& port : wishes.zone_ports) {
    offered.push_back((port.zone.empty() ? "" : port.zone + "=") + port.device);
  }
  if (offered.empty() && !wishes.taps.empty()) offered = {"none"};
  ask_until(
      "Zone ports, port 0 first: interfaces or PCI addresses, as office=eth1 plant=eth2; none if "
      "it only listens",
      setup::joined(offered), "two or more of those above", [&](const std::string& answer) {
        std::vector<setup::ZonePort> ports;
        if (answer != "none") {
          for (const std::string& word : words_of(answer)) {
            ports.push_back(setup::read_zone_port(word));
            if (facts.find(ports.back().device) == nullptr) return false;
          }
          if (ports.size() < 2) return false;
        }
        wishes.zone_ports = ports;
        return true;
      });
}

void ask_taps(const setup::Facts& facts, setup::Wishes& wishes) {
  const bool needs_one = wishes.zone_ports.empty();
  ask_until("Taps, which only listen, as at a switch's mirror port; none without",
            wishes.taps.empty() && !needs_one ? "none" : setup::joined(wishes.taps),
            needs_one ? "one or more of those above, and there is no zone port"
                      : "one or more of those above",
            [&](const std::string& answer) {
              std::vector<std::string> taps;
              if (answer != "none") taps = words_of(answer);
              for (const std::string& each : taps) {
                if (facts.find(each) == nullptr) return false;
              }
              if (taps.empty() && (needs_one || answer != "none")) return false;
              wishes.taps = taps;
              return true;
            });
}

void ask_ports(const setup::Facts& facts, setup::Wishes& wishes) {
  ask_zone_ports(facts, wishes);
  ask_taps(facts, wishes);
  ask_until("How they are opened: auto, pci, af_packet, af_xdp", wishes.through, "one of these",
            [&](const std::string& answer) {
              for (const char* each : {"auto", "pci", "vfio", "uio", "af_packet", "af_xdp"}) {
                if (answer == each) return wishes.through = answer, true;
              }
              return false;
            });
}

void ask_management(const setup::Facts& facts, setup::Wishes& wishes) {
  const std::string offered = wishes.management.empty()
                                  ? likely_management(facts)
                                  : setup::endpoint(wishes.management, wishes.management_port);
  ask_until("Management address of this machine", offered, "an address",
            [&](const std::string& answer) { return setup::read_management(answer, wishes); });
  if (wishes.admit.empty() && !facts.session.peer.empty()) wishes.admit = {facts.session.peer};
  ask_until("Management hosts that may reach it, addresses or networks",
            setup::joined(wishes.admit), "addresses or networks, as 192.0.2.5 192.0.2.0/28",
            [&](const std::string& answer) {
              const std::vector<std::string> networks = words_of(answer);
              for (const std::string& each : networks) {
                if (!setup::is_network(each)) return false;
              }
              wishes.admit = networks;
              return !networks.empty();
            });
}

}  // namespace

void ask_wishes(const setup::Facts& facts, setup::Wishes& wishes) {
  ask_ports(facts, wishes);
  ask_management(facts, wishes);
  ask_until("Name of this appliance", wishes.name.empty() ? facts.host_name : wishes.name,
            "letters, digits and -_.@, a letter or digit first", [&](const std::string& answer) {
              if (!is_plain_name(answer)) return false;
              wishes.name = answer == facts.host_name ? wishes.name : answer;
              return true;
            });
  if (!facts.has_access && wishes.first_access.empty()) {
    ask_until(
        "Who administers it: the DNS name or URI in that person's certificate, none to decide "
        "later",
        "none", "a DNS name in lower case or a URI", [&](const std::string& answer) {
          if (is_identity(answer) && answer != "none") {
            wishes.first_access = first_access(answer);
          }
          return is_identity(answer);
        });
  }
  wishes.time_servers =
      words_of(ask("Time servers (chrony; NTS where they have it), none to leave the clock alone",
                   setup::joined(wishes.time_servers)));
  if (wishes.time_servers == std::vector<std::string>{"none"}) wishes.time_servers.clear();
}

bool ask_to_go_on() {
  const std::string answer = ask("Carry this out? yes or no", "no");
  return answer == "yes" || answer == "y";
}

}  // namespace bulkhead::controlplane
