// The tree of the file, written anew. What was written is read again and compared with it.
#include "controlplane/policy/format.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <span>
#include <string_view>

#include "controlplane/yaml/yaml_tree.h"

namespace bulkhead::controlplane {

namespace {

using Kind = YamlTree::Kind;

constexpr std::size_t kColumnsMax = 100;

// Which part of a policy a collection is.
enum class Part { policy, zones, zone, assets, asset, conduits, conduit, rules, rule, other };

constexpr std::array<std::string_view, 8> kPolicyKeys = {
    "bulkhead", "site", "written_for", "health", "containment", "zones", "assets", "conduits"};
constexpr std::array<std::string_view, 5> kZoneKeys = {"target", "port", "vlan", "prp", "networks"};
constexpr std::array<std::string_view, 6> kAssetKeys = {"zone",  "behind", "address",
                                                        "group", "mac",    "route"};
constexpr std::array<std::string_view, 13> kConduitKeys = {
    "from",         "to",      "mode",    "until",
    "ends_between", "confirm", "on_deny", "on_stray_answer",
    "midstream",    "fail",    "link",    "fragments",
    "allow"};
constexpr std::array<std::string_view, 15> kRuleKeys = {
    "protocol", "service",    "client",    "server", "access",  "functions", "where",      "as",
    "port",     "word_order", "transport", "rate",   "claimed", "essential", "reviewed_by"};

std::span<const std::string_view> keys_of(Part part) {
  switch (part) {
    case Part::policy:
      return kPolicyKeys;
    case Part::zone:
      return kZoneKeys;
    case Part::asset:
      return kAssetKeys;
    case Part::conduit:
      return kConduitKeys;
    case Part::rule:
      return kRuleKeys;
    default:
      return {};
  }
}

Part part_within(Part part, const std::string& key) {
  switch (part) {
    case Part::policy:
      if (key == "zones") return Part::zones;
      if (key == "assets") return Part::assets;
      return key == "conduits" ? Part::conduits : Part::other;
    case Part::zones:
      return Part::zone;
    case Part::assets:
      return Part::asset;
    case Part::conduits:
      return Part::conduit;
    case Part::conduit:
      return key == "allow" ? Part::rules : Part::other;
    case Part::rules:
      return Part::rule;
    default:
      return Part::other;
  }
}

// Parts that never stand on one line.
bool is_spread(Part part) {
  return part != Part::zone && part != Part::asset && part != Part::rule && part != Part::other;
}

// Keys of the language in its order, others after them in the author's.
void sort_keys(YamlTree& tree, Part part) {
  const auto keys = keys_of(part);
  const auto rank = [&keys](const YamlEntry& entry) {
    return std::find(keys.begin(), keys.end(), entry.key.text) - keys.begin();
  };
  if (tree.kind == Kind::map && !keys.empty()) {
    std::stable_sort(tree.entries.begin(), tree.entries.end(),
                     [&rank](const auto& a, const auto& b) { return rank(a) < rank(b); });
  }
  for (YamlEntry& entry : tree.entries) {
    sort_keys(entry.value, part_within(part, entry.key.text));
  }
}

std::string in_quotes(const std::string& text) {
  std::string quoted = "\"";
  for (const char byte : text) {
    if (byte == '"' || byte == '\\') {
      quoted += '\\';
      quoted += byte;
    } else if (static_cast<unsigned char>(byte) < 0x20 || byte == 0x7f) {
      char escape[8];
      std::snprintf(escape, sizeof(escape), "\\x%02x",
                    static_cast<unsigned>(static_cast<unsigned char>(byte)));
      quoted += escape;
    } else {
      quoted += byte;
    }
  }
  return quoted + "\"";
}

// What was plain stays plain unless it means something else between brackets.
std::string scalar_text(const YamlTree& tree) {
  const bool plain = !tree.quoted && !tree.text.empty() && tree.text[0] != '?' &&
                     tree.text.find_first_of(",[]{}:#\n") == std::string::npos;
  return plain ? tree.text : in_quotes(tree.text);
}

std::string anchor_text(const YamlTree& tree) {
  return tree.anchor.empty() ? "" : "&" + tree.anchor + " ";
}

// On one line. Comments are left out.
std::string one_line(const YamlTree& tree) {
  const std::string anchor = anchor_text(tree);
  if (tree.kind == Kind::null) return anchor + "null";
  if (tree.kind == Kind::alias) return "*" + tree.text;
  if (tree.kind == Kind::scalar) return anchor + scalar_text(tree);
  std::string text;
  for (const YamlEntry& entry : tree.entries) {
    if (!text.empty()) text += ", ";
    if (tree.kind == Kind::map) text += one_line(entry.key) + ": ";
    text += one_line(entry.value);
  }
  return anchor + (tree.kind == Kind::map ? "{" + text + "}" : "[" + text + "]");
}

bool has_comments(const YamlTree& tree) {
  return !tree.tail.empty() ||
         std::any_of(tree.entries.begin(), tree.entries.end(), [](const YamlEntry& entry) {
           return !entry.before.empty() || !entry.following.empty() || has_comments(entry.value);
         });
}

std::size_t columns(const std::string& text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char byte) {
    return (static_cast<unsigned char>(byte) & 0xc0) != 0x80;  // not within a character
  }));
}

