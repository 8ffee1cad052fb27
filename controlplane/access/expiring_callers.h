// Reports callers whose certificate ends soon, each identity once a day: their own tools say so
// too, but an operator who is away does not read them. Thread-safe.
#pragma once

#include <ctime>
#include <functional>
#include <map>
#include <mutex>
#include <string>

namespace bulkhead::controlplane {

class ExpiringCallers {
 public:
  static constexpr std::size_t kIdentitiesMax = 1024;  // that are remembered
  static constexpr std::time_t kPeriodS = 24 * 3600;

  // `report` gets a text for people, on the thread of a call.
  explicit ExpiringCallers(std::function<void(const std::string& text)> report)
      : report_(std::move(report)) {}

  // A caller was let in with a certificate that is valid until then; 0: it has none.
  void note(const std::string& identity, std::time_t until, std::time_t now);

 private:
  void make_room();

  const std::function<void(const std::string& text)> report_;
  std::mutex mutex_;
  std::map<std::string, std::time_t> reported_;  // when
};

}  // namespace bulkhead::controlplane
