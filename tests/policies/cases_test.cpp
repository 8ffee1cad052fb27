// Every example policy beside its cases: each message goes through the whole pipeline in a session
// of the hosts that the case names, and must come to the verdict, by the rule, that the case says.
//
//   client (zone of the asset) --- pipeline under policy.yaml --- server (zone of the asset)
#include <gtest/gtest.h>
#include <yaml-cpp/yaml.h>

#include <filesystem>
#include <map>
#include <utility>

#include "controlplane/policy/compiler.h"
#include "controlplane/policy/literals.h"
#include "dataplane/wire/text.h"
#include "tests/support/examples.h"
#include "tests/support/plant.h"

namespace bulkhead {
namespace {

using support::Bytes;
using support::from_hex;
using support::Host;
using support::read_file;

constexpr std::uint16_t kClientPort = 40000;

Host host_of(const YAML::Node& policy, const std::string& name, std::uint8_t station) {
  const YAML::Node asset = policy["assets"][name];
  const YAML::Node zone = policy["zones"][asset["zone"].as<std::string>()];
  const YAML::Node written = asset["group"] ? asset["group"] : asset["address"];
  Host host{support::ip4(0, 0, 0, 0), support::mac(station), zone["port"].as<std::uint16_t>()};
  if (written) host.address = controlplane::read_address(written.as<std::string>()).value();
  if (asset["group"]) host.mac = wire::group_mac(host.address);
  if (asset["mac"]) {
    host.mac = controlplane::read_mac(asset["mac"].as<std::string>(), true).value();
  }
  return host;
}

// A session between any two hosts: of TCP, with its numbers, of datagrams, or of frames that carry
// the protocol themselves, in a VLAN if `tag` has one.
class Talk {
 public:
  Talk(support::Plant& plant, const Host& client, const Host& server,
       const protocols::DefaultPort& usual, std::optional<std::uint16_t> tag)
      : plant_(plant),
        client_(client),
        server_(server),
        port_(usual.port),
        carrier_(usual.carrier),
        tag_(tag) {
    if (carrier_ != protocols::Carrier::tcp) return;
    send(true, {}, wire::kTcpSyn);
    ++client_next_;
    send(false, {}, wire::kTcpSyn | wire::kTcpAck);
    ++server_next_;
    send(true, {}, wire::kTcpAck);
  }

  void say(bool from_client, const Bytes& payload) {
    if (carrier_ == protocols::Carrier::ethernet) return say_non_ip(from_client, payload);
    if (carrier_ == protocols::Carrier::udp) {
      const Host& from = from_client ? client_ : server_;
      const std::uint16_t source = from_client ? kClientPort : port_;
      const std::uint16_t destination = from_client ? port_ : kClientPort;
      plant_.arrive(from, support::udp_frame(from, from_client ? server_ : client_, source,
                                             destination, payload));
      return;
    }
    send(from_client, payload, wire::kTcpAck | wire::kTcpPsh);
    (from_client ? client_next_ : server_next_) += static_cast<std::uint32_t>(payload.size());
  }

 private:
  // Padded to the least that Ethernet carries.
  void say_non_ip(bool from_client, const Bytes& payload) {
    constexpr std::size_t kFrameMin = 60;
    const Host& from = from_client ? client_ : server_;
    const Host& to = from_client ? server_ : client_;
    Bytes frame(to.mac.bytes.begin(), to.mac.bytes.end());
    frame.insert(frame.end(), from.mac.bytes.begin(), from.mac.bytes.end());
    frame.push_back(static_cast<std::uint8_t>(port_ >> 8));
    frame.push_back(static_cast<std::uint8_t>(port_));
    frame.insert(frame.end(), payload.begin(), payload.end());
    frame.resize(std::max(frame.size() + 5, kFrameMin));
    plant_.arrive(from, tag_ ? support::with_vlan(frame, *tag_) : frame);
  }

