// setup: makes this machine an appliance; setup bind: what the unit of its PCI ports runs at boot.
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <csignal>
#include <functional>
#include <memory>
#include <stdexcept>
#include <thread>

#include "controlplane/access/access_rules.h"
#include "controlplane/access/appliance_credentials.h"
#include "controlplane/access/identity.h"
#include "controlplane/cli/output.h"
#include "controlplane/cli/pki.h"
#include "controlplane/cli/remote.h"
#include "controlplane/cli/setup_output.h"
#include "controlplane/cli/setup_questions.h"
#include "controlplane/setup/bind.h"
#include "controlplane/setup/carry_out.h"
#include "controlplane/setup/inspect.h"
#include "controlplane/setup/nts_probe.h"
#include "controlplane/setup/plan.h"
#include "controlplane/setup/sessions.h"
#include "dataplane/base/duration.h"

namespace bulkhead::controlplane {

namespace {

using setup::Problem;
using setup::StepState;
using setup::Wishes;
using Clock = std::chrono::steady_clock;

struct SetupArguments {
  bool yes = false;
  bool dry_run = false;
  bool interfaces = false;
  bool no_host_firewall = false;
  bool no_services = false;
  std::string root = "/";
  std::vector<std::string> zone_ports;
  std::string management;
  std::string certificate;
  std::string authority;
  std::string pair_key;
  std::string admin;
  Wishes given;
  // Bring what was given into the wishes that an earlier setup kept.
  std::vector<std::function<void(Wishes&)>> merges;
  std::string driver;
  std::vector<std::string> devices;
};

// While steps are carried out, Ctrl-C, an end of the session and a request to end break the setup
// off between two steps.
volatile std::sig_atomic_t broken_off = 0;
void break_off(int /*number*/) { broken_off = 1; }

class BreakOff {
 public:
  BreakOff() {
    struct sigaction action{};
    action.sa_handler = break_off;
    action.sa_flags = SA_RESTART;
    for (std::size_t i = 0; i < kSignals.size(); ++i) {
      sigaction(kSignals[i], nullptr, &before_[i]);
      // What nohup has decided stays.
      if (before_[i].sa_handler != SIG_IGN) sigaction(kSignals[i], &action, nullptr);
    }
  }
  ~BreakOff() {
    for (std::size_t i = 0; i < kSignals.size(); ++i) sigaction(kSignals[i], &before_[i], nullptr);
  }
  BreakOff(const BreakOff&) = delete;
  BreakOff& operator=(const BreakOff&) = delete;

