// Reading of a YAML file that does not stop at the first mistake.
#include "controlplane/yaml/yaml_reader.h"

#include <set>

#include "controlplane/yaml/yaml_shape.h"

namespace bulkhead::controlplane {

Position YamlReader::position(const YAML::Node& node) {
  const YAML::Mark mark = node.Mark();
  return {static_cast<std::uint32_t>(mark.line + 1), static_cast<std::uint32_t>(mark.column + 1)};
}

void YamlReader::read_map(const YAML::Node& node, const std::string& what, const Keys& keys) {
  if (!node.IsMap()) {
    diagnostics_.error(position(node), what + " must be a map of keys and values");
    return;
  }
  std::set<std::string> seen;
  for (const auto& entry : node) {
    const std::string key = entry.first.IsScalar() ? entry.first.Scalar() : std::string();
    if (!seen.insert(key).second) {
      diagnostics_.error(position(entry.first), what + ": key " + key + " stands twice");
      continue;
    }
    const auto reader = keys.find(key);
    if (reader == keys.end()) {
      std::vector<std::string> known;
      for (const auto& [name, unused] : keys) known.push_back(name);
      diagnostics_.error(position(entry.first),
                         what + ": unknown key " + key + did_you_mean(key, known));
      continue;
    }
    reader->second(entry.second);
  }
}

void YamlReader::read_named(const YAML::Node& node, const std::string& what,
                            const std::function<void(const Word&, const YAML::Node&)>& read) {
  if (!node.IsMap()) {
    diagnostics_.error(position(node), what + " must be a map from names to their descriptions");
    return;
  }
  std::set<std::string> seen;
  for (const auto& entry : node) {
    const Word name{entry.first.IsScalar() ? entry.first.Scalar() : "", position(entry.first)};
    if (name.text.empty()) {
      diagnostics_.error(name.at, what + ": a name is missing");
    } else if (!seen.insert(name.text).second) {
      diagnostics_.error(name.at, what + ": " + name.text + " stands twice");
    } else {
      read(name, entry.second);
    }
  }
}

YamlReader::ReadNode YamlReader::word(const std::string& what, std::optional<Word>& out) {
  return [this, what, &out](const YAML::Node& node) {
    if (!node.IsScalar()) {
      diagnostics_.error(position(node), what + " must be a single value");
      return;
    }
    out = Word{node.Scalar(), position(node)};
  };
}

YamlReader::ReadNode YamlReader::words(const std::string& what, Words& out) {
  return [this, what, &out](const YAML::Node& node) {
    if (node.IsScalar()) {
      out.push_back({node.Scalar(), position(node)});
      return;
    }
    if (!node.IsSequence()) {
      diagnostics_.error(position(node), what + " must be a value or a list of values");
      return;
    }
    if (node.size() == 0) diagnostics_.error(position(node), what + " is an empty list");
    for (const YAML::Node& item : node) {
      if (item.IsScalar()) {
        out.push_back({item.Scalar(), position(item)});
      } else {
        diagnostics_.error(position(item), what + ": each item must be a single value");
      }
    }
  };
}

void YamlReader::require_v1(const std::optional<Word>& version, const std::string& first_line) {
  if (!version) {
    diagnostics_.error({1, 1}, "the first line must be `" + first_line + "`");
  } else if (version->text != "v1") {
    diagnostics_.error(version->at,
                       "unknown language version " + version->text + ": this release reads v1");
  }
}

std::optional<YAML::Node> load_yaml(const std::string& text, std::size_t bytes_max,
                                    const std::string& what, const std::string& keys,
                                    Diagnostics& diagnostics) {
  if (text.size() > bytes_max) {
    diagnostics.error(
        {}, "the " + what + " is larger than " + std::to_string(bytes_max / 1024 / 1024) + " MiB");
    return std::nullopt;
  }
  try {
    if (!check_yaml_shape(text, diagnostics)) return std::nullopt;
    YAML::Node root = YAML::Load(text);
    if (root.IsMap()) return root;
    diagnostics.error({1, 1}, "no " + what + ": expected keys such as " + keys);
  } catch (const YAML::Exception& error) {
    const bool known = error.mark.line >= 0;
    const auto line = static_cast<std::uint32_t>(known ? error.mark.line + 1 : 0);
    const auto column = static_cast<std::uint32_t>(known ? error.mark.column + 1 : 0);
    diagnostics.error({line, column}, "not valid YAML: " + error.msg);
  }
  return std::nullopt;
}

}  // namespace bulkhead::controlplane
