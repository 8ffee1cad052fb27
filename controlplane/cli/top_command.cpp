// top: ncurses draws the screen and reads keys; --once prints one screen instead.
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <thread>

#include "controlplane/cli/remote.h"
#include "controlplane/cli/top_screen.h"
#include "controlplane/cli/top_terminal.h"
#include "dataplane/base/clock.h"

namespace bulkhead::controlplane {

namespace {

struct TopArguments {
  bool once = false;
  std::uint32_t interval_ms = 2000;
  std::string sort = "rate";
  std::string filter;
};

// One appliance, looked at again and again.
class TopSource {
 public:
  explicit TopSource(const Session& session) : remote_(session) {}

  // Throws CommandFailed if the appliance does not answer.
  TopView look() {
    v1::GetStatusResponse status;
    remote_.expect(remote_.telemetry().GetStatus(remote_.context().get(), {}, &status));
    std::optional<v1::PairStatus> pair;
    v1::PairStatus of_pair;
    const grpc::Status asked = remote_.pair().GetPair(remote_.context().get(), {}, &of_pair);
    if (asked.ok()) pair = std::move(of_pair);
    CounterLook counters;
    if (status.dataplane_connected()) {
      const auto context = remote_.context();
      const auto reader = remote_.telemetry().GetCounters(context.get(), {});
      for (v1::Counters page; reader->Read(&page);) counters.take(page);
      remote_.expect(reader->Finish());
    }
    return rates_.step(std::move(status), std::move(pair), counters, monotonic_now_ns());
  }

 private:
  Remote remote_;
  TopRates rates_;
};

// From the environment, as scripts set it, then from the terminal.
std::size_t size_of(const char* variable, std::size_t otherwise) {
  const char* text = std::getenv(variable);
  const long value = text == nullptr ? 0 : std::strtol(text, nullptr, 10);
  return value > 0 && value < 10'000 ? static_cast<std::size_t>(value) : otherwise;
}

void use_terminal_size(TopWish& wish) {
  winsize size{};
  const bool known = ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0;
  wish.columns = size_of("COLUMNS", known ? size.ws_col : 80);
  wish.lines = size_of("LINES", known ? size.ws_row : 24);
  wish.columns = std::max<std::size_t>(wish.columns, 60);
  wish.lines = std::max<std::size_t>(wish.lines, 12);
}

void print_once(Session& session, TopWish wish, std::uint32_t interval_ms) {
  TopSource source(session);
  source.look();
  std::this_thread::sleep_for(std::chrono::milliseconds(interval_ms));
  const TopView view = source.look();
  if (session.format() == Format::json) return print_json(top_json(view, wish));
  use_terminal_size(wish);
  wish.time = local_time(wall_now_ns());
  for (const TopLine& each : draw_top(view, wish)) {
    say("%s\n", paint(each.text, each.colour));
  }
}

// Of a filter that is being typed; false once it is done.
bool type_filter(int key, TopWish& wish, std::string& typed) {
  constexpr std::size_t kFilterMax = 64;
  if (key == '\n' || key == '\r') {
    wish.filter = typed;
    return false;
  }
  if (key == kEscape) return false;
  if (key == kBackspace && !typed.empty()) typed.pop_back();
  if (key >= ' ' && key < kBackspace && typed.size() < kFilterMax) typed += static_cast<char>(key);
  return true;
}

// False at the key that ends it.
bool press(int key, TopWish& wish) {
  switch (key) {
    case 'q':
      return false;
    case '0':
      wish.section = TopSection::all;
      break;
    case '1':
      wish.section = TopSection::conduits;
      break;
    case '2':
      wish.section = TopSection::functions;
      break;
    case '3':
      wish.section = TopSection::refusals;
      break;
    case 'm':
      wish.sort = TopSort::rate;
      break;
    case 't':
      wish.sort = TopSort::total;
      break;
    case 'b':
      wish.sort = TopSort::bytes;
      break;
    case 'n':
      wish.sort = TopSort::name;
      break;
    case kEscape:
      wish.filter.clear();
      break;
    default:
      break;
  }
  return true;
}

// Keys until the next look is due; false at the one that ends it.
bool take_keys(TopTerminal& terminal, const TopView& view, TopWish& wish, TimeNs until_ns) {
  constexpr int kWaitMs = 100;
  bool types = false;
  std::string typed;
  for (;;) {
    wish.prompt = types ? "filter: " + typed + "_  (Enter: use it, Esc: leave it)" : "";
    terminal.measure(wish);
    terminal.draw(draw_top(view, wish));
    const int key = terminal.key(kWaitMs);
    if (key == kNoKey) {
      if (!types && monotonic_now_ns() >= until_ns) return true;
    } else if (types) {
      types = type_filter(key, wish, typed);
    } else if (key == '/') {
      types = true;
      typed.clear();
    } else if (!press(key, wish)) {
      return false;
    }
  }
}

void run_terminal(Session& session, TopWish wish, std::uint32_t interval_ms) {
  TopSource source(session);
  TopView view = source.look();  // before the terminal changes, so that a failure is a plain line
  TopTerminal terminal;
  for (;;) {
    wish.time = local_time(wall_now_ns());
    if (!take_keys(terminal, view, wish, monotonic_now_ns() + interval_ms * kMillisecondNs)) return;
    try {
      view = source.look();
      wish.message.clear();
    } catch (const CommandFailed& failure) {
      wish.message = failure.text;
    }
  }
}

void run_top(Session& session, const TopArguments& arguments) {
  TopWish wish;
  wish.sort = find_top_sort(arguments.sort).value_or(TopSort::rate);
  wish.filter = arguments.filter;
  wish.server = session.server;
  const bool screen = !arguments.once && session.format() == Format::table;
  if (screen && isatty(STDOUT_FILENO) == 0) {
    throw CommandFailed{kUsage, "top needs a terminal; --once prints one screen"};
  }
  screen ? run_terminal(session, wish, arguments.interval_ms)
         : print_once(session, wish, arguments.interval_ms);
}

}  // namespace

void add_top_command(CLI::App& app, Session& session) {
  const auto arguments = std::make_shared<TopArguments>();
  CLI::App* top = app.add_subcommand(
      "top",
      "Conduits, functions, refusals, pair and workers, again and again. Keys: 1 conduits, 2 "
      "functions, 3 refusals, 0 all; m, t, b, n sort by rate, total, bytes, name; / filters; q "
      "ends");
  top->add_flag("--once", arguments->once, "Print one screen of $COLUMNS by $LINES and end");
  top->add_option("--interval-ms", arguments->interval_ms, "Time between looks")
      ->check(CLI::Range(500, 3'600'000))
      ->capture_default_str();
  top->add_option("--sort", arguments->sort, "What comes first")
      ->check(CLI::IsMember({"rate", "total", "bytes", "name"}))
      ->capture_default_str();
  top->add_option("--filter", arguments->filter,
                  "Only rows that have this text in the name of conduit, function or reason");
  top->callback([&session, arguments] { run_top(session, *arguments); });
}

}  // namespace bulkhead::controlplane
