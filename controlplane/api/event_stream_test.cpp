// Where the answers of WatchEvents begin and end, and that a follower gets each event once.
#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "controlplane/api/telemetry_service.h"
#include "tests/support/authority.h"
#include "tests/support/becomes.h"
#include "tests/support/everybody.h"
#include "tests/support/no_readings.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/tls_server.h"

namespace bulkhead::controlplane {
namespace {

using Numbers = std::vector<std::uint64_t>;

class EventStreamTest : public ::testing::Test {
 protected:
  EventStreamTest() { restart(); }
  ~EventStreamTest() override { stop(); }

  void stop() {
    if (!server_) return;
    log_->end();
    server_->stop();
    work_->join();
    server_.reset();
    telemetry_.reset();
    work_.reset();
    log_.reset();
  }
  // The agent ends and another one begins on the same disk.
  void restart() {
    stop();
    EventLog::Options options;
    options.folder = folder_.path();
    options.bytes_max = EventStore::kBytesMin;
    options.batch_ns = kMillisecondNs;
    log_ = std::make_unique<EventLog>(options);
    work_ = std::make_unique<Work>([this] { return rules_; },
                                   [](const std::string&, const std::string&) {});
    telemetry_ = std::make_unique<TelemetryServiceImpl>(*work_, readings_, *log_,
                                                        [](v1::GetStatusResponse&) {});
    server_ = std::make_unique<TlsServer>(authority_);
    server_->serve({telemetry_.get()});
    stub_ = v1::TelemetryService::NewStub(server_->channel(client_));
  }

  void report(const std::string& conduit, std::uint64_t wall_ns = 1000, std::size_t padding = 0) {
    v1::Event event;
    event.set_wall_time_ns(wall_ns);
    event.set_kind("deny");
    event.set_conduit(conduit);
    event.set_function(std::string(padding, 'f'));
    log_->on_event(event);
  }
  // Of all answers to a request that does not follow.
  Numbers numbers(const v1::WatchEventsRequest& request) {
    grpc::ClientContext context;
    const auto reader = stub_->WatchEvents(&context, request);
    Numbers all;
    for (v1::Event event; reader->Read(&event);) all.push_back(event.number());
    const grpc::Status status = reader->Finish();
    EXPECT_TRUE(status.ok()) << status.error_message();
    return all;
  }

  const support::TemporaryFolder folder_;
  const Issued authority_ = make_authority("test", 1);
  const Issued client_ = issue_client(authority_, "alice", 1);
  AccessPointer rules_ = all_roles_for({"alice"});
  support::NoReadings readings_;
  std::unique_ptr<EventLog> log_;
  std::unique_ptr<Work> work_;
  std::unique_ptr<TelemetryServiceImpl> telemetry_;
  std::unique_ptr<TlsServer> server_;
  std::unique_ptr<v1::TelemetryService::Stub> stub_;
};

TEST_F(EventStreamTest, BeginsWhereItIsAsked) {
  for (const char* conduit : {"a", "b", "a", "b", "a"}) report(conduit, 10 * (log_->queued() + 1));
  v1::WatchEventsRequest request;
  EXPECT_EQ(numbers(request), Numbers{}) << "no recent ones";
  request.set_recent(2);
  EXPECT_EQ(numbers(request), (Numbers{4, 5}));
  request.set_conduit("b");
  EXPECT_EQ(numbers(request), (Numbers{2, 4}));
  request.set_since_wall_time_ns(30);
  EXPECT_EQ(numbers(request), (Numbers{4}));
  request.clear_conduit();
  request.set_until_wall_time_ns(50);
  EXPECT_EQ(numbers(request), (Numbers{3, 4}));
  request.Clear();
  request.set_resume(0);
  EXPECT_EQ(numbers(request), (Numbers{1, 2, 3, 4, 5}));
  request.set_limit(2);
  EXPECT_EQ(numbers(request), (Numbers{1, 2}));
  request.set_resume(2);
  request.set_conduit("a");
  EXPECT_EQ(numbers(request), (Numbers{3, 5}));
  request.set_resume(5);
  EXPECT_EQ(numbers(request), Numbers{});
}

TEST_F(EventStreamTest, NothingFollowsANumberThatIsNotThere) {
  report("a");
  v1::WatchEventsRequest request;
  request.set_resume(2);
  request.set_follow(true);
  grpc::ClientContext context;
  const auto reader = stub_->WatchEvents(&context, request);
  v1::Event event;
  EXPECT_FALSE(reader->Read(&event));
  const grpc::Status status = reader->Finish();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::OUT_OF_RANGE);
  EXPECT_NE(status.error_message().find("newest event has number 1"), std::string::npos);
}

TEST_F(EventStreamTest, WhatHasLeftTheLogIsReportedByNumber) {
  while (log_->status().first() < 100) {
    report("a", 1000, 2000);
    std::this_thread::sleep_for(std::chrono::microseconds(50));
  }
  v1::WatchEventsRequest request;
  request.set_resume(7);
  request.set_limit(1);
  grpc::ClientContext context;
  const auto reader = stub_->WatchEvents(&context, request);
  v1::Event event;
  ASSERT_TRUE(reader->Read(&event));
  EXPECT_EQ(event.kind(), "missed");
  EXPECT_EQ(event.number() - event.missed(), 7U);
  const std::uint64_t last_missed = event.number();
  EXPECT_NE(event.text().find("events 8 to " + std::to_string(last_missed)), std::string::npos);
  ASSERT_TRUE(reader->Read(&event));
  EXPECT_EQ(event.number(), last_missed + 1);
  EXPECT_FALSE(reader->Read(&event));
}

// While events come on another thread and the agent is restarted.
TEST_F(EventStreamTest, WhoResumesGetsEachEventOnceAndInOrder) {
  constexpr std::uint64_t kEvents = 3000;
  std::uint64_t last = 0;
  for (int round = 1; round <= 3; ++round) {
    const std::uint64_t end = kEvents * static_cast<std::uint64_t>(round) / 3;
    std::thread reporter([this, end, from = last] {
      for (std::uint64_t i = from; i < end; ++i) {
        report("a");
        if (i % 100 == 0) std::this_thread::sleep_for(std::chrono::milliseconds(3));
      }
    });
    v1::WatchEventsRequest request;
    request.set_follow(true);
    request.set_resume(last);
    grpc::ClientContext context;
    const auto reader = stub_->WatchEvents(&context, request);
    for (v1::Event event; last < end && reader->Read(&event);) ASSERT_EQ(event.number(), ++last);
    reporter.join();
    ASSERT_EQ(last, end);
    context.TryCancel();
    restart();
  }
}

TEST_F(EventStreamTest, AFollowerEndsWithTheAppliance) {
  report("a");
  v1::WatchEventsRequest request;
  request.set_follow(true);
  request.set_resume(0);
  grpc::ClientContext context;
  const auto reader = stub_->WatchEvents(&context, request);
  v1::Event event;
  ASSERT_TRUE(reader->Read(&event));
  log_->end();
  EXPECT_FALSE(reader->Read(&event));
  EXPECT_TRUE(reader->Finish().ok());
}

}  // namespace
}  // namespace bulkhead::controlplane
