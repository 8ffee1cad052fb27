// Lists, exports and checks the audit log. What reads it runs on the thread of large calls.
#include "controlplane/api/audit_service.h"

#include <algorithm>
#include <utility>

#include "controlplane/audit/query.h"

namespace bulkhead::controlplane {

namespace {

audit::Filter filter_of(const v1::ListAuditRequest& request) {
  audit::Filter filter;
  filter.first = request.first();
  if (request.last() != 0) filter.last = request.last();
  filter.since_ns = request.since_wall_time_ns();
  if (request.until_wall_time_ns() != 0) filter.until_ns = request.until_wall_time_ns();
  filter.identity = request.identity();
  filter.kind = request.kind();
  if (request.limit() != 0) {
    filter.limit = std::min<std::size_t>(request.limit(), audit::Filter::kLimitMax);
  }
  return filter;
}

// Records that match, in pieces.
class AuditList final : public Stream<v1::AuditPiece> {
 public:
  AuditList(Work& work, Gate::PassPointer pass, audit::Filter filter)
      : Stream(std::move(pass)), work_(work), filter_(std::move(filter)) {}

 private:
  void begin() override {
    boost::asio::post(work_.policies, [self = shared_from_this()] {
      auto& list = static_cast<AuditList&>(*self);
      list.found_ = audit::find(list.work_.trail->log().snapshot(), list.filter_);
      list.on_written();
    });
  }
  void on_written() override {
    if (at_ >= found_.lines.size()) return finish(grpc::Status::OK);
    auto piece = std::make_shared<v1::AuditPiece>();
    while (at_ < found_.lines.size() && piece->text().size() < limits::kPieceBytes) {
      piece->mutable_text()->append(found_.lines[at_++]);
    }
    piece->set_more(found_.more);
    write(std::move(piece));
  }

  Work& work_;
  const audit::Filter filter_;
  audit::Found found_;
  std::size_t at_ = 0;
};

// The log up to a head. It is recorded before the first byte and after the last one.
class AuditExport final : public Stream<v1::AuditPiece> {
 public:
  AuditExport(Work& work, Gate::PassPointer pass, audit::Caller caller)
      : Stream(std::move(pass)), work_(work), caller_(std::move(caller)) {}

 private:
  void begin() override {
    post([](AuditExport& self) { self.start(); });
  }
  void on_written() override {
    post([](AuditExport& self) { self.go_on(); });
  }
  void on_end() override {
    post([](AuditExport& self) { self.record_end(false, "the client went away"); });
  }

  void post(void (*step)(AuditExport&)) {
    boost::asio::post(work_.policies, [self = shared_from_this(), step] {
      step(static_cast<AuditExport&>(*self));
    });
  }

  void start() {
    auto act = work_.trail->begin(caller_, *audit::find_act(methods::kExportAudit.name));
    if (!act) return finish(to_status(act.error()));
    act_ = std::move(act).value();
    snapshot_ = work_.trail->log().snapshot();
    text_ = audit::export_header(snapshot_.head);
    go_on();
  }

  void go_on() {
    while (text_.empty() && piece_ < snapshot_.pieces.size()) {
      text_ = audit::text_of(snapshot_.pieces[piece_++]);
      if (text_.empty()) {
        record_end(false, "a segment was removed meanwhile");
        return finish({grpc::StatusCode::ABORTED,
                       "a segment of the log was removed during the export; try again"});
      }
      // A damaged segment goes out as it is.
      const std::string header = audit::segment_header();
      if (text_.starts_with(header)) text_.erase(0, header.size());
    }
    if (text_.empty()) return end();
    auto piece = std::make_shared<v1::AuditPiece>();
    piece->set_text(text_.substr(0, limits::kPieceBytes));
    text_.erase(0, limits::kPieceBytes);
    write(std::move(piece));
  }

  void end() {
    const auto wrong = record_end(true, {});
    if (wrong) return finish(to_status(*wrong));
    work_.trail->log().set_exported(snapshot_.head.number);
    finish(grpc::Status::OK);
  }

