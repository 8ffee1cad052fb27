// map: zones, conduits and what they carry, as text or drawn by graphviz.
#include <memory>

#include "controlplane/cli/child.h"
#include "controlplane/cli/compiled_file.h"
#include "controlplane/cli/output.h"
#include "controlplane/cli/policy_map.h"
#include "controlplane/cli/remote.h"
#include "dataplane/artefact/artefact.h"
#include "dataplane/artefact/digest.h"

namespace bulkhead::controlplane {

namespace {

struct MapArguments {
  std::string path;
  std::string svg;
  bool live = false;
  bool dot = false;
};

// The source of what is enforced, if it is that.
Model live_model(const Session& session) {
  const v1::GetPolicyResponse stored = Remote(session).get(0);
  Compilation compiled = compile_policy(stored.source(), "the active revision", kAnyTime);
  if (compiled.tables &&
      artefact::to_hex(artefact::encode(*compiled.tables).sha256()) == stored.revision().sha256()) {
    return *std::move(compiled.model);
  }
  throw CommandFailed{kRefused,
                      "the active revision has no text that compiles to it here: it was pushed as "
                      "a compiled policy, or by another release; `bulkheadctl policy show` says "
                      "what it grants"};
}

Model model_of(const Session& session, const MapArguments& arguments) {
  if (arguments.live) return live_model(session);
  if (arguments.path.empty()) {
    throw CommandFailed{kUsage, "name a policy file, or --live for what the appliance enforces"};
  }
  return *compile_or_fail(session, arguments.path).model;
}

void draw(const std::string& graph, const std::string& path) {
  const std::string program = find_program("dot");
  if (program.empty()) {
    throw CommandFailed{kFileFailed,
                        "`dot` is not installed: apt install graphviz, or draw the output of "
                        "--dot elsewhere"};
  }
  const ChildResult drawn = run_child({program, "-Tsvg"}, graph);
  if (drawn.code != 0) {
    throw CommandFailed{kFileFailed, "dot failed: " + drawn.errors};
  }
  write_file_or_fail(path, drawn.output);
}

Json conduit_json(const Model& model, const ModelConduit& conduit) {
  Json rules = Json::array();
  for (const ModelRule& rule : conduit.rules) {
    Json classes = Json::array();
    if (rule.protocol == protocols::kNoProtocol) {
      rules.push_back({{"service", rule.service}});
      continue;
    }
    const protocols::Catalogue& catalogue = protocols::registry()[rule.protocol]->catalogue();
    for (std::size_t i = 0; i < protocols::kAccessClassNames.size(); ++i) {
      for (const std::uint16_t function : rule.functions) {
        if (static_cast<std::size_t>(catalogue.functions[function].access) != i) continue;
        classes.push_back(protocols::kAccessClassNames[i]);
        break;
      }
    }
    rules.push_back({{"protocol", catalogue.name}, {"access", std::move(classes)}});
  }
  return {{"conduit", conduit.name.text},
          {"from", model.zones[conduit.from].name.text},
          {"to", model.zones[conduit.to].name.text},
          {"rules", std::move(rules)}};
}

void run_map(const Session& session, const MapArguments& arguments) {
  const Model model = model_of(session, arguments);
  if (arguments.dot) return print_text(map_dot(model));
  if (!arguments.svg.empty()) return draw(map_dot(model), arguments.svg);
  if (session.format() == Format::table) return print_text(map_text(model));
  for (const ModelConduit& conduit : model.conduits) print_json(conduit_json(model, conduit));
}

}  // namespace

void add_map_command(CLI::App& app, Session& session) {
  const auto arguments = std::make_shared<MapArguments>();
  CLI::App* map = app.add_subcommand(
      "map", "Zones, the conduits between them and what they carry, as text or as a picture");
  CLI::Option* path = map->add_option("POLICY", arguments->path, "Policy file (.yaml)");
  map->add_flag("--live", arguments->live, "What the appliance enforces")->excludes(path);
  CLI::Option* svg = map->add_option("--svg", arguments->svg,
                                     "Draw it into this file; needs `dot` of the package graphviz");
  map->add_flag("--dot", arguments->dot, "Print the graph in graphviz' language")->excludes(svg);
  map->callback([&session, arguments] { run_map(session, *arguments); });
}

}  // namespace bulkhead::controlplane
