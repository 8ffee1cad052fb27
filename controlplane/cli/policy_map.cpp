// A conduit's rules are summed up by protocol: the classes and functions that all of them grant.
#include "controlplane/cli/policy_map.h"

#include <algorithm>
#include <map>
#include <set>

#include "controlplane/cli/output.h"
#include "controlplane/policy/observe.h"
#include "dataplane/wire/text.h"

namespace bulkhead::controlplane {

namespace {

constexpr std::size_t kColumnsMax = 80;
constexpr const char* kColours =
    "Green: passes what reads. Orange: more than that. Red: may pass everything.";
constexpr std::size_t kListedMax = 12;  // assets of a zone in the picture, before `and N more`

std::string join(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : ", ") + word;
  return text;
}

// Words with commas, on lines that begin with so many blanks.
std::string wrapped(const std::string& head, const std::vector<std::string>& words) {
  std::string text;
  std::string line = head;
  for (std::size_t i = 0; i < words.size(); ++i) {
    const std::string word = words[i] + (i + 1 < words.size() ? "," : "");
    if (i > 0 && line.size() + 1 + word.size() > kColumnsMax) {
      text += line + "\n";
      line = std::string(head.size(), ' ') + word;
    } else {
      line += (i > 0 ? " " : "") + word;
    }
  }
  return text + line + "\n";
}

std::string place_text(const ModelZone& zone) {
  std::string text = "port " + std::to_string(zone.port);
  if (zone.vlan.outer != 0) text += ", VLAN " + std::to_string(zone.vlan.outer);
  if (zone.vlan.inner != 0) text += " in " + std::to_string(zone.vlan.inner);
  if (!zone.target.empty()) text += ", " + zone.target;
  if (zone.prp) text += ", PRP";
  return text;
}

std::string asset_text(const Model& model, const ModelAsset& asset) {
  std::vector<std::string> words;
  for (const wire::IpAddress& address : asset.addresses) words.push_back(wire::to_text(address));
  for (const wire::IpAddress& group : asset.groups) words.push_back(wire::to_text(group));
  if (words.empty() && asset.mac) words.push_back(wire::to_text(*asset.mac));
  if (asset.behind) words.push_back("behind " + model.assets[*asset.behind].name.text);
  return asset.name.text + " (" + join(words) + ")";
}

std::vector<std::string> assets_of(const Model& model, std::size_t zone) {
  std::vector<std::string> words;
  for (const ModelAsset& asset : model.assets) {
    if (asset.zone == zone) words.push_back(asset_text(model, asset));
  }
  return words;
}

std::vector<std::string> networks_of(const ModelZone& zone) {
  std::vector<std::string> words;
  for (const wire::Prefix& network : zone.networks) words.push_back(wire::to_text(network));
  return words;
}

// What a conduit carries of one protocol or service.
struct Carried {
  std::set<protocols::AccessClass> classes;
  std::size_t rules = 0;
};

// By the protocol's name, or the service as its author wrote it.
std::map<std::string, Carried> carried_by(const ModelConduit& conduit) {
  std::map<std::string, Carried> carried;
  for (const ModelRule& rule : conduit.rules) {
    if (rule.protocol == protocols::kNoProtocol) {
      ++carried[rule.service + " (not inspected)"].rules;
      continue;
    }
    const protocols::Catalogue& catalogue = protocols::registry()[rule.protocol]->catalogue();
    Carried& each = carried[std::string(catalogue.name)];
    ++each.rules;
    for (const std::uint16_t function : rule.functions) {
      each.classes.insert(catalogue.functions[function].access);
    }
  }
  return carried;
}

std::vector<std::string> class_names(const Carried& carried) {
  std::vector<std::string> names;
  for (const protocols::AccessClass access : carried.classes) {
    names.emplace_back(protocols::describe(access));
  }
  return names;
}

std::vector<std::string> carried_words(const ModelConduit& conduit) {
  std::vector<std::string> words;
  for (const auto& [name, carried] : carried_by(conduit)) {
    words.push_back(carried.classes.empty() ? name : name + ": " + join(class_names(carried)));
  }
  if (words.empty()) words.emplace_back("nothing");
  return words;
}

// Whether more than reading passes.
bool changes_things(const ModelConduit& conduit) {
  using protocols::AccessClass;
  return std::any_of(conduit.rules.begin(), conduit.rules.end(), [](const ModelRule& rule) {
    if (rule.protocol == protocols::kNoProtocol) return true;
    const protocols::Catalogue& catalogue = protocols::registry()[rule.protocol]->catalogue();
    return std::any_of(rule.functions.begin(), rule.functions.end(), [&](std::uint16_t index) {
      const AccessClass access = catalogue.functions[index].access;
      return access != AccessClass::session && access != AccessClass::discover &&
             access != AccessClass::read && access != AccessClass::publish;
    });
  });
}

std::string rules_text(const ModelConduit& conduit) {
  const std::size_t count = conduit.rules.size();
  return std::to_string(count) + (count == 1 ? " rule" : " rules");
}

// A conduit in the text form, with what it carries.
std::string conduit_text(const ModelConduit& conduit, const std::string& to) {
  std::string head = "  " + conduit.name.text + " --> [" + to + "]";
  if (head.size() > kColumnsMax) head = "  " + conduit.name.text + "\n    --> [" + to + "]";
  const std::string more = rules_text(conduit) + ", on_deny " + conduit.on_deny_text +
                           (changes_things(conduit) ? ", more than reading" : "") +
                           (conduit.fail_open ? ", FAILS OPEN" : "");
  const bool fits = head.size() + 2 + more.size() <= kColumnsMax;
  std::string text =
      head + (fits ? "  " : "\n    ") + more + "\n" + observation_text(conduit, "    ");
  for (const auto& [name, carried] : carried_by(conduit)) {
    text += carried.classes.empty() ? "    " + name + "\n"
                                    : wrapped("    " + name + ": ", class_names(carried));
  }
  return text + (conduit.rules.empty() ? "    nothing\n" : "");
}

// Text of a label: what graphviz reads in quotes. Names have no quotes or backslashes.
std::string label(const std::vector<std::string>& lines) {
  std::string text = "\"";
  for (const std::string& line : lines) {
    for (const char byte : line) {
      if (byte == '"' || byte == '\\') text += '\\';
      text += byte;
    }
    text += "\\l";
  }
  return text + "\"";
}

}  // namespace

