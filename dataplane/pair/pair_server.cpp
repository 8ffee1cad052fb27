// Everything here is bounded: a heartbeat never waits for a question.
#include "dataplane/pair/pair_server.h"

#include <spdlog/spdlog.h>

#include "dataplane/base/secret.h"

namespace bulkhead::pair {

namespace {

constexpr std::size_t kConnectionsMax = 8;

}  // namespace

void LastPairReport::put(const v1::PairReport& report) {
  const std::unique_lock lock(mutex_, std::try_to_lock);
  if (lock.owns_lock()) report_ = report;
}

std::optional<v1::PairReport> LastPairReport::get() const {
  const std::lock_guard guard(mutex_);
  return report_;
}

PairServer::PairServer(boost::asio::io_context& io, ports::Shared& shared, const std::string& path,
                       LastPairReport& last_report)
    : listener_(io, path), last_report_(last_report) {
  member_.emplace(io, shared, [this](const v1::PairNews& news) { push(news); });
  listener_.accept([this](ipc::UnixListener::Socket socket) { admit(std::move(socket)); });
}

PairServer::~PairServer() {
  for (const auto& connection : connections_) connection->close();
}

void PairServer::admit(ipc::UnixListener::Socket socket) {
  if (connections_.size() >= kConnectionsMax) return;
  ipc::Connection::Owner& owner = *this;
  auto connection = std::make_shared<ipc::Connection>(std::move(socket), owner);
  connections_.insert(connection);
  connection->start();
}

void PairServer::forget(const ipc::Connection::Pointer& connection) {
  connections_.erase(connection);
  if (driver_ != connection) return;
  driver_.reset();
  spdlog::info("the agent of the pair disconnected");
  // Those that were turned away come again.
  for (const auto& other : connections_) other->close();
  connections_.clear();
}

void PairServer::push(const v1::PairNews& news) {
  if (news.has_report()) last_report_.put(news.report());
  if (!driver_ || !driver_->has_room()) return;
  v1::DataplaneAnswer push;
  *push.mutable_pair_news() = news;
  driver_->send(push);
}

void PairServer::take(v1::DataplaneRequest request, const ipc::Connection::Pointer& connection) {
  if (!driver_ && request.has_configure_pair()) {
    driver_ = connection;
    spdlog::info("the agent of the pair connected");
  }
  v1::DataplaneAnswer answer;
  if (driver_ != connection) {
    answer.set_refused("another bulkheadd drives this data plane");
  } else if (std::string wrong = member_->carry_out(request); !wrong.empty()) {
    answer.set_refused(std::move(wrong));
  } else if (request.has_configure_pair()) {
    answer.mutable_pair_configured();
  } else {
    return;
  }
  if (request.has_configure_pair()) wipe(*request.mutable_configure_pair()->mutable_key());
  answer.set_id(request.id());
  connection->send(answer);
}

}  // namespace bulkhead::pair
