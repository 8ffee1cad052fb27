// protocols [NAME]: the catalogue that policies are written with.
#include "controlplane/cli/output.h"
#include "controlplane/cli/remote.h"
#include "controlplane/policy/diagnostics.h"
#include "dataplane/protocols/registry.h"

namespace bulkhead::controlplane {

namespace {

using protocols::Catalogue;

std::string ports_text(const Catalogue& catalogue) {
  std::string text;
  for (const protocols::DefaultPort& port : catalogue.ports) {
    text += (text.empty() ? "" : ", ") +
            std::string(port.carrier == protocols::Carrier::tcp ? "TCP " : "UDP ") +
            std::to_string(port.port);
  }
  return text;
}

std::string code_text(const protocols::FunctionInfo& function) {
  std::string text = std::to_string(function.code);
  if (function.sub_code != protocols::kNoSubCode) text += "/" + std::to_string(function.sub_code);
  return text;
}

std::string kind_text(const protocols::FieldInfo& field) {
  switch (field.kind) {
    case protocols::FieldKind::real:
      return "a number";
    case protocols::FieldKind::name:
      return field.any_case ? "a name in any case" : "a name";
    case protocols::FieldKind::integer:
      break;
  }
  return std::to_string(field.width_bits) + " bits";
}

std::vector<std::string> field_names(const Catalogue& catalogue, std::uint32_t mask) {
  std::vector<std::string> names;
  for (std::size_t i = 0; i < catalogue.fields.size(); ++i) {
    if ((mask >> i & 1U) != 0) names.emplace_back(catalogue.fields[i].name);
  }
  return names;
}

void list_protocols(const Session& session) {
  Table table({"PROTOCOL", "TITLE", "PORTS", "FUNCTIONS", "FIELDS"});
  for (const protocols::Protocol* protocol : protocols::registry()) {
    const Catalogue& catalogue = protocol->catalogue();
    if (session.format() == Format::json) {
      print_json({{"protocol", catalogue.name},
                  {"title", catalogue.title},
                  {"standard", catalogue.standard},
                  {"functions", catalogue.functions.size()},
                  {"fields", catalogue.fields.size()}});
      continue;
    }
    table.add({std::string(catalogue.name), std::string(catalogue.title), ports_text(catalogue),
               std::to_string(catalogue.functions.size()),
               std::to_string(catalogue.fields.size())});
  }
  if (session.format() == Format::json) return;
  table.print("");
  std::printf("\nSee one with `bulkheadctl protocols NAME`.\n");
}

void show_json(const Catalogue& catalogue) {
  for (const protocols::FunctionInfo& function : catalogue.functions) {
    Json json = {
        {"protocol", catalogue.name}, {"function", function.name}, {"code", function.code}};
    if (function.sub_code != protocols::kNoSubCode) json["sub_code"] = function.sub_code;
    json["access"] = protocols::describe(function.access);
    json["initiator"] = protocols::describe(function.initiator);
    json["fields"] = field_names(catalogue, function.fields);
    print_json(json);
  }
}

void show_table(const Catalogue& catalogue) {
  std::printf("%s: %s (%s), by default on %s\n\n", std::string(catalogue.name).c_str(),
              std::string(catalogue.title).c_str(), std::string(catalogue.standard).c_str(),
              ports_text(catalogue).c_str());
  Table functions({"FUNCTION", "CODE", "ACCESS", "BEGUN BY", "FIELDS FOR where"});
  for (const protocols::FunctionInfo& function : catalogue.functions) {
    std::string fields;
    for (const std::string& name : field_names(catalogue, function.fields)) {
      fields += (fields.empty() ? "" : ", ") + name;
    }
    functions.add({std::string(function.name), code_text(function),
                   std::string(protocols::describe(function.access)),
                   std::string(protocols::describe(function.initiator)), fields});
  }
  functions.print("");
  std::printf("\n");
  Table fields({"FIELD", "TAKES", "WHAT IT IS"});
  for (const protocols::FieldInfo& field : catalogue.fields) {
    fields.add({std::string(field.name), kind_text(field), std::string(field.text)});
  }
  fields.print("");
}

void run_protocols(const Session& session, const std::string& name) {
  if (name.empty()) return list_protocols(session);
  std::vector<std::string> known;
  for (const protocols::Protocol* protocol : protocols::registry()) {
    known.emplace_back(protocol->catalogue().name);
  }
  const auto protocol = protocols::find_protocol(name);
  if (!protocol) {
    throw CommandFailed{kUsage, "unknown protocol " + name + did_you_mean(name, known)};
  }
  const Catalogue& catalogue = protocols::registry()[*protocol]->catalogue();
  session.format() == Format::json ? show_json(catalogue) : show_table(catalogue);
}

}  // namespace

void add_catalogue_commands(CLI::App& app, Session& session) {
  const auto name = std::make_shared<std::string>();
  CLI::App* command = app.add_subcommand(
      "protocols", "The protocols that policies can name, with their functions and fields");
  command->add_option("NAME", *name, "Show this one in full");
  command->callback([&session, name] { run_protocols(session, *name); });
}

}  // namespace bulkhead::controlplane
