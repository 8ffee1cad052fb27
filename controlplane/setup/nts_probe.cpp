// One connection, which ends after the handshake.
#include "controlplane/setup/nts_probe.h"

#include <netdb.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <cerrno>
#include <memory>
#include <string_view>

namespace bulkhead::setup {

namespace {

constexpr char kPort[] = "4460";                      // RFC 8915, 7.1
constexpr unsigned char kProtocol[] = "\x07ntske/1";  // RFC 8915, 4
constexpr int kTimeoutSeconds = 3;

int connect_to(const addrinfo& address) {
  const int file = socket(address.ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (file < 0) return -1;
  const timeval timeout{kTimeoutSeconds, 0};
  setsockopt(file, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout));  // of connect() too
  setsockopt(file, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
  if (connect(file, address.ai_addr, address.ai_addrlen) == 0) return file;
  const int error = errno;
  close(file);
  errno = error;
  return -1;
}

bool speaks_nts(int file, const std::string& host) {
  const std::unique_ptr<SSL_CTX, void (*)(SSL_CTX*)> context(SSL_CTX_new(TLS_client_method()),
                                                             SSL_CTX_free);
  if (context == nullptr) return false;
  SSL_CTX_set_min_proto_version(context.get(), TLS1_3_VERSION);  // RFC 8915, 3
  const std::unique_ptr<SSL, void (*)(SSL*)> tls(SSL_new(context.get()), SSL_free);
  if (tls == nullptr) return false;
  SSL_set_tlsext_host_name(tls.get(), host.c_str());
  SSL_set_alpn_protos(tls.get(), kProtocol, sizeof(kProtocol) - 1);
  SSL_set_fd(tls.get(), file);
  if (SSL_connect(tls.get()) != 1) return false;
  const unsigned char* chosen = nullptr;
  unsigned int length = 0;
  SSL_get0_alpn_selected(tls.get(), &chosen, &length);
  return std::string_view(reinterpret_cast<const char*>(chosen), length) == "ntske/1";
}

}  // namespace

NtsAnswer ask_for_nts(const std::string& host) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* all = nullptr;
  if (getaddrinfo(host.c_str(), kPort, &hints, &all) != 0) return NtsAnswer::unreachable;
  const std::unique_ptr<addrinfo, void (*)(addrinfo*)> owner(all, freeaddrinfo);
  NtsAnswer answer = NtsAnswer::unreachable;
  for (const addrinfo* each = all; each != nullptr; each = each->ai_next) {
    const int file = connect_to(*each);
    if (file < 0) {
      if (errno == ECONNREFUSED) answer = NtsAnswer::no;
      continue;
    }
    const bool good = speaks_nts(file, host);
    close(file);
    return good ? NtsAnswer::yes : NtsAnswer::no;
  }
  return answer;
}

}  // namespace bulkhead::setup
