// Reads maps, lists and words of a YAML document. Each unknown or repeated key and each node of
// another kind is reported with its position, and reading goes on.
#pragma once

#include <yaml-cpp/yaml.h>

#include <functional>
#include <map>
#include <optional>
#include <string>

#include "controlplane/yaml/words.h"

namespace bulkhead::controlplane {

class YamlReader {
 public:
  using ReadNode = std::function<void(const YAML::Node&)>;
  using Keys = std::map<std::string, ReadNode>;

  explicit YamlReader(Diagnostics& diagnostics) : diagnostics_(diagnostics) {}

  // Walks a map and calls the reader of each key.
  void read_map(const YAML::Node& node, const std::string& what, const Keys& keys);
  // Walks a map whose keys are names that the author chose.
  void read_named(const YAML::Node& node, const std::string& what,
                  const std::function<void(const Word&, const YAML::Node&)>& read);
  // Readers of one value, and of one value or a list of them. `out` outlives the reader.
  ReadNode word(const std::string& what, std::optional<Word>& out);
  ReadNode words(const std::string& what, Words& out);
  // Reports a version of the language that is missing or not v1. `first_line` states it, as in
  // `bulkhead: v1`.
  void require_v1(const std::optional<Word>& version, const std::string& first_line);

  static Position position(const YAML::Node& node);

 protected:
  Diagnostics& diagnostics_;
};

// The root of the only document, a map; nothing, with the reasons in the diagnostics, if the text
// is longer, or no such document. `what` names it: "policy". `keys` are examples of its keys.
std::optional<YAML::Node> load_yaml(const std::string& text, std::size_t bytes_max,
                                    const std::string& what, const std::string& keys,
                                    Diagnostics& diagnostics);

}  // namespace bulkhead::controlplane
