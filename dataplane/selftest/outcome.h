// What came of a trial, and whether that is what had to.
#pragma once

#include <cstdint>
#include <string>

#include "dataplane/base/reason.h"
#include "dataplane/protocols/fault.h"
#include "dataplane/selftest/script.h"

namespace bulkhead::selftest {

struct Outcome {
  bool ran = false;      // all its frames had buffers
  bool unheard = false;  // the policy is another one, or its conduit was contained meanwhile
  std::uint32_t refused_before = 0;  // verdicts on frames before the last one
  Reason refused_reason{};           // the first of them
  bool judged = false;               // the last frame's message has a verdict
  Reason reason{};
  protocols::Fault fault{};
  std::uint32_t left = 0;     // frames that the last one sent to its receiver's side
  std::uint32_t through = 0;  // those with content
  bool as_it_came = false;    // one of them has the message
  std::uint32_t astray = 0;   // frames of the trial that left for a third port
  std::uint32_t cycles = 0;   // that the whole trial took
};

// What is wrong with it, for people; empty if nothing is.
std::string problem_of(const Subject& subject, const Outcome& outcome);

}  // namespace bulkhead::selftest
