// Accepts agents, answers their requests in order, and pushes events to those who subscribed.
#include "dataplane/service/server.h"

#include <spdlog/spdlog.h>
#include <sys/stat.h>
#include <unistd.h>

#include <boost/asio/buffer.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <deque>
#include <filesystem>
#include <stdexcept>

#include "dataplane/base/bytes.h"
#include "dataplane/service/policy_codec.h"

namespace bulkhead::service {

namespace asio = boost::asio;
using asio::local::stream_protocol;
using boost::system::error_code;

namespace {

constexpr std::size_t kFrameBytesMax = 2 * kPolicyBytesMax;
constexpr std::size_t kQueuedBytesMax = 4 * 1024 * 1024;
constexpr auto kEventPeriod = std::chrono::milliseconds(10);

}  // namespace

class Connection : public std::enable_shared_from_this<Connection> {
 public:
  Connection(stream_protocol::socket socket, Server& server)
      : socket_(std::move(socket)), server_(server) {}

  void start() { read_length(); }
  bool wants_events() const { return subscribed_; }
  bool drives_pair() const { return drives_pair_; }
  bool has_room() const { return queued_bytes_ < kQueuedBytesMax; }

  void send(const v1::DataplaneAnswer& answer) {
    std::string frame(4, '\0');
    answer.AppendToString(&frame);
    store_be32(reinterpret_cast<std::uint8_t*>(frame.data()),
               static_cast<std::uint32_t>(frame.size() - 4));
    queued_bytes_ += frame.size();
    queue_.push_back(std::move(frame));
    if (queue_.size() == 1) write_next();
  }

  void close() {
    error_code ignored;
    socket_.close(ignored);
  }

 private:
  void read_length() {
    asio::async_read(socket_, asio::buffer(length_),
                     [self = shared_from_this()](error_code error, std::size_t) {
                       if (error) return self->stop();
                       const std::uint32_t length = load_be32(self->length_.data());
                       if (length == 0 || length > kFrameBytesMax) return self->stop();
                       self->body_.resize(length);
                       self->read_body();
                     });
  }

  void read_body() {
    asio::async_read(socket_, asio::buffer(body_),
                     [self = shared_from_this()](error_code error, std::size_t) {
                       v1::DataplaneRequest request;
                       if (error || !request.ParseFromString(self->body_)) return self->stop();
                       if (!self->has_room()) return self->stop();  // it asks, but does not read
                       if (request.has_subscribe_events()) self->subscribed_ = true;
                       if (request.has_configure_pair()) self->drives_pair_ = true;
                       self->server_.take(request, self);
                       self->read_length();
                     });
  }

  void write_next() {
    asio::async_write(socket_, asio::buffer(queue_.front()),
                      [self = shared_from_this()](error_code error, std::size_t) {
                        if (error) return self->stop();
                        self->queued_bytes_ -= self->queue_.front().size();
                        self->queue_.pop_front();
                        if (!self->queue_.empty()) self->write_next();
                      });
  }

  void stop() {
    close();
    server_.forget(shared_from_this());
  }

