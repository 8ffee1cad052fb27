// The thread that answers questions until it is destroyed. An exception ends one answer, not the
// enforcement.
#pragma once

#include <boost/asio/io_context.hpp>
#include <thread>

namespace bulkhead::service {

class ServiceThread {
 public:
  // `io` outlives this.
  explicit ServiceThread(boost::asio::io_context& io) : io_(io), thread_([this] { run(); }) {}
  ServiceThread(const ServiceThread&) = delete;
  ServiceThread& operator=(const ServiceThread&) = delete;
  ~ServiceThread();

 private:
  void run();

  boost::asio::io_context& io_;
  std::thread thread_;
};

}  // namespace bulkhead::service