  // Once; the steps follow each other on one thread.
  std::optional<Refusal> record_end(bool done, const std::string& text) {
    if (!act_) return std::nullopt;
    const audit::Trail::Act act = std::move(*std::exchange(act_, std::nullopt));
    audit::Details details = {{"head", audit::text_of(snapshot_.head)}};
    if (done) details.emplace_back("exported", std::to_string(snapshot_.head.number));
    return work_.trail->end(act, done, text, std::move(details));
  }

  Work& work_;
  const audit::Caller caller_;
  std::optional<audit::Trail::Act> act_;
  audit::Log::Snapshot snapshot_;
  std::size_t piece_ = 0;
  std::string text_;
};

void fill(const audit::Report& report, v1::VerifyAuditResponse& response) {
  response.set_records(report.records);
  response.set_first(report.first);
  response.mutable_head()->set_number(report.head.number);
  response.mutable_head()->set_hash(report.head.hash);
  response.set_findings_beyond(report.findings_beyond);
  for (const audit::Finding& each : report.findings) {
    v1::AuditFinding& finding = *response.add_findings();
    finding.set_kind(name_of(each.kind));
    finding.set_first(each.first);
    finding.set_last(each.last);
    finding.set_source(each.source);
    finding.set_text(each.text);
  }
  for (const audit::Remark& each : report.remarks) {
    v1::AuditRemark& remark = *response.add_remarks();
    remark.set_number(each.number);
    remark.set_kind(each.kind);
    remark.set_text(each.text);
  }
}

}  // namespace

grpc::ServerWriteReactor<v1::AuditPiece>* AuditServiceImpl::ListAudit(
    Context* context, const v1::ListAuditRequest* request) {
  auto pass = work_.gate.enter(*context, methods::kListAudit);
  if (!pass) return new Refused<grpc::ServerWriteReactor<v1::AuditPiece>>(pass.error());
  return AuditList::launch(
      std::make_shared<AuditList>(work_, std::move(pass).value(), filter_of(*request)));
}

grpc::ServerWriteReactor<v1::AuditPiece>* AuditServiceImpl::ExportAudit(
    Context* context, const v1::ExportAuditRequest* /*request*/) {
  auto pass = work_.gate.enter(*context, methods::kExportAudit);
  if (!pass) return new Refused<grpc::ServerWriteReactor<v1::AuditPiece>>(pass.error());
  audit::Caller caller = recorded_caller(pass.value()->caller(), context->peer());
  return AuditExport::launch(
      std::make_shared<AuditExport>(work_, std::move(pass).value(), std::move(caller)));
}

grpc::ServerUnaryReactor* AuditServiceImpl::VerifyAudit(Context* context,
                                                        const v1::VerifyAuditRequest* request,
                                                        v1::VerifyAuditResponse* response) {
  return answer(work_, work_.policies, methods::kVerifyAudit, context,
                [this, request, response](const std::string&) -> grpc::Status {
                  std::optional<audit::Head> expected;
                  if (request->has_head()) {
                    expected = audit::Head{request->head().number(), request->head().hash()};
                    if (!audit::is_hash(expected->hash)) {
                      return {grpc::StatusCode::INVALID_ARGUMENT,
                              "the head has no hash of 64 digits"};
                    }
                  }
                  fill(audit::verify(work_.trail->log().snapshot(), expected), *response);
                  return grpc::Status::OK;
                });
}

void describe_audit(const Work& work, v1::AuditStatus& status) {
  if (work.trail == nullptr) return;
  const audit::Log::State state = work.trail->log().state();
  status.mutable_head()->set_number(state.head.number);
  status.mutable_head()->set_hash(state.head.hash);
  status.set_first(state.first);
  status.set_segments(state.segments);
  status.set_segments_max(state.segments_max);
  status.set_exported(state.exported);
  status.set_problem(state.problem);
  const auto peer = work.peer_head != nullptr ? work.peer_head->head() : std::nullopt;
  if (!peer) return;
  status.mutable_peer()->set_number(peer->number);
  status.mutable_peer()->set_hash(peer->hash);
}

}  // namespace bulkhead::controlplane
