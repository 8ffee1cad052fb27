// What calls leave in the audit log, and the log over gRPC.
#include <gtest/gtest.h>

#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "controlplane/access/methods.h"
#include "controlplane/api/audit_service.h"
#include "controlplane/api/policy_service.h"
#include "tests/support/audit_log.h"
#include "tests/support/authority.h"
#include "tests/support/everybody.h"
#include "tests/support/tls_server.h"

namespace bulkhead::controlplane {
namespace {

using audit::Entry;
using audit::Record;

// Stages whatever comes, and commits nothing.
class StagesOnly final : public Policies {
 public:
  Result<v1::Revision, Refusal> stage(v1::StagePolicyRequest /*request*/,
                                      const std::string& /*by*/) override {
    // When it is carried out, its first record is on disk.
    records_before = support::records_in(folder);
    v1::Revision revision;
    revision.set_number(++staged);
    revision.set_sha256("5ha256");
    revision.set_site("plant");
    return revision;
  }
  Result<v1::Commit, Refusal> commit(const CommitOrder& order, const std::string& /*by*/) override {
    return Refusal{Refusal::Kind::not_found,
                   "there is no revision " + std::to_string(order.number)};
  }
  Result<v1::Commit, Refusal> confirm(const std::string& /*by*/) override {
    return Refusal{Refusal::Kind::not_found, "none"};
  }
  Result<v1::Commit, Refusal> roll_back(std::uint64_t /*number*/,
                                        const std::string& /*by*/) override {
    return Refusal{Refusal::Kind::not_found, "none"};
  }
  std::optional<v1::Trial> trial() const override { return std::nullopt; }
  Result<v1::Commit, Refusal> find_commit(const std::string& /*id*/) const override {
    return Refusal{Refusal::Kind::not_found, "none"};
  }
  Result<v1::PreviewPolicyResponse, Refusal> preview(
      const v1::PreviewPolicyRequest& /*request*/) override {
    return Refusal{Refusal::Kind::not_found, "none"};
  }
  Result<v1::GetPolicyResponse, Refusal> get(std::uint64_t /*number*/) const override {
    return Refusal{Refusal::Kind::not_found, "none"};
  }
  std::vector<v1::Revision> list() const override { return {}; }

  std::string folder;
  std::uint64_t staged = 0;
  std::vector<Record> records_before;
};

class AuditTest : public ::testing::Test {
 protected:
  AuditTest() { policies_.folder = log_folder(); }
  ~AuditTest() override {
    server_.stop();
    work_.join();
  }

  std::string log_folder() const { return folder_.path() + "/audit"; }

  void serve() {
    audit::Log::Options options;
    options.segment_bytes = 128 * 1024;
    options.reserve_bytes = 16 * 1024;
    trail_ = std::make_unique<audit::Trail>(log_folder(), std::move(options));
    work_.trail = trail_.get();
    record_calls(work_.gate, *trail_);
    server_.serve({&policy_, &audit_});
    ASSERT_TRUE(server_.runs());
    alice_ = server_.channel(issue_client(authority_, "alice", 1));
  }

  grpc::Status stage(const std::string& comment) {
    v1::StagePolicyRequest request;
    request.mutable_artefact()->set_policy("policy");
    request.set_comment(comment);
    v1::PolicyPiece piece;
    piece.set_bytes(request.SerializeAsString());
    piece.set_of(piece.bytes().size());
    grpc::ClientContext context;
    v1::StagePolicyResponse response;
    const auto stub = v1::PolicyService::NewStub(alice_);
    const auto writer = stub->StagePolicy(&context, &response);
    writer->Write(piece);
    writer->WritesDone();
    return writer->Finish();
  }
  grpc::Status commit(const std::shared_ptr<grpc::Channel>& channel, std::uint64_t number) {
    grpc::ClientContext context;
    v1::CommitPolicyRequest request;
    request.set_number(number);
    v1::CommitPolicyResponse response;
    return v1::PolicyService::NewStub(channel)->CommitPolicy(&context, request, &response);
  }

