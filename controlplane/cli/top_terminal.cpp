// ncurses' names are macros: nothing else of ours is in this file.
#include "controlplane/cli/top_terminal.h"

#define NCURSES_NOMACROS 1
#include <ncurses.h>

#include <algorithm>
#include <clocale>
#include <cstdlib>

namespace bulkhead::controlplane {

namespace {

constexpr short kGood = 1;
constexpr short kBad = 2;

int attributes_of(Colour colour) {
  switch (colour) {
    case Colour::good:
      return COLOR_PAIR(kGood);
    case Colour::bad:
      return COLOR_PAIR(kBad);
    case Colour::bold:
      return static_cast<int>(A_BOLD);
    case Colour::dim:
      return static_cast<int>(A_DIM);
    case Colour::plain:
      break;
  }
  return static_cast<int>(A_NORMAL);
}

}  // namespace

TopTerminal::TopTerminal() {
  std::setlocale(LC_ALL, "");
  initscr();
  cbreak();
  noecho();
  curs_set(0);
  keypad(stdscr, true);
  set_escdelay(25);
  if (has_colors() && std::getenv("NO_COLOR") == nullptr) {
    start_color();
    use_default_colors();
    init_pair(kGood, COLOR_GREEN, -1);
    init_pair(kBad, COLOR_RED, -1);
  }
}

TopTerminal::~TopTerminal() { endwin(); }

void TopTerminal::measure(TopWish& wish) const {
  wish.columns = static_cast<std::size_t>(std::max(COLS, 1));
  wish.lines = static_cast<std::size_t>(std::max(LINES, 1));
}

void TopTerminal::draw(const std::vector<TopLine>& lines) {
  werase(stdscr);
  int row = 0;
  for (const TopLine& each : lines) {
    wattrset(stdscr, attributes_of(each.colour));
    mvwaddstr(stdscr, row++, 0, each.text.c_str());
  }
  wattrset(stdscr, static_cast<int>(A_NORMAL));
  wrefresh(stdscr);
}

int TopTerminal::key(int wait_ms) {
  wtimeout(stdscr, wait_ms);
  const int pressed = wgetch(stdscr);
  if (pressed == ERR || pressed == KEY_RESIZE) return kNoKey;
  switch (pressed) {
    case KEY_BACKSPACE:
    case '\b':
      return kBackspace;
    case KEY_ENTER:
      return '\n';
    case KEY_UP:
      return kUp;
    case KEY_DOWN:
      return kDown;
    case KEY_PPAGE:
      return kPageUp;
    case KEY_NPAGE:
      return kPageDown;
    default:
      return pressed < KEY_MIN ? pressed : kNoKey;
  }
}

}  // namespace bulkhead::controlplane
