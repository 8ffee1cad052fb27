// Opens the channel and turns gRPC's answers into exit codes.
#include "controlplane/cli/remote.h"

#include <cerrno>
#include <cstring>
#include <fstream>

namespace bulkhead::controlplane {

std::string read_file_or_fail(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::string bytes(std::istreambuf_iterator<char>(file), {});
  if (!file.good() && !file.eof()) {
    throw CommandFailed{kFileFailed, "cannot read " + path + ": " + std::strerror(errno)};
  }
  return bytes;
}

void write_file_or_fail(const std::string& path, const std::string& bytes) {
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file << bytes;
  file.flush();
  if (!file) throw CommandFailed{kFileFailed, "cannot write " + path + ": " + std::strerror(errno)};
}

namespace {

std::string pem(const Session& session, const std::string& name) {
  const std::string path = session.pki + "/" + name;
  std::ifstream file(path);
  std::string text(std::istreambuf_iterator<char>(file), {});
  if (file && !text.empty()) return text;
  throw CommandFailed{kFileFailed, "cannot read " + path +
                                       ": make certificates with `bulkheadctl pki init "
                                       "FOLDER` and name the folder with --pki or BULKHEAD_PKI"};
}

}  // namespace

Remote::Remote(const Session& session) : server_(session.server) {
  grpc::SslCredentialsOptions tls;
  tls.pem_root_certs = pem(session, "ca.crt");
  tls.pem_private_key = pem(session, "client.key");
  tls.pem_cert_chain = pem(session, "client.crt");
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(128 * 1024 * 1024);
  if (!session.tls_name.empty()) arguments.SetSslTargetNameOverride(session.tls_name);
  const auto channel =
      grpc::CreateCustomChannel(session.server, grpc::SslCredentials(tls), arguments);
  policy_ = v1::PolicyService::NewStub(channel);
  telemetry_ = v1::TelemetryService::NewStub(channel);
  pair_ = v1::PairService::NewStub(channel);
}

std::unique_ptr<grpc::ClientContext> Remote::context() const {
  constexpr auto kDeadline = std::chrono::seconds(60);
  auto context = std::make_unique<grpc::ClientContext>();
  context->set_deadline(std::chrono::system_clock::now() + kDeadline);
  return context;
}

void Remote::expect(const grpc::Status& status) const {
  if (status.ok()) return;
  const bool unreachable = status.error_code() == grpc::StatusCode::UNAVAILABLE ||
                           status.error_code() == grpc::StatusCode::DEADLINE_EXCEEDED;
  if (!unreachable) throw CommandFailed{kRefused, status.error_message()};
  throw CommandFailed{kUnreachable, "no bulkheadd answers at " + server_ + ": " +
                                        status.error_message() +
                                        " (is it running, and do the certificates match?)"};
}

}  // namespace bulkhead::controlplane
