// The data plane's self-test: at a set pace, behind each change of policy, and when it is asked
// for, each worker rehearses what the policy in force must pass and must not. All calls come from
// the service thread.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "bulkhead/v1/telemetry.pb.h"
#include "dataplane/ports/shared.h"
#include "dataplane/selftest/script.h"

namespace bulkhead::service {

class SelfTest {
 public:
  static constexpr TimeNs kPatienceNs = 5 * kSecondNs;  // with a worker that does not run it
  static constexpr int kAttemptsMax = 3;  // where policy or containments change meanwhile

  // `every_ns`: 0 for never but when it is asked for.
  SelfTest(ports::Shared& shared, TimeNs every_ns) : shared_(shared), every_ns_(every_ns) {}

  // To be run as soon as it can. Returns the number of the run that will do.
  std::uint64_t ask() {
    asked_ = true;
    return runs_ + 1;
  }
  // The number of the latest run that has ended.
  std::uint64_t ended_run() const { return ended_run_; }
  // Goes on; true if one has ended. `image` is the one in force. Call it as often as there is time.
  bool turn(const pipeline::Image& image, TimeNs now_ns);
  const v1::SelfTest& latest() const { return latest_; }

 private:
  bool wants_one(const pipeline::Image& image, TimeNs now_ns) const;
  void begin(const pipeline::Image& image, TimeNs now_ns);
  bool is_rehearsed() const;
  bool was_unheard() const;
  void finish(TimeNs now_ns);
  void judge_trial(std::size_t trial, v1::SelfTestRow& row) const;

  ports::Shared& shared_;
  const TimeNs every_ns_;
  bool asked_ = false;
  std::uint64_t runs_ = 0;  // that were begun
  std::uint64_t ended_run_ = 0;
  int attempts_ = 0;
  TimeNs begun_ns_ = 0;
  TimeNs ended_ns_ = 0;
  std::uint32_t tested_generation_ = pipeline::kNoPolicy;
  std::unique_ptr<selftest::Script> script_;     // under way
  std::unique_ptr<selftest::Script> abandoned_;  // of a worker that has not run it
  v1::SelfTest under_way_;
  v1::SelfTest latest_;
};

}  // namespace bulkhead::service