class Writer {
 public:
  std::string write(const YamlDocument& document) {
    comments(document.head, 0);
    entries(document.root, Part::policy, 0);
    return std::move(out_);
  }

 private:
  void line(const std::string& text) { out_ += text + "\n"; }

  void blank() {
    if (!out_.empty() && !out_.ends_with("\n\n")) out_ += "\n";
  }

  void comments(const std::vector<YamlComment>& list, std::size_t indent) {
    for (const YamlComment& comment : list) {
      if (comment.after_blank) blank();
      line(std::string(indent, ' ') + comment.text);
    }
  }

  static std::string following(const YamlEntry& entry) {
    std::string text;
    for (const std::string& comment : entry.following) text += "  " + comment;
    return text;
  }

  void entries(const YamlTree& tree, Part part, std::size_t indent) {
    bool first = true;
    for (const YamlEntry& each : tree.entries) {
      if (each.after_blank && (!first || indent == 0)) blank();
      comments(each.before, indent);
      const std::string start(indent, ' ');
      tree.kind == Kind::map ? entry(each, part, indent, start + one_line(each.key) + ":")
                             : item(each, part, indent, start + "-");
      first = false;
    }
    comments(tree.tail, indent);
  }

  // A key and its value; `head` is what stands before the value.
  void entry(const YamlEntry& entry, Part part, std::size_t indent, const std::string& head) {
    const Part within = part_within(part, entry.key.text);
    if (entry.value.kind == Kind::null && entry.value.anchor.empty()) {
      return line(head + following(entry));
    }
    if (compact(entry, within, indent, head)) return;
    line(head + (entry.value.anchor.empty() ? "" : " &" + entry.value.anchor) + following(entry));
    entries(entry.value, within, indent + 2);
  }

  // An item of a list.
  void item(const YamlEntry& item, Part part, std::size_t indent, const std::string& head) {
    const Part within = part_within(part, "");
    if (compact(item, within, indent, head)) return;
    for (const std::string& comment : item.following) {
      line(std::string(indent, ' ') + comment);
    }
    if (item.value.kind != Kind::map || !item.value.anchor.empty()) {
      line(head + (item.value.anchor.empty() ? "" : " &" + item.value.anchor));
      return entries(item.value, within, indent + 2);
    }
    // The map's first key stands beside the dash.
    YamlTree rest = item.value;
    const YamlEntry first = rest.entries.front();
    rest.entries.erase(rest.entries.begin());
    comments(first.before, indent);
    entry(first, within, indent + 2, head + " " + one_line(first.key) + ":");
    entries(rest, within, indent + 2);
  }

