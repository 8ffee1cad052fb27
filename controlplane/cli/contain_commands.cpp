// contain, contain list, contain release.
#include <map>
#include <memory>

#include "controlplane/cli/containment_text.h"
#include "controlplane/cli/remote.h"

namespace bulkhead::controlplane {

namespace {

struct Target {
  std::string zone;
  std::string conduit;
  bool all = false;
};

struct ContainmentArguments {
  Target target;
  std::string level;
  std::string reason;
  std::uint64_t for_ms = 0;
};

void add_target(CLI::App& command, Target& target) {
  CLI::Option* zone = command.add_option("ZONE", target.zone, "All conduits from and to this zone");
  CLI::Option* named = command.add_option("--zone", target.zone, "The same");
  CLI::Option* conduit = command.add_option("--conduit", target.conduit, "One conduit");
  CLI::Option* all = command.add_flag("--all", target.all, "All conduits of the appliance");
  named->excludes(zone);
  conduit->excludes(zone)->excludes(named);
  all->excludes(zone)->excludes(named)->excludes(conduit);
}

v1::ContainmentTarget target_or_fail(const Target& target) {
  v1::ContainmentTarget chosen;
  if (target.all) {
    chosen.set_all(true);
  } else if (!target.conduit.empty()) {
    chosen.set_conduit(target.conduit);
  } else if (!target.zone.empty()) {
    chosen.set_zone(target.zone);
  } else {
    throw CommandFailed{kUsage, "name a ZONE, --conduit CONDUIT or --all"};
  }
  return chosen;
}

void print_changed(Session& session, const v1::ContainmentChanged& changed) {
  v1::ListContainmentResponse stands;
  *stands.mutable_containments() = changed.containments();
  if (session.format() == Format::json) {
    Json json = containment_json(stands);
    json.erase("problems");
    json["released"] = changed.released();
    json["warnings"] = Json::array();
    for (const std::string& each : changed.warnings()) json["warnings"].push_back(each);
    return print_json(json);
  }
  if (changed.released() > 0) {
    say("released %llu\n", static_cast<unsigned long long>(changed.released()));
  }
  print_containment_table(stands);
  for (const std::string& each : changed.warnings()) {
    say("%s\n", paint("warning: " + each, Colour::bad));
  }
}

void release(Session& session, const Target& target, v1::ContainmentLevel level) {
  v1::ReleaseContainmentRequest request;
  *request.mutable_target() = target_or_fail(target);
  request.set_level(level);
  Remote remote(session);
  v1::ContainmentChanged changed;
  remote.expect(remote.containment().ReleaseContainment(remote.context().get(), request, &changed));
  print_changed(session, changed);
}

// `--level normal` is a release.
void contain(Session& session, const ContainmentArguments& arguments) {
  if (arguments.level.empty()) throw CommandFailed{kUsage, "--level is missing"};
  const v1::ContainmentLevel level = level_or_fail(arguments.level);
  if (level == v1::CONTAINMENT_LEVEL_NORMAL) return release(session, arguments.target, level);
  v1::SetContainmentRequest request;
  *request.mutable_target() = target_or_fail(arguments.target);
  request.set_level(level);
  request.set_for_ms(arguments.for_ms);
  request.set_reason(arguments.reason);
  Remote remote(session);
  v1::ContainmentChanged changed;
  remote.expect(remote.containment().SetContainment(remote.context().get(), request, &changed));
  print_changed(session, changed);
}

void list(Session& session) {
  Remote remote(session);
  v1::ListContainmentResponse stands;
  remote.expect(remote.containment().ListContainment(remote.context().get(), {}, &stands));
  if (session.format() == Format::table) return print_containment_table(stands);
  for (const v1::Containment& each : stands.containments()) print_json(containment_json(each));
  for (const std::string& each : stands.problems()) print_json({{"problem", each}});
}

}  // namespace

void add_contain_commands(CLI::App& app, Session& session) {
  const std::map<std::string, std::uint64_t> units = {
      {"s", 1000}, {"m", 60'000}, {"h", 3'600'000}, {"d", 86'400'000}};
  const auto arguments = std::make_shared<ContainmentArguments>();
  CLI::App* contain_command = app.add_subcommand(
      "contain",
      "Cut a zone or conduit off beside its policy, at once and on both of a pair: read-only "
      "passes "
      "messages of the classes session, discover and read, and no plain services; essential what "
      "rules with `essential: true` grant; isolate nothing, ARP neither. Several add up: what any "
      "cuts is cut. It stands over commits, restarts and takeovers until its time is over or "
      "`contain release` ends it");
  contain_command->require_subcommand(0, 1);
  add_target(*contain_command, arguments->target);
  contain_command->add_option("--level", arguments->level,
                              "read-only, essential or isolate; normal releases");
  contain_command
      ->add_option("--for", arguments->for_ms,
                   "It ends by itself after this time (90s, 30m, 2h, 7d); if not given, when it is "
                   "released")
      ->transform(CLI::AsNumberWithUnit(units, CLI::AsNumberWithUnit::UNIT_REQUIRED))
      ->check(CLI::PositiveNumber)
      ->option_text("TIME");
  contain_command->add_option("--reason", arguments->reason, "Why, for who reads of it");
  contain_command->callback([&session, arguments, contain_command] {
    if (contain_command->get_subcommands().empty()) contain(session, *arguments);
  });
  CLI::App* list_command =
      contain_command->add_subcommand("list", "What is contained, how, by whom, for how long");
  list_command->callback([&session] { list(session); });
  const auto released = std::make_shared<ContainmentArguments>();
  CLI::App* release_command = contain_command->add_subcommand(
      "release",
      "End what was contained: the same zone, conduit or --all; needs the role that the policy "
      "names (containment: {release: ROLE}), else operator or administrator");
  add_target(*release_command, released->target);
  release_command->add_option("--level", released->level, "Only of this level");
  release_command->callback([&session, released] {
    const auto level =
        released->level.empty() ? v1::CONTAINMENT_LEVEL_NORMAL : level_or_fail(released->level);
    release(session, released->target, level);
  });
}

}  // namespace bulkhead::controlplane
