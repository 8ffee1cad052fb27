// Runs the loop again after an exception.
#include "dataplane/service/service_thread.h"

#include <spdlog/spdlog.h>

#include "dataplane/base/priority.h"

namespace bulkhead::service {

ServiceThread::~ServiceThread() {
  io_.stop();
  thread_.join();
}

void ServiceThread::run() {
  name_thread("service");
  run_later();
  while (!io_.stopped()) {
    try {
      io_.run();
    } catch (const std::exception& error) {
      spdlog::error("a question could not be answered: {}", error.what());
    }
  }
}

}  // namespace bulkhead::service
