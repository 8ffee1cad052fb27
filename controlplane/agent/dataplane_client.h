// The agent's end of one of the data plane's Unix sockets: connects, reconnects, sends requests and
// receives pushed messages. It runs a thread of its own; calls may come from any thread.
#pragma once

#include <atomic>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <functional>
#include <future>
#include <map>
#include <memory>
#include <string>
#include <thread>

#include "bulkhead/v1/dataplane.pb.h"
#include "dataplane/base/result.h"
#include "dataplane/ipc/framed_stream.h"

namespace bulkhead::controlplane {

class DataplaneClient {
 public:
  // A request without answer may still be carried out, unless the text says otherwise.
  struct Failure {
    // not_prepared: as refused, and the policy is to be prepared first.
    enum class Kind { refused, not_prepared, unreachable, lost, late };
    Kind kind{};
    std::string text;
  };
  using Answer = Result<v1::DataplaneAnswer, Failure>;
  // On the client's thread; they must not call().
  struct Callbacks {
    std::function<void(bool connected)> on_connection;
    std::function<void(const v1::Event&)> on_event;  // asked for if there is one
    std::function<void(v1::PairNews)> on_pair_news;
    // What each connection begins with, if there is one: nothing else is sent before it, and its
    // answer is not heard.
    std::function<v1::DataplaneRequest()> greeting = {};
  };
  // Pending calls; more are refused.
  static constexpr std::size_t kCallsMax = 64;

  DataplaneClient(std::string path, Callbacks callbacks);
  ~DataplaneClient();

  // `at_once`: leases travel here, so the thread must not wait for other programs.
  void start(bool at_once);
  // Ends the thread: no callback comes any more.
  void stop();
  bool connected() const { return connected_.load(); }
  // Blocks until the answer, a lost connection or the timeout. An answer of `refused` or
  // `not_prepared` is an error. The request gets an identifier, and is the caller's again.
  Answer call(v1::DataplaneRequest& request,
              std::chrono::milliseconds timeout = std::chrono::seconds(10));
  Answer call(v1::DataplaneRequest&& request,
              std::chrono::milliseconds timeout = std::chrono::seconds(10)) {
    return call(request, timeout);
  }
  // Sends a request without an answer and does not wait. It is lost if the data plane is gone or
  // does not read.
  void post(v1::DataplaneRequest request);
  // Calls back on the client's thread after everything received by then; does not wait.
  void behind_what_came(std::function<void()> then);
  // Whether the data plane's main thread is runnable or running, by the kernel; false if unknown.
  bool waits_for_core() const;

 private:
  using Socket = boost::asio::local::stream_protocol::socket;
  using Promise = std::shared_ptr<std::promise<Answer>>;
  // One connection; it lives as long as an operation on it is under way.
  struct Connection {
    Connection(Socket socket, std::size_t frame_bytes_max)
        : stream(std::move(socket), frame_bytes_max) {}
    ipc::FramedStream<Socket> stream;
    bool open = true;
  };
  using ConnectionPointer = std::shared_ptr<Connection>;

  void connect();
  void begin(Socket socket);
  void retry();
  void lose(const ConnectionPointer& connection, const std::string& why);
  void read(const ConnectionPointer& connection);
  void take(const ConnectionPointer& connection, const std::string& body);
  void send(std::string frame);

  std::string path_;
  Callbacks callbacks_;
  boost::asio::io_context io_;
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_;
  Socket connecting_;
  boost::asio::steady_timer timer_;
  std::thread thread_;
  std::atomic<bool> connected_{false};
  std::atomic<pid_t> process_{0};  // at the other end of the socket; 0: unknown
  std::atomic<std::uint64_t> next_id_{1};
  // Of the client's thread alone:
  ConnectionPointer connection_;
  std::map<std::uint64_t, Promise> waiting_;
  bool logged_missing_ = false;
};

}  // namespace bulkhead::controlplane
