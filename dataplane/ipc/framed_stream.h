// One end of a stream of frames: a length of four bytes in network order, then as many bytes.
// Everything runs on the stream's executor. Memory is taken as bytes arrive, not when the length is
// announced.
#pragma once

#include <algorithm>
#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <cstdint>
#include <deque>
#include <string>
#include <utility>

#include "dataplane/base/bytes.h"

namespace bulkhead::ipc {

constexpr std::size_t kHeadBytes = 4;

// A protobuf message as a frame.
template <typename Message>
std::string to_frame(const Message& message) {
  std::string frame(kHeadBytes, '\0');
  message.AppendToString(&frame);
  store_be32(reinterpret_cast<std::uint8_t*>(frame.data()),
             static_cast<std::uint32_t>(frame.size() - kHeadBytes));
  return frame;
}

template <typename Socket>
class FramedStream {
 public:
  using Error = boost::system::error_code;

  // `frame_bytes_max` bounds what the other end may send as one frame.
  FramedStream(Socket socket, std::size_t frame_bytes_max)
      : socket_(std::move(socket)), frame_bytes_max_(frame_bytes_max) {}

  Socket& socket() { return socket_; }

  // Calls `then(error, body)` with the next frame. One read at a time. `then` keeps the owner
  // alive.
  template <typename Then>
  void read(Then then) {
    boost::asio::async_read(socket_, boost::asio::buffer(head_),
                            [this, then = std::move(then)](Error error, std::size_t) mutable {
                              const std::size_t length = load_be32(head_.data());
                              if (!error && length > frame_bytes_max_) {
                                error = make_error_code(boost::system::errc::message_size);
                              }
                              if (error) return then(error, std::string());
                              body_.clear();
                              read_pieces(length, std::move(then));
                            });
  }

  // Appends a frame to the send queue. `written(error)` keeps the owner alive. It is called for
  // each frame written, and a last time when the stream breaks; queued frames are lost then.
  template <typename Written>
  void send(std::string frame, Written written) {
    queued_bytes_ += frame.size();
    queue_.push_back(std::move(frame));
    if (queue_.size() == 1) write_next(std::move(written));
  }

  // Bytes of frames that are not completely written.
  std::size_t queued_bytes() const { return queued_bytes_; }
  std::size_t queued() const { return queue_.size(); }

 private:
  static constexpr std::size_t kPieceBytes = 64 * 1024;

  template <typename Then>
  void read_pieces(std::size_t length, Then then) {
    const std::size_t had = body_.size();
    if (had == length) return then(Error(), std::exchange(body_, std::string()));
    body_.resize(std::min(length, std::max(kPieceBytes, 2 * had)));
    boost::asio::async_read(
        socket_, boost::asio::buffer(body_.data() + had, body_.size() - had),
        [this, length, then = std::move(then)](Error error, std::size_t) mutable {
          if (error) return then(error, std::string());
          read_pieces(length, std::move(then));
        });
  }

  template <typename Written>
  void write_next(Written written) {
    boost::asio::async_write(socket_, boost::asio::buffer(queue_.front()),
                             [this, written = std::move(written)](Error error, std::size_t) {
                               queued_bytes_ -= queue_.front().size();
                               queue_.pop_front();
                               if (error) {
                                 queue_.clear();
                                 queued_bytes_ = 0;
                               } else if (!queue_.empty()) {
                                 write_next(written);
                               }
                               written(error);
                             });
  }

  Socket socket_;
  std::size_t frame_bytes_max_;
  std::array<std::uint8_t, kHeadBytes> head_{};
  std::string body_;
  std::deque<std::string> queue_;
  std::size_t queued_bytes_ = 0;
};

}  // namespace bulkhead::ipc
