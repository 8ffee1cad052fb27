// The steps in the order in which they are safe: what may be refused first, services last.
#include "controlplane/setup/plan.h"

#include <algorithm>
#include <utility>

#include "controlplane/setup/config_block.h"
#include "controlplane/setup/cores.h"
#include "controlplane/setup/host_rules.h"
#include "controlplane/setup/inspect.h"
#include "controlplane/setup/requirements.h"
#include "controlplane/setup/units.h"

namespace bulkhead::setup {

namespace {

constexpr char kGroup[] = "bulkhead";
constexpr std::uint64_t kPageMib = 2;

class Planner {
 public:
  Planner(const Facts& facts, const Wishes& wishes, std::vector<ChosenPort> ports, Cores cores)
      : facts_(facts), wishes_(wishes), ports_(std::move(ports)), cores_(std::move(cores)) {}

  Result<std::vector<Step>, std::vector<Problem>> make();

 private:
  void add(const std::string& what, Deed deed, const std::string& mend = {}) {
    steps_.push_back({what, std::move(deed), mend});
  }
  void note(const std::string& what) { add(what, Note{}); }
  void write(const std::string& what, const std::string& path, const std::string& text,
             const FileKind& kind = {}) {
    if (path.ends_with(".service") || path.ends_with("-setup.conf")) units_.push_back(path);
    add(what + ": " + path, WriteFile{path, text, kind});
  }
  // What an earlier setup wrote and this one does not.
  void leave_out(const char* path);
  void write_or_leave_out(const std::string& what, const char* path, const std::string& text);
  // The file with these options in setup's place.
  void configure(const std::string& what, const char* path, const Options& options);
  bool any_bound() const;
  void remember();
  void plan_drivers();
  void plan_memory();
  void plan_cores();
  void plan_dataplane();
  void plan_ports();
  void plan_keys();
  void plan_access();
  void plan_agent();
  void plan_time();
  void plan_host_firewall();
  void plan_services();
  void enable(const std::string& unit);
  void start(const std::string& unit, std::vector<std::string> after);

