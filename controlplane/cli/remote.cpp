// Opens the channel and turns gRPC's answers into exit codes.
#include "controlplane/cli/remote.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <optional>

#include "controlplane/access/trust.h"
#include "controlplane/cli/credentials.h"
#include "controlplane/cli/moment.h"
#include "controlplane/cli/output.h"
#include "dataplane/base/clock.h"
#include "dataplane/base/write_all.h"

namespace bulkhead::controlplane {

std::string read_file_or_fail(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  try {
    std::string bytes(std::istreambuf_iterator<char>(file), {});
    if (file.good() || file.eof()) return bytes;
  } catch (const std::ios_base::failure&) {  // of the buffer, such as that of a folder
  }
  throw CommandFailed{kFileFailed, "cannot read " + path + ": " + std::strerror(errno)};
}

void write_file_or_fail(const std::string& path, const std::string& bytes) {
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file << bytes;
  file.flush();
  if (!file) throw CommandFailed{kFileFailed, "cannot write " + path + ": " + std::strerror(errno)};
}

namespace {

// Whether all of it is on disk; if not, errno says why.
bool write_and_close(int file, const std::string& bytes) {
  const bool whole = write_all(file, bytes) && fsync(file) == 0;
  const int error = errno;
  close(file);
  errno = error;
  return whole;
}

// An empty file beside the one that it is to replace, with its owner and mode.
std::optional<int> open_beside(const std::string& target, std::string& aside) {
  struct stat of_target{};
  if (stat(target.c_str(), &of_target) != 0 || !S_ISREG(of_target.st_mode)) return std::nullopt;
  aside = target + ".XXXXXX";
  const int file = mkstemp(aside.data());
  if (file < 0) return std::nullopt;
  if (fchown(file, of_target.st_uid, of_target.st_gid) == 0 &&
      fchmod(file, of_target.st_mode & 07777U) == 0) {
    return file;
  }
  close(file);
  unlink(aside.c_str());
  return std::nullopt;
}

}  // namespace

void replace_file_or_fail(const std::string& path, const std::string& bytes) {
  std::error_code missing;
  const std::string target = std::filesystem::canonical(path, missing).string();
  std::string aside;
  const auto file = missing ? std::nullopt : open_beside(target, aside);
  if (!file) return write_file_or_fail(path, bytes);
  if (write_and_close(*file, bytes) && rename(aside.c_str(), target.c_str()) == 0) return;
  const int error = errno;
  unlink(aside.c_str());
  throw CommandFailed{kFileFailed, "cannot write " + path + ": " + std::strerror(error) +
                                       "; it is as it was before"};
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

// The kernel names the peer of a local socket.
std::shared_ptr<grpc::ChannelCredentials> credentials(const Session& session) {
  if (session.server.starts_with("unix:")) return grpc::InsecureChannelCredentials();
  KeyAndCertificates own = {pem(session, "ca.crt"), pem(session, "client.crt"),
                            pem(session, "client.key")};
  if (const Certificate certificate = read_certificate(own.certificate_pem)) {
    const std::string expiry = expiry_text(valid_until(certificate.get()), std::time(nullptr));
    if (!expiry.empty()) {
      print_error("bulkheadctl: " + session.pki + "/client.crt " + expiry +
                  "; `bulkheadctl pki renew` issues it again, where the authority is");
    }
  }
  return credentials_for(own);
}

// An appliance closes a connection whose greetings take more than five seconds, as those of a
// client take that gets no core. Unlike where nobody listens or answers, another attempt may
// succeed.
void connect(grpc::Channel& channel) {
  using Clock = std::chrono::system_clock;
  constexpr auto kCutOffMin = std::chrono::seconds(4);
  constexpr auto kCutOffMax = std::chrono::seconds(15);
  const auto begun = Clock::now();
  auto state = channel.GetState(true);
  while (state == GRPC_CHANNEL_IDLE || state == GRPC_CHANNEL_CONNECTING) {
    channel.WaitForStateChange(state, Clock::now() + kCutOffMax);
    state = channel.GetState(true);
    if (Clock::now() - begun > kCutOffMax) return;
  }
  if (state == GRPC_CHANNEL_TRANSIENT_FAILURE && Clock::now() - begun > kCutOffMin) {
    channel.WaitForConnected(Clock::now() + kCutOffMax);
  }
}

}  // namespace

Remote::Remote(const Session& session) : server_(session.server) {
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(128 * 1024 * 1024);
  if (!session.tls_name.empty()) arguments.SetSslTargetNameOverride(session.tls_name);
  const auto channel = grpc::CreateCustomChannel(session.server, credentials(session), arguments);
  connect(*channel);
  policy_ = v1::PolicyService::NewStub(channel);
  telemetry_ = v1::TelemetryService::NewStub(channel);
  pair_ = v1::PairService::NewStub(channel);
  access_ = v1::AccessService::NewStub(channel);
  audit_ = v1::AuditService::NewStub(channel);
  containment_ = v1::ContainmentService::NewStub(channel);
}

v1::StagePolicyResponse Remote::stage(const v1::StagePolicyRequest& request) {
  constexpr std::size_t kPieceBytes = 256 * 1024;
  const std::string text = request.SerializeAsString();
  v1::StagePolicyResponse response;
  const auto stage_context = context();
  const auto writer = policy_->StagePolicy(stage_context.get(), &response);
  v1::PolicyPiece piece;
  bool good = true;
  for (std::size_t at = 0; good && at < text.size(); at += kPieceBytes) {
    piece.set_bytes(text.substr(at, kPieceBytes));
    piece.set_of(text.size());
    good = writer->Write(piece);
  }
  if (good) writer->WritesDone();
  expect(writer->Finish());
  return response;
}

v1::GetPolicyResponse Remote::get(std::uint64_t number) {
  v1::GetPolicyRequest request;
  request.set_number(number);
  const auto get_context = context();
  const auto reader = policy_->GetPolicy(get_context.get(), request);
  std::string text;
  std::uint64_t of = 0;
  for (v1::PolicyPiece piece; reader->Read(&piece); of = piece.of()) text += piece.bytes();
  expect(reader->Finish());
  v1::GetPolicyResponse response;
  if (of == text.size() && response.ParseFromString(text)) return response;
  throw CommandFailed{kUnreachable, "what " + server_ + " sent cannot be read"};
}

std::unique_ptr<grpc::ClientContext> Remote::context() const {
  constexpr auto kDeadline = std::chrono::seconds(120);
  auto context = std::make_unique<grpc::ClientContext>();
  context->set_deadline(std::chrono::system_clock::now() + kDeadline);
  return context;
}

void Remote::expect(const grpc::Status& status) const {
  if (status.ok()) return;
  if (status.error_code() == grpc::StatusCode::UNAUTHENTICATED) {
    throw CommandFailed{kRefused, status.error_message()};
  }
  const bool unreachable = status.error_code() == grpc::StatusCode::UNAVAILABLE ||
                           status.error_code() == grpc::StatusCode::DEADLINE_EXCEEDED;
  if (!unreachable) throw CommandFailed{kRefused, status.error_message()};
  const std::string hint = server_.starts_with("unix:")
                               ? " (is it running, and are you root on its appliance?)"
                               : " (is it running, and do the certificates match?)";
  throw CommandFailed{kUnreachable,
                      "no bulkheadd answers at " + server_ + ": " + status.error_message() + hint};
}

std::uint64_t moment_or_fail(const std::string& option, const std::string& text) {
  if (text.empty()) return 0;
  if (const auto moment = parse_moment(text, wall_now_ns())) return *moment;
  throw CommandFailed{kUsage, option + " " + text +
                                  " is neither an age, as 2h or 7d, nor a time in UTC, as "
                                  "2026-11-29T22:52:36Z"};
}

}  // namespace bulkhead::controlplane
