// Sets the kernel interfaces of zone ports down and up (`link: follow`) from a process of its own:
// the only one that keeps CAP_NET_ADMIN once ports stand. It serves the interfaces that it was
// begun with, and ends with the data plane.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "dataplane/base/result.h"

namespace bulkhead::ports {

class Carriers {
 public:
  // What the new process gives up before it takes an order; what failed, or nothing.
  using GiveUp = std::function<std::optional<std::string>()>;

  // Forks, while the process has one thread. `interfaces`: names.
  static Result<std::unique_ptr<Carriers>, std::string> begin(
      const std::vector<std::string>& interfaces, const GiveUp& give_up);
  ~Carriers();
  Carriers(const Carriers&) = delete;
  Carriers& operator=(const Carriers&) = delete;

  // False if it is not done, or not within a second. From one thread.
  bool set(unsigned interface, bool up);

 private:
  explicit Carriers(int socket) : socket_(socket) {}

  int socket_;
  std::uint32_t number_ = 0;  // of the latest order
};

}  // namespace bulkhead::ports
