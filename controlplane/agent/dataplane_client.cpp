// Asio on one thread; promises carry answers back to the callers.
#include "controlplane/agent/dataplane_client.h"

#include <spdlog/spdlog.h>
#include <sys/socket.h>

#include <boost/asio/post.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <fstream>

#include "dataplane/base/bytes.h"
#include "dataplane/base/priority.h"

namespace bulkhead::controlplane {

namespace asio = boost::asio;
using boost::system::error_code;

namespace {

constexpr std::uint32_t kFrameBytesMax = 128 * 1024 * 1024;
constexpr auto kRetryPeriod = std::chrono::milliseconds(200);
constexpr auto kCallTimeout = std::chrono::seconds(30);

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
      socket_(io_),
      timer_(io_) {}

DataplaneClient::~DataplaneClient() { stop(); }

void DataplaneClient::stop() {
  io_.stop();
  if (thread_.joinable()) thread_.join();
}

void DataplaneClient::start(bool at_once) {
  asio::post(io_, [this] { connect(); });
  thread_ = std::thread([this, at_once] {
    if (at_once) run_before_others();  // the pair tells if it is not allowed
    io_.run();
  });
}

void DataplaneClient::connect() {
  socket_ = Socket(io_);
  socket_.async_connect(asio::local::stream_protocol::endpoint(path_), [this](error_code error) {
    if (error) {
      if (!told_missing_) spdlog::warn("data plane: {}: {}; trying again", path_, error.message());
      told_missing_ = true;
      return retry();
    }
    told_missing_ = false;
    connected_ = true;
    process_ = process_behind(socket_.native_handle());
    spdlog::info("data plane connected");
    read_length();
    v1::DataplaneRequest subscribe;
    subscribe.mutable_subscribe_events();
    send(subscribe);
    callbacks_.on_connection(true);
  });
}

void DataplaneClient::retry() {
  timer_.expires_after(kRetryPeriod);
  timer_.async_wait([this](error_code error) {
    if (!error) connect();
  });
}

void DataplaneClient::lose(const std::string& why) {
  if (!connected_) return;
  connected_ = false;
  spdlog::warn("data plane lost: {}", why);
  error_code ignored;
  socket_.close(ignored);
  queue_.clear();
  for (auto& [id, promise] : waiting_) {
    promise->set_value(std::string("the data plane was lost before it answered"));
  }
  waiting_.clear();
  callbacks_.on_connection(false);
  retry();
}

void DataplaneClient::read_length() {
  asio::async_read(socket_, asio::buffer(length_), [this](error_code error, std::size_t) {
    if (error) return lose(error.message());
    const std::uint32_t length = load_be32(length_.data());
    if (length > kFrameBytesMax) return lose("a frame is too long");
    body_.resize(length);
    read_body();
  });
}

void DataplaneClient::read_body() {
  asio::async_read(socket_, asio::buffer(body_), [this](error_code error, std::size_t) {
    if (error) return lose(error.message());
    dispatch();
    if (connected_) read_length();
  });
}

void DataplaneClient::dispatch() {
  v1::DataplaneAnswer answer;
  if (!answer.ParseFromString(body_)) return lose("a frame cannot be parsed");
  if (answer.has_events()) {
    for (const v1::Event& event : answer.events().events()) callbacks_.on_event(event);
    return;
  }
  if (answer.has_pair_news()) {
    return callbacks_.on_pair_news(std::move(*answer.mutable_pair_news()));
  }
  const auto found = waiting_.find(answer.id());
  if (found == waiting_.end()) return;
  const auto promise = found->second;
  waiting_.erase(found);
  if (answer.answer_case() == v1::DataplaneAnswer::kRefused) {
    promise->set_value(answer.refused());
  } else {
    promise->set_value(std::move(answer));
  }
}

void DataplaneClient::send(const v1::DataplaneRequest& request) {
  std::string frame(4, '\0');
  request.AppendToString(&frame);
  store_be32(reinterpret_cast<std::uint8_t*>(frame.data()),
             static_cast<std::uint32_t>(frame.size() - 4));
  queue_.push_back(std::move(frame));
  if (queue_.size() == 1) write_next();
}

void DataplaneClient::write_next() {
  asio::async_write(socket_, asio::buffer(queue_.front()), [this](error_code error, std::size_t) {
    if (error) return lose(error.message());
    if (queue_.empty()) return;
    queue_.pop_front();
    if (!queue_.empty()) write_next();
  });
}

void DataplaneClient::post(v1::DataplaneRequest request) {
  constexpr std::size_t kQueuedMax = 64;
  asio::post(io_, [this, request = std::move(request)] {
    // What a stuck data plane would hear late is better not heard at all.
    const bool late = request.has_send_heartbeat() && queue_.size() >= kQueuedMax;
    if (connected_ && !late) send(request);
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

DataplaneClient::Answer DataplaneClient::call(v1::DataplaneRequest request) {
  auto promise = std::make_shared<std::promise<Answer>>();
  std::future<Answer> answer = promise->get_future();
  asio::post(io_, [this, promise, request = std::move(request)]() mutable {
    if (!connected_) {
      return promise->set_value(std::string("the data plane is not running or not reachable"));
    }
    request.set_id(next_id_++);
    waiting_[request.id()] = promise;
    send(request);
  });
  if (answer.wait_for(kCallTimeout) != std::future_status::ready) {
    return std::string("the data plane did not answer in time");
  }
  return answer.get();
}

}  // namespace bulkhead::controlplane