 private:
  static constexpr std::array kSignals = {SIGINT, SIGTERM, SIGHUP};
  std::array<struct sigaction, kSignals.size()> before_{};
};

bool same_host(const std::string& a, const std::string& b) {
  return a == b || (setup::is_address(a) && setup::holds(a, b));
}

setup::KeyWork key_work() {
  setup::KeyWork work;
  work.make = [](std::string& key_pem, std::string& request_pem, const std::string& name,
                 const std::vector<std::string>& hosts) {
    if (key_pem.empty()) key_pem = make_key();
    request_pem = make_request(key_pem, name, hosts);
  };
  work.fits = [](const std::string& key_pem, const std::string& request_pem,
                 const std::string& name, const std::vector<std::string>& hosts) {
    try {
      const Request request = read_request(request_pem);
      return request.name == name && request.key_sha256 == key_sha256(key_pem) &&
             std::equal(hosts.begin(), hosts.end(), request.hosts.begin(), request.hosts.end(),
                        same_host);
    } catch (const std::runtime_error&) {
      return false;
    }
  };
  return work;
}

Wishes kept_wishes(const setup::Machine& machine) {
  const auto text = machine.read(setup::kWishesFile);
  if (!text) return {};
  auto wishes = setup::read_wishes(*text);
  if (wishes) return std::move(wishes).value();
  throw CommandFailed{kFileFailed, wishes.error().cause + "; " + wishes.error().mend};
}

void merge(const SetupArguments& arguments, Wishes& wishes) {
  for (const auto& each : arguments.merges) each(wishes);
  const std::vector<std::string> none = {"none"};
  if (!arguments.zone_ports.empty()) wishes.zone_ports.clear();
  if (arguments.zone_ports != none) {
    for (const std::string& each : arguments.zone_ports) {
      wishes.zone_ports.push_back(setup::read_zone_port(each));
    }
  }
  if (wishes.taps == none) wishes.taps.clear();
  if (!arguments.management.empty() && !setup::read_management(arguments.management, wishes)) {
    throw CommandFailed{kUsage, "--management \"" + arguments.management +
                                    "\" is no address, as 192.0.2.10 or 192.0.2.10:7443"};
  }
  // Whom the packet filter admits is only said where one is wanted.
  if (!arguments.given.admit.empty()) wishes.host_firewall = true;
  if (arguments.no_host_firewall) wishes.host_firewall = false;
  wishes.services = !arguments.no_services;
  if (!arguments.certificate.empty()) {
    wishes.certificate_pem = read_file_or_fail(arguments.certificate);
  }
  if (!arguments.authority.empty()) wishes.authority_pem = read_file_or_fail(arguments.authority);
  if (!arguments.pair_key.empty()) wishes.pair_key = read_file_or_fail(arguments.pair_key);
  if (arguments.admin.empty()) return;
  if (!is_identity(arguments.admin)) {
    throw CommandFailed{kUsage, "--admin \"" + arguments.admin +
                                    "\" is no identity: the DNS name in lower case or the URI in "
                                    "the administrator's certificate"};
  }
  wishes.first_access = first_access(arguments.admin);
}

void expect_hosts(const std::string& option, const std::vector<std::string>& hosts) {
  for (const std::string& host : hosts) {
    if (is_ip_address(host) || is_dns_name(host)) continue;
    throw CommandFailed{kUsage,
                        option + ": \"" + host + "\" is neither a DNS name nor an IP address"};
  }
}

// What only the key on the machine can answer for.
void check_certificate(const setup::Machine& machine, const Wishes& wishes,
                       std::vector<Problem>& problems) {
  const std::string pki = setup::kPki;
  if (wishes.certificate_pem.empty()) return;
  const auto key = machine.read(pki + "/server.key");
  if (!key) {
    return problems.push_back({"this appliance has no key yet that a certificate could be for",
                               "run `bulkheadctl setup` without --certificate first, and have "
                               "server.csr signed"});
  }
  const std::string authority = wishes.authority_pem.empty()
                                    ? machine.read(pki + "/ca.crt").value_or("")
                                    : wishes.authority_pem;
  if (authority.empty()) return;  // the plan names it
  const std::string why = misfit(wishes.certificate_pem, authority, *key, Expiry::refused);
  if (why.empty()) return;
  problems.push_back({why, "sign this appliance's " + pki +
                               "/server.csr on the management host: `bulkheadctl pki sign`"});
}

void finish(Session& session, const setup::Machine& machine, const Wishes& wishes,
            const setup::Facts& facts) {
  const std::string pki = setup::kPki;
  const std::string server = setup::endpoint(wishes.management, wishes.management_port);
  const bool is_table = session.format() == Format::table;
  if (!machine.exists(pki + "/server.crt") || !machine.exists(pki + "/ca.crt")) {
    const std::string request_pem = machine.read(pki + "/server.csr").value_or("");
    const std::string digest =
        request_pem.empty() ? std::string("-") : read_request(request_pem).key_sha256;
    if (!is_table) {
      return print_json(
          {{"certificate", "missing"}, {"request", pki + "/server.csr"}, {"key_sha256", digest}});
    }
    const bool lacks_admin = !machine.exists(setup::kAccess);
    say("\nThis appliance has no certificate yet. On the management host, with its %s/server.csr "
        "(key sha256 %s):\n"
        "  bulkheadctl pki sign AUTHORITY server.csr --out server.crt\n"
        "and here, with server.crt and AUTHORITY/ca.crt from there:\n"
        "  bulkheadctl setup --yes --certificate server.crt --authority ca.crt%s\n",
        pki, digest, lacks_admin ? " --admin NAME" : "");
    if (lacks_admin) {
      say("NAME is who administers it: the DNS name or URI in that person's certificate, operator "
          "in "
          "the one that `bulkheadctl pki init` makes.\n");
    }
    return;
  }
  if (access((session.pki + "/client.key").c_str(), R_OK) != 0) {
    if (is_table) {
      say("\nThe management host asks for its status: bulkheadctl --server %s status\n", server);
    }
    return;
  }
  if (!facts.has_systemd || !wishes.services) return;
  session.server = server;
  if (is_table) say("\n");
  constexpr int kTries = 50;
  for (int i = 1;; ++i) {
    try {
      run_status(session);
      session.exit_code = kOk;  // that no policy is committed yet is no failure of setting up
      return;
    } catch (const CommandFailed& failure) {
      if (i < kTries && failure.exit_code == kUnreachable) {
        std::this_thread::sleep_for(std::chrono::milliseconds(200));
        continue;
      }
      print_error("bulkheadctl: " + failure.text);
      session.exit_code = failure.exit_code;
      return;
    }
  }
}

void report(const Session& session, const setup::Outcome& outcome, Clock::time_point begun) {
  const auto ms = static_cast<std::uint64_t>(
      std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - begun).count());
  if (session.format() == Format::json) {
    return print_json({{"changed", outcome.changed},
                       {"done", !outcome.problem.has_value()},
                       {"undone", outcome.problem.has_value() && outcome.all_undone},
                       {"took_ms", ms}});
  }
  const std::string took = duration_text(ms);
  if (outcome.problem) {
    say("\n%s after %s; %s\n", paint("failed", Colour::bad), took,
        outcome.all_undone ? "what was done has been undone"
                           : "not all that was done could be undone, see above");
  } else if (outcome.changed == 0) {
    say("\nnothing had to be changed: all of it was so already, %s\n", took);
  } else {
    say("\n%s: %zu steps changed something, in %s\n", paint("set up", Colour::good),
        outcome.changed, took);
  }
}

// The plan, or the end of the command.
std::vector<setup::Step> plan_or_fail(const Session& session, const setup::Machine& machine,
                                      setup::Facts& facts, const Wishes& wishes) {
  expect_hosts("--host", wishes.hosts);
  expect_hosts("--time-server", wishes.time_servers);
  expect_hosts("--nts-server", wishes.nts_servers);
  for (const std::string& host : wishes.time_servers) facts.nts[host] = setup::ask_for_nts(host);
  auto steps = setup::plan(facts, wishes);
  std::vector<Problem> problems = steps ? std::vector<Problem>() : steps.error();
  check_certificate(machine, wishes, problems);
  if (problems.empty()) return std::move(steps).value();
  show_problems(session, problems);
  throw CommandFailed{kRefused, "nothing was changed"};
}

setup::Outcome carry_out(const Session& session, setup::Machine& machine,
                         const std::vector<setup::Step>& steps, const setup::KeyWork& keys) {
  const BreakOff guard;
  return setup::carry_out(
      machine, steps, keys,
      [&](std::size_t step, StepState state, const Problem& problem) {
        show_step(session, step + 1, steps[step], state, problem);
      },
      [] { return broken_off != 0; });
}

void run_setup(Session& session, const SetupArguments& arguments) {
  const auto begun = Clock::now();
  std::signal(SIGPIPE, SIG_IGN);
  setup::Machine machine(arguments.root);
  setup::Facts facts =
      setup::inspect(machine, machine.is_live() ? setup::surroundings() : setup::Surroundings());
  show_ports(session, facts);
  if (arguments.interfaces) return;
  Wishes wishes = kept_wishes(machine);
  merge(arguments, wishes);
  if (!facts.session.peer.empty()) wishes.ssh_port = facts.session.port;
  if (!arguments.yes && !arguments.dry_run) ask_wishes(facts, wishes);
  if (session.format() == Format::table) say("\n");
  const std::vector<setup::Step> steps = plan_or_fail(session, machine, facts, wishes);
  const setup::KeyWork keys = key_work();
  if (arguments.dry_run || !arguments.yes) {
    show_plan(session, steps, setup::compare(machine, steps, keys));
    if (arguments.dry_run) {
      if (machine.is_live() && geteuid() != 0 && session.format() == Format::table) {
        say("\nnot all can be looked at without root: what is due may be so already\n");
      }
      return;
    }
    if (!ask_to_go_on()) throw CommandFailed{kRefused, "nothing was changed"};
  }
  if (machine.is_live() && geteuid() != 0) {
    throw CommandFailed{kRefused, "setting up needs root: sudo bulkheadctl setup"};
  }
  const setup::Outcome outcome = carry_out(session, machine, steps, keys);
  if (!outcome.problem) finish(session, machine, wishes, facts);
  report(session, outcome, begun);
  if (outcome.problem) session.exit_code = kRefused;
}

// At boot: devices may still be on their way.
void run_bind(const SetupArguments& arguments) {
  constexpr auto kWait = std::chrono::seconds(10);
  setup::Machine machine(arguments.root);
  const auto end = Clock::now() + kWait;
  if (!machine.exists("/sys/bus/pci/drivers/" + arguments.driver)) {
    machine.run({"modprobe", arguments.driver});
  }
  for (const std::string& device : arguments.devices) {
    while (!machine.exists("/sys/bus/pci/devices/" + device) && Clock::now() < end) {
      std::this_thread::sleep_for(std::chrono::milliseconds(100));
    }
    const auto failed = setup::bind_port(machine, device, arguments.driver);
    if (failed) throw CommandFailed{kRefused, failed->cause + "; to mend it: " + failed->mend};
  }
}

template <typename Value>
CLI::Option* add_wish(CLI::App* command, SetupArguments& arguments, const std::string& name,
                      Value Wishes::* value, const std::string& text) {
  CLI::Option* option = command->add_option(name, arguments.given.*value, text);
  arguments.merges.push_back([option, &arguments, value](Wishes& wishes) {
    if (option->count() != 0) wishes.*value = arguments.given.*value;
  });
  return option;
}

void declare_ports(CLI::App* command, SetupArguments& arguments) {
  command->add_option("--zone-port", arguments.zone_ports,
                      "A zone port, once for each, port 0 first: an interface, which stays the "
                      "kernel's, or a PCI address, which is bound to vfio-pci; with a zone's name "
                      "as office=eth1. none takes those of an earlier setup away");
  add_wish(command, arguments, "--tap", &Wishes::taps,
           "A port that only listens, such as at a switch's mirror port, once for each, named as "
           "a zone port: what the policy would refuse of what it hears is said, and nothing is "
           "sent there. Beside zone ports, or alone; not for one of a pair. none takes those of "
           "an earlier setup away");
  add_wish(command, arguments, "--through", &Wishes::through,
           "How ports are opened. auto: PCI addresses through vfio-pci (where there is no IOMMU "
           "uio_pci_generic), interfaces through net_af_packet. pci, vfio, uio: interfaces are "
           "taken from the kernel too")
      ->check(CLI::IsMember({"auto", "pci", "vfio", "uio", "af_packet", "af_xdp"}))
      ->capture_default_str();
  add_wish(command, arguments, "--workers", &Wishes::workers,
           "Workers, each on a core that no other program has")
      ->check(CLI::Range(1U, 32U))
      ->capture_default_str();
  add_wish(command, arguments, "--memory-mib", &Wishes::memory_mib,
           "Memory for packets and tables, in huge pages")
      ->check(CLI::Range(64U, 1U << 20))
      ->capture_default_str();
  add_wish(command, arguments, "--huge-pages", &Wishes::huge_pages,
           "auto: for PCI ports; yes or no")
      ->check(CLI::IsMember({"auto", "yes", "no"}))
      ->capture_default_str();
}

void declare_host(CLI::App* command, SetupArguments& arguments) {
  command->add_option("--management", arguments.management,
                      "The address that bulkheadd serves on, of an interface that is no zone "
                      "port; with another port than 7443 as 192.0.2.10:8443");
  add_wish(command, arguments, "--admit", &Wishes::admit,
           "Management hosts, addresses or networks: SSH and bulkheadd are for them alone");
  add_wish(command, arguments, "--name", &Wishes::name,
           "The appliance's name in its certificate, else the host's");
  add_wish(command, arguments, "--host", &Wishes::hosts,
           "Another name or address of the appliance for its certificate");
  command->add_option("--certificate", arguments.certificate,
                      "server.crt, as `bulkheadctl pki sign` made it of this appliance's "
                      "server.csr");
  command->add_option("--authority", arguments.authority,
                      "ca.crt of the authority on the management host");
  command->add_option("--admin", arguments.admin,
                      "Who administers this appliance: the URI or DNS name in that person's "
                      "certificate (`bulkheadctl pki client`). Writes a first access.yaml where "
                      "there is none");
  add_wish(command, arguments, "--time-server", &Wishes::time_servers,
           "An NTP server for chrony, with NTS where it answers on that; may be repeated");
  add_wish(command, arguments, "--nts-server", &Wishes::nts_servers, "The same, never without NTS");
  command->add_flag("--no-host-firewall", arguments.no_host_firewall,
                    "Leave nftables alone, until --admit is given again");
  command->add_flag("--no-services", arguments.no_services, "Neither enable nor start services");
}

void declare_pair(CLI::App* command, SetupArguments& arguments) {
  const std::string group = "One of a pair";
  add_wish(command, arguments, "--pair-peer", &Wishes::pair_peer,
           "The other's name in its certificate")
      ->group(group);
  add_wish(command, arguments, "--pair-listen", &Wishes::pair_listen,
           "This appliance's address and port on the pair link")
      ->group(group);
  add_wish(command, arguments, "--pair-address", &Wishes::pair_address,
           "The other's address and port there")
      ->group(group);
  command->add_option("--pair-key", arguments.pair_key, "pair.key, which both have")->group(group);
}

}  // namespace

