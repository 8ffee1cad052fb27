// The agent's end of the data plane's Unix socket: connects, reconnects, sends requests and takes
// pushed events. It runs a thread of its own; calls may come from any thread.
#pragma once

#include <atomic>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/steady_timer.hpp>
#include <deque>
#include <functional>
#include <future>
#include <map>
#include <string>
#include <thread>

#include "bulkhead/v1/dataplane.pb.h"
#include "dataplane/base/result.h"

namespace bulkhead::controlplane {

class DataplaneClient {
 public:
  using Answer = Result<v1::DataplaneAnswer, std::string>;
  struct Callbacks {
    std::function<void(bool connected)> on_connection;  // on the client's thread; must not call()
    std::function<void(const v1::Event&)> on_event;
    std::function<void(v1::PairNews)> on_pair_news;  // of a data plane that is one of a pair
  };

  DataplaneClient(std::string path, Callbacks callbacks);
  ~DataplaneClient();

  // `at_once`: leases travel here, so the thread must not wait behind other programs.
  void start(bool at_once);
  // Ends the thread: no callback comes any more.
  void stop();
  bool connected() const { return connected_.load(); }
  // Blocks until the answer, a lost connection or the timeout. An answer of `refused` is an error.
  Answer call(v1::DataplaneRequest request);
  // Does not wait, for what is not answered. It is gone if the data plane is, or does not read.
  void post(v1::DataplaneRequest request);
  // Calls back on the client's thread, behind what it has heard by then; does not wait.
  void behind_what_came(std::function<void()> then);
  // The data plane's first thread, which answers, is runnable or runs, as the kernel has it; false
  // if that cannot be seen.
  bool waits_for_core() const;

 private:
  using Socket = boost::asio::local::stream_protocol::socket;

  void connect();
  void retry();
  void lose(const std::string& why);
  void read_length();
  void read_body();
  void dispatch();
  void send(const v1::DataplaneRequest& request);
  void write_next();

  std::string path_;
  Callbacks callbacks_;
  boost::asio::io_context io_;
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_;
  Socket socket_;
  boost::asio::steady_timer timer_;
  std::thread thread_;
  std::atomic<bool> connected_{false};
  std::atomic<pid_t> process_{0};  // at the other end of the socket; 0: unknown
  // Of the client's thread alone:
  std::array<std::uint8_t, 4> length_{};
  std::string body_;
  std::deque<std::string> queue_;
  std::map<std::uint64_t, std::shared_ptr<std::promise<Answer>>> waiting_;
  std::uint64_t next_id_ = 1;
  bool told_missing_ = false;
};

}  // namespace bulkhead::controlplane
