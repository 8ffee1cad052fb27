// Events of the parser make the tree. Comments, which it drops, are found in the text around the
// places of scalars and brackets.
#include "controlplane/yaml/yaml_tree.h"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <cctype>
#include <map>
#include <set>
#include <sstream>

#include "controlplane/yaml/yaml_shape.h"

namespace bulkhead::controlplane {

namespace {

using Kind = YamlTree::Kind;

Position position_of(const YAML::Mark& mark) {
  return {static_cast<std::uint32_t>(mark.line + 1), static_cast<std::uint32_t>(mark.column + 1)};
}

class Builder final : public YAML::EventHandler {
 public:
  Builder(const std::string& text, Diagnostics& diagnostics)
      : text_(text), diagnostics_(diagnostics) {}

  void OnDocumentStart(const YAML::Mark& /*mark*/) override {}
  void OnDocumentEnd() override {}
  void OnAnchor(const YAML::Mark& /*mark*/, const std::string& name) override { anchor_ = name; }
  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    add(begin(Kind::null, mark, anchor));
  }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    YamlTree tree = begin(Kind::alias, mark, YAML::NullAnchor);
    tree.text = anchors_[anchor];
    add(std::move(tree));
  }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    YamlTree tree = begin(Kind::scalar, mark, anchor);
    tree.text = value;
    tree.quoted = tag == "!";
    if (tag != "!" && tag != "?") refuse_tag(mark, tag);
    if (tree.quoted && text_[tree.offset] != '"' && text_[tree.offset] != '\'') {
      diagnostics_.error(tree.at, "a block scalar cannot be rewritten: write the text in quotes");
    }
    add(std::move(tree));
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value style) override {
    open(Kind::sequence, mark, tag, anchor, style);
  }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value style) override {
    open(Kind::map, mark, tag, anchor, style);
  }
  void OnSequenceEnd() override { close(); }
  void OnMapEnd() override { close(); }

  YamlTree root;
  bool has_anchors() const { return !anchors_.empty(); }

 private:
  struct Open {
    YamlTree tree;
    std::optional<YamlTree> key;  // waits for its value
  };

  YamlTree begin(Kind kind, const YAML::Mark& mark, YAML::anchor_t anchor) {
    YamlTree tree;
    tree.kind = kind;
    tree.at = position_of(mark);
    tree.offset = std::min(static_cast<std::size_t>(mark.pos), text_.size());
    if (anchor != YAML::NullAnchor) {
      tree.anchor = anchors_[anchor] = anchor_;
      tree.offset = std::min(text_.find_first_of(" \t\r\n", tree.offset), text_.size());
      tree.offset = std::min(text_.find_first_not_of(" \t\r\n", tree.offset), text_.size());
    }
    return tree;
  }

  void refuse_tag(const YAML::Mark& mark, const std::string& tag) {
    diagnostics_.error(position_of(mark), "a tag cannot be rewritten: leave " + tag + " out");
  }

  void open(Kind kind, const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
            YAML::EmitterStyle::value style) {
    if (tag != "?" && !tag.empty()) refuse_tag(mark, tag);
    YamlTree tree = begin(kind, mark, anchor);
    tree.flow = style == YAML::EmitterStyle::Flow;
    open_.push_back({std::move(tree), std::nullopt});
  }

  void close() {
    YamlTree done = std::move(open_.back().tree);
    open_.pop_back();
    add(std::move(done));
  }

  // The column of the dash before an item.
  std::size_t dash_column(const YamlTree& item) const {
    const std::size_t line = item.offset - std::min(item.offset, item.at.column - std::size_t{1});
    for (std::size_t at = item.offset; at > line; --at) {
      if (text_[at - 1] == '-') return at - 1 - line;
    }
    return item.at.column - 1;
  }

  void add(YamlTree tree) {
    if (open_.empty()) {
      root = std::move(tree);
      return;
    }
    Open& parent = open_.back();
    if (parent.tree.kind == Kind::map && !parent.key) {
      if (tree.kind != Kind::scalar) {
        diagnostics_.error(tree.at, "a key must be a single value");
      }
      parent.key = std::move(tree);
      return;
    }
    YamlEntry entry;
    if (parent.key) {
      entry.key = *std::move(parent.key);
      parent.key.reset();
      entry.offset = entry.key.offset;
      entry.column = entry.key.at.column - 1;
    } else {
      if (tree.kind == Kind::null) diagnostics_.error(tree.at, "an item of the list is empty");
      entry.offset = tree.offset;
      entry.column = parent.tree.flow ? tree.at.column - 1 : dash_column(tree);
    }
    entry.value = std::move(tree);
    parent.tree.entries.push_back(std::move(entry));
  }

  const std::string& text_;
  Diagnostics& diagnostics_;
  std::string anchor_;
  std::map<YAML::anchor_t, std::string> anchors_;
  std::vector<Open> open_;
};

