// The next request is read once there is room for its answer.
#include "dataplane/service/connection.h"

#include <utility>

#include "dataplane/artefact/artefact.h"

namespace bulkhead::service {

using boost::system::error_code;

namespace {

constexpr std::size_t kFrameBytesMax = 2 * artefact::kPolicyBytesMax;

}  // namespace

Connection::Connection(Socket socket, Owner& owner)
    : stream_(std::move(socket), kFrameBytesMax), owner_(owner) {}

void Connection::close() {
  ended_ = true;
  error_code ignored;
  stream_.socket().close(ignored);
}

void Connection::read() {
  stream_.read([self = shared_from_this()](error_code error, const std::string& body) {
    v1::DataplaneRequest request;
    if (error || self->ended_ || !request.ParseFromString(body)) return self->stop();
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
  stream_.send(ipc::to_frame(answer), [self = shared_from_this()](error_code error) {
    if (error) return self->stop();
    if (self->has_room() && std::exchange(self->waits_for_room_, false)) self->read();
  });
}

void Connection::stop() {
  if (ended_) return;
  close();
  owner_.forget(shared_from_this());
}

}  // namespace bulkhead::service
