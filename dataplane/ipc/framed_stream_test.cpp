// Frames over a real pair of sockets: cut anywhere, too long, broken off, and in order.
#include "dataplane/ipc/framed_stream.h"

#include <gtest/gtest.h>
#include <malloc.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/local/connect_pair.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <memory>
#include <optional>
#include <vector>

namespace bulkhead::ipc {
namespace {

using Socket = boost::asio::local::stream_protocol::socket;

struct Text {
  std::string text;
  void AppendToString(std::string* out) const { *out += text; }
};

class FramedStreamTest : public ::testing::Test {
 protected:
  static constexpr std::size_t kMax = 1 << 20;

  FramedStreamTest() : far_(io_) {
    Socket near(io_);
    boost::asio::local::connect_pair(near, far_);
    stream_ = std::make_unique<FramedStream<Socket>>(std::move(near), kMax);
  }
  void read() {
    stream_->read([this](boost::system::error_code error, std::string body) {
      error_ = error;
      body_ = std::move(body);
    });
  }
  void run() {
    io_.restart();
    io_.poll();
  }
  void put(const std::string& bytes) { boost::asio::write(far_, boost::asio::buffer(bytes)); }

  boost::asio::io_context io_;
  Socket far_;
  std::unique_ptr<FramedStream<Socket>> stream_;
  std::optional<std::string> body_;
  boost::system::error_code error_;
};

TEST_F(FramedStreamTest, AFrameMayComeInAnyPieces) {
  const std::string frame = to_frame(Text{"hello"});
  ASSERT_EQ(frame.size(), kHeadBytes + 5);
  for (std::size_t cut = 0; cut <= frame.size(); ++cut) {
    body_.reset();
    read();
    put(frame.substr(0, cut));
    run();
    EXPECT_EQ(body_.has_value(), cut == frame.size());
    put(frame.substr(cut));
    run();
    EXPECT_EQ(body_.value(), "hello");
  }
}

TEST_F(FramedStreamTest, EmptyFramesAreFrames) {
  read();
  put(std::string(4, '\0'));
  run();
  EXPECT_EQ(body_.value(), "");
  EXPECT_FALSE(error_);
}

TEST_F(FramedStreamTest, ALengthBeyondTheLimitEndsIt) {
  read();
  put(std::string("\0\x10\0\x01", 4));  // one more than 2^20
  run();
  EXPECT_EQ(error_, boost::system::errc::message_size);
}

// What is only announced takes nothing.
TEST_F(FramedStreamTest, MemoryIsTakenAsBytesArrive) {
  constexpr std::size_t kAnnounced = std::size_t{128} << 20;
  constexpr std::ptrdiff_t kSent = 300 << 10;
  const auto taken = [] {
    const struct mallinfo2 info = mallinfo2();
    return static_cast<std::ptrdiff_t>(info.uordblks + info.hblkhd);
  };
  Socket near(io_);
  Socket far(io_);
  boost::asio::local::connect_pair(near, far);
  FramedStream<Socket> stream(std::move(near), kAnnounced);
  const std::ptrdiff_t before = taken();
  stream.read([](boost::system::error_code, const std::string&) {});
  boost::asio::write(far, boost::asio::buffer(std::string("\x08\0\0\0", 4)));
  run();
  EXPECT_LT(taken() - before, 256 << 10) << "no byte of it has come";
  const std::string piece(std::size_t{50} << 10, 'x');
  for (std::ptrdiff_t sent = 0; sent < kSent; sent += std::ssize(piece)) {
    boost::asio::write(far, boost::asio::buffer(piece));
    run();
  }
  EXPECT_LT(taken() - before, std::ptrdiff_t{4} * kSent);
}

TEST_F(FramedStreamTest, AStreamThatBreaksOffIsAnError) {
  read();
  put(std::string("\0\0\0\5abc", 7));
  far_.close();
  run();
  EXPECT_TRUE(error_);
}

TEST_F(FramedStreamTest, WhatIsSentComesInOrderAndIsCounted) {
  std::vector<bool> written;
  const auto note = [&written](boost::system::error_code error) { written.push_back(!error); };
  stream_->send(to_frame(Text{"one"}), note);
  stream_->send(to_frame(Text{"two"}), note);
  EXPECT_EQ(stream_->queued(), 2U);
  EXPECT_EQ(stream_->queued_bytes(), 2 * (kHeadBytes + 3));
  run();
  EXPECT_EQ(written, (std::vector<bool>{true, true}));
  EXPECT_EQ(stream_->queued_bytes(), 0U);
  std::string heard(2 * (kHeadBytes + 3), '\0');
  boost::asio::read(far_, boost::asio::buffer(heard));
  EXPECT_EQ(heard, to_frame(Text{"one"}) + to_frame(Text{"two"}));
}

TEST_F(FramedStreamTest, WhatWaitsIsGoneWhenItBreaks) {
  int broken = 0;
  for (int i = 0; i < 8; ++i) {
    stream_->send(to_frame(Text{std::string(kMax, 'x')}),
                  [&broken](boost::system::error_code error) { broken += error ? 1 : 0; });
  }
  run();
  EXPECT_GT(stream_->queued(), 0U);
  far_.close();
  run();
  EXPECT_EQ(broken, 1);
  EXPECT_EQ(stream_->queued(), 0U);
  EXPECT_EQ(stream_->queued_bytes(), 0U);
}

}  // namespace
}  // namespace bulkhead::ipc
