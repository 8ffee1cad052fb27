// What the services make of calls: policies in pieces, listings in pages, and what each refuses.
#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "bulkhead/v1/control.grpc.pb.h"
#include "controlplane/api/policy_service.h"
#include "controlplane/api/telemetry_service.h"
#include "tests/support/authority.h"
#include "tests/support/becomes.h"
#include "tests/support/everybody.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/tls_server.h"

namespace bulkhead::controlplane {
namespace {

Refusal nothing() { return {Refusal::Kind::not_found, "there is nothing"}; }

// One stored policy, and what was staged.
class OnePolicy final : public Policies {
 public:
  Result<v1::Revision, Refusal> stage(v1::StagePolicyRequest request,
                                      const std::string& by) override {
    const std::lock_guard guard(mutex_);
    staged.push_back(std::move(request));
    v1::Revision revision;
    revision.set_number(staged.size());
    revision.set_staged_by(by);
    return revision;
  }
  Result<v1::Commit, Refusal> confirm(const std::string& /*by*/) override { return nothing(); }
  Result<v1::Commit, Refusal> roll_back(std::uint64_t /*number*/,
                                        const std::string& /*by*/) override {
    return nothing();
  }
  std::optional<v1::Trial> trial() const override { return std::nullopt; }
  Result<v1::Commit, Refusal> commit(const CommitOrder& /*order*/,
                                     const std::string& /*by*/) override {
    return nothing();
  }
  Result<v1::Commit, Refusal> find_commit(const std::string& /*id*/) const override {
    return nothing();
  }
  Result<v1::PreviewPolicyResponse, Refusal> preview(
      const v1::PreviewPolicyRequest& /*request*/) override {
    return nothing();
  }
  Result<v1::GetPolicyResponse, Refusal> get(std::uint64_t number) const override {
    if (number != 1) return nothing();
    return stored;
  }
  std::vector<v1::Revision> list() const override { return {}; }

  std::size_t count() const {
    const std::lock_guard guard(mutex_);
    return staged.size();
  }

  v1::GetPolicyResponse stored;
  std::vector<v1::StagePolicyRequest> staged;

 private:
  mutable std::mutex mutex_;
};

// So many sessions, of which a page starts where the question says.
class Sessions final : public Readings {
 public:
  v1::GetStatusResponse status() override { return {}; }
  Result<v1::Counters, Refusal> counters(v1::GetDataplaneCounters& question,
                                         std::chrono::milliseconds /*timeout*/) override {
    v1::Counters page;
    page.add_rows();
    const std::uint32_t next = question.from().cell() + 1;
    question.mutable_from()->set_cell(next);
    page.set_more(next < 3);
    return page;
  }
  RulesInForce rules() override { return in_force; }
  Result<v1::DataplaneFlows, Refusal> flows(const v1::ListDataplaneFlows& page) override {
    const std::lock_guard guard(mutex_);
    limits.push_back(page.limit());
    v1::DataplaneFlows flows;
    std::uint32_t slot = page.slot();
    for (; slot < total && slot < page.slot() + page.limit(); ++slot) {
      flows.add_flows()->set_client(std::to_string(slot));
    }
    flows.set_slot(slot);
    flows.set_total(total);
    flows.set_complete(slot == total);
    return flows;
  }

  RulesInForce in_force;
  std::uint32_t total = 0;
  std::vector<std::uint32_t> limits;

 private:
  std::mutex mutex_;
};

class ServicesTest : public ::testing::Test {
 protected:
  ServicesTest() {
    server_.serve({&policy_, &telemetry_});
    alice_ = channel("alice");
  }
  ~ServicesTest() override {
    server_.stop();
    work_.join();
  }

  std::shared_ptr<grpc::Channel> channel(const std::string& name) {
    return server_.channel(issue_client(authority_, name, 1));
  }

  // A policy that is being sent.
  class Upload {
   public:
    explicit Upload(const std::shared_ptr<grpc::Channel>& channel)
        : stub_(v1::PolicyService::NewStub(channel)) {
      context_.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(20));
      writer_ = stub_->StagePolicy(&context_, &response);
    }
    bool send(const std::string& bytes, std::uint64_t of) {
      v1::PolicyPiece piece;
      piece.set_bytes(bytes);
      piece.set_of(of);
      return writer_->Write(piece);
    }
    grpc::Status end() {
      writer_->WritesDone();
      return writer_->Finish();
    }
    void cancel() { context_.TryCancel(); }

