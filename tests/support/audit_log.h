// A folder with an audit log, for tests: small segments, and a clock that the test sets.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "controlplane/audit/log.h"
#include "controlplane/audit/verify.h"
#include "tests/support/temporary_folder.h"

namespace bulkhead::support {

using AuditFolder = TemporaryFolder;

// A clock that stands still: every stamp of a log is the same.
inline audit::Stamp fixed_stamp() {
  return {1'796'000'000'000'000'000, "5f0c1d7e-0000-4000-8000-000000000001", 7'000'000'000};
}

inline audit::Log::Options small_log() {
  audit::Log::Options options;
  options.segment_bytes = 32 * 1024;
  options.reserve_bytes = 8 * 1024;
  options.segments_max = 4;
  options.stamp = fixed_stamp;
  return options;
}

inline audit::Entry some_act(const std::string& text) {
  return {.kind = "act",
          .caller = {"spiffe://plant/engineer", std::string(audit::kHashDigits, 'a'), "engineer",
                     "192.0.2.7"},
          .rpc = "/bulkhead.v1.PolicyService/CommitPolicy",
          .result = "begun",
          .text = text};
}

inline std::string file_text(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

inline void put_file(const std::string& path, const std::string& text) {
  std::ofstream(path, std::ios::binary | std::ios::trunc) << text;
}

// A chain in memory: lines without a header.
inline std::vector<std::string> chain_of(std::size_t records) {
  std::vector<std::string> lines;
  audit::Head head;
  for (std::size_t i = 0; i < records; ++i) {
    audit::Record record{head.number + 1, head.hash, fixed_stamp(),
                         audit::bounded(some_act("revision " + std::to_string(i)))};
    const std::string object = audit::encode(record);
    head = {head.number + 1, audit::hash_of(object)};
    lines.push_back(audit::line_of(object));
  }
  return lines;
}

inline std::string joined(const std::vector<std::string>& lines) {
  std::string text;
  for (const std::string& line : lines) text += line;
  return text;
}

inline audit::Head head_of(const std::vector<std::string>& lines) {
  return {lines.size(), lines.back().substr(0, audit::kHashDigits)};
}

inline audit::Report verify_text(const std::string& text,
                                 const std::optional<audit::Head>& head = std::nullopt) {
  audit::Verifier verifier;
  verifier.add("test", text);
  return verifier.finish(head);
}

inline std::vector<audit::Segment> segments_in(const std::string& folder) {
  auto segments = audit::list_segments(folder);
  return segments ? std::move(*segments) : std::vector<audit::Segment>();
}

inline audit::Report verify_folder(const std::string& folder,
                                   const std::optional<audit::Head>& head = std::nullopt) {
  audit::Verifier verifier;
  for (const audit::Segment& segment : segments_in(folder)) {
    verifier.add(segment.path, file_text(segment.path));
  }
  return verifier.finish(head);
}

// Findings as text: "changed 3-3, cut 9-12".
inline std::string findings(const audit::Report& report) {
  std::string text;
  for (const audit::Finding& each : report.findings) {
    text += (text.empty() ? "" : ", ") + std::string(name_of(each.kind)) + " " +
            std::to_string(each.first) + "-" + std::to_string(each.last);
  }
  return text;
}

// Every record of a folder, in order.
inline std::vector<audit::Record> records_in(const std::string& folder) {
  std::vector<audit::Record> records;
  for (const audit::Segment& segment : segments_in(folder)) {
    const std::string text = file_text(segment.path);
    audit::SegmentReader reader(text);
    while (auto line = reader.next()) {
      if (line->record) records.push_back(*line->record);
    }
  }
  return records;
}

}  // namespace bulkhead::support
