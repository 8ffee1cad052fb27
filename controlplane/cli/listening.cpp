// One thread reads, decodes and shows; what comes meanwhile waits in the kernel's buffer, and what
// finds no room there is counted.
#include "controlplane/cli/listening.h"

#include <unistd.h>

#include <csignal>

#include "controlplane/cli/output.h"
#include "controlplane/cli/session.h"
#include "dataplane/capture/live_capture.h"

namespace bulkhead::controlplane {

namespace {

constexpr int kWaitMs = 200;
constexpr TimeNs kKeepEveryNs = 3600 * kSecondNs;

volatile std::sig_atomic_t listening_ends = 0;

// While it lives, the first signal to end sets `listening_ends`.
class EndSignals {
 public:
  EndSignals() {
    listening_ends = 0;
    struct sigaction action{};
    action.sa_handler = [](int) { listening_ends = 1; };
    action.sa_flags = static_cast<int>(SA_RESETHAND);
    sigaction(SIGINT, &action, &interrupt_);
    sigaction(SIGTERM, &action, &terminate_);
  }
  ~EndSignals() {
    sigaction(SIGINT, &interrupt_, nullptr);
    sigaction(SIGTERM, &terminate_, nullptr);
  }
  EndSignals(const EndSignals&) = delete;
  EndSignals& operator=(const EndSignals&) = delete;

 private:
  struct sigaction interrupt_{};
  struct sigaction terminate_{};
};

// On a terminal a line that changes each second, else a line a minute.
class Progress {
 public:
  explicit Progress(const ListeningWish& wish)
      : wish_(wish), terminal_(isatty(STDERR_FILENO) == 1) {}

  void begin() const {
    const std::string end = wish_.for_ns == 0 ? "" : " for " + learn::span_text(wish_.for_ns);
    print_error("listening on " + wish_.interface + end + "; Ctrl-C ends it with what was learned");
  }

  bool is_due(TimeNs passed_ns) const {
    return passed_ns >= shown_ns_ + (terminal_ ? kSecondNs : 60 * kSecondNs);
  }

  void show(const Learner& learner, const Listened& state, TimeNs passed_ns) {
    shown_ns_ = passed_ns;
    const learn::Novelty::Counts& total = learner.novelty.total();
    std::string text = learn::span_text(passed_ns);
    if (wish_.for_ns != 0) text += " of " + learn::span_text(wish_.for_ns);
    text += ": " + grouped(learner.packets.count) + " packets, " + grouped(state.lost) + " lost; " +
            grouped(total.hosts) + " hosts, " + grouped(total.services) + " services, " +
            grouped(total.operations) + " operations; nothing new for " +
            learn::span_text(learner.novelty.quiet_ns(state.end_ns));
    if (!terminal_) return print_error(text);
    const std::size_t shorter = width_ > text.size() ? width_ - text.size() : 0;
    std::fprintf(stderr, "\r%s%s", printable(text).c_str(), std::string(shorter, ' ').c_str());
    std::fflush(stderr);
    width_ = text.size();
  }

  void end() const {
    if (width_ > 0) std::fputs("\n", stderr);
  }

 private:
  const ListeningWish& wish_;
  bool terminal_;
  TimeNs shown_ns_ = 0;
  std::size_t width_ = 0;
};

}  // namespace

Listened listen_on(const ListeningWish& wish, Learner& learner,
                   const std::function<void(const Listened&)>& keep) {
  auto opened = capture::LiveCapture::open(wish.interface);
  if (!opened) throw CommandFailed{kFileFailed, opened.error()};
  capture::LiveCapture& live = opened.value();
  const EndSignals signals;
  Progress progress(wish);
  progress.begin();
  FrameReader reader;
  Listened state{wall_now_ns(), wall_now_ns(), 0, {}};
  const TimeNs start_ns = monotonic_now_ns();
  TimeNs kept_ns = 0;
  learner.begin();
  const auto read = [&](int wait_ms) {
    if (!live.next(wait_ms)) return false;
    reader.read(
        {live.number(), live.time_ns(), live.link_type(), live.frame()},
        [&](const CapturedPacket& packet) { learner.take(packet); },
        [&](const CapturedEcho& echo) { learner.take(echo); });
    return true;
  };
  while (listening_ends == 0 && live.problem().empty()) {
    const TimeNs passed_ns = monotonic_now_ns() - start_ns;
    if (wish.for_ns != 0 && passed_ns >= wish.for_ns) break;
    read(kWaitMs);
    if (progress.is_due(passed_ns)) {
      state.end_ns = wall_now_ns();
      state.lost = live.lost();
      progress.show(learner, state, passed_ns);
    }
    if (passed_ns - kept_ns < kKeepEveryNs) continue;
    kept_ns = passed_ns;
    learner.left_out = reader.left_out();
    learner.foreign_tags = reader.foreign_tags();
    keep(state);
  }
  state.end_ns = wall_now_ns();
  // What the kernel has not handed over yet.
  while (live.problem().empty() && read(2 * capture::LiveCapture::kLateMs) &&
         live.time_ns() <= state.end_ns) {
  }
  learner.finish();
  learner.left_out = reader.left_out();
  learner.foreign_tags = reader.foreign_tags();
  progress.end();
  state.lost = live.lost();
  state.problem = live.problem();
  return state;
}

}  // namespace bulkhead::controlplane
