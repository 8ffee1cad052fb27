// What any gRPC tool would do to a server.
//   grpc_probe SERVER PKI                     asks for its health and, by reflection, its services
//   grpc_probe SERVER PKI load RATE SECONDS [METHOD]
//                                             asks so many questions a second: in turns, or this
//                                             one
//   grpc_probe SERVER PKI fuzz COUNT SEED     sends so many random messages to each method
//   grpc_probe SERVER PKI follow COUNT SECONDS  follows events in so many streams, and reads none
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>

#include <algorithm>
#include <cctype>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <thread>
#include <vector>

namespace {

std::string read(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::string bytes_of(const grpc::ByteBuffer& buffer) {
  std::vector<grpc::Slice> slices;
  std::string bytes;
  if (!buffer.Dump(&slices).ok()) return bytes;
  for (const grpc::Slice& slice : slices) {
    bytes.append(reinterpret_cast<const char*>(slice.begin()), slice.size());
  }
  return bytes;
}

struct Answer {
  std::optional<std::string> message;
  grpc::Status status;  // why there is none
};

// One message there and one back, over a call of any kind. One that `ends` by itself is read to its
// end, so that its place is free for the next.
Answer answer_to(const std::shared_ptr<grpc::Channel>& channel, const std::string& method,
                 const std::string& request, bool ends) {
  grpc::GenericStub stub(channel);
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(5));
  grpc::CompletionQueue queue;
  const auto call = stub.PrepareCall(&context, method, &queue);
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
  Answer answer;
  if (in.Valid()) answer.message = bytes_of(in);
  for (grpc::ByteBuffer more; ends && good;) {
    call->Read(&more, nullptr);
    queue.Next(&tag, &good);
  }
  if (in.Valid() && !ends) context.TryCancel();
  call->Finish(&answer.status, nullptr);
  queue.Next(&tag, &good);
  return answer;
}

std::string ask(const std::shared_ptr<grpc::Channel>& channel, const std::string& method,
                const std::string& request) {
  return answer_to(channel, method, request, false).message.value_or("");
}

using Channel = std::shared_ptr<grpc::Channel>;

int probe(const Channel& channel) {
  // grpc.health.v1.HealthCheckResponse: field 1, SERVING is 1.
  const bool serving = ask(channel, "/grpc.health.v1.Health/Check", "") == "\x08\x01";
  // grpc.reflection.v1alpha.ServerReflectionRequest: field 7, list_services.
  std::string names =
      ask(channel, "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo", "\x3a\x01*");
  for (char& c : names) c = std::isprint(static_cast<unsigned char>(c)) != 0 ? c : ' ';
  std::printf("%s %s\n", serving ? "SERVING" : "NOT_SERVING", names.c_str());
  return 0;
}

// Those that may be asked at any time come first.
constexpr const char* kMethods[] = {
    "TelemetryService/GetStatus",     "TelemetryService/GetCounters", "TelemetryService/ListFlows",
    "PolicyService/ListPolicies",     "PolicyService/GetCommit",      "PolicyService/GetPolicy",
    "TelemetryService/WatchCounters", "TelemetryService/WatchEvents", "PolicyService/StagePolicy",
    "PolicyService/CommitPolicy",     "PairService/GetPair",          "PairService/OrderPair"};
constexpr std::size_t kQuestions = 3;

std::string path_of(const char* method) { return std::string("/bulkhead.v1.") + method; }

int load(const Channel& channel, int rate, int seconds, const char* only) {
  using Clock = std::chrono::steady_clock;
  const auto begun = Clock::now();
  long sent = 0;
  long answered = 0;
  long refused = 0;
  long slowest_ms = 0;
  const long asked = static_cast<long>(rate) * seconds;
  for (long i = 0; i < asked; ++i) {
    std::this_thread::sleep_until(begun + std::chrono::microseconds(1'000'000L * i / rate));
    const auto since = Clock::now();
    const std::string method =
        path_of(only != nullptr ? only : kMethods[static_cast<std::size_t>(i) % kQuestions]);
    ++sent;
    const Answer answer = answer_to(channel, method, "", true);
    answered += answer.message ? 1 : 0;
    // A place that is not free yet: the appliance has answered.
    const bool full = answer.status.error_code() == grpc::StatusCode::RESOURCE_EXHAUSTED;
    refused += full ? 1 : 0;
    if (!answer.message && !full) {
      std::fprintf(stderr, "%s: %d %s\n", method.c_str(), answer.status.error_code(),
                   answer.status.error_message().c_str());
    }
    const auto took = std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - since);
    slowest_ms = std::max<long>(slowest_ms, took.count());
    if (Clock::now() - begun > std::chrono::seconds(seconds)) break;
  }
  std::printf("{\"asked\": %ld, \"answered\": %ld, \"refused\": %ld, \"slowest_ms\": %ld}\n", sent,
              answered, refused, slowest_ms);
  return 0;
}

