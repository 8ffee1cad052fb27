// The connection to an appliance's agent: over mutual TLS, or on the appliance over its local
// socket.
#pragma once

#include <grpcpp/grpcpp.h>

#include <memory>

#include "bulkhead/v1/access.grpc.pb.h"
#include "bulkhead/v1/audit.grpc.pb.h"
#include "bulkhead/v1/containment.grpc.pb.h"
#include "bulkhead/v1/control.grpc.pb.h"
#include "bulkhead/v1/failover.grpc.pb.h"
#include "controlplane/cli/session.h"

namespace bulkhead::controlplane {

class Remote {
 public:
  // Reads the certificates, unless --server is a local socket; a missing file throws CommandFailed.
  explicit Remote(const Session& session);

  v1::PolicyService::Stub& policy() { return *policy_; }
  v1::TelemetryService::Stub& telemetry() { return *telemetry_; }
  v1::PairService::Stub& pair() { return *pair_; }
  v1::AccessService::Stub& access() { return *access_; }
  v1::AuditService::Stub& audit() { return *audit_; }
  v1::ContainmentService::Stub& containment() { return *containment_; }
  // Transfers in pieces.
  v1::StagePolicyResponse stage(const v1::StagePolicyRequest& request);
  v1::GetPolicyResponse get(std::uint64_t number);
  // With a deadline, for unary calls.
  std::unique_ptr<grpc::ClientContext> context() const;
  // Throws CommandFailed with the appliance's words, unless the call went well.
  void expect(const grpc::Status& status) const;

 private:
  std::string server_;
  std::unique_ptr<v1::PolicyService::Stub> policy_;
  std::unique_ptr<v1::TelemetryService::Stub> telemetry_;
  std::unique_ptr<v1::PairService::Stub> pair_;
  std::unique_ptr<v1::AccessService::Stub> access_;
  std::unique_ptr<v1::AuditService::Stub> audit_;
  std::unique_ptr<v1::ContainmentService::Stub> containment_;
};

// A moment as parse_moment() reads it, 0 for no text; throws CommandFailed with the option's name
// if it is none.
std::uint64_t moment_or_fail(const std::string& option, const std::string& text);
// The whole file; throws CommandFailed if it cannot be read.
std::string read_file_or_fail(const std::string& path);
void write_file_or_fail(const std::string& path, const std::string& bytes);
// The same in place of a file that is there: it is replaced whole, or stays as it is.
void replace_file_or_fail(const std::string& path, const std::string& bytes);

}  // namespace bulkhead::controlplane
