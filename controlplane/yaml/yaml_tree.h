// A YAML document as its author wrote it: keys in their order, quotes, and comments with the entry
// that each belongs to. For programs that rewrite a file; YamlReader is for those that only read.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "controlplane/yaml/diagnostics.h"

namespace bulkhead::controlplane {

struct YamlEntry;

struct YamlComment {
  std::string text;          // with its `#`
  bool after_blank = false;  // an empty line stands before it
};

struct YamlTree {
  enum class Kind { null, scalar, alias, sequence, map };

  Kind kind = Kind::null;
  std::string text;     // of a scalar; the name of an alias
  bool quoted = false;  // a scalar
  std::string anchor;
  Position at;
  std::size_t offset = 0;          // in the text
  std::vector<YamlEntry> entries;  // of a sequence: without keys
  bool flow = false;               // in brackets or braces
  std::vector<YamlComment> tail;   // after the last entry

  bool is_collection() const { return kind == Kind::sequence || kind == Kind::map; }
};

struct YamlEntry {
  YamlTree key;  // of a map
  YamlTree value;
  std::size_t offset = 0;
  std::size_t column = 0;  // of the key, or of the item's dash; from 0
  bool after_blank = false;
  std::vector<YamlComment> before;     // on lines of their own
  std::vector<std::string> following;  // at the end of its line
};

struct YamlDocument {
  std::vector<YamlComment> head;  // before the first entry
  YamlTree root;                  // a map
  bool has_anchors = false;
};

// Nothing, with the reason in the diagnostics, if the text is not one YAML document that is a map,
// or has what cannot be rewritten: tags, block scalars, keys that are no single values.
std::optional<YamlDocument> read_yaml_document(const std::string& text, Diagnostics& diagnostics);

}  // namespace bulkhead::controlplane
