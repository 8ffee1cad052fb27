// grpc_probe SERVER PKI: asks a server for its health and, by reflection, for its services, as any
// gRPC tool would. Prints the health status and the raw names.
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>

#include <cstdio>
#include <fstream>
#include <string>

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

// One message there and one back, over a call of any kind.
std::string ask(const std::shared_ptr<grpc::Channel>& channel, const std::string& method,
                const std::string& request) {
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
  context.TryCancel();
  grpc::Status status;
  call->Finish(&status, nullptr);
  queue.Next(&tag, &good);
  return in.Valid() ? bytes_of(in) : std::string();
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  const std::string pki = argv[2];
  const grpc::SslCredentialsOptions tls{read(pki + "/ca.crt"), read(pki + "/client.key"),
                                        read(pki + "/client.crt")};
  const auto channel = grpc::CreateChannel(argv[1], grpc::SslCredentials(tls));
  // grpc.health.v1.HealthCheckResponse: field 1, SERVING is 1.
  const bool serving = ask(channel, "/grpc.health.v1.Health/Check", "") == "\x08\x01";
  // grpc.reflection.v1alpha.ServerReflectionRequest: field 7, list_services.
  std::string names =
      ask(channel, "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo", "\x3a\x01*");
  for (char& c : names) c = std::isprint(static_cast<unsigned char>(c)) != 0 ? c : ' ';
  std::printf("%s %s\n", serving ? "SERVING" : "NOT_SERVING", names.c_str());
  return 0;
}