  const Facts& facts_;
  const Wishes& wishes_;
  const std::vector<ChosenPort> ports_;
  const Cores cores_;
  std::vector<std::string> units_;  // files that systemd reads anew
  std::vector<Step> steps_;
  std::vector<Problem> problems_;
};

void Planner::leave_out(const char* path) {
  if (facts_.earlier.count(path) == 0) return;
  if (std::string(path).starts_with("/etc/systemd/")) units_.emplace_back(path);
  add(std::string("remove what an earlier setup wrote: ") + path, RemoveFile{path});
}

void Planner::write_or_leave_out(const std::string& what, const char* path,
                                 const std::string& text) {
  text.empty() ? leave_out(path) : write(what, path, text);
}

void Planner::configure(const std::string& what, const char* path, const Options& options) {
  const auto found = facts_.files.find(path);
  const auto text =
      with_options(path, found == facts_.files.end() ? std::string() : found->second, options);
  if (!text) return problems_.push_back(text.error());
  write(what, path, text.value());
}

bool Planner::any_bound() const {
  return std::any_of(ports_.begin(), ports_.end(),
                     [](const ChosenPort& port) { return !port.driver.empty(); });
}

// A port that is bound loses its interface: it is kept by its address.
void Planner::remember() {
  Wishes kept = wishes_;
  std::size_t zone_ports = 0;
  std::size_t taps = 0;
  for (const ChosenPort& port : ports_) {
    std::string& device = port.is_tap ? kept.taps[taps++] : kept.zone_ports[zone_ports++].device;
    if (!port.pci.empty()) device = port.pci;
  }
  write("keep what was asked for", kWishesFile, write_wishes(kept));
}

void Planner::plan_drivers() {
  std::vector<std::string> drivers;
  for (const ChosenPort& port : ports_) {
    const bool known = std::find(drivers.begin(), drivers.end(), port.driver) != drivers.end();
    if (!port.driver.empty() && !known) drivers.push_back(port.driver);
  }
  if (drivers.empty()) return leave_out(kModules);
  write("load the ports' drivers at boot", kModules, joined(drivers, "\n") + "\n");
  for (const std::string& driver : drivers) {
    if (!facts_.is_live) continue;
    add("load the driver " + driver,
        Run{.words = {"modprobe", driver},
            .check = {"test", "-d", "/sys/bus/pci/drivers/" + driver}},
        "the kernel's package of modules has it");
  }
}

void Planner::plan_memory() {
  const HugePool* pool = pool_for(facts_, wishes_, ports_);
  if (pool == nullptr) {
    if (any_bound() && wishes_.huge_pages == "auto") {
      note("no huge pages: this machine has none of 2 MiB");
    }
    return leave_out(kHugePages);
  }
  const std::uint64_t pages = (wishes_.memory_mib + kPageMib - 1) / kPageMib;
  const std::string where = pool->node < 0 ? "" : " on NUMA node " + std::to_string(pool->node);
  const std::string count = std::to_string(pages);
  write("reserve " + count + " huge pages of 2 MiB" + where + " at boot", kHugePages,
        "# Written by `bulkheadctl setup`.\nw " + pool->path + " - - - - " + count + "\n");
  if (!facts_.is_live) return;
  add("reserve " + count + " huge pages of 2 MiB" + where + " now", Reserve{pool->path, pages},
      "memory is in pieces: free some or start the machine anew, where it comes first");
}

void Planner::plan_cores() {
  if (cores_.workers.empty()) {
    note(cores_.shared);
    return leave_out(kAffinity);
  }
  const std::string rest = cpu_list(cores_.rest);
  write("keep all other programs on CPU " + rest + ", apart from the workers' (CPU " +
            cpu_list(cores_.workers) + ")",
        kAffinity, affinity(cores_));
  if (!facts_.has_systemd || !wishes_.services) return;
  add("have systemd keep them apart; programs that run already move at the next boot",
      Run{.words = {"systemctl", "daemon-reexec"}, .after = {kAffinity}});
}

void Planner::plan_dataplane() {
  Options options;
  for (const bool is_tap : {false, true}) {
    std::string list;
    for (const ChosenPort& port : ports_) {
      if (port.is_tap == is_tap) list += (list.empty() ? "" : ", ") + quoted(port.device);
    }
    if (!list.empty()) options.emplace_back(is_tap ? "tap" : "port", "[" + list + "]");
  }
  if (!wishes_.pair_peer.empty()) options.emplace_back("pair", "true");
  if (wishes_.workers != 1) options.emplace_back("workers", std::to_string(wishes_.workers));
  if (!cores_.workers.empty()) {
    std::string workers;
    for (const int cpu : cores_.workers) {
      workers += (workers.empty() ? "" : ",") + std::to_string(cpu);
    }
    options.emplace_back("worker-cpus", quoted(workers));
    options.emplace_back("cpus", quoted(cpu_list(cores_.rest)));
  }
  if (wishes_.huge_pages != "auto") options.emplace_back("huge-pages", quoted(wishes_.huge_pages));
  if (wishes_.memory_mib != Wishes().memory_mib) {
    options.emplace_back("memory-mib", std::to_string(wishes_.memory_mib));
  }
  for (std::size_t i = 0; i < ports_.size(); ++i) {
    const ChosenPort& port = ports_[i];
    const std::string role = port.is_tap         ? ", a tap that only listens"
                             : port.zone.empty() ? ""
                                                 : ", zone " + port.zone;
    note("port " + std::to_string(i) + role + ": " + port.device +
         (port.driver.empty() ? "" : " on " + port.driver));
  }
  configure("configure the data plane", kDataplaneConf, options);
  write_or_leave_out("rights and CPUs of the data plane", kDropIn,
                     dataplane_drop_in(ports_, cores_));
}

void Planner::plan_ports() {
  if (!any_bound()) return leave_out(kPortsUnit);
  write("bind the ports at boot", kPortsUnit, ports_unit(ports_));
  for (const ChosenPort& port : ports_) {
    if (port.driver.empty()) continue;
    if (port.driver == "uio_pci_generic") {
      note(port.pci +
           ": there is no IOMMU in use for it: DMA is not confined, the card and the "
           "data plane reach all memory");
    }
    if (!facts_.is_live) continue;
    add("bind " + port.pci + " to " + port.driver, BindPort{port.pci, port.driver});
  }
  if (!facts_.has_systemd) return;
  std::vector<std::string> after;
  for (const ChosenPort& port : ports_) after.push_back(port.pci);
  // One that was installed a moment ago may not have been read yet.
  add("have udev read its rules anew",
      Run{.words = {"udevadm", "control", "--reload"}, .after = after});
  add("give the ports' files to the data plane",
      Run{.words = {"udevadm", "trigger", "--settle", "--action=add", "--subsystem-match=vfio"},
          .after = after});
}

void Planner::plan_keys() {
  const std::string pki = kPki;
  const FileKind secret{0640, "root", kGroup};
  std::vector<std::string> hosts = {wishes_.management};
  hosts.insert(hosts.end(), wishes_.hosts.begin(), wishes_.hosts.end());
  add("make the appliance's key (it stays here) and a request to certify it for " +
          joined(hosts, ", ") + ": " + pki + "/server.csr",
      MakeKey{pki + "/server.key", pki + "/server.csr", name_of(facts_, wishes_), hosts});
  if (!wishes_.authority_pem.empty()) {
    write("install the authority's certificate", pki + "/ca.crt", wishes_.authority_pem);
  }
  if (!wishes_.certificate_pem.empty()) {
    write("install the appliance's certificate", pki + "/server.crt", wishes_.certificate_pem);
  }
  if (!wishes_.pair_key.empty()) {
    write("install the pair's key", pki + "/pair.key", wishes_.pair_key, secret);
  }
}

// One that is there is the administrators', never setup's.
void Planner::plan_access() {
  if (facts_.has_access) return;
  if (wishes_.first_access.empty()) {
    return note(std::string("there is no ") + kAccess +
                ": only root may act, on this machine (--admin NAME writes a first one)");
  }
  write("who may do what", kAccess, wishes_.first_access, {0640, "root", kGroup});
}

void Planner::plan_agent() {
  Options options = {{"listen", quoted(endpoint(wishes_.management, wishes_.management_port))}};
  if (!wishes_.pair_peer.empty()) {
    options.emplace_back("pair-peer", quoted(wishes_.pair_peer));
    options.emplace_back("pair-listen", quoted(wishes_.pair_listen));
    options.emplace_back("pair-address", quoted(wishes_.pair_address));
  }
  configure("configure the agent", kAgentConf, options);
}

void Planner::plan_time() {
  std::string sources;
  bool all_nts = true;
  const auto add_source = [&](const std::string& host, bool nts) {
    sources += "server " + host + (nts ? " iburst nts\n" : " iburst\n");
    all_nts = all_nts && nts;
  };
  for (const std::string& host : wishes_.nts_servers) add_source(host, true);
  for (const std::string& host : wishes_.time_servers) {
    const auto found = facts_.nts.find(host);
    const NtsAnswer answer = found == facts_.nts.end() ? NtsAnswer::no : found->second;
    if (answer != NtsAnswer::yes) {
      note(host + (answer == NtsAnswer::no ? " has no NTS" : " does not answer on NTS now") +
           ": its time is not authenticated");
    }
    add_source(host, answer == NtsAnswer::yes);
  }
  if (sources.empty()) {
    note("no time server is named: the clock stays as the host keeps it (--time-server)");
    leave_out(kTimeRules);
    return leave_out(kTimeSources);
  }
  write("time from chrony's servers", kTimeSources, sources);
  write_or_leave_out("servers without NTS do not count", kTimeRules,
                     all_nts ? "authselectmode require\n" : "");
  if (!facts_.has_systemd || !wishes_.services) return;
  enable("chrony.service");
  start("chrony.service", {kTimeSources, kTimeRules});
}

void Planner::plan_host_firewall() {
  if (!wishes_.host_firewall) {
    note("this host's packet filter is left alone (--no-host-firewall)");
    const std::string list = "nft list table inet " + std::string(kHostTable);
    if (facts_.is_live && facts_.earlier.count(kHostRules) != 0) {
      add("remove the packet filter of an earlier setup",
          Run{.words = {"nft", delete_host_rules()}, .check = {"sh", "-c", "! " + list}});
    }
    leave_out(kHostFirewallUnit);
    leave_out(kFlushDropIn);
    return leave_out(kHostRules);
  }
  HostRules rules;
  rules.management = wishes_.management;
  rules.services = {wishes_.ssh_port, wishes_.management_port};
  rules.admit = wishes_.admit;
  rules.pair_listen = wishes_.pair_listen;
  rules.pair_address = wishes_.pair_address;
  for (const ChosenPort& port : ports_) {
    if (!port.interface.empty()) rules.zone_interfaces.push_back(port.interface);
  }
  const std::string text = write_host_rules(rules);
  write("this host's packet filter: " + joined(wishes_.admit, ", ") + " to " + wishes_.management +
            " (SSH, agent), and nothing else",
        kHostRules, text);
  write("the packet filter at boot", kHostFirewallUnit, host_firewall_unit());
  write("the packet filter again whenever nftables.service has flushed it", kFlushDropIn,
        flush_drop_in());
  if (!facts_.is_live) return;
  const std::string name = kHostTable;
  add("put the packet filter in force; tables of others stay as they are",
      Run{.words = {"nft", "-f", kHostRules},
          .check = {"nft", "list", "table", "inet", name},
          .expected = digest_of(text),
          .after = {kHostRules},
          .undo = {"nft", delete_host_rules()}},
      "nft's words say what the kernel lacks; --no-host-firewall leaves it out");
}

void Planner::enable(const std::string& unit) {
  add("start " + unit + " at boot", Run{.words = {"systemctl", "--quiet", "enable", unit},
                                        .check = {"systemctl", "is-enabled", unit},
                                        .undo = {"systemctl", "--quiet", "disable", unit}});
}

void Planner::start(const std::string& unit, std::vector<std::string> after) {
  add("start " + unit + ", anew if its configuration has changed",
      Run{.words = {"systemctl", "restart", unit},
          .check = {"systemctl", "is-active", unit},
          .after = std::move(after),
          .undo = {"systemctl", "stop", unit}},
      "its reason: journalctl -u " + unit);
}

void Planner::plan_services() {
  const bool has_certificate = (facts_.has_certificate || !wishes_.certificate_pem.empty()) &&
                               (facts_.has_authority || !wishes_.authority_pem.empty());
  if (!facts_.has_systemd || !wishes_.services) {
    return note(wishes_.services ? "no systemd runs here: services are neither enabled nor started"
                                 : "services are neither enabled nor started (--no-services)");
  }
  add("have systemd read the units anew",
      Run{.words = {"systemctl", "daemon-reload"}, .after = units_});
  if (any_bound()) enable(kPorts);
  if (wishes_.host_firewall) {
    enable(kHostFirewall);
    add("hold the packet filter under systemd",
        Run{.words = {"systemctl", "start", kHostFirewall},
            .check = {"systemctl", "is-active", kHostFirewall}});
  }
  enable(kDataplane);
  enable(kAgent);
  std::vector<std::string> after = {kDataplaneConf, kDropIn, kPortsUnit};
  for (const ChosenPort& port : ports_) {
    if (!port.pci.empty()) after.push_back(port.pci);
  }
  start(kDataplane, after);
  if (!has_certificate) {
    return note(std::string(kAgent) + " is started once this appliance has its certificate");
  }
  const std::string pki = kPki;
  start(kAgent,
        {kAgentConf, pki + "/server.key", pki + "/server.crt", pki + "/ca.crt", pki + "/pair.key"});
}

Result<std::vector<Step>, std::vector<Problem>> Planner::make() {
  remember();
  plan_drivers();
  plan_memory();
  plan_cores();
  plan_dataplane();
  plan_ports();
  plan_keys();
  plan_access();
  plan_agent();
  plan_time();
  plan_host_firewall();
  plan_services();
  if (!problems_.empty()) return std::move(problems_);
  return std::move(steps_);
}

}  // namespace

Result<std::vector<Step>, std::vector<Problem>> plan(const Facts& facts, const Wishes& wishes) {
  std::vector<Problem> problems = unmet(facts, wishes);
  auto ports = choose_ports(facts, wishes);
  if (!ports) {
    problems.insert(problems.end(), ports.error().begin(), ports.error().end());
    return problems;
  }
  for (Problem& each : unmet_by_ports(facts, wishes, ports.value())) {
    problems.push_back(std::move(each));
  }
  const Cores cores = share_cores(facts.cpus, wishes.workers, ports.value().front().numa_node);
  if (!cores.refused.empty()) {
    problems.push_back({cores.refused, "fewer --workers, or a machine with more cores"});
  }
  if (!problems.empty()) return problems;
  return Planner(facts, wishes, std::move(ports).value(), cores).make();
}

}  // namespace bulkhead::setup
