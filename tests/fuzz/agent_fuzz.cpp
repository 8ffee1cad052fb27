// An agent of a pair on all its sides, linked under the name of each: answers_fuzz is its data
// plane, peer_fuzz its peer behind TLS, grpc_fuzz a client whose certificate is good. All else is
// as it is: the store on disk, the threads, the sockets. Whatever comes, who asks next is answered.
#include <google/protobuf/stubs/logging.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>
#include <spdlog/spdlog.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl.hpp>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>

#include "controlplane/agent/agent.h"
#include "controlplane/api/access_service.h"
#include "controlplane/api/audit_service.h"
#include "controlplane/api/containment_service.h"
#include "controlplane/api/pair_service.h"
#include "controlplane/api/policy_service.h"
#include "controlplane/api/telemetry_service.h"
#include "controlplane/telemetry/event_log.h"
#include "dataplane/artefact/digest.h"
#include "tests/support/authority.h"
#include "tests/support/everybody.h"
#include "tests/support/fake_dataplane.h"

namespace {

namespace asio = boost::asio;
namespace fs = std::filesystem;
using namespace bulkhead;
using namespace bulkhead::controlplane;

constexpr auto kPatience = std::chrono::seconds(20);
constexpr std::size_t kPagesMax = 3;

enum class Side { answers, peer, grpc };
Side side = Side::answers;

void require(bool good) {
  if (!good) std::abort();
}

template <typename Condition>
void await(Condition condition) {
  const auto until = std::chrono::steady_clock::now() + kPatience;
  while (!condition()) {
    require(std::chrono::steady_clock::now() < until);
    std::this_thread::sleep_for(std::chrono::microseconds(20));
  }
}

class World {
 public:
  World()
      : questions_([this](auto& stream, const auto& request) { answer(stream, request); }),
        lease_([this](auto& stream, const auto& request) { hear(stream, request); }, ".pair") {
    spdlog::set_level(spdlog::level::off);
    google::protobuf::SetLogHandler(nullptr);
    setenv("GRPC_VERBOSITY", "NONE", 0);
    const std::string name = "bulkhead-agent-fuzz-" + std::to_string(getpid());
    folder_ = (fs::exists("/dev/shm") ? fs::path("/dev/shm") : fs::temp_directory_path()) / name;
    issue();
    events_ =
        std::make_unique<EventLog>(EventLog::Options{.folder = (folder_ / "events").string()});
    sinks_.add(*events_);
    agent_ = std::make_unique<Agent>(RevisionStore::open((folder_ / "state").string()).value(),
                                     questions_.path, sinks_);
    agent_->join_pair(pair_options());
    agent_->start();
    serve();
    await([this] { return configured_.load(); });
  }
  void remove_folder() const {
    fs::remove_all(folder_);
    unlink(questions_.path.c_str());
    unlink(lease_.path.c_str());
  }

  // --- as its data plane ---------------------------------------------------------------------
  // What it has not asked for, on the first socket, until it has taken that.
  void push_event(const v1::DataplaneAnswer& answer) {
    questions_.push(answer);
    require(agent_->readings().status().dataplane_connected());
  }
  void push_news(v1::DataplaneAnswer answer) {
    lease_.push(answer);
    v1::DataplaneAnswer last;
    last.mutable_pair_news()->mutable_stations();
    lease_.push(last);
    require(agent_->pair().pair_status().ok());
  }
  // Its next questions get this for an answer.
  void answer_with(const std::optional<v1::DataplaneAnswer>& answer) {
    const std::lock_guard guard(mutex_);
    answer_ = answer;
  }
  Readings& readings() { return agent_->readings(); }

  // --- as its peer ---------------------------------------------------------------------------
  void say(const v1::PairMessage& message) {
    if (!stream_) connect();
    v1::PairMessage last;
    last.mutable_late_frames();
    const int had = late_frames_;
    if (!write(ipc::to_frame(message)) || !write(ipc::to_frame(last))) return stream_.reset();
    await([&] { return late_frames_ != had || !drain(); });
  }