  stream_protocol::socket socket_;
  Server& server_;
  std::array<std::uint8_t, 4> length_{};
  std::string body_;
  std::deque<std::string> queue_;
  std::size_t queued_bytes_ = 0;
  bool subscribed_ = false;
  bool drives_pair_ = false;
};

namespace {

// True if some process answers on the socket.
bool is_listened_on(asio::io_context& io, const std::string& path) {
  stream_protocol::socket probe(io);
  error_code error;
  probe.connect(stream_protocol::endpoint(path), error);
  return !error;
}

}  // namespace

Server::Server(asio::io_context& io, Engine& engine, const std::string& path)
    : io_(io), engine_(engine), path_(path), acceptor_(io), event_timer_(io) {
  if (is_listened_on(io, path)) {
    throw std::runtime_error("socket " + path +
                             " is in use: another bulkhead-dataplane runs; stop it, or give this " +
                             "one another --socket");
  }
  struct stat info {};
  if (stat(path.c_str(), &info) == 0 && S_ISSOCK(info.st_mode)) unlink(path.c_str());
  const mode_t before = umask(0077);
  error_code error;
  std::error_code ignored;  // a folder that cannot be made shows when the socket is bound
  std::filesystem::create_directories(std::filesystem::path(path).parent_path(), ignored);
  acceptor_.open();
  acceptor_.bind(stream_protocol::endpoint(path), error);
  umask(before);
  if (error) throw std::runtime_error("socket " + path + ": " + error.message());
  acceptor_.listen();
  if (engine.shared().in_band != nullptr) {
    pair_.emplace(io, engine.shared(), [this](const v1::PairNews& news) { push_pair(news); });
  }
  accept();
  poll_events();
}

Server::~Server() {
  for (const auto& connection : connections_) connection->close();
  if (acceptor_.is_open()) unlink(path_.c_str());
}

void Server::accept() {
  acceptor_.async_accept([this](error_code error, stream_protocol::socket socket) {
    if (error) return;
    auto connection = std::make_shared<Connection>(std::move(socket), *this);
    connections_.insert(connection);
    connection->start();
    spdlog::info("agent connected");
    accept();
  });
}

void Server::forget(const std::shared_ptr<Connection>& connection) {
  if (connections_.erase(connection) > 0) spdlog::info("agent disconnected");
}

void Server::poll_events() {
  event_timer_.expires_after(kEventPeriod);
  event_timer_.async_wait([this](error_code error) {
    if (error) return;
    v1::DataplaneAnswer push;
    engine_.take_events(*push.mutable_events());
    if (!push.events().events().empty()) {
      for (const auto& connection : connections_) {
        if (connection->wants_events() && connection->has_room()) connection->send(push);
      }
    }
    poll_events();
  });
}

void Server::push_pair(const v1::PairNews& news) {
  v1::DataplaneAnswer push;
  *push.mutable_pair_news() = news;
  for (const auto& connection : connections_) {
    if (connection->drives_pair() && connection->has_room()) connection->send(push);
  }
}

void Server::take(const v1::DataplaneRequest& request,
                  const std::shared_ptr<Connection>& connection) {
  if (request.has_apply_policy()) return check_policy(request, connection);
  v1::DataplaneAnswer answered = answer(request);
  if (answered.answer_case() == v1::DataplaneAnswer::ANSWER_NOT_SET) return;
  answered.set_id(request.id());
  connection->send(answered);
}

void Server::check_policy(const v1::DataplaneRequest& request,
                          const std::shared_ptr<Connection>& connection) {
  asio::post(checker_, [this, request, connection] {
    auto checked = std::make_shared<Result<policy::Tables, std::string>>(
        engine_.check(request.apply_policy().artefact()));
    asio::post(io_, [this, connection, checked, id = request.id(),
                     check_only = request.apply_policy().check_only()] {
      v1::DataplaneAnswer answered = apply_policy(std::move(*checked), check_only);
      answered.set_id(id);
      connection->send(answered);
    });
  });
}

v1::DataplaneAnswer Server::apply_policy(Result<policy::Tables, std::string> checked,
                                         bool check_only) {
  v1::DataplaneAnswer answer;
  if (!checked) {
    spdlog::warn("policy refused: {}", checked.error());
    answer.set_refused(checked.error());
    return answer;
  }
  answer.mutable_policy_applied();
  if (check_only) return answer;
  const std::uint32_t generation = engine_.apply(std::move(checked).value());
  answer.mutable_policy_applied()->set_generation(generation);
  spdlog::info("policy generation {} in force", generation);
  return answer;
}

void Server::carry_out_for_pair(const v1::DataplaneRequest& request, v1::DataplaneAnswer& answer) {
  if (!pair_) return answer.set_refused("this data plane was not started with --pair");
  if (std::string wrong = pair_->carry_out(request); !wrong.empty()) {
    answer.set_refused(std::move(wrong));
  } else if (request.has_configure_pair()) {
    answer.mutable_pair_configured();
  }
}

v1::DataplaneAnswer Server::answer(const v1::DataplaneRequest& request) {
  v1::DataplaneAnswer answer;
  switch (request.request_case()) {
    case v1::DataplaneRequest::kApplyPolicy:
      break;  // see check_policy
    case v1::DataplaneRequest::kGetStatus:
      *answer.mutable_status() = engine_.status();
      if (pair_) *answer.mutable_status()->mutable_pair() = pair_->report();
      break;
    case v1::DataplaneRequest::kGetCounters:
      *answer.mutable_counters() = engine_.counters();
      break;
    case v1::DataplaneRequest::kListFlows:
      *answer.mutable_flows() = engine_.flows(request.list_flows().limit());
      break;
    case v1::DataplaneRequest::kSubscribeEvents:
      answer.mutable_subscribed();
      break;
    case v1::DataplaneRequest::REQUEST_NOT_SET:
      answer.set_refused("unknown request");
      break;
    default:
      carry_out_for_pair(request, answer);
      break;
  }
  return answer;
}

}  // namespace bulkhead::service