  void send(bool from_client, const Bytes& payload, std::uint8_t flags) {
    support::TcpSpec spec;
    spec.source_port = from_client ? kClientPort : port_;
    spec.destination_port = from_client ? port_ : kClientPort;
    spec.sequence = from_client ? client_next_ : server_next_;
    spec.acknowledgement = flags == wire::kTcpSyn ? 0 : from_client ? server_next_ : client_next_;
    spec.flags = flags;
    spec.payload = payload;
    const Host& from = from_client ? client_ : server_;
    plant_.arrive(from, support::tcp_frame(from, from_client ? server_ : client_, spec));
  }

  support::Plant& plant_;
  Host client_;
  Host server_;
  std::uint16_t port_;
  protocols::Carrier carrier_;
  std::optional<std::uint16_t> tag_;
  std::uint32_t client_next_ = 1000;
  std::uint32_t server_next_ = 900000;
};

policy::Tables compile(const std::filesystem::path& path) {
  auto result = controlplane::compile_policy(read_file(path), path.string());
  EXPECT_TRUE(result.tables) << path;
  EXPECT_TRUE(result.diagnostics.list().empty()) << path << " has warnings";
  auto tables = policy::finished(*std::move(result.tables));
  EXPECT_TRUE(tables) << path;
  return std::move(tables).value();
}

// The verdict on the last message that was told.
const pipeline::Event* last_message(const support::Plant& plant) {
  const pipeline::Event* found = nullptr;
  for (const pipeline::Event& event : plant.verdicts) {
    if (event.is_message) found = &event;
  }
  return found;
}

// What came of a case's message.
struct Outcome {
  std::optional<pipeline::Event> verdict;
  bool allowed = false;
  Bytes message;
  Bytes delivered;  // left towards the receiver
};

// `level`: of a containment of everything, set once the session has come to the message.
void play(const std::filesystem::path& policy_path, const YAML::Node& policy,
          const YAML::Node& each, policy::ContainmentLevel level, Outcome& outcome) {
  const auto protocol = protocols::find_protocol(each["protocol"].as<std::string>());
  ASSERT_TRUE(protocol);
  const protocols::DefaultPort& port = protocols::registry()[*protocol]->catalogue().ports[0];
  support::Plant plant(compile(policy_path));
  const Host client = host_of(policy, each["client"].as<std::string>(), 0x51);
  const Host server = host_of(policy, each["server"].as<std::string>(), 0x52);
  std::optional<std::uint16_t> tag;
  if (each["vlan"]) tag = each["vlan"].as<std::uint16_t>();
  Talk talk(plant, client, server, port, tag);
  for (const YAML::Node& before : each["before"]) {
    const auto text = before.as<std::string>();
    talk.say(text[0] == '>', from_hex(text.substr(1)));
    const pipeline::Event* verdict = last_message(plant);
    ASSERT_TRUE(verdict != nullptr && is_allowed(verdict->reason)) << "before: " << text;
  }
  plant.clear();
  if (level != policy::ContainmentLevel::normal) {
    plant.contain({{policy::Contained::Kind::all, "", level}});
  }
  const bool from_client = !each["from"] || each["from"].as<std::string>() == "client";
  outcome.message = from_hex(each["message"].as<std::string>());
  talk.say(from_client, outcome.message);
  if (const pipeline::Event* verdict = last_message(plant)) outcome.verdict = *verdict;
  outcome.allowed = outcome.verdict && is_allowed(outcome.verdict->reason);
  Bytes& delivered = outcome.delivered;
  for (const support::Sent& sent : plant.sent) {
    if (sent.port != (from_client ? server : client).port) continue;
    std::size_t payload_at = 14 + (tag ? 4 : 0);
    if (port.carrier == protocols::Carrier::udp) payload_at += 20 + 8;
    const auto tcp = support::parse_sent(sent.frame);
    if (tcp) delivered.insert(delivered.end(), tcp->payload.begin(), tcp->payload.end());
    if (!tcp) {
      delivered.assign(sent.frame.begin() + static_cast<std::ptrdiff_t>(payload_at),
                       sent.frame.end());
    }
  }
}

void run_case(const std::filesystem::path& policy_path, const YAML::Node& policy,
              const YAML::Node& each) {
  Outcome outcome;
  play(policy_path, policy, each, policy::ContainmentLevel::normal, outcome);
  ASSERT_TRUE(outcome.verdict);
  const pipeline::Event& verdict = *outcome.verdict;
  EXPECT_EQ(outcome.allowed, each["verdict"].as<std::string>() == "allow")
      << describe(verdict.reason).name << " " << protocols::describe(verdict.fault).name;
  if (each["rule"]) {
    EXPECT_EQ(verdict.rule, each["rule"].as<unsigned>());
  }
  if (each["reason"]) {
    EXPECT_EQ(describe(verdict.reason).name, each["reason"].as<std::string>())
        << protocols::describe(verdict.fault).name;
  }
  // What leaves towards the receiver is the whole message, or nothing of it.
  EXPECT_EQ(outcome.delivered, outcome.allowed ? outcome.message : Bytes{});
}

template <typename Visit>
void each_case(Visit visit) {
  std::size_t sites = 0;
  for (const auto& site : std::filesystem::directory_iterator(BULKHEAD_POLICIES)) {
    if (!site.is_directory()) continue;
    ++sites;
    const std::filesystem::path path = site.path() / "policy.yaml";
    const YAML::Node policy = YAML::LoadFile(path);
    for (const YAML::Node& each : YAML::LoadFile(site.path() / "cases.yaml")["cases"]) {
      SCOPED_TRACE(path.string() + ": " + each["what"].as<std::string>());
      visit(path, policy, each);
    }
  }
  EXPECT_GE(sites, 3U);
}

// The same messages, in the same sessions, while a level stands. None of the rules is essential.
TEST(Policies, EveryCaseUnderContainment) {
  using policy::ContainmentLevel;
  std::map<protocols::AccessClass, std::pair<int, int>> by_class;  // passed, cut
  each_case([&](const auto& path, const YAML::Node& policy, const YAML::Node& each) {
    if (each["verdict"].as<std::string>() != "allow") return;
    Outcome usual;
    play(path, policy, each, ContainmentLevel::normal, usual);
    ASSERT_TRUE(usual.verdict);
    const auto functions = protocols::registry()[usual.verdict->protocol]->catalogue().functions;
    const protocols::AccessClass access = functions[usual.verdict->function].access;
    const bool answers = usual.verdict->reason == Reason::answers_request;
    const bool harmless = access == protocols::AccessClass::session ||
                          access == protocols::AccessClass::discover ||
                          access == protocols::AccessClass::read;
    Outcome reads;
    play(path, policy, each, ContainmentLevel::read_only, reads);
    EXPECT_EQ(reads.delivered, answers || harmless ? usual.message : Bytes{});
    ++(reads.allowed ? by_class[access].first : by_class[access].second);
    if (!answers && !harmless && reads.verdict) {
      EXPECT_EQ(describe(reads.verdict->reason).name, "contained");
    }
    for (const auto level : {ContainmentLevel::essential, ContainmentLevel::isolate}) {
      Outcome cut;
      play(path, policy, each, level, cut);
      EXPECT_EQ(cut.delivered, Bytes{});
      EXPECT_FALSE(cut.allowed);
    }
  });
  // Each class was met, with the answer that the level gives it.
  EXPECT_GE(by_class.size(), 8U);
  EXPECT_GT(by_class[protocols::AccessClass::read].first, 0);
  EXPECT_GT(by_class[protocols::AccessClass::write].second, 0);
  EXPECT_GT(by_class[protocols::AccessClass::operate].second, 0);
  EXPECT_GT(by_class[protocols::AccessClass::publish].second, 0);
}

TEST(Policies, EveryCaseOfEveryExample) {
  std::size_t cases = 0;
  each_case([&](const auto& path, const YAML::Node& policy, const YAML::Node& each) {
    run_case(path, policy, each);
    ++cases;
  });
  EXPECT_GE(cases, 50U);
  RecordProperty("cases", static_cast<int>(cases));
}

}  // namespace
}  // namespace bulkhead
