// Limits on what management clients may use of the agent: every bound in one place.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

namespace bulkhead::controlplane::limits {

// Connections. One that has sent nothing costs a descriptor; one whose client has not proven itself
// with a call costs a TLS session.
inline constexpr std::size_t kSilentMax = 1024;
inline constexpr std::size_t kUnprovenMax = 64;
inline constexpr std::size_t kProvenMax = 256;
inline constexpr std::size_t kProvenOfOneMax = 64;  // by certificate
inline constexpr auto kSilentFor = std::chrono::seconds(5);
inline constexpr auto kHandshakeFor = std::chrono::seconds(5);
inline constexpr auto kUnprovenFor = std::chrono::seconds(10);
inline constexpr int kCallsOfConnectionMax = 32;

// Calls, of one certificate and in all. More are refused at once.
struct Calls {
  const char* name;
  std::size_t of_one;
  std::size_t in_all;
};
inline constexpr Calls kQuestions = {"questions", 4, 32};
inline constexpr Calls kPolicies = {"policies under way", 2, 4};
inline constexpr Calls kCommits = {"commits", 1, 2};
inline constexpr Calls kListings = {"listings", 4, 32};  // of sessions and counters: they end
inline constexpr Calls kStreams = {"streams", 8, 48};
inline constexpr std::size_t kQuestionThreads = 8;

// Metrics over HTTP.
inline constexpr std::size_t kScrapersMax = 8;  // connections; at the limit the oldest is closed
inline constexpr std::uint32_t kScrapeHeadBytesMax = 8192;
inline constexpr auto kScrapeRequestFor = std::chrono::seconds(120);  // between requests as well
inline constexpr auto kScrapeAnswerFor = std::chrono::seconds(10);
inline constexpr std::size_t kMetricRowsMax = 100'000;  // of counters; the rest is left out
inline constexpr auto kScrapeKeptFor = std::chrono::seconds(1);

// Messages.
inline constexpr int kMessageBytesMax = 1024 * 1024;
inline constexpr std::size_t kPieceBytes = 256 * 1024;
inline constexpr std::size_t kUploadBytesMax = (std::size_t{64} + 8) * 1024 * 1024;
inline constexpr auto kUploadFor = std::chrono::seconds(120);
inline constexpr std::size_t kCommentBytesMax = 1000;
inline constexpr std::size_t kSourceBytesMax = 4 * 1024 * 1024;
inline constexpr std::size_t kNameBytesMax = 64;

// Answers.
inline constexpr std::uint32_t kFlowsMax = 1'000'000;
inline constexpr std::uint32_t kFlowsDefault = 1000;
inline constexpr std::uint32_t kFlowsOfPage = 500;
inline constexpr std::uint32_t kCountersMax = 1'000'000;  // rows of a listing
inline constexpr std::uint32_t kIntervalDefaultMs = 1000;
inline constexpr std::uint32_t kIntervalMinMs = 100;

}  // namespace bulkhead::controlplane::limits
