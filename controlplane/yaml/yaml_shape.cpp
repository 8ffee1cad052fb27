// Counts what each anchor would expand to as the parser passes by; nothing is expanded.
#include "controlplane/yaml/yaml_shape.h"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/yaml.h>

#include <map>
#include <sstream>
#include <vector>

namespace bulkhead::controlplane {

namespace {

// What aliases may add to a file in all.
constexpr std::uint64_t kAddedNodesMax = 100'000;
constexpr std::uint64_t kAddedBytesMax = 4 * 1024 * 1024;

struct Size {
  std::uint64_t nodes = 0;
  std::uint64_t bytes = 0;

  void add(const Size& other) {
    nodes += other.nodes;
    bytes += other.bytes;
  }
  bool is_too_much() const { return nodes > kAddedNodesMax || bytes > kAddedBytesMax; }
};

struct TooMuch {};  // ends the parse: what follows may be as large again

class Shape final : public YAML::EventHandler {
 public:
  explicit Shape(Diagnostics& diagnostics) : diagnostics_(diagnostics) {}

  void OnDocumentStart(const YAML::Mark& mark) override {
    if (++documents_ == 2) {
      error(mark, "a second document begins here: the file has one");
    }
  }
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark& /*mark*/, YAML::anchor_t anchor) override { close({1, 0}, anchor); }
  void OnScalar(const YAML::Mark& /*mark*/, const std::string& /*tag*/, YAML::anchor_t anchor,
                const std::string& value) override {
    close({1, value.size()}, anchor);
  }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    const auto known = anchors_.find(anchor);
    if (known == anchors_.end()) {
      error(mark, "an alias stands inside of what it stands for");
      throw TooMuch();
    }
    added_.add(known->second);
    if (added_.is_too_much()) {
      error(mark, "aliases up to here make more of the file than its text: write it out");
      throw TooMuch();
    }
    close(known->second, YAML::NullAnchor);
  }
  void OnSequenceStart(const YAML::Mark& /*mark*/, const std::string& /*tag*/,
                       YAML::anchor_t anchor, YAML::EmitterStyle::value /*style*/) override {
    open_.push_back({{1, 0}, anchor});
  }
  void OnSequenceEnd() override { end(); }
  void OnMapStart(const YAML::Mark& /*mark*/, const std::string& /*tag*/, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value /*style*/) override {
    open_.push_back({{1, 0}, anchor});
  }
  void OnMapEnd() override { end(); }

  std::size_t documents() const { return documents_; }

 private:
  struct Open {
    Size size;
    YAML::anchor_t anchor;
  };

  void end() {
    const Open done = open_.back();
    open_.pop_back();
    close(done.size, done.anchor);
  }
  // A node is whole.
  void close(const Size& size, YAML::anchor_t anchor) {
    if (anchor != YAML::NullAnchor) anchors_[anchor] = size;
    if (!open_.empty()) open_.back().size.add(size);
  }
  void error(const YAML::Mark& mark, const std::string& message) {
    diagnostics_.error(
        {static_cast<std::uint32_t>(mark.line + 1), static_cast<std::uint32_t>(mark.column + 1)},
        message);
  }

  Diagnostics& diagnostics_;
  std::map<YAML::anchor_t, Size> anchors_;
  std::vector<Open> open_;
  Size added_;
  std::size_t documents_ = 0;
};

}  // namespace

bool check_yaml_shape(const std::string& text, Diagnostics& diagnostics) {
  const std::size_t errors = diagnostics.errors();
  std::istringstream stream(text);
  YAML::Parser parser(stream);
  Shape shape(diagnostics);
  try {
    while (shape.documents() < 2 && parser.HandleNextDocument(shape)) {
    }
  } catch (const TooMuch&) {
  }
  return diagnostics.errors() == errors;
}

}  // namespace bulkhead::controlplane