    v1::StagePolicyResponse response;

   private:
    std::unique_ptr<v1::PolicyService::Stub> stub_;
    grpc::ClientContext context_;
    std::unique_ptr<grpc::ClientWriter<v1::PolicyPiece>> writer_;
  };

  grpc::Status stage(const v1::StagePolicyRequest& request) {
    Upload upload(alice_);
    const std::string text = request.SerializeAsString();
    for (std::size_t at = 0; at < text.size(); at += limits::kPieceBytes) {
      upload.send(text.substr(at, limits::kPieceBytes), text.size());
    }
    return upload.end();
  }

  // Clients of all pages.
  std::vector<std::string> flows(std::uint32_t limit) {
    readings_.limits.clear();
    const auto stub = v1::TelemetryService::NewStub(alice_);
    grpc::ClientContext context;
    v1::ListFlowsRequest request;
    request.set_limit(limit);
    const auto reader = stub->ListFlows(&context, request);
    std::vector<std::string> clients;
    v1::ListFlowsResponse page;
    while (reader->Read(&page)) {
      for (const v1::Flow& flow : page.flows()) clients.push_back(flow.client());
    }
    EXPECT_TRUE(reader->Finish().ok());
    return clients;
  }

  const Issued authority_ = make_authority("test", 1);
  OnePolicy policies_;
  Sessions readings_;
  const support::TemporaryFolder events_folder_;
  EventLog events_{EventLog::Options{.folder = events_folder_.path()}};
  AccessPointer rules_ = all_roles_for({"alice", "bob"});
  Work work_{[this] { return rules_; }, [](const std::string&, const std::string&) {}};
  PolicyServiceImpl policy_{work_, policies_};
  TelemetryServiceImpl telemetry_{work_, readings_, events_, [](v1::GetStatusResponse&) {}};
  TlsServer server_{authority_};
  std::shared_ptr<grpc::Channel> alice_;
};

v1::StagePolicyRequest request_of(std::size_t comment_bytes) {
  v1::StagePolicyRequest request;
  request.mutable_artefact()->set_policy("policy");
  request.set_comment(std::string(comment_bytes, 'c'));
  return request;
}

TEST_F(ServicesTest, APolicyComesInPieces) {
  const v1::StagePolicyRequest request = request_of(100);
  const std::string text = request.SerializeAsString();
  Upload upload(alice_);
  for (const char byte : text) upload.send(std::string(1, byte), text.size());
  const grpc::Status status = upload.end();
  ASSERT_TRUE(status.ok()) << status.error_message();
  EXPECT_EQ(upload.response.revision().number(), 1U);
  EXPECT_EQ(upload.response.revision().staged_by(), "alice");
  ASSERT_EQ(policies_.count(), 1U);
  EXPECT_EQ(policies_.staged[0].SerializeAsString(), text);
}

TEST_F(ServicesTest, APolicyThatDoesNotComeWholeIsNone) {
  const std::string text = request_of(100).SerializeAsString();
  for (const std::size_t bytes : {std::size_t{0}, std::size_t{8}, text.size() - 1}) {
    Upload upload(alice_);
    upload.send(text.substr(0, bytes), text.size());
    EXPECT_EQ(upload.end().error_code(), grpc::StatusCode::INVALID_ARGUMENT) << bytes;
  }
  Upload gone(alice_);
  gone.send(text.substr(0, text.size() - 1), text.size());
  gone.cancel();
  EXPECT_EQ(gone.end().error_code(), grpc::StatusCode::CANCELLED);
  EXPECT_EQ(policies_.count(), 0U);
}

TEST_F(ServicesTest, APolicyIsNoLongerThanItsLimit) {
  constexpr std::size_t kPiece = std::size_t{1} << 20;
  Upload upload(alice_);
  const std::string piece(kPiece, 'x');
  for (std::size_t sent = 0; sent <= limits::kUploadBytesMax; sent += kPiece) {
    if (!upload.send(piece, limits::kUploadBytesMax + kPiece)) break;
  }
  EXPECT_EQ(upload.end().error_message(), "the policy is too large");
}

TEST_F(ServicesTest, WhatIsSaidOfAPolicyIsShortAndPlain) {
  EXPECT_TRUE(stage(request_of(limits::kCommentBytesMax)).ok());
  EXPECT_EQ(stage(request_of(limits::kCommentBytesMax + 1)).error_message(),
            "the comment is longer than 1000 bytes");
  v1::StagePolicyRequest request = request_of(0);
  for (const char* comment : {"a\nb", "\x1b[2J", "\x7f", "\xc2\x9b", "\xe2\x80\xae"}) {
    request.set_comment(comment);
    EXPECT_EQ(stage(request).error_code(), grpc::StatusCode::INVALID_ARGUMENT) << comment;
  }
  request = request_of(0);
  request.set_source(std::string(limits::kSourceBytesMax, 's'));
  EXPECT_TRUE(stage(request).ok());
  request.mutable_source()->push_back('s');
  EXPECT_EQ(stage(request).error_message(), "the policy's text is longer than 4194304 bytes");
  EXPECT_EQ(policies_.count(), 2U);
}

// One large message is in memory at a time; nobody has more than two places of those that wait.
TEST_F(ServicesTest, UploadsWaitForEachOtherButNobodyTakesAllPlaces) {
  const std::string text = request_of(1).SerializeAsString();
  const auto pause = [] { std::this_thread::sleep_for(std::chrono::milliseconds(200)); };
  Upload held(alice_);
  held.send(text.substr(0, 1), text.size());
  pause();
  Upload second(alice_);
  Upload third(alice_);
  Upload of_bob(channel("bob"));
  for (Upload* upload : {&second, &third, &of_bob}) upload->send(text, text.size());
  pause();
  EXPECT_EQ(policies_.count(), 0U) << "they wait for the first";
  held.cancel();
  EXPECT_FALSE(held.end().ok());
  const grpc::StatusCode one = second.end().error_code();
  const grpc::StatusCode other = third.end().error_code();
  EXPECT_EQ(std::set({one, other}),
            std::set({grpc::StatusCode::OK, grpc::StatusCode::RESOURCE_EXHAUSTED}));
  EXPECT_TRUE(of_bob.end().ok());
  EXPECT_EQ(policies_.count(), 2U);
}

TEST_F(ServicesTest, APolicyIsFetchedInPieces) {
  policies_.stored.set_source(std::string(3 * limits::kPieceBytes, 's'));
  const std::string text = policies_.stored.SerializeAsString();
  const auto stub = v1::PolicyService::NewStub(alice_);
  v1::GetPolicyRequest request;
  request.set_number(1);
  grpc::ClientContext context;
  const auto reader = stub->GetPolicy(&context, request);
  std::string fetched;
  v1::PolicyPiece piece;
  while (reader->Read(&piece)) {
    EXPECT_LE(piece.bytes().size(), limits::kPieceBytes);
    EXPECT_EQ(piece.of(), text.size());
    fetched += piece.bytes();
  }
  EXPECT_TRUE(reader->Finish().ok());
  EXPECT_EQ(fetched, text);
  request.set_number(2);
  grpc::ClientContext other;
  const auto none = stub->GetPolicy(&other, request);
  EXPECT_FALSE(none->Read(&piece));
  EXPECT_EQ(none->Finish().error_code(), grpc::StatusCode::NOT_FOUND);
}

TEST_F(ServicesTest, SessionsComeInPagesUpToTheLimit) {
  readings_.total = 1700;
  const auto all = flows(5000);
  ASSERT_EQ(all.size(), 1700U);
  for (std::size_t i = 0; i < all.size(); ++i) ASSERT_EQ(all[i], std::to_string(i));
  EXPECT_EQ(readings_.limits, (std::vector<std::uint32_t>{500, 500, 500, 500}));
  EXPECT_EQ(flows(501).size(), 501U);
  EXPECT_EQ(readings_.limits, (std::vector<std::uint32_t>{500, 1}));
  EXPECT_EQ(flows(0).size(), limits::kFlowsDefault);
  readings_.total = 0;
  EXPECT_TRUE(flows(10).empty());
  EXPECT_EQ(readings_.limits, (std::vector<std::uint32_t>{10})) << "one page says so";
}

// Bytes of a message are for who may read policies, and not for all who follow events.
TEST_F(ServicesTest, OneEventHasItsMessageAndAStreamHasNot) {
  v1::Event refusal;
  refusal.set_kind("deny");
  refusal.mutable_message()->set_bytes("bytes");
  events_.on_event(refusal);
  ASSERT_TRUE(support::becomes([this] { return events_.last() == 1; }));
  const auto stub = v1::TelemetryService::NewStub(alice_);
  const auto fetch = [&stub](std::uint64_t number, v1::Event& event) {
    grpc::ClientContext context;
    v1::GetEventRequest request;
    request.set_number(number);
    return stub->GetEvent(&context, request, &event);
  };
  v1::Event event;
  ASSERT_TRUE(fetch(1, event).ok());
  EXPECT_EQ(event.number(), 1U);
  EXPECT_EQ(event.message().bytes(), "bytes");
  EXPECT_EQ(fetch(0, event).error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(fetch(2, event).error_message(), "there is no event 2: the log has those from 1 to 1");
  grpc::ClientContext context;
  v1::WatchEventsRequest request;
  request.set_recent(10);
  const auto reader = stub->WatchEvents(&context, request);
  ASSERT_TRUE(reader->Read(&event));
  EXPECT_EQ(event.number(), 1U);
  EXPECT_FALSE(event.has_message());
  while (reader->Read(&event)) continue;
  EXPECT_TRUE(reader->Finish().ok());
}

TEST_F(ServicesTest, RulesComeInPages) {
  for (std::uint32_t i = 1; i <= 2500; ++i) {
    readings_.in_force.rules.emplace_back().set_rule(i);
  }
  readings_.in_force.policy_sha256 = "0a";
  const auto stub = v1::TelemetryService::NewStub(alice_);
  grpc::ClientContext context;
  const auto reader = stub->ListRules(&context, v1::ListRulesRequest());
  v1::ListRulesResponse page;
  std::uint32_t last = 0;
  int pages = 0;
  for (; reader->Read(&page); ++pages) {
    EXPECT_EQ(page.policy_sha256(), "0a");
    for (const v1::RuleUse& use : page.rules()) ASSERT_EQ(use.rule(), ++last);
  }
  EXPECT_TRUE(reader->Finish().ok());
  EXPECT_EQ(last, 2500U);
  EXPECT_EQ(pages, 3);
}

TEST_F(ServicesTest, CountersEndWithTheLastPageOrGoOnAfterTheInterval) {
  const auto stub = v1::TelemetryService::NewStub(alice_);
  grpc::ClientContext once;
  const auto look = stub->GetCounters(&once, {});
  v1::Counters page;
  int pages = 0;
  while (look->Read(&page)) EXPECT_EQ(page.more(), ++pages < 3);
  EXPECT_TRUE(look->Finish().ok());
  EXPECT_EQ(pages, 3);
  grpc::ClientContext again;
  v1::WatchCountersRequest request;
  request.set_interval_ms(1);  // less than there is
  const auto begun = std::chrono::steady_clock::now();
  const auto watch = stub->WatchCounters(&again, request);
  for (pages = 0; pages < 9; ++pages) ASSERT_TRUE(watch->Read(&page));
  EXPECT_GE(std::chrono::steady_clock::now() - begun,
            2 * std::chrono::milliseconds(limits::kIntervalMinMs));
  again.TryCancel();
  while (watch->Read(&page)) continue;
  EXPECT_EQ(watch->Finish().error_code(), grpc::StatusCode::CANCELLED);
}

TEST_F(ServicesTest, EventsAreFollowedUntilTheClientGoes) {
  v1::Event event;
  event.set_text("first");
  events_.on_event(event);
  const auto stub = v1::TelemetryService::NewStub(alice_);
  v1::WatchEventsRequest request;
  request.set_recent(10);
  grpc::ClientContext once;
  const auto recent = stub->WatchEvents(&once, request);
  ASSERT_TRUE(recent->Read(&event));
  EXPECT_EQ(event.text(), "first");
  EXPECT_FALSE(recent->Read(&event)) << "it does not follow";
  EXPECT_TRUE(recent->Finish().ok());
  request.set_follow(true);
  grpc::ClientContext context;
  const auto follow = stub->WatchEvents(&context, request);
  ASSERT_TRUE(follow->Read(&event));
  v1::Event next;
  next.set_text("second");
  events_.on_event(next);
  ASSERT_TRUE(follow->Read(&event));
  EXPECT_EQ(event.text(), "second");
  events_.end();
  EXPECT_FALSE(follow->Read(&event));
  EXPECT_TRUE(follow->Finish().ok()) << "the appliance stops";
}

}  // namespace
}  // namespace bulkhead::controlplane