std::string map_text(const Model& model) {
  std::string text = "Site " + model.site + "\n";
  for (std::size_t i = 0; i < model.zones.size(); ++i) {
    const ModelZone& zone = model.zones[i];
    text += "\n[" + zone.name.text + "]  " + place_text(zone) + "\n";
    if (!zone.networks.empty()) text += wrapped("  networks  ", networks_of(zone));
    const auto assets = assets_of(model, i);
    if (!assets.empty()) text += wrapped("  assets    ", assets);
    for (const ModelConduit& conduit : model.conduits) {
      if (conduit.from != i) continue;
      text += conduit_text(conduit, model.zones[conduit.to].name.text);
    }
  }
  return text + "\nBetween zones that no conduit joins, nothing passes.\n";
}

std::string map_dot(const Model& model) {
  std::string text = "digraph policy {\n  label=" + label({"Site " + model.site, kColours}) +
                     ";\n  labelloc=t; fontname=\"sans-serif\"; fontsize=12; rankdir=LR; "
                     "nodesep=0.6; ranksep=1.2;\n"
                     "  node [shape=box, style=\"rounded,filled\", fillcolor=\"#eef3f8\", "
                     "fontname=\"sans-serif\", fontsize=11];\n"
                     "  edge [fontname=\"sans-serif\", fontsize=10];\n";
  for (std::size_t i = 0; i < model.zones.size(); ++i) {
    const ModelZone& zone = model.zones[i];
    std::vector<std::string> lines = {zone.name.text, place_text(zone)};
    for (const std::string& network : networks_of(zone)) lines.push_back(network);
    const std::vector<std::string> assets = assets_of(model, i);
    for (std::size_t j = 0; j < assets.size() && j < kListedMax; ++j) lines.push_back(assets[j]);
    if (assets.size() > kListedMax) {
      lines.push_back("and " + std::to_string(assets.size() - kListedMax) + " more");
    }
    text += "  zone" + std::to_string(i) + " [label=" + label(lines) + "];\n";
  }
  for (const ModelConduit& conduit : model.conduits) {
    std::vector<std::string> lines = {conduit.name.text + " (" + rules_text(conduit) + ")"};
    if (conduit.observation.any()) lines.emplace_back("OBSERVES: everything passes");
    for (const std::string& word : carried_words(conduit)) lines.push_back(word);
    lines.emplace_back();  // the line of the conduit passes close by
    const bool is_open = conduit.fail_open || conduit.observation.any();
    const char* colour = is_open ? "#b00020" : changes_things(conduit) ? "#b06000" : "#2e6b34";
    text += "  zone" + std::to_string(conduit.from) + " -> zone" + std::to_string(conduit.to) +
            " [label=" + label(lines) + ", color=\"" + colour + "\"];\n";
  }
  return text + "}\n";
}

}  // namespace bulkhead::controlplane
