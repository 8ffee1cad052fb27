// One collector: keeps a connection to it and writes messages from its place in the logs on. All of
// it runs on the thread of `io`, in short steps; a collector that stalls costs what is in its
// buffers.
#pragma once

#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <random>
#include <string>

#include "bulkhead/v1/telemetry.pb.h"
#include "controlplane/siem/connection.h"
#include "controlplane/siem/delivery.h"
#include "controlplane/siem/feed.h"
#include "controlplane/siem/requests.h"

namespace bulkhead::siem {

class Link : public std::enable_shared_from_this<Link> {
 public:
  static constexpr std::size_t kBatchBytes = 16 * 1024;  // a TLS record's most

  struct Timing {
    Connection::Timing connection = {};
    std::chrono::milliseconds retry_least = std::chrono::milliseconds(250);
    std::chrono::milliseconds retry_most = std::chrono::seconds(30);
    std::chrono::milliseconds settled = std::chrono::seconds(10);  // such a connection was good
    std::chrono::milliseconds stalled = std::chrono::seconds(5);
  };
  struct Sources {
    EventSource& events;
    EventSource& audit;
  };
  // What is wrong, for people, where that changes; empty: nothing any more.
  using OnProblem = std::function<void(const std::string& problem)>;

  // Owned by a shared pointer. The sources outlive it.
  Link(boost::asio::io_context& io, Collector collector, const Sources& sources,
       const std::string& hostname, const Places& places, const Timing& timing,
       OnProblem on_problem);
  ~Link();

  // Begins; and looks for entries that are new.
  void wake();
  // Writes nothing new, waits until what is under way is confirmed, ends the connection and calls
  // back once.
  void finish(std::function<void()> done);

  const Collector& collector() const { return collector_; }
  // What a later agent may go on from.
  const Places& places() const { return delivery_.confirmed(); }
  v1::CollectorStatus status() const;

 private:
  enum class State { closed, connecting, connected };
  using Clock = std::chrono::steady_clock;

  void close();
  void connect();
  void lose(const Connection::End& end);
  void pump();
  bool fill(std::string& batch);
  Places filled() const;
  void on_written();
  void confirm();
  bool ask();
  void look_again();
  void look();
  bool is_stalled() const;
  void set_problem(std::string problem);

  boost::asio::io_context& io_;
  const Collector collector_;
  const Timing timing_;
  const OnProblem on_problem_;
  std::array<Feed, kStreams> feeds_;
  Delivery delivery_;
  std::shared_ptr<Connection> connection_;
  boost::asio::steady_timer retry_;
  boost::asio::steady_timer look_;
  std::function<void()> done_;
  State state_ = State::closed;
  bool writing_ = false;
  bool looking_ = false;
  bool more_ = false;         // the logs may have more than was filled
  bool was_stalled_ = false;  // when the connection before was lost
  std::size_t turn_ = 0;      // whose stream is next
  Requests requests_;
  std::chrono::milliseconds pause_{0};
  Clock::time_point connected_;
  Clock::time_point progress_;  // when something was confirmed, or nothing was pending
  std::string problem_;
  std::minstd_rand chance_;
};

}  // namespace bulkhead::siem
