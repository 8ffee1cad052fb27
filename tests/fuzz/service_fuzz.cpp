// The data plane's ends of both sockets, linked under the name of each: questions_fuzz asks the
// service, lease_fuzz drives the part in a pair. The first byte says whether what follows is a raw
// stream or requests, each behind its length in two bytes, that are framed and given a fitting
// digest; whatever comes, who asks next is answered.
#include <google/protobuf/stubs/logging.h>
#include <rte_eth_ring.h>
#include <rte_ring.h>
#include <spdlog/spdlog.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <thread>

#include "dataplane/artefact/digest.h"
#include "dataplane/base/priority.h"
#include "dataplane/pair/pair_server.h"
#include "dataplane/service/server.h"
#include "tests/support/plant.h"

namespace {

using namespace bulkhead;

constexpr std::uint64_t kLastId = 0xfeedfacecafebeefULL;
constexpr std::size_t kRequestsMax = 16;
constexpr auto kPatience = std::chrono::seconds(10);

bool drives_pair = false;

void require(bool good) {
  if (!good) std::abort();
}

// A data plane without traffic, whose services run on the fuzzer's thread.
class World {
 public:
  World() {
    spdlog::set_level(spdlog::level::off);
    google::protobuf::SetLogHandler(nullptr);
    support::start_eal_for_tests();
    service::EngineOptions options;
    options.buffers = 1024;
    options.launch = false;
    options.pair = true;
    options.pipeline.limits.flows = 512;
    options.pipeline.limits.segments = 256;
    for (const std::string port : {"fuzza", "fuzzb"}) {
      rte_ring* in = rte_ring_create((port + "i").c_str(), 1024, SOCKET_ID_ANY, 0);
      rte_ring* out = rte_ring_create((port + "o").c_str(), 1024, SOCKET_ID_ANY, 0);
      rte_eth_from_rings(port.c_str(), &in, 1, &out, 1, SOCKET_ID_ANY);
      options.devices.push_back("net_ring_" + port);
    }
    engine_ = service::Engine::make(options).value();
    path_ = "/tmp/bulkhead-fuzz-" + std::to_string(getpid());
    server_ = std::make_unique<service::Server>(io_, *engine_, path_,
                                                [] { return std::optional<v1::PairReport>(); });
    pair_server_ =
        std::make_unique<pair::PairServer>(io_, engine_->shared(), path_ + ".pair", report_);
    run_as_others();
    std::thread([this] {
      engine_->worker(0).join();
      for (;;) {
        engine_->worker(0).turn();
        std::this_thread::sleep_for(std::chrono::microseconds(20));
      }
    }).detach();
  }
  void remove_sockets() const {
    unlink(path_.c_str());
    unlink((path_ + ".pair").c_str());
  }

  void connect() {
    if (peer_ >= 0) return;
    peer_ = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    const std::string path = drives_pair ? path_ + ".pair" : path_;
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    require(::connect(peer_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
    heard_.clear();
  }
  void hang_up() {
    if (peer_ >= 0) close(peer_);
    peer_ = -1;
  }
  // False if it hung up.
  bool send(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t count = ::send(peer_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (count > 0) bytes.remove_prefix(static_cast<std::size_t>(count));
      if (count < 0 && errno != EAGAIN) return false;
      turn();
      if (!hear()) return false;
    }
    return true;
  }
  void turn() {
    io_.restart();
    io_.poll();
  }
  // Takes what has come; false if it hung up.
  bool hear() {
    char bytes[65536];
    for (;;) {
      const ssize_t count = recv(peer_, bytes, sizeof bytes, 0);
      if (count < 0) return errno == EAGAIN;
      if (count == 0) return false;
      heard_.append(bytes, static_cast<std::size_t>(count));
    }
  }
  // The answer with the last identifier is among what was heard.
  bool is_answered() {
    std::size_t at = 0;
    bool answered = false;
    while (heard_.size() - at >= ipc::kHeadBytes) {
      const std::size_t length = load_be32(reinterpret_cast<const std::uint8_t*>(&heard_[at]));
      if (heard_.size() - at < ipc::kHeadBytes + length) break;
      v1::DataplaneAnswer answer;
      require(answer.ParseFromArray(&heard_[at + ipc::kHeadBytes], static_cast<int>(length)));
      answered = answered || answer.id() == kLastId;
      at += ipc::kHeadBytes + length;
    }
    heard_.erase(0, at);
    return answered;
  }

 private:
  boost::asio::io_context io_;
  std::unique_ptr<service::Engine> engine_;
  pair::LastPairReport report_;
  std::string path_;
  std::unique_ptr<service::Server> server_;
  std::unique_ptr<pair::PairServer> pair_server_;
  int peer_ = -1;
  std::string heard_;
};

// Never destroyed: its worker turns to the end.
World& world() {
  static World& the_world = *new World;
  return the_world;
}

std::string prepared_last;  // its digest

std::string request_frame(std::string_view body) {
  v1::DataplaneRequest request;
  if (!request.ParseFromArray(body.data(), static_cast<int>(body.size()))) return {};
  if (request.prepare_policy().has_artefact()) {
    v1::PolicyArtefact& artefact = *request.mutable_prepare_policy()->mutable_artefact();
    artefact.set_sha256(artefact::sha256(artefact.policy()));
    prepared_last = artefact::to_hex(artefact.sha256());
  }
  // A digest is not guessed: the empty one is that of what was prepared last.
  if (request.has_apply_prepared() && request.apply_prepared().sha256().empty()) {
    request.mutable_apply_prepared()->set_sha256(prepared_last);
  }
  if (request.id() == kLastId) request.set_id(1);
  return ipc::to_frame(request);
}

std::string last_request() {
  v1::DataplaneRequest request;
  request.set_id(kLastId);
  if (drives_pair) {
    request.mutable_configure_pair();  // refused, which is an answer
  } else {
    request.mutable_get_status();
  }
  return ipc::to_frame(request);
}

bool send_requests(std::string_view input) {
  for (std::size_t i = 0; i < kRequestsMax && input.size() >= 2; ++i) {
    const std::size_t length = std::min<std::size_t>(
        load_be16(reinterpret_cast<const std::uint8_t*>(input.data())), input.size() - 2);
    if (!world().send(request_frame(input.substr(2, length)))) return false;
    input.remove_prefix(2 + length);
  }
  return world().send(last_request());
}

// Its threads run to the end of the process: what they use must not be destroyed before. Whatever
// is made first is destroyed last, so that this comes behind a first input.
void end_before_what_it_uses() {
  static int inputs = 0;
  if (++inputs != 2) return;
  std::atexit([] {
    world().remove_sockets();
    _exit(0);
  });
}

}  // namespace

extern "C" int LLVMFuzzerInitialize(int* /*count*/, char*** arguments) {
  drives_pair = std::string_view((*arguments)[0]).ends_with("lease_fuzz");
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  end_before_what_it_uses();
  if (size == 0) return 0;
  const std::string_view input(reinterpret_cast<const char*>(data) + 1, size - 1);
  world().connect();
  if (data[0] % 2 != 0) {
    world().send(input);
    world().hang_up();  // its end is the end of the stream
    world().turn();
    return 0;
  }
  bool connected = send_requests(input);
  const auto until = std::chrono::steady_clock::now() + kPatience;
  while (connected && !world().is_answered()) {
    require(std::chrono::steady_clock::now() < until);
    world().turn();
    connected = world().hear();
  }
  if (!connected) world().hang_up();
  return 0;
}
