// An agent's connection: its requests in order, and messages to it. A client that does not read is
// not read from either.
#pragma once

#include <boost/asio/local/stream_protocol.hpp>
#include <memory>

#include "bulkhead/v1/dataplane.pb.h"
#include "dataplane/ipc/framed_stream.h"

namespace bulkhead::ipc {

class Connection : public std::enable_shared_from_this<Connection> {
 public:
  using Socket = boost::asio::local::stream_protocol::socket;
  using Pointer = std::shared_ptr<Connection>;

  // Who owns connections. It outlives them, or closes them.
  class Owner {
   public:
    virtual ~Owner() = default;
    virtual void take(v1::DataplaneRequest request, const Pointer& connection) = 0;
    // It has ended.
    virtual void forget(const Pointer& connection) = 0;
  };

  Connection(Socket socket, Owner& owner);

  void start() { read(); }
  void close();
  void send(const v1::DataplaneAnswer& answer);
  // Drop pushed messages if there is none.
  bool has_room() const { return stream_.queued_bytes() < kQueuedBytesMax; }

 private:
  static constexpr std::size_t kQueuedBytesMax = 4 * 1024 * 1024;

  void read();
  void stop();

  FramedStream<Socket> stream_;
  Owner& owner_;
  bool waits_for_room_ = false;
  bool ended_ = false;
};

}  // namespace bulkhead::ipc
