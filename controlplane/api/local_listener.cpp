// The kernel names the peer (SO_PEERCRED), as it was when it connected.
#include "controlplane/api/local_listener.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <stdexcept>
#include <utility>

#include "dataplane/ipc/accept.h"

namespace bulkhead::controlplane {

namespace asio = boost::asio;
using boost::system::error_code;

LocalListener::LocalListener(asio::io_context& io, const std::string& path, Callbacks callbacks)
    : acceptor_(io), pause_(io), callbacks_(std::move(callbacks)) {
  const auto fail = [&path](const std::string& why) {
    throw std::runtime_error("cannot listen on the local socket " + path + ": " + why);
  };
  if (path.size() >= sizeof(sockaddr_un::sun_path)) fail("its path is too long");
  struct stat info{};
  const bool is_there = lstat(path.c_str(), &info) == 0;
  if (is_there && !S_ISSOCK(info.st_mode)) fail("another file is there");
  if (is_there) unlink(path.c_str());
  error_code error;
  acceptor_.open(Unix(), error);
  const mode_t before = umask(0177);
  if (!error) acceptor_.bind(Unix::endpoint(path), error);
  umask(before);
  if (!error) acceptor_.listen(asio::socket_base::max_listen_connections, error);
  if (error) fail(error.message());
}

void LocalListener::start() { accept(); }

void LocalListener::accept() {
  ipc::accept_each(
      acceptor_, pause_, [this](Unix::socket socket) { welcome(std::move(socket)); },
      [](error_code) {});
}

void LocalListener::welcome(Unix::socket socket) {
  ucred peer{};
  socklen_t size = sizeof peer;
  if (getsockopt(socket.native_handle(), SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) return;
  if (peer.uid != 0) return callbacks_.on_other(peer.uid, peer.pid);
  error_code error;
  const int descriptor = socket.release(error);
  if (error) return;
  fcntl(descriptor, F_SETFL, fcntl(descriptor, F_GETFL) | O_NONBLOCK);
  fcntl(descriptor, F_SETFD, FD_CLOEXEC);
  callbacks_.on_root(peer.pid);
  callbacks_.hand_over(descriptor);
}

}  // namespace bulkhead::controlplane
