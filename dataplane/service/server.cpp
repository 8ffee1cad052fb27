// Accepts agents, answers their requests in order, and pushes events to those who subscribed.
#include "dataplane/service/server.h"

#include <spdlog/spdlog.h>
#include <sys/stat.h>
#include <unistd.h>

#include <boost/asio/buffer.hpp>
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
                       self->send(self->server_.answer(request));
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

v1::DataplaneAnswer Server::answer(const v1::DataplaneRequest& request) {
  v1::DataplaneAnswer answer;
  answer.set_id(request.id());
  switch (request.request_case()) {
    case v1::DataplaneRequest::kApplyPolicy: {
      const v1::ApplyPolicy& apply = request.apply_policy();
      const auto applied = engine_.apply(apply.artefact(), apply.check_only());
      if (!applied) {
        spdlog::warn("policy refused: {}", applied.error());
        answer.set_refused(applied.error());
        break;
      }
      answer.mutable_policy_applied()->set_generation(applied.value());
      if (!apply.check_only()) spdlog::info("policy generation {} in force", applied.value());
      break;
    }
    case v1::DataplaneRequest::kGetStatus:
      *answer.mutable_status() = engine_.status();
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
  }
  return answer;
}

}  // namespace bulkhead::service
