// top: ncurses draws the screen and reads keys; --once prints one screen instead.
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <future>
#include <mutex>
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

// One appliance, looked at again and again; by one thread at a time.
class TopSource {
 public:
  explicit TopSource(const Session& session) : remote_(session) {}

  // Throws CommandFailed if the appliance does not answer.
  TopView look() {
    v1::GetStatusResponse status;
    remote_.expect(remote_.telemetry().GetStatus(begin_call(), {}, &status));
    std::optional<v1::PairStatus> pair;
    v1::PairStatus of_pair;
    const grpc::Status asked = remote_.pair().GetPair(begin_call(), {}, &of_pair);
    if (asked.ok()) pair = std::move(of_pair);
    CounterLook counters;
    if (status.dataplane_connected()) {
      const auto reader = remote_.telemetry().GetCounters(begin_call(), {});
      for (v1::Counters page; reader->Read(&page);) counters.take(page);
      remote_.expect(reader->Finish());
    }
    return rates_.step(std::move(status), std::move(pair), counters, monotonic_now_ns());
  }

  // From any thread: the look that is under way fails soon.
  void cancel() {
    const std::lock_guard lock(mutex_);
    is_cancelled_ = true;
    if (call_) call_->TryCancel();
  }

 private:
  // Good until the next one.
  grpc::ClientContext* begin_call() {
    const std::lock_guard lock(mutex_);
    call_ = remote_.context();
    if (is_cancelled_) call_->TryCancel();
    return call_.get();
  }

  Remote remote_;
  TopRates rates_;
  std::mutex mutex_;  // of what follows
  std::unique_ptr<grpc::ClientContext> call_;
  bool is_cancelled_ = false;
};

// Looks on a thread of their own, so that keys are heard while an appliance does not answer.
class TopLooks {
 public:
  TopLooks(TopSource& source, TimeNs interval_ns)
      : source_(source), interval_ns_(interval_ns), began_ns_(monotonic_now_ns()) {}
  ~TopLooks() {
    source_.cancel();
    if (under_way_.valid()) under_way_.wait();
  }

  // Begins a look when one is due, and takes what one brought; true if there is something new.
  bool turn(TopView& view, std::string& message) {
    const TimeNs now_ns = monotonic_now_ns();
    if (!under_way_.valid()) {
      if (now_ns < began_ns_ + interval_ns_) return false;
      began_ns_ = now_ns;
      under_way_ = std::async(std::launch::async, [this] { return source_.look(); });
      return false;
    }
    if (under_way_.wait_for(std::chrono::seconds(0)) != std::future_status::ready) {
      constexpr TimeNs kPatienceNs = kSecondNs;
      const TimeNs since_ns = now_ns - began_ns_;
      if (since_ns > kPatienceNs) message = "for " + std::to_string(since_ns / kSecondNs) + " s";
      return false;
    }
    try {
      view = under_way_.get();
      message.clear();
      return true;
    } catch (const CommandFailed& failure) {
      message = failure.text;
      return false;
    }
  }

 private:
  TopSource& source_;
  TimeNs interval_ns_;
  TimeNs began_ns_;
  std::future<TopView> under_way_;
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
    wish.first = 0;
    return false;
  }
  if (key == kEscape) return false;
  if (key == kBackspace && !typed.empty()) typed.pop_back();
  if (key >= ' ' && key < kBackspace && typed.size() < kFilterMax) typed += static_cast<char>(key);
  return true;
}

void scroll(int key, const TopPage& page, TopWish& wish) {
  const std::size_t most = page.rows - std::min(page.rows, page.fits);
  const std::size_t step = key == kUp || key == kDown ? 1 : std::max<std::size_t>(1, page.fits);
  wish.first = std::min(wish.first, most);
  wish.first = key == kUp || key == kPageUp ? wish.first - std::min(wish.first, step)
                                            : std::min(wish.first + step, most);
}

bool choose_section(int key, TopWish& wish) {
  if (key < '0' || key > '3') return false;
  constexpr TopSection kSections[] = {TopSection::all, TopSection::conduits, TopSection::functions,
                                      TopSection::refusals};
  wish.section = kSections[key - '0'];
  wish.first = 0;
  return true;
}

// False at the key that ends it.
bool press(int key, const TopView& view, TopWish& wish) {
  if (choose_section(key, wish)) return true;
  switch (key) {
    case 'q':
      return false;
    case 'm':
      wish.sort = TopSort::rate;
      break;
    case 'r':
      wish.sort = TopSort::refused;
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
    case kUp:
    case kDown:
    case kPageUp:
    case kPageDown:
      scroll(key, page_of(view, wish), wish);
      break;
    default:
      break;
  }
  return true;
}

void run_terminal(Session& session, TopWish wish, std::uint32_t interval_ms) {
  constexpr int kWaitMs = 100;
  TopSource source(session);
  TopView view = source.look();  // before the terminal changes, so that a failure is a plain line
  TopLooks looks(source, interval_ms * kMillisecondNs);
  TopTerminal terminal;
  bool types = false;
  std::string typed;
  wish.time = local_time(wall_now_ns());
  for (;;) {
    if (looks.turn(view, wish.message)) wish.time = local_time(wall_now_ns());
    terminal.measure(wish);
    TopWish shown = wish;
    if (types) {
      shown.filter = typed;  // what it would leave, while it is typed
      shown.prompt = "filter: " + typed + "_  (Enter: use it, Esc: leave it)";
    }
    terminal.draw(draw_top(view, shown));
    const int key = terminal.key(kWaitMs);
    if (key == kNoKey) continue;
    if (types) {
      types = type_filter(key, wish, typed);
    } else if (key == '/') {
      types = true;
      typed.clear();
    } else if (!press(key, view, wish)) {
      return;
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
      "Conduits, functions, refusals, pair, workers and taps, again and again; would: stands "
      "before the reason for which enforcing would refuse what observed conduits and taps let "
      "pass. Keys: 1 conduits, 2 functions, 3 refusals, 0 all, then arrows and page keys scroll; "
      "m, r, t, b, n sort by rate, refused, total, bytes, name; / filters; q ends");
  top->add_flag("--once", arguments->once, "Print one screen of $COLUMNS by $LINES and end");
  top->add_option("--interval-ms", arguments->interval_ms, "Time between looks")
      ->check(CLI::Range(500, 3'600'000))
      ->capture_default_str();
  top->add_option("--sort", arguments->sort, "What comes first")
      ->check(CLI::IsMember({"rate", "refused", "total", "bytes", "name"}))
      ->capture_default_str();
  top->add_option("--filter", arguments->filter,
                  "Only rows that have this text in the name of conduit, function or reason");
  top->callback([&session, arguments] { run_top(session, *arguments); });
}

}  // namespace bulkhead::controlplane
