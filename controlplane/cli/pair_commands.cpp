// pair status|switchover|maintenance.
#include <chrono>
#include <thread>

#include "controlplane/cli/commit_commands.h"
#include "controlplane/cli/output.h"
#include "controlplane/cli/remote.h"

namespace bulkhead::controlplane {

namespace {

std::string digest_text(std::uint64_t digest) {
  char text[17];
  std::snprintf(text, sizeof(text), "%016llx", static_cast<unsigned long long>(digest));
  return text;
}

Json appliance_json(const v1::PairAppliance& appliance) {
  return {{"name", appliance.name()},
          {"role", appliance.role()},
          {"priority", appliance.priority()},
          {"eligible", appliance.eligible()},
          {"ready", appliance.ready()},
          {"maintenance", appliance.maintenance()},
          {"policy_epoch", appliance.policy_generation()},
          {"policy_digest", digest_text(appliance.policy_digest())},
          {"access_sha256", appliance.access_sha256()}};
}

Json pair_json(const v1::PairStatus& status) {
  Json json = {{"self", appliance_json(status.self())},
               {"peer", appliance_json(status.peer())},
               {"peer_heard", status.peer_heard()},
               {"term", status.term()},
               {"link_up", status.link_up()},
               {"flows_equal", status.flows_equal()},
               {"takeovers", status.takeovers()},
               {"problem", status.problem()},
               {"access_differs", status.access_differs()},
               {"last_change", status.last_change()},
               {"last_change_time", iso_time(status.last_change_wall_time_ns())}};
  if (status.has_trial()) json["trial"] = trial_json(status.trial());
  for (const v1::PairPath& path : status.paths()) {
    json["paths"].push_back({{"name", path.name()}, {"heard", path.heard()}});
  }
  return json;
}

// What stands between the pair and losing one of them, in one line; empty: nothing.
std::string weakness(const v1::PairStatus& status) {
  if (!status.problem().empty()) return status.self().name() + ": " + status.problem();
  if (!status.peer_heard()) return status.peer().name() + " is not heard";
  for (const v1::PairPath& path : status.paths()) {
    if (!path.heard()) return "nothing is heard on " + path.name();
  }
  if (!status.link_up()) return "the pair link's stream is down";
  const bool active = status.self().role() == "active";
  if (active == (status.peer().role() == "active")) {
    return active ? "both are active" : "neither is active";
  }
  const v1::PairAppliance& standby = active ? status.peer() : status.self();
  if (standby.maintenance()) return standby.name() + " is in maintenance";
  if (!standby.eligible()) return standby.name() + " could not become active";
  if (status.self().policy_generation() != status.peer().policy_generation() ||
      status.self().policy_digest() != status.peer().policy_digest()) {
    return "the policies differ";
  }
  if (!standby.ready()) return standby.name() + " does not have all sessions yet";
  return {};
}

void print_pair(const v1::PairStatus& status) {
  const std::string weak = weakness(status);
  say("%s\n", weak.empty() ? paint("protected: either appliance may fail", Colour::good)
                           : paint("not protected: " + weak, Colour::bad));
  if (status.has_trial()) say("%s\n", paint(trial_text(status.trial()), Colour::bad));
  Table table({"APPLIANCE", "ROLE", "PRIORITY", "COULD BE ACTIVE", "READY", "POLICY", "DIGEST"});
  const auto add = [&](const v1::PairAppliance& appliance, const std::string& mark) {
    const bool active = appliance.role() == "active";
    const std::string role = appliance.role().empty() ? "unknown" : appliance.role();
    table.add({appliance.name() + mark, role + (appliance.maintenance() ? ", maintenance" : ""),
               std::to_string(appliance.priority()), appliance.eligible() ? "yes" : "no",
               active              ? "-"
               : appliance.ready() ? "yes"
                                   : "no",
               "epoch " + std::to_string(appliance.policy_generation()),
               digest_text(appliance.policy_digest()).substr(0, 12)},
              active ? Colour::bold : Colour::plain);
  };
  add(status.self(), " (asked)");
  add(status.peer(), "");
  table.print("");
  std::string paths;
  for (const v1::PairPath& path : status.paths()) {
    paths += (paths.empty() ? "" : ", ") + path.name() + (path.heard() ? "" : " (silent)");
  }
  say("\nterm       %llu, %llu takeovers of this appliance since its agent started\n",
      static_cast<unsigned long long>(status.term()),
      static_cast<unsigned long long>(status.takeovers()));
  if (status.access_differs()) {
    const auto file_of = [](const v1::PairAppliance& appliance) {
      const std::string& sha256 = appliance.access_sha256();
      return appliance.name() + (sha256.empty() ? " has none" : " " + sha256.substr(0, 12));
    };
    say("%s\n", paint("the access files differ: " + file_of(status.self()) + ", " +
                          file_of(status.peer()) + "; copy access.yaml from one to the other",
                      Colour::bad));
  }
  say("peer heard on %s\n", paths.empty() ? "no path" : paths.c_str());
  if (!status.last_change().empty()) {
    say("%s  %s\n", local_time(status.last_change_wall_time_ns()).c_str(),
        status.last_change().c_str());
  }
}

void print(Session& session, const v1::PairStatus& status) {
  session.format() == Format::json ? print_json(pair_json(status)) : print_pair(status);
}

// The same, and the exit code says whether either appliance can go.
void show(Session& session, const v1::PairStatus& status) {
  print(session, status);
  if (!weakness(status).empty()) session.exit_code = kRefused;
}

v1::PairStatus ask(Remote& remote) {
  v1::PairStatus status;
  remote.expect(remote.pair().GetPair(remote.context().get(), {}, &status));
  return status;
}

v1::PairStatus order(Remote& remote, v1::OrderPairRequest::Order order) {
  v1::OrderPairRequest request;
  request.set_order(order);
  v1::PairStatus status;
  remote.expect(remote.pair().OrderPair(remote.context().get(), request, &status));
  return status;
}

// Waits until the appliance that was active is not, for as long as a hand-over may take, and a
// while for the pair to be whole again: the new standby gets all sessions anew. One in maintenance
// is not waited for.
v1::PairStatus await_hand_over(Remote& remote, const std::string& what) {
  constexpr int kTries = 100;
  constexpr auto kPause = std::chrono::milliseconds(20);
  v1::PairStatus status;
  bool done = false;
  for (int i = 0; i < kTries; ++i) {
    status = ask(remote);
    done = done || (status.self().role() == "standby" && status.peer().role() == "active");
    if (done && (weakness(status).empty() || status.self().maintenance())) break;
    std::this_thread::sleep_for(kPause);
  }
  if (done) return status;
  throw CommandFailed{kRefused, what + " did not happen: " + status.last_change()};
}

void run_switchover(Session& session) {
  Remote remote(session);
  order(remote, v1::OrderPairRequest::ORDER_SWITCHOVER);
  print(session, await_hand_over(remote, "the switchover"));
}

void run_maintenance(Session& session, bool on) {
  Remote remote(session);
  if (!on) return show(session, order(remote, v1::OrderPairRequest::ORDER_MAINTENANCE_OFF));
  v1::PairStatus status = order(remote, v1::OrderPairRequest::ORDER_MAINTENANCE_ON);
  if (status.self().role() == "active") status = await_hand_over(remote, "the hand-over");
  print(session, status);
}

}  // namespace

void add_pair_commands(CLI::App& app, Session& session) {
  CLI::App* pair = app.add_subcommand("pair", "Show and choose the active appliance of a pair");
  pair->require_subcommand(1);
  CLI::App* status = pair->add_subcommand(
      "status", "Both appliances, and whether each could take over; exit code 1 if not");
  status->callback([&session] {
    Remote remote(session);
    show(session, ask(remote));
  });
  CLI::App* switchover = pair->add_subcommand(
      "switchover", "Hand over from the active appliance, which --server names, to the other");
  switchover->callback([&session] { run_switchover(session); });
  CLI::App* maintenance = pair->add_subcommand(
      "maintenance", "Keep the appliance from being active; if it is, it hands over first");
  const auto how = std::make_shared<std::string>();
  maintenance->add_option("HOW", *how, "on or off")
      ->required()
      ->check(CLI::IsMember({"on", "off"}));
  maintenance->callback([&session, how] { run_maintenance(session, *how == "on"); });
}

}  // namespace bulkhead::controlplane
