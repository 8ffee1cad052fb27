// The terminal that `top` draws on, by ncurses, which knows terminals and their keys. One at a
// time.
#pragma once

#include <vector>

#include "controlplane/cli/top_screen.h"

namespace bulkhead::controlplane {

// Keys that are no character.
inline constexpr int kNoKey = -1;
inline constexpr int kEscape = 27;
inline constexpr int kBackspace = 127;
inline constexpr int kUp = 1001;
inline constexpr int kDown = 1002;
inline constexpr int kPageUp = 1003;
inline constexpr int kPageDown = 1004;

class TopTerminal {
 public:
  // Takes the terminal, until it is destroyed. A signal that ends the process leaves it restored.
  TopTerminal();
  ~TopTerminal();
  TopTerminal(const TopTerminal&) = delete;
  TopTerminal& operator=(const TopTerminal&) = delete;

  // Its size now.
  void measure(TopWish& wish) const;
  void draw(const std::vector<TopLine>& lines);
  // The next key; kNoKey if none comes in time.
  int key(int wait_ms);
};

}  // namespace bulkhead::controlplane
