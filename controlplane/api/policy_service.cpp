// Staging, committing and fetching policies.
#include "controlplane/api/policy_service.h"

#include <boost/asio/steady_timer.hpp>

#include "dataplane/base/printable.h"

namespace bulkhead::controlplane {

namespace {

// What is said of a policy goes to histories, logs and terminals.
std::string wrong_with(const v1::StagePolicyRequest& request) {
  if (request.comment().size() > limits::kCommentBytesMax) {
    return "the comment is longer than " + std::to_string(limits::kCommentBytesMax) + " bytes";
  }
  if (!is_printable(request.comment())) {
    return "the comment has control characters, or is no UTF-8";
  }
  if (request.source().size() > limits::kSourceBytesMax) {
    return "the policy's text is longer than " + std::to_string(limits::kSourceBytesMax) + " bytes";
  }
  return {};
}

// What the audit log has of a revision that was staged or committed.
audit::Details details_of(const v1::Revision& revision) {
  return {{"revision", std::to_string(revision.number())},
          {"sha256", revision.sha256()},
          {"site", revision.site()}};
}

Policies::CommitOrder order_of(const v1::CommitPolicyRequest& request) {
  Policies::CommitOrder order{request.number(), request.confirm_ms()};
  if (request.has_health()) {
    order.health = {request.health().sessions_lost_percent(), request.health().refusals_per_s()};
  }
  return order;
}

// For the audit log.
audit::Details asked_of(const v1::CommitPolicyRequest& request) {
  audit::Details details = {{"revision", std::to_string(request.number())},
                            {"confirm_ms", std::to_string(request.confirm_ms())}};
  if (!request.has_health()) return details;
  const v1::HealthBounds& health = request.health();
  details.emplace_back("sessions_lost_percent", std::to_string(health.sessions_lost_percent()));
  details.emplace_back("refusals_per_s", std::to_string(health.refusals_per_s()));
  return details;
}

// The outcome of a request that changes what is in force.
grpc::Status fill(const Result<v1::Commit, Refusal>& commit, v1::CommitPolicyResponse& response,
                  audit::Details& details) {
  if (!commit) return to_status(commit.error());
  details = details_of(commit.value().revision());
  details.emplace_back("state", v1::Commit::State_Name(commit.value().state()));
  if (commit.value().state() == v1::Commit::STATE_REFUSED) {
    return {grpc::StatusCode::FAILED_PRECONDITION, commit.value().text()};
  }
  *response.mutable_commit() = commit.value();
  *response.mutable_revision() = commit.value().revision();
  response.set_generation(commit.value().generation());
  return grpc::Status::OK;
}

// A StagePolicyRequest that comes in pieces, when it is its turn.
class Upload final : public grpc::ServerReadReactor<v1::PolicyPiece>,
                     public std::enable_shared_from_this<Upload> {
 public:
  Upload(Work& work, Policies& policies, Gate::PassPointer pass, audit::Caller caller,
         v1::StagePolicyResponse& response)
      : work_(work),
        policies_(policies),
        pass_(std::move(pass)),
        caller_(std::move(caller)),
        response_(response),
        timer_(work.questions) {}

  static grpc::ServerReadReactor<v1::PolicyPiece>* launch(const std::shared_ptr<Upload>& upload) {
    upload->self_ = upload;
    upload->work_.large.enter([upload](Turnstile::Token turn) { upload->begin(std::move(turn)); });
    return upload.get();
  }

  void OnReadDone(bool good) override {
    if (!good) {
      {
        const std::lock_guard guard(mutex_);
        if (finished_) return;
        staging_ = true;
      }
      boost::asio::post(work_.policies, [self = shared_from_this()] { self->stage(); });
      return;
    }
    if (text_.size() + piece_.bytes().size() > limits::kUploadBytesMax) {
      return finish({grpc::StatusCode::INVALID_ARGUMENT, "the policy is too large"});
    }
    text_ += piece_.bytes();
    of_ = piece_.of();
    StartRead(&piece_);
  }
  void OnCancel() override { give_up(grpc::Status::CANCELLED); }
  void OnDone() override {
    {
      const std::lock_guard guard(mutex_);
      timer_.cancel();
    }
    pass_.reset();
    self_.reset();
  }

 private:
  void begin(Turnstile::Token turn) {
    const std::lock_guard guard(mutex_);  // so that no finish() comes in between
    if (finished_) return;
    turn_ = std::move(turn);
    timer_.expires_after(limits::kUploadFor);
    timer_.async_wait([weak = weak_from_this()](boost::system::error_code error) {
      const auto self = weak.lock();
      if (error || !self) return;
      self->give_up({grpc::StatusCode::DEADLINE_EXCEEDED, "the policy did not come in time"});
    });
    StartRead(&piece_);
  }

  void stage() {
    finish(guarded([this] { return staged(); }));
  }
  grpc::Status staged() {
    v1::StagePolicyRequest request;
    // A client that goes away has sent a beginning, which may read as a whole.
    const bool whole =
        text_.size() == of_ && request.ParseFromString(std::exchange(text_, std::string()));
    const std::string wrong =
        whole ? wrong_with(request) : std::string("the policy did not come whole");
    if (!wrong.empty()) return {grpc::StatusCode::INVALID_ARGUMENT, wrong};
    audit::Details begun = {{"comment", request.comment()}};
    return record(work_, methods::kStagePolicy, caller_, std::move(begun),
                  [&](audit::Details& details) -> grpc::Status {
                    const auto revision = policies_.stage(std::move(request), pass_->name());
                    if (!revision) return to_status(revision.error());
                    *response_.mutable_revision() = revision.value();
                    details = details_of(revision.value());
                    return grpc::Status::OK;
                  });
  }

  // Not while it is being staged: the call's answer and who called must be there until the end.
  void give_up(const grpc::Status& status) {
    {
      const std::lock_guard guard(mutex_);
      if (staging_ || std::exchange(finished_, true)) return;
    }
    Finish(status);
  }

  void finish(const grpc::Status& status) {
    {
      const std::lock_guard guard(mutex_);
      if (std::exchange(finished_, true)) return;
    }
    Finish(status);
  }

  Work& work_;
  Policies& policies_;
  Gate::PassPointer pass_;
  const audit::Caller caller_;
  v1::StagePolicyResponse& response_;
  std::shared_ptr<Upload> self_;
  Turnstile::Token turn_;
  v1::PolicyPiece piece_;
  std::string text_;
  std::uint64_t of_ = 0;  // bytes of the whole
  std::mutex mutex_;
  boost::asio::steady_timer timer_;
  bool staging_ = false;
  bool finished_ = false;
};

// A GetPolicyResponse in pieces.
class Download final : public Stream<v1::PolicyPiece> {
 public:
  Download(Work& work, Policies& policies, Gate::PassPointer pass, std::uint64_t number)
      : Stream(std::move(pass)),
        work_(work),
        policies_(policies),
        number_(number),
        timer_(work.questions) {}

