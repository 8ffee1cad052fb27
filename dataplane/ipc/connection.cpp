// The next request is read once there is room for its answer.
#include "dataplane/ipc/connection.h"

#include <utility>

#include "dataplane/base/secret.h"
#include "dataplane/ipc/limits.h"

namespace bulkhead::ipc {

using boost::system::error_code;

Connection::Connection(Socket socket, Owner& owner)
    : stream_(std::move(socket), kDataplaneFrameBytesMax), owner_(owner) {}

void Connection::close() {
  ended_ = true;
  error_code ignored;
  stream_.socket().close(ignored);
}

void Connection::read() {
  stream_.read([self = shared_from_this()](error_code error, std::string body) {
    v1::DataplaneRequest request;
    if (error || self->ended_ || !request.ParseFromString(body)) return self->stop();
    if (request.has_configure_pair()) wipe(body);  // it holds the pair's key
    self->owner_.take(std::move(request), self);
    if (self->ended_) return;
    if (!self->has_room()) {
      self->waits_for_room_ = true;
    } else {
      self->read();
    }
  });
}

void Connection::send(const v1::DataplaneAnswer& answer) {
  if (ended_) return;
  stream_.send(to_frame(answer), [self = shared_from_this()](error_code error) {
    if (error) return self->stop();
    if (self->has_room() && std::exchange(self->waits_for_room_, false)) self->read();
  });
}

void Connection::stop() {
  if (ended_) return;
  close();
  owner_.forget(shared_from_this());
}

}  // namespace bulkhead::ipc