struct FoundComment {
  YamlTree* flow = nullptr;  // the innermost collection in brackets that it stands in
  std::size_t offset = 0;
  std::size_t column = 0;
  bool own_line = false;
  bool after_blank = false;
  std::string text;
};

// Walks the text from one known place to the next.
class CommentScanner {
 public:
  CommentScanner(const std::string& text, YamlTree& root) : text_(text) { note(root); }

  std::vector<FoundComment> scan() {
    while (at_ < text_.size()) step();
    return std::move(found_);
  }
  // Whether the line before the one that begins at `line` is empty.
  static bool is_after_blank(const std::string& text, std::size_t line) {
    if (line < 2) return false;
    const std::size_t before = text.rfind('\n', line - 2);
    const std::size_t begin = before == std::string::npos ? 0 : before + 1;
    return text.substr(begin, line - 1 - begin).find_first_not_of(" \t\r") == std::string::npos;
  }

 private:
  void note(YamlTree& tree) {
    if (tree.kind == Kind::scalar && tree.quoted) quoted_.insert(tree.offset);
    if (tree.is_collection() && tree.flow) flows_[tree.offset] = &tree;
    for (YamlEntry& entry : tree.entries) {
      note(entry.key);
      note(entry.value);
    }
  }

  void step() {
    const char byte = text_[at_];
    if (quoted_.contains(at_)) return skip_quoted(byte);
    if (byte == '#' && (at_ == 0 || std::isspace(static_cast<unsigned char>(text_[at_ - 1])))) {
      return take_comment();
    }
    if (const auto flow = flows_.find(at_); flow != flows_.end()) open_.push_back(flow->second);
    if ((byte == '}' || byte == ']') && !open_.empty()) open_.pop_back();
    ++at_;
  }

  void skip_quoted(char quote) {
    for (++at_; at_ < text_.size(); ++at_) {
      if (quote == '"' && text_[at_] == '\\') {
        ++at_;
      } else if (text_[at_] == quote) {
        if (quote == '"' || at_ + 1 >= text_.size() || text_[at_ + 1] != quote) break;
        ++at_;
      }
    }
    ++at_;
  }

  void take_comment() {
    FoundComment comment;
    const std::size_t line = at_ == 0 ? 0 : text_.rfind('\n', at_ - 1) + 1;
    const std::size_t end = std::min(text_.find('\n', at_), text_.size());
    const std::string before = text_.substr(line, at_ - line);
    comment.flow = open_.empty() ? nullptr : open_.back();
    comment.offset = at_;
    comment.column = at_ - line;
    comment.own_line = before.find_first_not_of(" \t-") == std::string::npos;
    comment.after_blank = comment.own_line && is_after_blank(text_, line);
    comment.text = text_.substr(at_, end - at_);
    comment.text.erase(comment.text.find_last_not_of(" \t\r") + 1);
    found_.push_back(std::move(comment));
    at_ = end;
  }

  const std::string& text_;
  std::size_t at_ = 0;
  std::set<std::size_t> quoted_;
  std::map<std::size_t, YamlTree*> flows_;
  std::vector<YamlTree*> open_;
  std::vector<FoundComment> found_;
};

// Gives each comment to the entry that it belongs to.
class CommentPlacer {
 public:
  explicit CommentPlacer(YamlDocument& document) : document_(document) {
    note(document.root, kNone);
  }

  void place(const FoundComment& comment) {
    const std::size_t next = first_after(comment.offset);
    if (comment.flow != nullptr) return place_in_flow(comment, next, *comment.flow);
    comment.own_line ? place_own_line(comment, next) : place_following(comment);
  }

 private:
  static constexpr std::size_t kNone = SIZE_MAX;

  struct Place {
    YamlEntry* entry;
    YamlTree* home;      // the collection that holds it
    std::size_t parent;  // the place of the entry that holds that
    bool in_flow;
  };

