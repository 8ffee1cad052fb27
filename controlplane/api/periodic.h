// Does something over and over on a thread of its own: what looks at the disk must hold up nobody.
#pragma once

#include <spdlog/spdlog.h>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <exception>
#include <functional>
#include <thread>
#include <utility>

namespace bulkhead::controlplane {

class Periodic {
 public:
  Periodic(std::chrono::milliseconds period, std::function<void()> act)
      : timer_(io_), period_(period), act_(std::move(act)) {}
  ~Periodic() { stop(); }
  void start() {
    again();
    thread_ = std::thread([this] { io_.run(); });
  }
  // Ends the thread: nothing is done any more.
  void stop() {
    io_.stop();
    if (thread_.joinable()) thread_.join();
  }
  // Runs a function on its thread. From any thread.
  void post(std::function<void()> function) { boost::asio::post(io_, std::move(function)); }

 private:
  void again() {
    timer_.expires_after(period_);
    timer_.async_wait([this](boost::system::error_code stopped) {
      if (stopped) return;
      try {
        act_();
      } catch (const std::exception& error) {
        spdlog::error("{}", error.what());
      }
      again();
    });
  }

  boost::asio::io_context io_;
  boost::asio::steady_timer timer_;
  const std::chrono::milliseconds period_;
  const std::function<void()> act_;
  std::thread thread_;
};

}  // namespace bulkhead::controlplane
