// Measures the pipeline's packets per CPU second on a capture.
#pragma once

#include <cstdint>
#include <string>

#include "dataplane/pipeline/pipeline.h"

namespace bulkhead::replay {

struct Rate {
  std::uint64_t packets = 0;  // of all rounds
  std::uint32_t rounds = 0;
  double cpu_seconds = 0;
  std::uint64_t allowed = 0;  // verdicts, as without measuring
  std::uint64_t denied = 0;

  double per_cpu_second() const { return static_cast<double>(packets) / cpu_seconds; }
};

// Sends the whole capture through one worker's pipeline, `rounds` times, in bursts as a busy port
// gives them. Counted is the thread's CPU time from copying a frame into a buffer to its end,
// counters included; reading the file and forgetting the sessions between rounds are not. Throws
// Failure.
Rate measure(pipeline::Image& image, const std::string& capture, pipeline::PipelineOptions options,
             std::uint32_t rounds);

}  // namespace bulkhead::replay
