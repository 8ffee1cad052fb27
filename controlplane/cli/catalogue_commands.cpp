// protocols [NAME]: the catalogue that policies are written with.
#include "controlplane/cli/output.h"
#include "controlplane/cli/remote.h"
#include "controlplane/yaml/diagnostics.h"
#include "dataplane/protocols/registry.h"
#include "dataplane/wire/text.h"

namespace bulkhead::controlplane {

namespace {

using protocols::Catalogue;

std::string ports_text(const Catalogue& catalogue) {
  std::string text;
  for (const protocols::DefaultPort& port : catalogue.ports) {
    if (!text.empty()) text += ", ";
    if (port.carrier == protocols::Carrier::ethernet) {
      text += wire::ethernet_type_text(port.port);
    } else {
      text +=
          (port.carrier == protocols::Carrier::tcp ? "TCP " : "UDP ") + std::to_string(port.port);
    }
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
      if (field.patterns != nullptr) return std::string(field.patterns->name);
      return field.any_case ? "a name in any case" : "a name";
    case protocols::FieldKind::integer:
      break;
  }
  return std::to_string(field.width_bits) + " bits";
}

// What the field is, and what else an author must know of it.
std::string meaning_text(const protocols::FieldInfo& field) {
  std::string text(field.text);
  if (field.by_name) text += "; refused where a rule does not name it";
  if (!field.route.empty())
    text += "; an asset's `route` has it as `" + std::string(field.route) + "`";
  if (!field.source_route.empty()) {
    text += "; of a sender, an asset's `route` has it as `" + std::string(field.source_route) + "`";
  }
  return text;
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
  say("\nSee one with `bulkheadctl protocols NAME`.\n");
}

std::string fields_text(const Catalogue& catalogue, std::uint32_t mask) {
  std::string text;
  for (const std::string& name : field_names(catalogue, mask)) {
    text += (text.empty() ? "" : ", ") + name;
  }
  return text;
}

std::uint32_t by_name(const Catalogue& catalogue) {
  std::uint32_t mask = 0;
  for (std::size_t i = 0; i < catalogue.fields.size(); ++i) {
    mask |= std::uint32_t{catalogue.fields[i].by_name} << i;
  }
  return mask;
}

void show_json(const Catalogue& catalogue) {
  for (const protocols::FunctionInfo& function : catalogue.functions) {
    Json json = {
        {"protocol", catalogue.name}, {"function", function.name}, {"code", function.code}};
    if (function.sub_code != protocols::kNoSubCode) json["sub_code"] = function.sub_code;
    json["access"] = protocols::describe(function.access);
    json["initiator"] = protocols::describe(function.initiator);
    json["fields"] = field_names(catalogue, function.fields);
    json["must_be_named"] = field_names(catalogue, function.fields & by_name(catalogue));
    if (function.access_before)
      json["access_before"] = protocols::describe(*function.access_before);
    print_json(json);
  }
}

void show_table(const Catalogue& catalogue) {
  say("%s: %s (%s), by default on %s\n\n", std::string(catalogue.name).c_str(),
      std::string(catalogue.title).c_str(), std::string(catalogue.standard).c_str(),
      ports_text(catalogue).c_str());
  Table functions({"FUNCTION", "CODE", "ACCESS", "BEGUN BY", "FIELDS FOR where"});
  for (const protocols::FunctionInfo& function : catalogue.functions) {
    functions.add({std::string(function.name), code_text(function),
                   std::string(protocols::describe(function.access)),
                   std::string(protocols::describe(function.initiator)),
                   fields_text(catalogue, function.fields)});
  }
  functions.print("");
  say("\n");
  Table fields({"FIELD", "VALUES", "MEANING"});
  for (const protocols::FieldInfo& field : catalogue.fields) {
    fields.add({std::string(field.name), kind_text(field), meaning_text(field)});
  }
  fields.print("");
}

// The page that policies/reference.md is: every protocol as a person looks it up.
void show_reference() {
  say("# Protocols, functions and fields\n\n"
      "Made by `bulkheadctl protocols --reference` from the catalogues of the modules; do not "
      "edit.\n"
      "*Begun by*: what a server may begin is granted by rules like a request; what only a client\n"
      "begins needs no rule on its way back, but must answer something.\n");
  for (const protocols::Protocol* protocol : protocols::registry()) {
    const Catalogue& catalogue = protocol->catalogue();
    say("\n## %s\n\n%s (%s), by default on %s.\n\n", std::string(catalogue.name).c_str(),
        std::string(catalogue.title).c_str(), std::string(catalogue.standard).c_str(),
        ports_text(catalogue).c_str());
    say("| field | values | meaning |\n|---|---|---|\n");
    for (const protocols::FieldInfo& field : catalogue.fields) {
      say("| `%s` | %s | %s |\n", std::string(field.name).c_str(), kind_text(field).c_str(),
          meaning_text(field).c_str());
    }
    say("\n| function | code | access | begun by | fields |\n|---|---|---|---|---|\n");
    for (const protocols::FunctionInfo& function : catalogue.functions) {
      say("| `%s` | %s | %s | %s | %s |\n", std::string(function.name).c_str(),
          code_text(function).c_str(), std::string(protocols::describe(function.access)).c_str(),
          std::string(protocols::describe(function.initiator)).c_str(),
          fields_text(catalogue, function.fields).c_str());
    }
  }
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
  struct Arguments {
    std::string name;
    bool reference = false;
  };
  const auto arguments = std::make_shared<Arguments>();
  CLI::App* command = app.add_subcommand(
      "protocols", "The protocols that policies can name, with their functions and fields");
  auto* name = command->add_option("NAME", arguments->name, "Show this protocol in full");
  command
      ->add_flag("--reference", arguments->reference,
                 "Print the reference page of all protocols, in Markdown")
      ->excludes(name);
  command->callback([&session, arguments] {
    arguments->reference ? show_reference() : run_protocols(session, arguments->name);
  });
}

}  // namespace bulkhead::controlplane
