// The stream between the agents of a pair: TLS 1.3, both sides authenticated with the appliances'
// certificates of one authority, and the peer by its name. It comes up by itself and again after
// each loss. Everything runs on the thread of `io`.
#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <memory>
#include <string>

#include "bulkhead/v1/failover.pb.h"
#include "dataplane/base/release.h"
#include "dataplane/ipc/framed_stream.h"

namespace bulkhead::controlplane {

class PairLink {
 public:
  static constexpr std::uint32_t kVersion = 1 + kReleaseAhead;
  static constexpr std::uint32_t kVersionOldest = 1;
  static constexpr std::size_t kMessageBytesMax = std::size_t{80} * 1024 * 1024;
  static constexpr std::size_t kQueuedBytesMax = kMessageBytesMax + 8 * 1024 * 1024;

  struct Options {
    std::string pki;        // folder with ca.crt, server.crt and server.key
    std::string self_name;  // common names in the certificates
    std::string peer_name;
    boost::asio::ip::tcp::endpoint listen;
    boost::asio::ip::tcp::endpoint peer;
  };
  struct Callbacks {
    std::function<void(bool up)> on_link;
    std::function<void(v1::PairMessage)> on_message;
  };

  // Throws with a text for people if the certificates or the address cannot be used.
  PairLink(boost::asio::io_context& io, const Options& options, Callbacks callbacks);
  ~PairLink();

  bool is_up() const { return up_; }
  // What is sent while the link is down is gone.
  void send(const v1::PairMessage& message) { send(ipc::to_frame(message)); }
  void send(std::string frame);

 private:
  using Stream = boost::asio::ssl::stream<boost::asio::ip::tcp::socket>;
  struct Session;

  // The side whose name sorts lower opens the connection, the other one takes it.
  bool opens() const { return options_.self_name < options_.peer_name; }
  void configure_tls();
  void open();
  void accept();
  void begin(std::shared_ptr<Session> session, boost::asio::ssl::stream_base::handshake_type side);
  void greet(const std::shared_ptr<Session>& session);
  void retry();
  void lose(const std::shared_ptr<Session>& session, const std::string& why);
  void read(const std::shared_ptr<Session>& session);
  void take(const std::shared_ptr<Session>& session, const std::string& body);
  void write(const std::shared_ptr<Session>& session, std::string frame);

  boost::asio::io_context& io_;
  Options options_;
  Callbacks callbacks_;
  boost::asio::ssl::context tls_;
  boost::asio::ip::tcp::acceptor acceptor_;
  boost::asio::steady_timer retry_timer_;
  std::shared_ptr<Session> session_;
  bool up_ = false;
  std::size_t handshakes_ = 0;  // under way, of those who came
  std::string told_;            // why the link is down, as it was told last
};

// The common name in a certificate file; empty if it cannot be read.
std::string common_name_of(const std::string& certificate_file);

}  // namespace bulkhead::controlplane