 private:
  std::shared_ptr<Download> self() {
    return std::static_pointer_cast<Download>(shared_from_this());
  }
  void begin() override {
    work_.large.enter([self = self()](Turnstile::Token turn) {
      boost::asio::post(self->work_.policies, [self, turn] { self->fetch(turn); });
    });
  }
  void fetch(Turnstile::Token turn) {
    turn_ = std::move(turn);
    timer_.expires_after(limits::kUploadFor);
    timer_.async_wait([weak = weak_from_this()](boost::system::error_code error) {
      const auto stream = std::static_pointer_cast<Download>(weak.lock());
      if (error || !stream) return;
      stream->finish({grpc::StatusCode::DEADLINE_EXCEEDED, "the policy was not read in time"});
    });
    auto stored = policies_.get(number_);
    if (!stored) return finish(to_status(stored.error()));
    text_ = stored.value().SerializeAsString();
    on_written();
  }
  void on_written() override {
    if (at_ >= text_.size()) return finish(grpc::Status::OK);
    auto piece = std::make_shared<v1::PolicyPiece>();
    piece->set_bytes(text_.substr(at_, limits::kPieceBytes));
    piece->set_of(text_.size());
    at_ += piece->bytes().size();
    write(std::move(piece));
  }

  Work& work_;
  Policies& policies_;
  std::uint64_t number_;
  Turnstile::Token turn_;
  std::string text_;
  std::size_t at_ = 0;
  boost::asio::steady_timer timer_;
};

}  // namespace

grpc::ServerReadReactor<v1::PolicyPiece>* PolicyServiceImpl::StagePolicy(
    Context* context, v1::StagePolicyResponse* response) {
  auto pass = work_.gate.enter(*context, methods::kStagePolicy);
  if (!pass) return new Refused<grpc::ServerReadReactor<v1::PolicyPiece>>(pass.error());
  audit::Caller caller = recorded_caller(pass.value()->caller(), context->peer());
  return Upload::launch(std::make_shared<Upload>(work_, policies_, std::move(pass).value(),
                                                 std::move(caller), *response));
}

grpc::ServerUnaryReactor* PolicyServiceImpl::CommitPolicy(Context* context,
                                                          const v1::CommitPolicyRequest* request,
                                                          v1::CommitPolicyResponse* response) {
  return answer(
      work_, work_.commits, methods::kCommitPolicy, context,
      [this, request, response](const std::string& name, audit::Details& details) {
        return fill(policies_.commit(order_of(*request), name), *response, details);
      },
      asked_of(*request));
}

grpc::ServerUnaryReactor* PolicyServiceImpl::ConfirmPolicy(
    Context* context, const v1::ConfirmPolicyRequest* /*request*/,
    v1::CommitPolicyResponse* response) {
  return answer(work_, work_.commits, methods::kConfirmPolicy, context,
                [this, response](const std::string& name, audit::Details& details) {
                  return fill(policies_.confirm(name), *response, details);
                });
}

grpc::ServerUnaryReactor* PolicyServiceImpl::RollbackPolicy(
    Context* context, const v1::RollbackPolicyRequest* request,
    v1::CommitPolicyResponse* response) {
  return answer(work_, work_.commits, methods::kRollbackPolicy, context,
                [this, request, response](const std::string& name, audit::Details& details) {
                  return fill(policies_.roll_back(request->number(), name), *response, details);
                },
                {{"revision", std::to_string(request->number())}});
}

grpc::ServerUnaryReactor* PolicyServiceImpl::GetCommit(Context* context,
                                                       const v1::GetCommitRequest* request,
                                                       v1::Commit* response) {
  return answer(work_, work_.questions, methods::kGetCommit, context,
                [this, request, response](const std::string&) -> grpc::Status {
                  const auto commit = policies_.find_commit(request->id());
                  if (!commit) return to_status(commit.error());
                  *response = commit.value();
                  return grpc::Status::OK;
                });
}

grpc::ServerUnaryReactor* PolicyServiceImpl::PreviewPolicy(Context* context,
                                                           const v1::PreviewPolicyRequest* request,
                                                           v1::PreviewPolicyResponse* response) {
  return answer(work_, work_.policies, methods::kPreviewPolicy, context,
                [this, request, response](const std::string&) -> grpc::Status {
                  auto preview = policies_.preview(*request);
                  if (!preview) return to_status(preview.error());
                  *response = std::move(preview).value();
                  return grpc::Status::OK;
                });
}

grpc::ServerWriteReactor<v1::PolicyPiece>* PolicyServiceImpl::GetPolicy(
    Context* context, const v1::GetPolicyRequest* request) {
  auto pass = work_.gate.enter(*context, methods::kGetPolicy);
  if (!pass) return new Refused<grpc::ServerWriteReactor<v1::PolicyPiece>>(pass.error());
  return Download::launch(
      std::make_shared<Download>(work_, policies_, std::move(pass).value(), request->number()));
}

grpc::ServerUnaryReactor* PolicyServiceImpl::ListPolicies(
    Context* context, const v1::ListPoliciesRequest* /*request*/,
    v1::ListPoliciesResponse* response) {
  return answer(work_, work_.questions, methods::kListPolicies, context,
                [this, response](const std::string&) -> grpc::Status {
                  for (const v1::Revision& revision : policies_.list()) {
                    *response->add_revisions() = revision;
                  }
                  if (const auto trial = policies_.trial()) *response->mutable_trial() = *trial;
                  return grpc::Status::OK;
                });
}

}  // namespace bulkhead::controlplane
