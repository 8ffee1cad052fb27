// What a worker's pipeline is set to at its start.
#pragma once

#include <cstdint>
#include <memory>

#include "dataplane/flow/expectation_owners.h"
#include "dataplane/flow/limits.h"
#include "dataplane/pipeline/spans.h"

namespace bulkhead::pipeline {

struct PipelineOptions {
  flow::Limits limits;
  std::uint16_t mtu = 1500;        // of the zone ports, IP packet
  bool verify_checksums = true;    // false only for captures taken before checksum offload
  bool accept_midstream = false;   // true only for captures that begin in mid-connection
  bool accept_answers = false;     // of such, where it judges beside: datagrams' answers, too
  bool challenge_openings = true;  // false only where nobody would answer
  bool measure_stages = false;     // costs a few cycles itself
  bool remember_verdicts = true;   // false where each verdict is reported with its operation
  bool judges_only = false;        // what it sends goes nowhere: see shadow.h
  bool taps = false;               // what tap ports hear is judged beside: see mirrored.h
  bool charge_rates = true;        // false where nothing leaves that uses a rate up
  std::shared_ptr<Spans> spans = std::make_shared<Spans>();  // of all workers
  std::shared_ptr<flow::ExpectationOwners> owners{};         // of all workers; none: only one
  std::uint32_t worker = 0;                                  // number of this one among them
  // The same two of the pipelines that judge beside.
  std::shared_ptr<Spans> spans_beside = std::make_shared<Spans>();
  std::shared_ptr<flow::ExpectationOwners> owners_beside{};
};

}  // namespace bulkhead::pipeline