// Tags and lengths of protobuf more often than chance has them.
std::string random_message(std::mt19937_64& chance) {
  std::string message;
  for (std::size_t left = chance() % 12; left > 0; --left) {
    const auto field = static_cast<char>((chance() % 8 + 1) << 3 | (chance() % 2) * 2);
    message += field;
    std::string value(chance() % 20, '\0');
    for (char& c : value) c = static_cast<char>(chance());
    if ((field & 7) == 2) message += static_cast<char>(value.size());
    message += value;
  }
  return message;
}

int fuzz(const Channel& channel, long count, std::uint64_t seed) {
  std::mt19937_64 chance(seed);
  for (long i = 0; i < count; ++i) {
    for (const char* method : kMethods) ask(channel, path_of(method), random_message(chance));
  }
  std::printf("%ld messages to each of %zu methods\n", count, std::size(kMethods));
  return probe(channel);
}

// Streams that are never read.
int follow(const Channel& channel, int count, int seconds) {
  struct Follower {
    grpc::ClientContext context;
    std::unique_ptr<grpc::GenericClientAsyncReaderWriter> call;
    grpc::Status status;
  };
  grpc::GenericStub stub(channel);
  grpc::CompletionQueue queue;
  std::vector<std::unique_ptr<Follower>> followers;
  // bulkhead.v1.WatchEventsRequest: follow, and 10,000 recent ones.
  grpc::Slice slice(std::string("\x08\x01\x10\x90\x4e", 5));
  grpc::ByteBuffer request(&slice, 1);
  void* tag = nullptr;
  bool good = false;
  for (int i = 0; i < count; ++i) {
    followers.push_back(std::make_unique<Follower>());
    Follower& follower = *followers.back();
    follower.call =
        stub.PrepareCall(&follower.context, path_of("TelemetryService/WatchEvents"), &queue);
    follower.call->StartCall(nullptr);
    queue.Next(&tag, &good);
    if (!good) continue;
    follower.call->WriteLast(request, grpc::WriteOptions(), nullptr);
    queue.Next(&tag, &good);
  }
  std::this_thread::sleep_for(std::chrono::seconds(seconds));
  for (const auto& follower : followers) {
    follower->context.TryCancel();
    follower->call->Finish(&follower->status, nullptr);
    queue.Next(&tag, &good);
  }
  std::printf("{\"streams\": %d}\n", count);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3 && argc != 6 && argc != 7) return 2;
  const std::string pki = argv[2];
  const grpc::SslCredentialsOptions tls{read(pki + "/ca.crt"), read(pki + "/client.key"),
                                        read(pki + "/client.crt")};
  const auto channel = grpc::CreateChannel(argv[1], grpc::SslCredentials(tls));
  if (argc == 3) return probe(channel);
  const std::string mode = argv[3];
  if (mode == "load") {
    return load(channel, std::atoi(argv[4]), std::atoi(argv[5]), argc == 7 ? argv[6] : nullptr);
  }
  if (mode == "follow") return follow(channel, std::atoi(argv[4]), std::atoi(argv[5]));
  return fuzz(channel, std::atol(argv[4]), std::strtoull(argv[5], nullptr, 10));
}
