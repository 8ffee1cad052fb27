// Answers the requests of a connection in order, a policy later than those behind it: its check
// runs beside the service.
#include "dataplane/service/server.h"

#include <spdlog/spdlog.h>

#include <boost/asio/post.hpp>
#include <memory>
#include <utility>

#include "dataplane/artefact/artefact.h"
#include "dataplane/artefact/digest.h"
#include "dataplane/ipc/limits.h"

namespace bulkhead::service {

namespace asio = boost::asio;
using boost::system::error_code;

namespace {

static_assert(ipc::kDataplaneFrameBytesMax >= 2 * artefact::kPolicyBytesMax);

constexpr std::size_t kConnectionsMax = 16;
constexpr std::size_t kChecksMax = 2;
constexpr auto kEventPeriod = std::chrono::milliseconds(10);
constexpr auto kQuietPeriod = std::chrono::milliseconds(50);  // after one without events
constexpr auto kLookPeriod = std::chrono::microseconds(200);
constexpr TimeNs kPatienceNs = 5 * kSecondNs;  // with workers that have not taken up a policy
constexpr TimeNs kLinkPeriodNs = 100 * kMillisecondNs;

}  // namespace

Server::Server(asio::io_context& io, Engine& engine, const std::string& path,
               PairReport pair_report)
    : io_(io),
      engine_(engine),
      pair_report_(std::move(pair_report)),
      listener_(io, path),
      event_timer_(io),
      apply_timer_(io) {
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
  }
  v1::DataplaneAnswer push;
  engine_.take_events(*push.mutable_events());
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
  if (request.has_apply_policy()) return check_policy(std::move(request), connection);
  v1::DataplaneAnswer answered = answer(request);
  answered.set_id(request.id());
  connection->send(answered);
}

void Server::check_policy(v1::DataplaneRequest request,
                          const ipc::Connection::Pointer& connection) {
  v1::DataplaneAnswer refusal;
  refusal.set_id(request.id());
  if (!request.apply_policy().check_only() && !may_write(connection)) {
    refusal.set_refused("another bulkheadd drives this data plane");
  } else if (checks_ >= kChecksMax) {
    refusal.set_refused("other policies are being checked; try again");
  }
  if (!refusal.refused().empty()) return connection->send(refusal);
  ++checks_;
  const auto shared = std::make_shared<v1::DataplaneRequest>(std::move(request));
  asio::post(checker_, [this, shared, connection] {
    auto verdict = std::make_shared<Verdict>(check(shared->apply_policy()));
    shared->mutable_apply_policy()->clear_artefact();
    asio::post(io_, [this, connection, verdict, id = shared->id()] {
      --checks_;
      apply_policy(std::move(*verdict), id, connection);
    });
  });
}

Server::Verdict Server::check(const v1::ApplyPolicy& request) {
  Verdict verdict;
  const std::string digest = artefact::to_hex(artefact::sha256(request.artefact().policy()));
  const bool known = ready_ && ready_->digest == digest &&
                     request.artefact().format() == artefact::kFormat &&
                     artefact::to_hex(request.artefact().sha256()) == digest;
  if (!known) {
    ready_.reset();
    auto checked = engine_.check(request.artefact());
    if (!checked) {
      verdict.refused = checked.error();
      return verdict;
    }
    ready_ = std::move(checked).value();
  }
  verdict.site = ready_->site;
  verdict.digest = ready_->digest;
  if (!request.check_only()) verdict.tables = std::exchange(ready_, std::nullopt);
  return verdict;
}

void Server::apply_policy(Verdict verdict, std::uint64_t id,
                          const ipc::Connection::Pointer& connection) {
  v1::DataplaneAnswer answer;
  answer.set_id(id);
  if (!verdict.refused.empty()) {
    spdlog::warn("policy refused: {}", verdict.refused);
    answer.set_refused(verdict.refused);
  } else if (!verdict.tables) {
    answer.mutable_policy_applied()->set_site(verdict.site);
    answer.mutable_policy_applied()->set_sha256(verdict.digest);
  } else if (!may_write(connection)) {
    answer.set_refused("another bulkheadd drives this data plane");
  } else if (applying_) {
    answer.set_refused(engine_.lagging() + "; nothing was changed");
  }
  if (answer.answer_case() != v1::DataplaneAnswer::ANSWER_NOT_SET) return connection->send(answer);
  const std::uint32_t generation = engine_.begin_apply(*std::move(verdict.tables));
  applying_ = Applying{id, connection, generation, monotonic_now_ns()};
  await_workers();
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
