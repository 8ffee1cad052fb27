// Accepts connections of management hosts and hands them to gRPC, within bounds that gRPC lacks:
// without a certificate no client blocks another or uses more than a little memory. It runs a
// thread of its own.
#pragma once

#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <string>
#include <thread>

#include "controlplane/api/failed_logins.h"

namespace bulkhead::controlplane {

class Listener {
 public:
  // Takes over a connected socket's descriptor.
  using HandOver = std::function<void(int descriptor)>;

  // `address` is `host:port` or `[host]:port`; the machine may get it later. Throws with a text for
  // people if it cannot be listened on.
  // `report` gets a text for people about clients that do not prove themselves: see FailedLogins.
  Listener(const std::string& address, HandOver hand_over, FailedLogins::Report report = {});
  ~Listener();
  void start();
  // Ends the thread: nothing is handed over any more.
  void stop();

  // Runs a function on its thread. From any thread.
  void post(std::function<void()> function);
  // Notes that a call with this certificate came over the peer's connection, as gRPC names it.
  // From any thread.
  void prove(const std::string& peer, const std::string& name);
  // Runs its thread, for another acceptor.
  boost::asio::io_context& io() { return io_; }

 private:
  using Tcp = boost::asio::ip::tcp;
  using Clock = std::chrono::steady_clock;
  enum class Stage { silent, unproven, proven };
  // One connection. After it is handed over, `watch` is a second descriptor of its socket: it
  // signals when the connection has ended, and can end it.
  struct Guest {
    Guest(Tcp::socket accepted, std::string peer_name);
    Tcp::socket socket;
    boost::asio::posix::stream_descriptor watch;
    boost::asio::steady_timer slow;  // before it is handed over, where its address failed before
    std::string peer;
    std::string address;
    std::string name;  // of the certificate, once proven
    Stage stage = Stage::silent;
    Clock::time_point since;
  };
  using GuestPointer = std::shared_ptr<Guest>;

  void run();
  void accept();
  void warn(const std::string& why);
  void welcome(Tcp::socket socket);
  void serve(const GuestPointer& guest);
  void hand_over(const GuestPointer& guest);
  void watch(const GuestPointer& guest);
  // Ends one of the stage if so many stand in it; true if it did.
  bool make_room(Stage stage, std::size_t most);
  void end(const GuestPointer& guest);
  void sweep();
  void count(const Guest& guest, int change);
  std::size_t count(Stage stage) const { return counts_[static_cast<std::size_t>(stage)]; }

  boost::asio::io_context io_;
  Tcp::acceptor acceptor_;
  boost::asio::steady_timer pause_;
  boost::asio::steady_timer sweep_timer_;
  HandOver hand_over_;
  std::list<GuestPointer> guests_;  // in the order in which they came
  std::map<std::string, GuestPointer> by_peer_;
  using Counts = std::array<std::size_t, 3>;  // by stage
  Counts counts_{};
  std::map<std::string, Counts> of_address_;
  FailedLogins failed_;
  Clock::time_point warns_again_;  // that nothing can be accepted
  std::thread thread_;
};

}  // namespace bulkhead::controlplane