  // On one line if it may and fits, or a list of single values on several.
  bool compact(const YamlEntry& entry, Part within, std::size_t indent, const std::string& head) {
    const YamlTree& value = entry.value;
    const std::string text = head + " " + one_line(value);
    if (!value.is_collection() || value.entries.empty()) {
      comments(value.tail, indent);
      line(text + following(entry));
      return true;
    }
    if (is_spread(within) || has_comments(value)) return false;
    if (columns(text) <= kColumnsMax) {
      line(text + following(entry));
      return true;
    }
    const bool single = std::none_of(value.entries.begin(), value.entries.end(),
                                     [](const YamlEntry& e) { return e.value.is_collection(); });
    if (value.kind != Kind::sequence || !single) return false;
    filled(entry, indent, head);
    return true;
  }

  void filled(const YamlEntry& entry, std::size_t indent, const std::string& head) {
    std::string text = head + " " + anchor_text(entry.value) + "[";
    for (std::size_t i = 0; i < entry.value.entries.size(); ++i) {
      const bool last = i + 1 == entry.value.entries.size();
      const std::string word = one_line(entry.value.entries[i].value) + (last ? "]" : ",");
      const std::string space = text.ends_with('[') ? "" : " ";
      if (columns(text + space + word) > kColumnsMax && i > 0) {
        line(text);
        text = std::string(indent + 2, ' ') + word;
      } else {
        text += space + word;
      }
    }
    line(text + following(entry));
  }

  std::string out_;
};

void list_comments(const YamlTree& tree, std::vector<std::string>& list) {
  for (const YamlComment& comment : tree.tail) list.push_back(comment.text);
  for (const YamlEntry& entry : tree.entries) {
    for (const YamlComment& comment : entry.before) list.push_back(comment.text);
    list.insert(list.end(), entry.following.begin(), entry.following.end());
    list_comments(entry.value, list);
  }
}

std::vector<std::string> comments_of(const YamlDocument& document) {
  std::vector<std::string> list;
  for (const YamlComment& comment : document.head) list.push_back(comment.text);
  list_comments(document.root, list);
  std::sort(list.begin(), list.end());
  return list;
}

bool is_same(const YamlTree& a, const YamlTree& b) {
  if (a.kind != b.kind || a.text != b.text || a.anchor != b.anchor) return false;
  return std::equal(a.entries.begin(), a.entries.end(), b.entries.begin(), b.entries.end(),
                    [](const YamlEntry& x, const YamlEntry& y) {
                      return x.key.text == y.key.text && is_same(x.value, y.value);
                    });
}

// Several comments at the end of one line are one when they are read again.
std::string joined(const std::vector<std::string>& list) {
  std::string text;
  for (const std::string& each : list) text += each;
  std::erase(text, ' ');
  std::sort(text.begin(), text.end());
  return text;
}

}  // namespace

std::optional<std::string> format_policy(const std::string& given, Diagnostics& diagnostics) {
  std::string text = given.starts_with("\xef\xbb\xbf") ? given.substr(3) : given;
  std::erase(text, '\r');
  auto document = read_yaml_document(text, diagnostics);
  if (!document) return std::nullopt;
  // An alias stands after its anchor.
  if (!document->has_anchors) sort_keys(document->root, Part::policy);
  std::string formatted = Writer().write(*document);
  Diagnostics again(diagnostics.file());
  const auto check = read_yaml_document(formatted, again);
  if (check && is_same(document->root, check->root) &&
      joined(comments_of(*document)) == joined(comments_of(*check))) {
    return formatted;
  }
  diagnostics.error({},
                    "its layout cannot be changed without a change of its meaning or comments; "
                    "please report this");
  return std::nullopt;
}

}  // namespace bulkhead::controlplane
