// The far end of an agent's Unix socket.
#pragma once

#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/post.hpp>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "bulkhead/v1/dataplane.pb.h"
#include "dataplane/ipc/framed_stream.h"

namespace bulkhead::controlplane {

// A data plane that does what the test says with each request.
class FakeDataplane {
 public:
  using Socket = boost::asio::local::stream_protocol::socket;
  using Stream = ipc::FramedStream<Socket>;
  using Act = std::function<void(Stream&, const v1::DataplaneRequest&)>;

  explicit FakeDataplane(Act act, const std::string& suffix = "")
      : path("/tmp/bulkhead-fake-" + std::to_string(getpid()) + suffix), act_(std::move(act)) {
    unlink(path.c_str());
    acceptor_.open();
    acceptor_.bind(boost::asio::local::stream_protocol::endpoint(path));
    acceptor_.listen();
    accept();
    thread_ = std::thread([this] { io_.run(); });
  }
  ~FakeDataplane() {
    io_.stop();
    thread_.join();
    unlink(path.c_str());
  }
  void hang_up() {
    boost::asio::post(io_, [this] {
      for (const auto& stream : streams_) stream->socket().close();
    });
  }
  // To all who are connected.
  void push(const v1::DataplaneAnswer& answer) {
    boost::asio::post(io_, [this, frame = ipc::to_frame(answer)] {
      for (const auto& stream : streams_) stream->send(frame, [](boost::system::error_code) {});
    });
  }
  static void answer(Stream& stream, const v1::DataplaneAnswer& answer) {
    stream.send(ipc::to_frame(answer), [](boost::system::error_code) {});
  }

  const std::string path;

 private:
  void accept() {
    acceptor_.async_accept([this](boost::system::error_code error, Socket socket) {
      if (error) return;
      streams_.push_back(std::make_unique<Stream>(std::move(socket), 1 << 20));
      read(*streams_.back());
      accept();
    });
  }
  void read(Stream& stream) {
    stream.read([this, &stream](boost::system::error_code error, const std::string& body) {
      if (error) return;
      v1::DataplaneRequest request;
      request.ParseFromString(body);
      act_(stream, request);
      read(stream);
    });
  }

  Act act_;
  boost::asio::io_context io_;
  boost::asio::local::stream_protocol::acceptor acceptor_{io_};
  std::vector<std::unique_ptr<Stream>> streams_;
  std::thread thread_;
};

}  // namespace bulkhead::controlplane
