// The screen of `top`: lines that fit a terminal of any size from 60x12 on. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "controlplane/cli/output.h"
#include "controlplane/cli/top_rates.h"

namespace bulkhead::controlplane {

enum class TopSort { rate, refused, total, bytes, name };
enum class TopSection { all, conduits, functions, refusals };

std::optional<TopSort> find_top_sort(std::string_view name);
std::string_view name_of(TopSort sort);

// What the operator wants to see.
struct TopWish {
  TopSort sort = TopSort::rate;
  TopSection section = TopSection::all;
  std::string filter;     // rows that have it in their name; empty: all
  std::size_t first = 0;  // row of a section that is shown alone
  std::string server;
  std::string message;  // why nothing new came; empty if it did
  std::string prompt;   // what is being typed, in place of the line of keys
  std::string time;
  std::size_t columns = 80;
  std::size_t lines = 24;
};

struct TopLine {
  std::string text;  // escaped, at most as wide as the screen
  Colour colour = Colour::plain;
};

// Rows of the section that is shown alone which fit the screen, and how many there are; 0 and 0 if
// all sections are shown.
struct TopPage {
  std::size_t fits = 0;
  std::size_t rows = 0;
};
TopPage page_of(const TopView& view, const TopWish& wish);
// At most wish.lines.
std::vector<TopLine> draw_top(const TopView& view, const TopWish& wish);
// The same as one object.
Json top_json(const TopView& view, const TopWish& wish);

}  // namespace bulkhead::controlplane
