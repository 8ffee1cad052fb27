// Batches alternate between the streams that have something.
#include "controlplane/siem/link.h"

#include <algorithm>
#include <utility>

namespace bulkhead::siem {

namespace {

constexpr auto kLookPeriod = std::chrono::milliseconds(100);
// For a connection's first receipt: the first request and one that repeats it, and a collector that
// is slow.
constexpr auto kFirstReceipt = std::chrono::seconds(3);
constexpr std::size_t kEvents = static_cast<std::size_t>(Stream::events);
constexpr std::size_t kAudit = static_cast<std::size_t>(Stream::audit);

}  // namespace

Link::Link(boost::asio::io_context& io, Collector collector, const Sources& sources,
           const std::string& hostname, const Places& places, const Timing& timing,
           OnProblem on_problem)
    : io_(io),
      collector_(std::move(collector)),
      timing_(timing),
      on_problem_(std::move(on_problem)),
      feeds_{Feed(sources.events, Stream::events, collector_, hostname, places[kEvents]),
             Feed(sources.audit, Stream::audit, collector_, hostname, places[kAudit])},
      delivery_(places),
      retry_(io),
      look_(io),
      chance_(std::random_device{}()) {}

Link::~Link() { close(); }

void Link::close() {
  retry_.cancel();
  look_.cancel();
  if (connection_) connection_->close();
  connection_.reset();
  state_ = State::closed;
}

void Link::wake() {
  more_ = true;
  if (state_ == State::connected) return pump();
  if (state_ == State::closed && retry_.expiry() <= Clock::now()) connect();
}

void Link::connect() {
  if (done_ || state_ != State::closed) return;
  state_ = State::connecting;
  Connection::Callbacks callbacks;
  callbacks.on_up = [this] {
    state_ = State::connected;
    connected_ = progress_ = Clock::now();
    if (connection_->can_ask_receipt()) delivery_.await_receipts();
    set_problem({});
    more_ = true;
    pump();
  };
  callbacks.on_written = [this] { on_written(); };
  callbacks.on_asked = [this] {
    writing_ = false;
    pump();
  };
  callbacks.on_receipt = [this] {
    delivery_.receipt(requests_.answer());
    progress_ = Clock::now();
    pump();
  };
  callbacks.on_end = [this](const Connection::End& end) { lose(end); };
  connection_ = Connection::open(io_, collector_, timing_.connection, std::move(callbacks));
}

// Goes on from what the collector has for certain, on another connection.
void Link::lose(const Connection::End& end) {
  was_stalled_ = is_stalled();
  if (state_ == State::connected) delivery_.acknowledged(connection_->acknowledged());
  const bool was_good = state_ == State::connected && Clock::now() - connected_ > timing_.settled;
  const Places from = delivery_.resume(end.orderly);
  delivery_ = Delivery(from);
  for (std::size_t i = 0; i < kStreams; ++i) feeds_[i].go_back(from[i]);
  connection_.reset();
  state_ = State::closed;
  writing_ = false;
  requests_ = {};
  set_problem(end.why);
  if (done_) return std::exchange(done_, nullptr)();
  pause_ = was_good ? timing_.retry_least
                    : std::clamp(2 * pause_, timing_.retry_least, timing_.retry_most);
  std::uniform_int_distribution<std::int64_t> spread(pause_.count() / 2, pause_.count());
  retry_.expires_after(std::chrono::milliseconds(spread(chance_)));
  retry_.async_wait([weak = weak_from_this()](boost::system::error_code stopped) {
    if (const auto self = weak.lock(); self && !stopped) self->connect();
  });
}

Places Link::filled() const { return {feeds_[kEvents].place(), feeds_[kAudit].place()}; }

bool Link::fill(std::string& batch) {
  const TimeNs now_ns = wall_now_ns();
  bool more = false;
  for (std::size_t i = 0; i < kStreams; ++i) {
    Feed& feed = feeds_[turn_++ % kStreams];
    if (&feed == &feeds_[kAudit] && !collector_.audit) continue;
    const bool has_more = feed.fill(batch, kBatchBytes, now_ns);
    more = more || has_more;
  }
  return more;
}

void Link::pump() {
  if (state_ != State::connected || writing_ || connection_->has_ended()) return;
  if (ask()) return;
  if (done_ || !more_ || !delivery_.may_write()) return look_again();
  std::string batch;
  const Places before = filled();
  more_ = fill(batch);
  if (batch.empty()) {
    if (filled() != before) delivery_.passed_over(filled());
    // A filter that wants nothing of a page does not keep the thread.
    if (more_) {
      boost::asio::post(io_, [weak = weak_from_this()] {
        if (const auto self = weak.lock()) self->pump();
      });
    }
    return look_again();
  }
  if (delivery_.pending() == 0) progress_ = Clock::now();
  writing_ = true;
  connection_->write(std::move(batch));
}

void Link::on_written() {
  writing_ = false;
  delivery_.wrote(connection_->written(), filled());
  confirm();
  pump();
}

// Asks for a receipt of what has none. True if that is under way.
bool Link::ask() {
  const Clock::time_point now = Clock::now();
  const std::uint64_t written = connection_->written();
  const bool may_ask = !delivery_.is_receipted() && requests_.may_ask(now);
  if (!may_ask || !connection_->ask_receipt()) return false;
  requests_.ask(written, now);
  writing_ = true;
  return true;
}

void Link::confirm() {
  const std::uint64_t before = delivery_.pending();
  if (delivery_.awaits_receipts() && Clock::now() - progress_ > kFirstReceipt) {
    delivery_.await_no_longer();
  }
  delivery_.acknowledged(connection_->acknowledged());
  if (delivery_.pending() != before || before == 0) progress_ = Clock::now();
}

// While something is not confirmed.
void Link::look_again() {
  if (delivery_.pending() == 0 && (done_ || !requests_.may_yet_be_answered())) {
    if (done_) connection_->finish(std::exchange(done_, nullptr));
    return;
  }
  if (std::exchange(looking_, true)) return;
  look_.expires_after(kLookPeriod);
  look_.async_wait([weak = weak_from_this()](boost::system::error_code stopped) {
    if (const auto self = weak.lock(); self && !stopped) self->look();
  });
}

void Link::look() {
  looking_ = false;
  if (state_ != State::connected) return;
  confirm();
  const bool is_dead =
      delivery_.pending() > 0 && Clock::now() - progress_ > timing_.connection.write;
  if (is_dead) return connection_->fail("it reads nothing");
  pump();
}

void Link::finish(std::function<void()> done) {
  done_ = std::move(done);
  retry_.cancel();
  if (state_ != State::connected) return std::exchange(done_, nullptr)();
  pump();
}

// A collector that stalled does so on the next connection too, until that has shown otherwise: its
// kernel accepts connections, and takes what its buffers hold.
bool Link::is_stalled() const {
  if (state_ != State::connected) return false;
  const Clock::time_point now = Clock::now();
  if (was_stalled_ && now - connected_ <= timing_.stalled) return true;
  return (delivery_.pending() > 0 || writing_) && now - progress_ > timing_.stalled;
}

void Link::set_problem(std::string problem) {
  if (problem == problem_) return;
  problem_ = std::move(problem);
  on_problem_(problem_);
}

v1::CollectorStatus Link::status() const {
  v1::CollectorStatus status;
  status.set_name(collector_.name);
  status.set_state(is_stalled()                 ? "stalled"
                   : state_ == State::connected ? "connected"
                                                : "connecting");
  const Place& place = delivery_.confirmed()[kEvents];
  status.set_sent(place.sent);
  const std::uint64_t newest = feeds_[kEvents].newest();
  status.set_waiting(newest > place.after ? newest - place.after : 0);
  status.set_lost(feeds_[kEvents].lost() + feeds_[kAudit].lost());
  status.set_problem(is_stalled() && problem_.empty() ? "it takes nothing" : problem_);
  return status;
}

}  // namespace bulkhead::siem