  // --- as its client -------------------------------------------------------------------------
  void ask(const std::string& method, const std::string& request) {
    grpc::GenericStub stub(channel_);
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + std::chrono::milliseconds(50));
    grpc::CompletionQueue queue;
    const auto call = stub.PrepareCall(&context, "/bulkhead.v1." + method, &queue);
    void* tag = nullptr;
    bool good = false;
    grpc::Slice slice(request);
    grpc::ByteBuffer out(&slice, 1);
    grpc::ByteBuffer in;
    call->StartCall(nullptr);
    queue.Next(&tag, &good);
    if (good) {
      call->WriteLast(out, grpc::WriteOptions(), nullptr);
      queue.Next(&tag, &good);
      call->Read(&in, nullptr);
      queue.Next(&tag, &good);
    }
    context.TryCancel();
    grpc::Status status;
    call->Finish(&status, nullptr);
    queue.Next(&tag, &good);
  }

 private:
  using Stream = asio::ssl::stream<asio::ip::tcp::socket>;

  void issue() {
    const Issued authority = make_authority("fuzz", 1);
    const auto write_all = [&](const fs::path& to, const char* name, const Issued& issued) {
      fs::create_directories(to);
      std::ofstream(to / "ca.crt") << authority.certificate_pem;
      std::ofstream(to / (std::string(name) + ".crt")) << issued.certificate_pem;
      std::ofstream(to / (std::string(name) + ".key")) << issued.key_pem;
    };
    write_all(folder_ / "bravo", "server", issue_server(authority, "bravo", {"127.0.0.1"}, 1));
    write_all(folder_ / "alpha", "server", issue_server(authority, "alpha", {"127.0.0.1"}, 1));
    write_all(folder_ / "client", "client", issue_client(authority, "fuzzer", 1));
  }
  static std::string read(const fs::path& path) {
    std::ifstream file(path);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  PairOptions pair_options() {
    PairOptions options;
    // The later name is the one that listens.
    options.link.credentials = read_credentials((folder_ / "bravo").string()).value();
    options.link.peer_name = "alpha";
    const auto port = static_cast<std::uint16_t>(20'000 + getpid() % 20'000);
    const auto here = asio::ip::make_address("127.0.0.1");
    options.link.listen = {here, port};
    options.link.peer = {here, static_cast<std::uint16_t>(port + 1)};
    link_ = options.link.listen;
    return options;
  }
  void serve() {
    work_ = std::make_unique<Work>([rules = all_roles_for({"fuzzer"})] { return rules; },
                                   [](const std::string&, const std::string&) {});
    policy_ = std::make_unique<PolicyServiceImpl>(*work_, agent_->policies());
    telemetry_ = std::make_unique<TelemetryServiceImpl>(*work_, agent_->readings(), *events_,
                                                        [](v1::GetStatusResponse&) {});
    pair_ = std::make_unique<PairServiceImpl>(*work_, agent_->pair());
    access_ = std::make_unique<AccessServiceImpl>(*work_, access_file_);
    trail_ =
        std::make_unique<audit::Trail>((folder_ / "state/audit").string(), audit::Log::Options());
    work_->trail = trail_.get();
    record_calls(work_->gate, *trail_);
    audit_ = std::make_unique<AuditServiceImpl>(*work_);
    containment_ = std::make_unique<ContainmentServiceImpl>(*work_, agent_->containment());
    grpc::SslServerCredentialsOptions tls(
        GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY);
    tls.pem_root_certs = read(folder_ / "bravo/ca.crt");
    tls.pem_key_cert_pairs.push_back(
        {read(folder_ / "bravo/server.key"), read(folder_ / "bravo/server.crt")});
    grpc::ServerBuilder builder;
    int port = 0;
    builder.AddListeningPort("127.0.0.1:0", grpc::SslServerCredentials(tls), &port);
    builder.SetMaxReceiveMessageSize(limits::kMessageBytesMax);
    for (grpc::Service* service :
         std::initializer_list<grpc::Service*>{policy_.get(), telemetry_.get(), pair_.get(),
                                               access_.get(), audit_.get(), containment_.get()}) {
      builder.RegisterService(service);
    }
    server_ = builder.BuildAndStart();
    require(server_ != nullptr);
    channel_ = grpc::CreateChannel(
        "127.0.0.1:" + std::to_string(port),
        grpc::SslCredentials({read(folder_ / "client/ca.crt"), read(folder_ / "client/client.key"),
                              read(folder_ / "client/client.crt")}));
  }

  // On the data plane's thread.
  void answer(FakeDataplane::Stream& stream, const v1::DataplaneRequest& request) {
    v1::DataplaneAnswer answer;
    {
      const std::lock_guard guard(mutex_);
      if (answer_) answer = *answer_;
    }
    if (answer.answer_case() == v1::DataplaneAnswer::ANSWER_NOT_SET) {
      if (request.has_prepare_policy()) {
        v1::PolicyPrepared& prepared = *answer.mutable_policy_prepared();
        prepared.set_site("fuzz");
        prepared.set_sha256(
            artefact::to_hex(artefact::sha256(request.prepare_policy().artefact().policy())));
      } else if (request.has_apply_prepared()) {
        answer.mutable_policy_applied();
        sha256_ = request.apply_prepared().sha256();
      } else if (request.has_set_containment()) {
        answer.mutable_containment();
      } else {
        answer.mutable_status()->set_policy_sha256(sha256_);
      }
    }
    answer.set_id(request.id());
    FakeDataplane::answer(stream, answer);
  }
  void hear(FakeDataplane::Stream& stream, const v1::DataplaneRequest& request) {
    if (request.has_take_frames()) ++late_frames_;
    if (!request.has_configure_pair()) return;
    v1::DataplaneAnswer news;
    news.mutable_pair_news()->mutable_report()->set_configured(true);
    news.mutable_pair_news()->mutable_report()->set_fit(true);
    news.mutable_pair_news()->mutable_report()->set_ports(2);
    FakeDataplane::answer(stream, news);
    configured_ = true;
  }

  // The link takes so many connections in a second, and hangs up on more: where many messages in a
  // row were reasons to hang up, the next waits for its turn.
  void connect() {
    const auto until = std::chrono::steady_clock::now() + kPatience;
    while (!shakes_hands()) {
      require(std::chrono::steady_clock::now() < until);
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    stream_->lowest_layer().non_blocking(true);
    v1::PairMessage hello;
    hello.mutable_hello()->set_version(PairLink::kVersion);
    hello.mutable_hello()->set_version_oldest(PairLink::kVersionOldest);
    require(write(ipc::to_frame(hello)));
  }
  bool shakes_hands() {
    stream_ = std::make_unique<Stream>(io_, tls());
    boost::system::error_code error;
    stream_->lowest_layer().connect(link_, error);
    if (!error) stream_->handshake(asio::ssl::stream_base::client, error);
    return !error;
  }
  asio::ssl::context& tls() {
    if (!tls_) {
      tls_.emplace(asio::ssl::context::tlsv13);
      tls_->use_certificate_chain_file((folder_ / "alpha/server.crt").string());
      tls_->use_private_key_file((folder_ / "alpha/server.key").string(), asio::ssl::context::pem);
    }
    return *tls_;
  }
  // What it says is of no interest; false, and there is no stream, if it hung up.
  bool drain() {
    if (!stream_) return false;
    char bytes[16384];
    boost::system::error_code error;
    while (!error) stream_->read_some(asio::buffer(bytes), error);
    if (error != asio::error::would_block) stream_.reset();
    return stream_ != nullptr;
  }
  bool write(const std::string& frame) {
    std::size_t at = 0;
    while (at < frame.size()) {
      boost::system::error_code error;
      at += stream_->write_some(asio::buffer(frame.data() + at, frame.size() - at), error);
      if (error && error != asio::error::would_block) return false;
      if (error && !drain()) return false;
    }
    return true;
  }

  std::mutex mutex_;
  std::optional<v1::DataplaneAnswer> answer_;
  std::string sha256_;
  std::atomic<int> late_frames_{0};
  std::atomic<bool> configured_{false};
  fs::path folder_;
  FakeDataplane questions_;
  FakeDataplane lease_;
  std::unique_ptr<EventLog> events_;
  Sinks sinks_;
  std::unique_ptr<Agent> agent_;
  std::unique_ptr<audit::Trail> trail_;
  std::unique_ptr<Work> work_;
  std::unique_ptr<PolicyServiceImpl> policy_;
  std::unique_ptr<TelemetryServiceImpl> telemetry_;
  std::unique_ptr<PairServiceImpl> pair_;
  AccessFile access_file_{"/nonexistent", {}};
  std::unique_ptr<AccessServiceImpl> access_;
  std::unique_ptr<AuditServiceImpl> audit_;
  std::unique_ptr<ContainmentServiceImpl> containment_;
  std::unique_ptr<grpc::Server> server_;
  std::shared_ptr<grpc::Channel> channel_;
  asio::io_context io_;
  std::optional<asio::ssl::context> tls_;
  asio::ip::tcp::endpoint link_;
  std::unique_ptr<Stream> stream_;
};

// Never destroyed: its threads run to the end.
World& world() {
  static World& the_world = *new World;
  return the_world;
}

constexpr const char* kMethods[] = {"TelemetryService/GetStatus",
                                    "TelemetryService/GetCounters",
                                    "TelemetryService/ListFlows",
                                    "TelemetryService/WatchCounters",
                                    "TelemetryService/WatchEvents",
                                    "PolicyService/ListPolicies",
                                    "PolicyService/GetCommit",
                                    "PolicyService/GetPolicy",
                                    "PolicyService/StagePolicy",
                                    "PolicyService/CommitPolicy",
                                    "PolicyService/PreviewPolicy",
                                    "PairService/GetPair",
                                    "PairService/OrderPair",
                                    "AccessService/GetAccess",
                                    "AuditService/ListAudit",
                                    "AuditService/VerifyAudit",
                                    "ContainmentService/SetContainment",
                                    "ContainmentService/ReleaseContainment",
                                    "ContainmentService/ListContainment"};

void be_client(std::uint8_t selector, const std::string& body) {
  const std::string method = kMethods[selector % std::size(kMethods)];
  if (method != "PolicyService/StagePolicy") return world().ask(method, body);
  // The request itself is what may be anything; the piece around it fits.
  v1::StagePolicyRequest request;
  if (request.ParseFromString(body) && request.has_artefact()) {
    v1::PolicyArtefact& artefact = *request.mutable_artefact();
    artefact.set_sha256(artefact::sha256(artefact.policy()));
  }
  v1::PolicyPiece piece;
  piece.set_bytes(request.SerializeAsString());
  piece.set_of(piece.bytes().size());
  world().ask(method, piece.SerializeAsString());
}

void be_dataplane(std::uint8_t selector, const std::string& body) {
  v1::DataplaneAnswer answer;
  if (!answer.ParseFromString(body)) return;  // it would be hung up on
  if (selector % 4 == 0) return world().push_news(answer);
  answer.set_id(0);
  if (selector % 4 == 1) return world().push_event(answer);
  world().answer_with(answer);
  Readings& readings = world().readings();
  readings.status();
  v1::GetDataplaneCounters counters;
  v1::ListDataplaneFlows flows;
  for (std::size_t page = 0; page < kPagesMax; ++page) {
    const auto told = readings.counters(counters, std::chrono::seconds(10));
    if (!told || !told.value().more()) break;
  }
  readings.flows(flows);
  world().answer_with(std::nullopt);
}

// Its threads run to the end of the process: what they use must not be destroyed before. Whatever
// is made first is destroyed last, so that this comes behind a first input.
void end_before_what_it_uses() {
  static int inputs = 0;
  if (++inputs != 2) return;
  std::atexit([] {
    world().remove_folder();
    _exit(0);
  });
}

}  // namespace

extern "C" int LLVMFuzzerInitialize(int* /*count*/, char*** arguments) {
  const std::string_view name((*arguments)[0]);
  if (name.ends_with("peer_fuzz")) side = Side::peer;
  if (name.ends_with("grpc_fuzz")) side = Side::grpc;
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  end_before_what_it_uses();
  if (size == 0) return 0;
  const std::string body(reinterpret_cast<const char*>(data) + 1, size - 1);
  if (side == Side::answers) {
    be_dataplane(data[0], body);
  } else if (side == Side::grpc) {
    be_client(data[0], body);
  } else {
    v1::PairMessage message;
    message.ParseFromString(body);
    world().say(message);
  }
  return 0;
}
