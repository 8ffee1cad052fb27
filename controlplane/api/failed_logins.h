// Connections that ended without proving who they are: a wrong certificate or none. They are
// counted by address, reported within a budget of their own, and the address's next ones are
// slowed.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <string>

namespace bulkhead::controlplane {

// Of the listener's thread. Time is a parameter.
class FailedLogins {
 public:
  using Clock = std::chrono::steady_clock;
  using Report = std::function<void(const std::string& text)>;

  // `report` is called for the first failure, and then at most once a minute with what has come
  // together.
  explicit FailedLogins(Report report) : report_(std::move(report)) {}

  void add(const std::string& address, Clock::time_point now);
  // A call of a caller with a role came from there.
  void forgive(const std::string& address) { of_address_.erase(address); }
  // How long the address's next connection waits before it is served; the others do not.
  Clock::duration delay_of(const std::string& address, Clock::time_point now) const;
  // Reports what is due.
  void pass_time(Clock::time_point now);

 private:
  static constexpr std::size_t kAddressesMax = 1024;
  static constexpr std::size_t kFree = 8;  // failures that cost nothing
  static constexpr auto kStep = std::chrono::milliseconds(100);
  static constexpr auto kDelayMax = std::chrono::seconds(2);
  static constexpr auto kPeriod = std::chrono::minutes(1);

  struct Failures {
    std::size_t count = 0;
    Clock::time_point last;
  };
  void make_room();

  const Report report_;
  std::map<std::string, Failures> of_address_;
  std::map<std::string, std::size_t> unreported_;  // by address, as many addresses
  std::size_t unreported_count_ = 0;
  Clock::time_point reports_again_;
};

}  // namespace bulkhead::controlplane
