// A connection to a collector, TLS or plain TCP. Everything runs on the thread of `io`, and nothing
// waits. It lives as long as an operation on it is under way.
#pragma once

#include <array>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "controlplane/siem/collector.h"

namespace bulkhead::siem {

class Connection : public std::enable_shared_from_this<Connection> {
 public:
  static constexpr int kSendBufferBytes = 256 * 1024;

  struct Timing {
    std::chrono::milliseconds connect = std::chrono::seconds(10);  // with TLS's greeting
    std::chrono::milliseconds write = std::chrono::seconds(30);    // for a batch
  };
  struct End {
    std::string why;       // for people
    bool orderly = false;  // the collector has closed it, and had read what it received
  };
  struct Callbacks {
    std::function<void()> on_up;
    std::function<void()> on_written;
    std::function<void()> on_asked;
    std::function<void()> on_receipt;
    std::function<void(const End&)> on_end;  // once; not after close()
  };

  // Where it cannot even begin, on_end follows later.
  static std::shared_ptr<Connection> open(boost::asio::io_context& io, const Collector& collector,
                                          const Timing& timing, Callbacks callbacks);

  // One of these two at a time. on_written follows when the kernel has it all.
  void write(std::string bytes);
  // Whether receipts can be asked for: with TLS 1.3. From on_up on.
  bool can_ask_receipt() const;
  // Asks for a receipt of all that was written before; on_asked follows when the kernel has that,
  // and on_receipt once the collector's program has read all of it, if its TLS answers such
  // requests. False if it cannot be asked for.
  bool ask_receipt();
  // Ends it from here, with on_end.
  void fail(std::string why) { end({std::move(why), false}); }
  // Ends it as TLS has it (RFC 5425, 4.4) once nothing is under way; only `done` follows, soon.
  void finish(std::function<void()> done);
  // No callback follows.
  void close();
  bool has_ended() const { return ended_; }

  // Bytes on the wire, those of TLS included. `written` counts once nothing is under way.
  std::uint64_t written() const;
  std::uint64_t acknowledged() const;

 private:
  using Socket = boost::asio::ip::tcp::socket;
  using Tls = boost::asio::ssl::stream<Socket&>;

  Connection(boost::asio::io_context& io, const Collector& collector, const Timing& timing,
             Callbacks callbacks);
  std::string make_tls();
  void connect();
  void greet();
  void up();
  void read();
  void limit(std::chrono::milliseconds time, const char* what);
  void end(boost::system::error_code error, const std::string& what);
  void end(End end);
  std::string refusal(const boost::system::error_code& error) const;
  void watch_answers();
  void on_answer();

  boost::asio::io_context& io_;
  const Collector collector_;
  const Timing timing_;
  Callbacks callbacks_;
  std::optional<boost::asio::ssl::context> context_;
  Socket socket_;
  std::unique_ptr<Tls> tls_;
  boost::asio::steady_timer timer_;
  std::array<char, 4096> input_{};
  std::string output_;
  std::uint64_t plain_written_ = 0;
  bool ended_ = false;
};

}  // namespace bulkhead::siem
