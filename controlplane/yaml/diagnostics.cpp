// Formats diagnostics and finds what an author probably meant.
#include "controlplane/yaml/diagnostics.h"

#include <algorithm>

namespace bulkhead::controlplane {

void Diagnostics::sort_by_position() {
  std::stable_sort(list_.begin(), list_.end(), [](const Diagnostic& a, const Diagnostic& b) {
    return a.at.line != b.at.line ? a.at.line < b.at.line : a.at.column < b.at.column;
  });
}

std::string Diagnostics::to_text(const Diagnostic& diagnostic) const {
  std::string text = file_;
  if (diagnostic.at.line > 0) {
    text += ":" + std::to_string(diagnostic.at.line) + ":" + std::to_string(diagnostic.at.column);
  }
  text += diagnostic.severity == Severity::error ? ": error: " : ": warning: ";
  return text + diagnostic.message;
}

std::string Diagnostics::errors_text() const {
  constexpr std::size_t kShownMax = 5;
  std::string text;
  std::size_t shown = 0;
  for (const Diagnostic& each : list_) {
    if (each.severity != Severity::error || shown == kShownMax) continue;
    text += (shown++ == 0 ? "" : "; ") + to_text(each);
  }
  return shown == errors_ ? text : text + "; and " + std::to_string(errors_ - shown) + " more";
}

namespace {

// Optimal string alignment: Levenshtein's distance with swaps of neighbours.
std::size_t edit_distance(const std::string& a, const std::string& b) {
  std::vector<std::vector<std::size_t>> cost(a.size() + 1, std::vector<std::size_t>(b.size() + 1));
  for (std::size_t i = 0; i <= a.size(); ++i) cost[i][0] = i;
  for (std::size_t j = 0; j <= b.size(); ++j) cost[0][j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t change = a[i - 1] == b[j - 1] ? 0 : 1;
      cost[i][j] = std::min({cost[i - 1][j] + 1, cost[i][j - 1] + 1, cost[i - 1][j - 1] + change});
      const bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
      if (swapped) cost[i][j] = std::min(cost[i][j], cost[i - 2][j - 2] + 1);
    }
  }
  return cost[a.size()][b.size()];
}

}  // namespace

std::string did_you_mean(const std::string& given, const std::vector<std::string>& candidates) {
  constexpr std::size_t kLengthMax = 128;
  if (given.empty() || given.size() > kLengthMax) return {};
  std::size_t best = 1 + given.size() / 3;  // no further than a third of its letters
  std::string nearest;
  for (const std::string& candidate : candidates) {
    const std::size_t distance = edit_distance(given, candidate);
    if (distance < best || (distance == best && nearest.empty())) {
      best = distance;
      nearest = candidate;
    }
  }
  return nearest.empty() ? std::string() : ": did you mean " + nearest + "?";
}

}  // namespace bulkhead::controlplane