  std::string exported() {
    grpc::ClientContext context;
    const auto stub = v1::AuditService::NewStub(alice_);
    const auto reader = stub->ExportAudit(&context, {});
    std::string text;
    for (v1::AuditPiece piece; reader->Read(&piece);) {
      EXPECT_LE(piece.text().size(), limits::kPieceBytes);
      text += piece.text();
    }
    const grpc::Status status = reader->Finish();
    EXPECT_TRUE(status.ok()) << status.error_message();
    return text;
  }
  std::vector<std::string> listed(const v1::ListAuditRequest& request, bool& more) {
    grpc::ClientContext context;
    const auto stub = v1::AuditService::NewStub(alice_);
    const auto reader = stub->ListAudit(&context, request);
    std::string text;
    more = false;
    for (v1::AuditPiece piece; reader->Read(&piece); more = piece.more()) text += piece.text();
    EXPECT_TRUE(reader->Finish().ok());
    std::vector<std::string> kinds;
    audit::SegmentReader lines(text);
    while (const auto line = lines.next()) {
      kinds.push_back(line->record ? line->record->entry.kind : "damaged");
    }
    return kinds;
  }
  v1::VerifyAuditResponse verified(const audit::Head& head) {
    grpc::ClientContext context;
    v1::VerifyAuditRequest request;
    request.mutable_head()->set_number(head.number);
    request.mutable_head()->set_hash(head.hash);
    v1::VerifyAuditResponse response;
    const auto stub = v1::AuditService::NewStub(alice_);
    EXPECT_TRUE(stub->VerifyAudit(&context, request, &response).ok());
    return response;
  }

  std::vector<Entry> entries(const std::string& kind) const {
    std::vector<Entry> found;
    for (const Record& record : support::records_in(log_folder())) {
      if (record.entry.kind == kind) found.push_back(record.entry);
    }
    return found;
  }

