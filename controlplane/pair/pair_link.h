// The stream between the agents of a pair: TLS 1.3, both sides authenticated with certificates of
// one authority, the peer by its name. It connects and reconnects by itself. Everything runs on the
// thread of `io`, in short steps whatever a message's size.
#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/asio/steady_timer.hpp>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "bulkhead/v1/failover.pb.h"
#include "controlplane/access/appliance_credentials.h"
#include "dataplane/base/clock.h"
#include "dataplane/base/release.h"
#include "dataplane/ipc/framed_stream.h"
#include "dataplane/ipc/limits.h"

namespace bulkhead::controlplane {

class PairLink {
 public:
  static constexpr std::uint32_t kVersion = 2 + kReleaseAhead;
  static constexpr std::uint32_t kVersionOldest = 1;
  static constexpr std::uint32_t kVersionOfPieces = 2;
  static constexpr std::size_t kPieceBytes = std::size_t{64} * 1024;
  static constexpr std::size_t kMessageBytesMax = ipc::kPairFrameBytesMax;
  static constexpr std::size_t kQueuedBytesMax = kMessageBytesMax + 8 * 1024 * 1024;

  struct Options {
    CredentialsPointer credentials;  // of this appliance
    std::string peer_name;           // in the peer's certificate
    boost::asio::ip::tcp::endpoint listen;
    boost::asio::ip::tcp::endpoint peer;
  };
  struct Callbacks {
    std::function<void(bool up)> on_link;
    std::function<void(v1::PairMessage)> on_message;
    // A message that arrived in pieces: parse it with joined(), where that may take long.
    std::function<void(std::vector<std::string>)> on_pieces = {};
  };

  // Throws with a text for people if the certificates or the address cannot be used.
  PairLink(boost::asio::io_context& io, const Options& options, Callbacks callbacks);
  ~PairLink();

  // Takes other credentials from now on. The connection goes on, unless the peer's certificate does
  // not count under them.
  void use(CredentialsPointer credentials);

  bool is_up() const { return up_; }
  // Counts established connections; 0 while there is none.
  std::uint64_t connection() const { return up_ ? connections_ : 0; }
  // Messages sent while the link is down are lost.
  void send(const v1::PairMessage& message) { send(ipc::to_frame(message)); }
  void send(std::string frame);
  // Sends a large message: others go between its pieces; large ones keep their order.
  void send_pieces(std::deque<std::string> frames);

  // Both take long for a large message, and may run on any thread.
  static std::deque<std::string> in_pieces(const v1::PairMessage& message);
  // Without a message if it cannot be read.
  static v1::PairMessage joined(std::vector<std::string> pieces);

 private:
  using Stream = boost::asio::ssl::stream<boost::asio::ip::tcp::socket>;
  struct Session;

  static constexpr std::size_t kHandshakesMax = 4;  // at once; one peer needs one
  static constexpr std::size_t kHandshakesPerSecond = 32;

  bool may_greet(const boost::asio::ip::tcp::socket& socket);
  // The side whose name sorts lower opens the connection; the other accepts it.
  bool opens() const { return options_.credentials->name < options_.peer_name; }
  std::shared_ptr<boost::asio::ssl::context> make_tls() const;
  void open();
  void accept();
  void begin(std::shared_ptr<Session> session, boost::asio::ssl::stream_base::handshake_type side);
  void greet(const std::shared_ptr<Session>& session);
  void retry();
  void lose(const std::shared_ptr<Session>& session, const std::string& why);
  void read(const std::shared_ptr<Session>& session);
  void take(const std::shared_ptr<Session>& session, const std::string& body);
  void greeted(const std::shared_ptr<Session>& session, const v1::PairMessage& message);
  void collect(const std::shared_ptr<Session>& session, v1::PairPiece piece);
  void write_piece(const std::shared_ptr<Session>& session);
  void write(const std::shared_ptr<Session>& session, std::string frame);

  boost::asio::io_context& io_;
  Options options_;
  Callbacks callbacks_;
  std::shared_ptr<boost::asio::ssl::context> tls_;
  boost::asio::ip::tcp::acceptor acceptor_;
  boost::asio::steady_timer retry_timer_;
  std::shared_ptr<Session> session_;
  bool up_ = false;
  std::uint64_t connections_ = 0;
  std::size_t handshakes_ = 0;         // under way
  std::size_t handshakes_second_ = 0;  // of incoming connections, begun in this second
  TimeNs second_ns_ = 0;               // when it began
  std::string logged_;                 // the last logged reason why the link is down
};

// Makes the kernel drop packets from any other address before they cost anything. If that is not
// possible, the reader has to check.
void only_from(int socket, const boost::asio::ip::address& peer);

}  // namespace bulkhead::controlplane
