// Ends the loop at the first signal.
#include "dataplane/pair/lease_thread.h"

#include <csignal>

namespace bulkhead::pair {

LeaseThread::LeaseThread() : signals_(io_, SIGINT, SIGTERM) {
  signals_.async_wait([this](const boost::system::error_code&, int) { io_.stop(); });
}

}  // namespace bulkhead::pair