void add_setup_command(CLI::App& app, Session& session) {
  const auto arguments = std::make_shared<SetupArguments>();
  CLI::App* command = app.add_subcommand(
      "setup",
      "Make this machine an appliance: ports, memory, cores, management, time, keys, services. "
      "Asks; what no option says is as it was set up before");
  command->require_subcommand(0, 1);
  command->add_flag("--yes", arguments->yes, "Do not ask");
  command->add_flag("--dry-run", arguments->dry_run,
                    "Print what would be done, in order, and change nothing");
  command->add_flag("--interfaces", arguments->interfaces, "Show the interfaces alone");
  command
      ->add_option(
          "--root", arguments->root,
          "Another tree than /, with the sys and proc of its machine in it: files alone are "
          "written, and nothing is run")
      ->capture_default_str();
  declare_ports(command, *arguments);
  declare_host(command, *arguments);
  declare_pair(command, *arguments);
  CLI::App* bind = command->add_subcommand(
      "bind", "Bind PCI devices to a driver; bulkhead-ports.service does it at boot");
  bind->add_option("DRIVER", arguments->driver, "vfio-pci or uio_pci_generic")
      ->required()
      ->check(CLI::IsMember({"vfio-pci", "uio_pci_generic"}));
  bind->add_option("PCI", arguments->devices, "Addresses, as 0000:01:00.0")->required();
  bind->callback([arguments] { run_bind(*arguments); });
  command->callback([&session, command, arguments] {
    if (command->get_subcommands().empty()) run_setup(session, *arguments);
  });
}

}  // namespace bulkhead::controlplane