  // In the order of the text; an entry precedes those within it.
  void note(YamlTree& tree, std::size_t parent) {
    for (YamlEntry& entry : tree.entries) {
      const std::size_t own = places_.size();
      places_.push_back({&entry, &tree, parent, tree.flow});
      note(entry.value, own);
    }
  }

  std::size_t first_after(std::size_t offset) const {
    const auto found = std::upper_bound(
        places_.begin(), places_.end(), offset,
        [](std::size_t at, const Place& place) { return at < place.entry->offset; });
    return static_cast<std::size_t>(found - places_.begin());
  }

  void place_in_flow(const FoundComment& comment, std::size_t next, YamlTree& flow) {
    const bool after_entry = next > 0 && is_within(flow, next - 1);
    if (!comment.own_line && after_entry) {
      std::size_t last = next - 1;
      while (places_[last].home != &flow) last = places_[last].parent;
      places_[last].entry->following.push_back(comment.text);
    } else if (next < places_.size() && places_[next].home == &flow) {
      places_[next].entry->before.push_back({comment.text, comment.after_blank});
    } else {
      flow.tail.push_back({comment.text, comment.after_blank});
    }
  }

  // Whether the entry at that place is in the collection, or in one within it.
  bool is_within(const YamlTree& home, std::size_t place) const {
    while (place != kNone && places_[place].home != &home) place = places_[place].parent;
    return place != kNone;
  }

  // The innermost entry around it that does not stand between brackets.
  std::size_t block_entry(std::size_t place) const {
    while (places_[place].in_flow && places_[place].parent != kNone) place = places_[place].parent;
    return place;
  }

  // Before the entry that follows; at the end of a list or map if it stands further right than that
  // entry.
  void place_own_line(const FoundComment& comment, std::size_t next) {
    const YamlComment own{comment.text, comment.after_blank};
    if (next == 0) return document_.head.push_back(own);
    std::size_t last = next - 1;
    last = block_entry(last);
    const bool more = next < places_.size();
    if (more && (comment.column <= places_[next].entry->column || places_[next].parent == last)) {
      return places_[next].entry->before.push_back(own);
    }
    while (places_[last].entry->column > comment.column && places_[last].parent != kNone) {
      last = places_[last].parent;
    }
    YamlTree& home = *places_[last].home;
    if (more && is_within(home, next)) return places_[next].entry->before.push_back(own);
    home.tail.push_back(own);
  }

  void place_following(const FoundComment& comment) {
    std::size_t last = first_after(comment.offset);
    if (last == 0) return document_.head.push_back({comment.text, false});
    --last;
    last = block_entry(last);
    places_[last].entry->following.push_back(comment.text);
  }

  YamlDocument& document_;
  std::vector<Place> places_;
};

void note_blanks(YamlTree& tree, const std::string& text) {
  for (YamlEntry& entry : tree.entries) {
    const std::size_t line = entry.offset == 0 ? 0 : text.rfind('\n', entry.offset - 1) + 1;
    entry.after_blank = CommentScanner::is_after_blank(text, line);
    note_blanks(entry.value, text);
  }
}

}  // namespace

std::optional<YamlDocument> read_yaml_document(const std::string& text, Diagnostics& diagnostics) {
  const std::size_t errors = diagnostics.errors();
  YamlDocument document;
  try {
    if (!check_yaml_shape(text, diagnostics)) return std::nullopt;
    std::istringstream stream(text);
    YAML::Parser parser(stream);
    Builder builder(text, diagnostics);
    parser.HandleNextDocument(builder);
    document.root = std::move(builder.root);
    document.has_anchors = builder.has_anchors();
  } catch (const YAML::Exception& error) {
    diagnostics.error(position_of(error.mark), "not valid YAML: " + error.msg);
  }
  if (diagnostics.errors() != errors) return std::nullopt;
  if (document.root.kind != Kind::map) {
    diagnostics.error({1, 1}, "the file is not a map of keys and values");
    return std::nullopt;
  }
  CommentScanner scanner(text, document.root);
  const std::vector<FoundComment> comments = scanner.scan();
  CommentPlacer placer(document);
  for (const FoundComment& comment : comments) placer.place(comment);
  note_blanks(document.root, text);
  return document;
}

}  // namespace bulkhead::controlplane