  const support::AuditFolder folder_;
  const Issued authority_ = make_authority("test", 1);
  AccessPointer rules_ = all_roles_for({"alice"});
  StagesOnly policies_;
  std::unique_ptr<audit::Trail> trail_;
  Work work_{[this] { return rules_; }, [](const std::string&, const std::string&) {}};
  PolicyServiceImpl policy_{work_, policies_};
  AuditServiceImpl audit_{work_};
  TlsServer server_{authority_};
  std::shared_ptr<grpc::Channel> alice_;
};

TEST_F(AuditTest, ActIsOnDiskBeforeItIsCarriedOutAndBeforeItIsAnswered) {
  serve();
  ASSERT_TRUE(stage("pumps").ok());
  ASSERT_FALSE(policies_.records_before.empty());
  const Entry& before = policies_.records_before.back().entry;
  EXPECT_EQ(before.kind, "act");
  EXPECT_EQ(before.result, "begun");
  EXPECT_EQ(before.details, (audit::Details{{"comment", "pumps"}}));
  const auto acts = entries("act");
  ASSERT_EQ(acts.size(), 2U);
  const Entry& done = acts.back();
  EXPECT_EQ(done.result, "done");
  EXPECT_EQ(done.rpc, methods::kStagePolicy.name);
  EXPECT_EQ(done.caller.identity, "alice");
  EXPECT_EQ(done.caller.certificate.size(), audit::kHashDigits);
  EXPECT_EQ(done.caller.role, Roles::all().text());
  EXPECT_EQ(done.caller.address, "127.0.0.1");
  EXPECT_EQ(done.details, (audit::Details{{"begun", "4"},  // segment, start, login
                                          {"revision", "1"},
                                          {"sha256", "5ha256"},
                                          {"site", "plant"}}));
  EXPECT_EQ(commit(alice_, 7).error_code(), grpc::StatusCode::NOT_FOUND);
  const Entry failed = entries("act").back();
  EXPECT_EQ(failed.result, "failed");
  EXPECT_EQ(failed.text, "there is no revision 7");
  EXPECT_EQ(entries("act")[2].details, (audit::Details{{"revision", "7"}, {"confirm_ms", "0"}}));
}

TEST_F(AuditTest, ActThatCannotBeRecordedIsNotCarriedOut) {
  support::put_file(log_folder(), "a file in the place of the folder");
  serve();
  const grpc::Status refused = stage("pumps");
  EXPECT_EQ(refused.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_NE(refused.error_message().find("nothing was done"), std::string::npos)
      << refused.error_message();
  EXPECT_EQ(policies_.staged, 0U);
}

TEST_F(AuditTest, RefusedCallsAndCallersAreRecorded) {
  serve();
  rules_ = all_roles_for({});
  EXPECT_EQ(commit(alice_, 1).error_code(), grpc::StatusCode::PERMISSION_DENIED);
  const auto nobody = server_.channel(issue_client(authority_, "nobody", {}, 1));
  EXPECT_EQ(commit(nobody, 1).error_code(), grpc::StatusCode::UNAUTHENTICATED);
  rules_ = all_roles_for({"alice"});
  ASSERT_TRUE(stage("flushes what was only posted").ok());
  const auto refused = entries("refused");
  ASSERT_EQ(refused.size(), 1U);
  EXPECT_EQ(refused[0].caller.identity, "alice");
  EXPECT_EQ(refused[0].rpc, methods::kCommitPolicy.name);
  EXPECT_NE(refused[0].text.find("has no role"), std::string::npos);
  const auto failed = entries("failed_logins");
  ASSERT_EQ(failed.size(), 1U);
  EXPECT_EQ(failed[0].caller.address, "127.0.0.1");
  EXPECT_FALSE(failed[0].text.empty());
  EXPECT_EQ(entries("login").size(), 1U);
}

TEST_F(AuditTest, ExportIsWholeAndRecorded) {
  serve();
  for (int i = 0; i < 400; ++i) {
    ASSERT_TRUE(trail_->log().append(support::some_act("x"), audit::Claim::ordinary).ok());
  }
  const std::string text = exported();
  EXPECT_GT(text.size(), limits::kPieceBytes / 2);
  const audit::Report report = support::verify_text(text);
  EXPECT_EQ(support::findings(report), "");
  EXPECT_EQ(report.first, 1U);
  // It ends with the record that says that it began.
  const std::string last = text.substr(text.rfind('\n', text.size() - 2) + 1);
  const auto line = audit::SegmentReader(last).next();
  ASSERT_TRUE(line && line->record);
  EXPECT_EQ(line->record->entry.rpc, methods::kExportAudit.name);
  EXPECT_EQ(line->record->entry.result, "begun");
  EXPECT_EQ(trail_->log().state().exported, report.head.number);
  const Entry end = support::records_in(log_folder()).back().entry;
  EXPECT_EQ(end.result, "done");
  EXPECT_EQ(end.details[1].second, text_of(report.head));
  // The head that is noted stands in the log later, and one that does not is named.
  EXPECT_EQ(verified(report.head).findings_size(), 0);
  EXPECT_EQ(verified(report.head).head().number(), report.head.number + 1);
  audit::Head other = report.head;
  other.hash = std::string(audit::kHashDigits, 'e');
  ASSERT_EQ(verified(other).findings_size(), 1);
  EXPECT_EQ(verified(other).findings(0).kind(), "differs");
}

TEST_F(AuditTest, RecordsAreListed) {
  serve();
  ASSERT_TRUE(stage("one").ok());
  ASSERT_TRUE(stage("two").ok());
  bool more = false;
  v1::ListAuditRequest request;
  EXPECT_EQ(listed(request, more),
            (std::vector<std::string>{"segment", "start", "login", "act", "act", "act", "act"}));
  EXPECT_FALSE(more);
  request.set_limit(3);
  EXPECT_EQ(listed(request, more), (std::vector<std::string>{"act", "act", "act"}));
  EXPECT_TRUE(more);
  request.set_kind("login");
  EXPECT_EQ(listed(request, more), (std::vector<std::string>{"login"}));
  EXPECT_FALSE(more);
  request.set_kind("none");
  EXPECT_EQ(listed(request, more), std::vector<std::string>());
}

// An RPC that changes something and is not among the acts would leave no record.
TEST(Acts, EachRpcIsAnActOrOnlyReads) {
  const std::set<std::string_view> reads = {
      methods::kGetCommit.name,     methods::kPreviewPolicy.name,   methods::kGetPolicy.name,
      methods::kListPolicies.name,  methods::kGetStatus.name,       methods::kGetCounters.name,
      methods::kWatchCounters.name, methods::kWatchEvents.name,     methods::kListFlows.name,
      methods::kGetPair.name,       methods::kGetAccess.name,       methods::kListAudit.name,
      methods::kVerifyAudit.name,   methods::kListContainment.name, methods::kRunSelfTest.name,
      methods::kGetEvent.name,      methods::kListRules.name};
  for (const Method* method : methods::kAll) {
    EXPECT_NE(audit::find_act(method->name) != nullptr, reads.count(method->name) == 1)
        << method->name;
  }
}

}  // namespace
}  // namespace bulkhead::controlplane
