// Answers the requests of a connection in order, an artefact later than those behind it: it is read
// beside the service.
#include "dataplane/service/server.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <boost/asio/post.hpp>
#include <memory>
#include <utility>

#include "dataplane/artefact/artefact.h"
#include "dataplane/base/printable.h"
#include "dataplane/base/priority.h"
#include "dataplane/ipc/limits.h"

namespace bulkhead::service {

namespace asio = boost::asio;
using boost::system::error_code;

namespace {

static_assert(ipc::kDataplaneFrameBytesMax >= 2 * artefact::kPolicyBytesMax);

constexpr std::size_t kConnectionsMax = 16;
constexpr std::size_t kReadsMax = 2;
constexpr auto kEventPeriod = std::chrono::milliseconds(10);
constexpr auto kQuietPeriod = std::chrono::milliseconds(50);  // after one without events
constexpr auto kLookPeriod = std::chrono::microseconds(200);
constexpr TimeNs kPatienceNs = 5 * kSecondNs;     // with workers that have not taken up a policy
constexpr TimeNs kContainPatienceNs = kSecondNs;  // the same with containments
constexpr std::size_t kContainingMax = 64;
constexpr std::size_t kTestingMax = 16;
constexpr TimeNs kLinkPeriodNs = 100 * kMillisecondNs;

}  // namespace

Server::Server(asio::io_context& io, Engine& engine, const std::string& path,
               PairReport pair_report)
    : io_(io),
      engine_(engine),
      pair_report_(std::move(pair_report)),
      listener_(io, path),
      event_timer_(io),
      apply_timer_(io),
      contain_timer_(io) {
  asio::post(reader_, [] {
    name_thread("reader");
    run_later();
  });
  listener_.accept([this](ipc::UnixListener::Socket socket) { admit(std::move(socket)); });
  poll_events();
}

Server::~Server() {
  for (const auto& connection : connections_) connection->close();
}

void Server::admit(ipc::UnixListener::Socket socket) {
  if (connections_.size() >= kConnectionsMax) {
    return spdlog::warn("a connection was refused: {} are open", kConnectionsMax);
  }
  ipc::Connection::Owner& owner = *this;
  auto connection = std::make_shared<ipc::Connection>(std::move(socket), owner);
  connections_.insert(connection);
  connection->start();
  spdlog::info("agent connected");
}

void Server::forget(const ipc::Connection::Pointer& connection) {
  if (writer_ == connection) writer_.reset();
  subscribers_.erase(connection);
  if (connections_.erase(connection) > 0) spdlog::info("agent disconnected");
}

// The first that wants to may, for as long as it is there.
bool Server::may_write(const ipc::Connection::Pointer& connection) {
  if (!writer_) writer_ = connection;
  return writer_ == connection;
}

void Server::poll_events() {
  if (const TimeNs now_ns = monotonic_now_ns(); now_ns - links_seen_ns_ >= kLinkPeriodNs) {
    links_seen_ns_ = now_ns;
    engine_.watch_links();
    engine_.watch_observation();
  }
  // What nobody takes now stays with the workers, which sum it up.
  const bool wanted = std::ranges::any_of(
      subscribers_, [](const auto& connection) { return connection->has_room(); });
  engine_.end_containments();
  if (engine_.turn_self_test()) answer_self_tests();
  v1::DataplaneAnswer push;
  if (wanted) engine_.take_events(*push.mutable_events());
  const bool quiet = push.events().events().empty();
  for (const auto& connection : subscribers_) {
    if (!quiet && connection->has_room()) connection->send(push);
  }
  event_timer_.expires_after(quiet ? kQuietPeriod : kEventPeriod);
  event_timer_.async_wait([this](error_code error) {
    if (!error) poll_events();
  });
}

void Server::take(v1::DataplaneRequest request, const ipc::Connection::Pointer& connection) {
  if (request.has_subscribe_events()) {
    subscribers_.insert(connection);
    may_write(connection);
  }
  if (request.has_prepare_policy() && request.prepare_policy().has_artefact()) {
    return prepare(std::move(request), connection);
  }
  if (request.has_apply_prepared()) return apply_prepared(request, connection);
  if (request.has_set_containment()) return contain(request, connection);
  if (request.has_run_self_test()) return ask_self_test(request, connection);
  v1::DataplaneAnswer answered = answer(request);
  answered.set_id(request.id());
  connection->send(answered);
}

void Server::prepare(v1::DataplaneRequest request, const ipc::Connection::Pointer& connection) {
  if (reads_ >= kReadsMax) {
    v1::DataplaneAnswer answer;
    answer.set_id(request.id());
    answer.set_refused("other policies are being checked; try again");
    return connection->send(answer);
  }
  ++reads_;
  const auto shared = std::make_shared<v1::DataplaneRequest>(std::move(request));
  asio::post(reader_, [this, shared, connection] {
    using Read = Result<PreparedImages::Pointer, std::string>;
    const std::size_t bytes = shared->prepare_policy().artefact().policy().size();
    const auto read = std::make_shared<Read>(engine_.read(shared->prepare_policy().artefact()));
    shared->clear_prepare_policy();
    asio::post(io_, [this, connection, read, bytes, id = shared->id()] {
      --reads_;
      v1::DataplaneAnswer answer;
      answer.set_id(id);
      keep_prepared(std::move(*read), bytes, answer);
      connection->send(answer);
    });
  });
}

void Server::keep_prepared(Result<PreparedImages::Pointer, std::string> read,
                           std::size_t artefact_bytes, v1::DataplaneAnswer& answer) {
  if (!read) {
    spdlog::warn("policy refused: {}", read.error());
    return answer.set_refused(read.error());
  }
  answer.mutable_policy_prepared()->set_site(read.value()->tables.site);
  answer.mutable_policy_prepared()->set_sha256(read.value()->tables.digest);
  const auto gone = std::make_shared<std::vector<PreparedImages::Pointer>>(
      engine_.prepared().keep(std::move(read).value(), artefact_bytes));
  if (!gone->empty()) asio::post(reader_, [gone] { gone->clear(); });
}

void Server::find_prepared(const std::string& sha256, v1::DataplaneAnswer& answer) {
  if (const pipeline::Image* image = engine_.prepared().find(sha256)) {
    answer.mutable_policy_prepared()->set_site(image->tables.site);
    answer.mutable_policy_prepared()->set_sha256(image->tables.digest);
  } else {
    answer.set_not_prepared("no policy of SHA-256 " + printable(sha256.substr(0, 64)) +
                            " is prepared; nothing was changed");
  }
}

void Server::apply_prepared(const v1::DataplaneRequest& request,
                            const ipc::Connection::Pointer& connection) {
  const std::string& sha256 = request.apply_prepared().sha256();
  v1::DataplaneAnswer answer;
  answer.set_id(request.id());
  if (!may_write(connection)) {
    answer.set_refused("another bulkheadd drives this data plane");
  } else if (applying_) {
    answer.set_refused(engine_.lagging() + "; nothing was changed");
  } else if (PreparedImages::Pointer image = engine_.prepared().take(sha256)) {
    const std::uint32_t generation = engine_.begin_apply(std::move(image));
    applying_ = Applying{request.id(), connection, generation, monotonic_now_ns()};
    return await_workers();
  } else {
    find_prepared(sha256, answer);
  }
  connection->send(answer);
}

// Nobody else waits meanwhile.
void Server::await_workers() {
  const bool taken_up = engine_.finish_apply();
  const bool patient = monotonic_now_ns() - applying_->since_ns < kPatienceNs;
  if (applying_->connection && (taken_up || !patient)) {
    v1::DataplaneAnswer answer;
    answer.set_id(applying_->id);
    answer.mutable_policy_applied()->set_generation(applying_->generation);
    if (!taken_up) answer.mutable_policy_applied()->set_problem(engine_.lagging());
    std::exchange(applying_->connection, nullptr)->send(answer);
    spdlog::info("policy generation {} in force", applying_->generation);
  }
  if (taken_up) return applying_.reset();
  apply_timer_.expires_after(kLookPeriod);
  apply_timer_.async_wait([this](error_code error) {
    if (!error) await_workers();
  });
}

void Server::contain(const v1::DataplaneRequest& request,
                     const ipc::Connection::Pointer& connection) {
  std::string wrong;
  if (!may_write(connection)) {
    wrong = "another bulkheadd drives this data plane";
  } else if (containing_.size() >= kContainingMax) {
    wrong = "other containments are being put in force; try again";
  } else {
    wrong = engine_.begin_contain(request.set_containment());
  }
  if (wrong.empty()) {
    containing_.push_back({request.id(), connection, monotonic_now_ns()});
    return await_contained();
  }
  spdlog::error("containments refused: {}", wrong);
  v1::DataplaneAnswer answer;
  answer.set_id(request.id());
  answer.set_refused(wrong + "; those before stand");
  connection->send(answer);
}

// A worker that stands still passes nothing, but nobody knows for how long.
void Server::await_contained() {
  const bool taken_up = engine_.finish_contain();
  const TimeNs now_ns = monotonic_now_ns();
  const auto is_answered = [&](const Containing& each) {
    if (!taken_up && now_ns - each.since_ns < kContainPatienceNs) return false;
    v1::DataplaneAnswer answer;
    answer.set_id(each.id);
    v1::ContainmentInForce& in_force = *answer.mutable_containment();
    for (v1::Containment& one : engine_.contained()) {
      *in_force.add_containments() = std::move(one);
    }
    if (!taken_up) in_force.set_problem("a worker has not taken it up; " + engine_.lagging());
    each.connection->send(answer);
    return true;
  };
  std::erase_if(containing_, is_answered);
  if (containing_.empty()) return;
  contain_timer_.expires_after(kLookPeriod);
  contain_timer_.async_wait([this](error_code error) {
    if (!error) await_contained();
  });
}

void Server::ask_self_test(const v1::DataplaneRequest& request,
                           const ipc::Connection::Pointer& connection) {
  if (testing_.size() < kTestingMax) {
    return testing_.push_back({request.id(), connection, engine_.self_test().ask()});
  }
  v1::DataplaneAnswer answer;
  answer.set_id(request.id());
  answer.set_refused("other self-tests are under way; try again");
  connection->send(answer);
}

void Server::answer_self_tests() {
  std::erase_if(testing_, [this](const Testing& each) {
    if (each.run > engine_.self_test().ended_run()) return false;
    v1::DataplaneAnswer answer;
    answer.set_id(each.id);
    *answer.mutable_self_test() = engine_.self_test().latest();
    each.connection->send(answer);
    return true;
  });
}

void Server::list_counters(const v1::GetDataplaneCounters& question, v1::DataplaneAnswer& answer) {
  CounterBook::Page page = engine_.counters(question);
  *answer.mutable_counters() = std::move(page.counters);
  if (page.next) *answer.mutable_next_counters() = *page.next;
}

void Server::list_flows(const v1::ListDataplaneFlows& question, v1::DataplaneAnswer& answer) {
  auto flows = engine_.flows(question);
  if (flows) {
    *answer.mutable_flows() = std::move(flows).value();
  } else {
    answer.set_refused(flows.error());
  }
}

v1::DataplaneAnswer Server::answer(const v1::DataplaneRequest& request) {
  v1::DataplaneAnswer answer;
  switch (request.request_case()) {
    case v1::DataplaneRequest::kGetStatus:
      *answer.mutable_status() = engine_.status();
      if (auto report = pair_report_()) *answer.mutable_status()->mutable_pair() = *report;
      break;
    case v1::DataplaneRequest::kGetCounters:
      list_counters(request.get_counters(), answer);
      break;
    case v1::DataplaneRequest::kListFlows:
      list_flows(request.list_flows(), answer);
      break;
    case v1::DataplaneRequest::kPreparePolicy:
      find_prepared(request.prepare_policy().sha256(), answer);
      break;
    case v1::DataplaneRequest::kSubscribeEvents:
      answer.mutable_subscribed();
      break;
    default:
      answer.set_refused("unknown request");
      break;
  }
  return answer;
}

}  // namespace bulkhead::service
