// A step a line, numbered from 1.
#include "controlplane/cli/setup_output.h"

#include <string>

#include "controlplane/cli/output.h"

namespace bulkhead::controlplane {

namespace {

const char* state_name(setup::StepState state) {
  switch (state) {
    case setup::StepState::note:
      return "note";
    case setup::StepState::due:
      return "due";
    case setup::StepState::done_before:
      return "already so";
    case setup::StepState::done:
      return "done";
    case setup::StepState::failed:
      return "failed";
    case setup::StepState::undone:
      return "undone";
    case setup::StepState::not_undone:
      return "not undone";
  }
  return "";
}

Colour colour_of(setup::StepState state) {
  switch (state) {
    case setup::StepState::done:
      return Colour::good;
    case setup::StepState::failed:
    case setup::StepState::not_undone:
      return Colour::bad;
    case setup::StepState::done_before:
      return Colour::dim;
    default:
      return Colour::plain;
  }
}

std::string speed_text(int mbps) {
  if (mbps == 0) return "";
  return mbps % 1000 == 0 ? " " + std::to_string(mbps / 1000) + "G"
                          : " " + std::to_string(mbps) + "M";
}

Json port_json(const setup::Port& port) {
  Json json = {{"interface", json_text(port.interface)},
               {"pci", port.pci},
               {"driver", json_text(port.driver)},
               {"kind", port.kind},
               {"mac", json_text(port.mac)},
               {"in_other_namespace", port.is_elsewhere},
               {"link_up", port.link_up},
               {"speed_mbps", port.speed_mbps},
               {"numa_node", port.numa_node},
               {"iommu_group", port.iommu_group},
               {"addresses", port.addresses},
               {"management", json_text(port.management)}};
  return json;
}

}  // namespace

void show_ports(const Session& session, const setup::Facts& facts) {
  Table table(
      {"INTERFACE", "PCI", "DRIVER", "KIND", "LINK", "NUMA", "IOMMU", "ADDRESSES", "MANAGEMENT"});
  const auto or_dash = [](const std::string& text) { return text.empty() ? "-" : text; };
  for (const setup::Port& port : facts.ports) {
    if (session.format() == Format::json) {
      print_json(port_json(port));
      continue;
    }
    const std::string& interface = port.interface;
    table.add({port.is_elsewhere ? "in another namespace" : or_dash(interface), or_dash(port.pci),
               or_dash(port.driver), port.kind,
               port.interface.empty() ? "-"
               : port.link_up         ? "up" + speed_text(port.speed_mbps)
                                      : "down",
               port.numa_node < 0 ? "-" : std::to_string(port.numa_node),
               port.pci.empty()           ? "-"
               : port.iommu_group.empty() ? "none"
                                          : "group " + port.iommu_group,
               or_dash(setup::joined(port.addresses, ", ")), or_dash(port.management)},
              port.management.empty() ? Colour::plain : Colour::bold);
  }
  if (session.format() == Format::table) table.print("no interfaces");
}

void show_problems(const Session& session, const std::vector<setup::Problem>& problems) {
  for (const setup::Problem& each : problems) {
    if (session.format() == Format::json) {
      print_json({{"problem", json_text(each.cause)}, {"mend", json_text(each.mend)}});
      continue;
    }
    print_error("bulkheadctl: " + each.cause);
    if (!each.mend.empty()) print_error("  to mend it: " + each.mend);
  }
}

void show_step(const Session& session, std::size_t number, const setup::Step& step,
               setup::StepState state, const setup::Problem& problem) {
  if (session.format() == Format::json) {
    Json json = {{"step", number}, {"what", json_text(step.what)}, {"state", state_name(state)}};
    if (!problem.cause.empty()) {
      json["problem"] = json_text(problem.cause);
      json["mend"] = json_text(problem.mend);
    }
    print_json(json);
  } else {
    char head[48];
    std::snprintf(head, sizeof(head), "%3zu. %-10s  ", number, state_name(state));
    say("%s%s\n", paint(head, colour_of(state)), step.what);
    if (!problem.cause.empty()) say("                 %s\n", paint(problem.cause, Colour::bad));
    if (!problem.mend.empty()) say("                 to mend it: %s\n", problem.mend);
  }
  std::fflush(stdout);
}

void show_plan(const Session& session, const std::vector<setup::Step>& steps,
               const std::vector<setup::StepState>& states) {
  for (std::size_t i = 0; i < steps.size(); ++i) {
    show_step(session, i + 1, steps[i], states[i], {});
  }
}

}  // namespace bulkhead::controlplane
