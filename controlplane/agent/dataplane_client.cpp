// Asio on one thread; promises carry answers back to the callers.
#include "controlplane/agent/dataplane_client.h"

#include <spdlog/spdlog.h>
#include <sys/socket.h>

#include <boost/asio/post.hpp>
#include <fstream>
#include <utility>

#include "dataplane/base/priority.h"
#include "dataplane/ipc/limits.h"

namespace bulkhead::controlplane {

namespace asio = boost::asio;
using boost::system::error_code;

namespace {

constexpr auto kRetryPeriod = std::chrono::milliseconds(200);

pid_t process_behind(int socket) {
  ucred credentials{};
  socklen_t size = sizeof credentials;
  const int error = getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &credentials, &size);
  return error == 0 ? credentials.pid : 0;
}

}  // namespace

DataplaneClient::DataplaneClient(std::string path, Callbacks callbacks)
    : path_(std::move(path)),
      callbacks_(std::move(callbacks)),
      work_(asio::make_work_guard(io_)),
      connecting_(io_),
      timer_(io_) {}

DataplaneClient::~DataplaneClient() { stop(); }

void DataplaneClient::stop() {
  io_.stop();
  if (thread_.joinable()) thread_.join();
}

void DataplaneClient::start(bool at_once) {
  asio::post(io_, [this] { connect(); });
  thread_ = std::thread([this, at_once] {
    name_thread(at_once ? "lease" : "questions");
    if (at_once) run_before_others();  // the pair tells if it is not allowed
    io_.run();
  });
}

void DataplaneClient::connect() {
  connecting_ = Socket(io_);
  connecting_.async_connect(
      asio::local::stream_protocol::endpoint(path_), [this](error_code error) {
        if (!error) return begin(std::move(connecting_));
        if (!logged_missing_) {
          spdlog::warn("data plane: {}: {}; trying again", path_, error.message());
        }
        logged_missing_ = true;
        retry();
      });
}

void DataplaneClient::begin(Socket socket) {
  logged_missing_ = false;
  process_ = process_behind(socket.native_handle());
  connection_ = std::make_shared<Connection>(std::move(socket), ipc::kDataplaneFrameBytesMax);
  connected_ = true;
  spdlog::info("{} connected", path_);
  read(connection_);
  if (callbacks_.greeting) send(ipc::to_frame(callbacks_.greeting()));
  if (callbacks_.on_event) {
    v1::DataplaneRequest subscribe;
    subscribe.mutable_subscribe_events();
    send(ipc::to_frame(subscribe));
  }
  callbacks_.on_connection(true);
}

void DataplaneClient::retry() {
  timer_.expires_after(kRetryPeriod);
  timer_.async_wait([this](error_code error) {
    if (!error) connect();
  });
}

void DataplaneClient::lose(const ConnectionPointer& connection, const std::string& why) {
  if (!std::exchange(connection->open, false)) return;
  connected_ = false;
  connection_.reset();
  spdlog::warn("{} lost: {}", path_, why);
  error_code ignored;
  connection->stream.socket().close(ignored);
  for (auto& [id, promise] : std::exchange(waiting_, {})) {
    promise->set_value(Failure{Failure::Kind::lost, "the data plane was lost before it answered"});
  }
  callbacks_.on_connection(false);
  retry();
}

void DataplaneClient::read(const ConnectionPointer& connection) {
  connection->stream.read([this, connection](error_code error, const std::string& body) {
    if (error) return lose(connection, error.message());
    take(connection, body);
    if (connection->open) read(connection);
  });
}

void DataplaneClient::take(const ConnectionPointer& connection, const std::string& body) {
  v1::DataplaneAnswer answer;
  if (!answer.ParseFromString(body)) return lose(connection, "a frame cannot be parsed");
  // What is not asked for on this socket is not heard.
  if (answer.has_events()) {
    for (const v1::Event& event : answer.events().events()) {
      if (callbacks_.on_event) callbacks_.on_event(event);
    }
    return;
  }
  if (answer.has_pair_news()) {
    if (callbacks_.on_pair_news) callbacks_.on_pair_news(std::move(*answer.mutable_pair_news()));
    return;
  }
  const auto found = waiting_.find(answer.id());
  if (found == waiting_.end()) {
    if (answer.answer_case() != v1::DataplaneAnswer::kRefused || !callbacks_.on_pair_news) return;
    // It is not ours to drive.
    v1::PairNews news;
    news.mutable_report()->set_problem(answer.refused());
    return callbacks_.on_pair_news(std::move(news));
  }
  const Promise promise = found->second;
  waiting_.erase(found);
  if (answer.answer_case() == v1::DataplaneAnswer::kRefused) {
    promise->set_value(Failure{Failure::Kind::refused, answer.refused()});
  } else if (answer.answer_case() == v1::DataplaneAnswer::kNotPrepared) {
    promise->set_value(Failure{Failure::Kind::not_prepared, answer.not_prepared()});
  } else {
    promise->set_value(std::move(answer));
  }
}

void DataplaneClient::send(std::string frame) {
  connection_->stream.send(std::move(frame), [this, connection = connection_](error_code error) {
    if (error) lose(connection, error.message());
  });
}

void DataplaneClient::post(v1::DataplaneRequest request) {
  constexpr std::size_t kQueuedMax = 64;
  asio::post(io_, [this, request = std::move(request)] {
    if (!connection_) return;
    // What a stuck data plane would hear late is better not heard at all.
    if (request.has_send_heartbeat() && connection_->stream.queued() >= kQueuedMax) return;
    send(ipc::to_frame(request));
  });
}

void DataplaneClient::behind_what_came(std::function<void()> then) {
  // Behind what is ready now: the first round may have begun before that was looked at.
  asio::post(io_, [this, then = std::move(then)]() mutable { asio::post(io_, std::move(then)); });
}

bool DataplaneClient::waits_for_core() const {
  const pid_t process = process_.load();
  if (process == 0) return false;
  std::ifstream file("/proc/" + std::to_string(process) + "/stat");
  std::string line;
  std::getline(file, line);
  // proc_pid_stat(5): the state is behind the name, which may hold parentheses itself.
  const std::size_t name_end = line.rfind(')');
  return name_end != std::string::npos && line.compare(name_end, 3, ") R") == 0;
}

DataplaneClient::Answer DataplaneClient::call(v1::DataplaneRequest& request,
                                              std::chrono::milliseconds timeout) {
  const auto promise = std::make_shared<std::promise<Answer>>();
  std::future<Answer> answer = promise->get_future();
  const std::uint64_t id = next_id_++;
  request.set_id(id);
  // A policy is large: only its frame waits for the client's thread.
  asio::post(io_, [this, promise, id, frame = ipc::to_frame(request)]() mutable {
    if (!connection_) {
      return promise->set_value(
          Failure{Failure::Kind::unreachable, "the data plane is not running or not reachable"});
    }
    if (waiting_.size() >= kCallsMax) {
      return promise->set_value(
          Failure{Failure::Kind::unreachable, "the data plane is asked too much; try again"});
    }
    waiting_[id] = promise;
    send(std::move(frame));
  });
  if (answer.wait_for(timeout) == std::future_status::ready) return answer.get();
  asio::post(io_, [this, id] { waiting_.erase(id); });
  return Failure{Failure::Kind::late, "the data plane did not answer in time"};
}

}  // namespace bulkhead::controlplane
