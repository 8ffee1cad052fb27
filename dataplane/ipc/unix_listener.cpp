// Binds, accepts, and backs off where the process has no descriptor left.
#include "dataplane/ipc/unix_listener.h"

#include <spdlog/spdlog.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <stdexcept>
#include <utility>

#include "dataplane/ipc/accept.h"

namespace bulkhead::ipc {

using boost::asio::local::stream_protocol;
using boost::system::error_code;

namespace {

// True if some process answers on the socket.
bool is_listened_on(boost::asio::io_context& io, const std::string& path) {
  stream_protocol::socket probe(io);
  error_code error;
  probe.connect(stream_protocol::endpoint(path), error);
  return !error;
}

}  // namespace

UnixListener::UnixListener(boost::asio::io_context& io, const std::string& path)
    : path_(path), acceptor_(io), pause_(io) {
  if (is_listened_on(io, path)) {
    throw std::runtime_error("socket " + path +
                             " is in use: another bulkhead-dataplane runs; stop it, or give this " +
                             "one another --socket");
  }
  struct stat info{};
  if (stat(path.c_str(), &info) == 0 && S_ISSOCK(info.st_mode)) unlink(path.c_str());
  const mode_t before = umask(0077);
  error_code error;
  std::error_code ignored;  // a folder that cannot be made shows when the socket is bound
  std::filesystem::create_directories(std::filesystem::path(path).parent_path(), ignored);
  acceptor_.open();
  umask(0117);
  acceptor_.bind(stream_protocol::endpoint(path), error);
  umask(before);
  if (error) throw std::runtime_error("socket " + path + ": " + error.message());
  if (stat(path.c_str(), &info) == 0) group_ = info.st_gid;
  acceptor_.listen();
}

UnixListener::~UnixListener() {
  if (acceptor_.is_open()) unlink(path_.c_str());
}

// The file's permissions say the same; they may have been changed since.
bool UnixListener::may_connect(Socket& socket) const {
  ucred peer{};
  socklen_t length = sizeof(peer);
  if (getsockopt(socket.native_handle(), SOL_SOCKET, SO_PEERCRED, &peer, &length) != 0)
    return false;
  if (peer.uid == 0 || peer.uid == geteuid() || peer.gid == group_) return true;
  spdlog::warn("socket {}: process {} of user {} and group {} was refused", path_, peer.pid,
               peer.uid, peer.gid);
  return false;
}

void UnixListener::accept(std::function<void(Socket)> take) {
  take_ = std::move(take);
  const auto welcome = [this](Socket socket) {
    logged_ = false;
    if (may_connect(socket)) take_(std::move(socket));
  };
  accept_each(acceptor_, pause_, welcome, [this](error_code error) {
    if (std::exchange(logged_, true)) return;
    spdlog::warn("socket {}: cannot accept: {}; trying again", path_, error.message());
  });
}

}  // namespace bulkhead::ipc
