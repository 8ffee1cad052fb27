// Boost.Asio's TLS stream; OpenSSL verifies, and the name is compared here.
#include "controlplane/pair/pair_link.h"

#include <linux/filter.h>
#include <openssl/x509v3.h>
#include <spdlog/spdlog.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <utility>

#include "controlplane/access/certificate.h"
#include "dataplane/daemon/late_address.h"
#include "dataplane/ipc/accept.h"

namespace bulkhead::controlplane {

namespace asio = boost::asio;
namespace ssl = boost::asio::ssl;
using asio::ip::tcp;
using boost::system::error_code;

namespace {

constexpr auto kRetryPeriod = std::chrono::milliseconds(200);
constexpr auto kHandshakeTimeout = std::chrono::seconds(2);

// What a peer of version 1 reads.
std::string whole_frame(const std::deque<std::string>& frames) {
  std::string frame(ipc::kHeadBytes, '\0');
  for (const std::string& each : frames) {
    v1::PairMessage message;
    message.ParseFromString(each.substr(ipc::kHeadBytes));
    frame += message.piece().bytes();
  }
  store_be32(reinterpret_cast<std::uint8_t*>(frame.data()),
             static_cast<std::uint32_t>(frame.size() - ipc::kHeadBytes));
  return frame;
}

bool is_peer(const Trust& trust, const std::string& name, X509* certificate,
             STACK_OF(X509) * chain) {
  const auto peer = appliance_in(certificate);
  return peer && peer.value() == name &&
         trust.problem_with(certificate, chain, Expiry::tolerated).empty();
}

}  // namespace

// Of a packet's IP header, whatever its version: jumps over the rest where a word is another's.
void only_from(int socket, const asio::ip::address& peer) {
  const auto at = [](std::uint32_t offset) {
    return static_cast<std::uint32_t>(SKF_NET_OFF) + offset;
  };
  const bool is_v4 = peer.is_v4();
  const std::uint32_t first = is_v4 ? 12 : 8;  // RFC 791, 3.1; RFC 8200, 3: the source
  const std::size_t words = is_v4 ? 1 : 4;
  std::array<std::uint8_t, 16> bytes{};
  if (is_v4) {
    std::ranges::copy(peer.to_v4().to_bytes(), bytes.begin());
  } else {
    std::ranges::copy(peer.to_v6().to_bytes(), bytes.begin());
  }
  std::vector<sock_filter> program = {BPF_STMT(BPF_LD | BPF_B | BPF_ABS, at(0)),
                                      BPF_STMT(BPF_ALU | BPF_RSH | BPF_K, 4)};
  // `others` instructions on stands what drops.
  auto others = static_cast<std::uint8_t>(2 * words + 1);
  program.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, is_v4 ? 4U : 6U, 0, others));
  for (std::size_t i = 0; i < words; ++i) {
    others = static_cast<std::uint8_t>(others - 2);
    program.push_back(
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, at(first + 4 * static_cast<std::uint32_t>(i))));
    program.push_back(
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, load_be32(bytes.data() + 4 * i), 0, others));
  }
  program.push_back(BPF_STMT(BPF_RET | BPF_K, 0xffffffff));
  program.push_back(BPF_STMT(BPF_RET | BPF_K, 0));
  const sock_fprog filter{static_cast<unsigned short>(program.size()), program.data()};
  if (setsockopt(socket, SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof filter) != 0) {
    spdlog::warn("pair link: no filter of addresses: {}", std::strerror(errno));
  }
}

// One connection. It lives as long as an operation on it is under way.
struct PairLink::Session {
  Session(tcp::socket socket, std::shared_ptr<ssl::context> context)
      : tls(std::move(context)),
        timer(socket.get_executor()),
        frames(Stream(std::move(socket), *tls), PairLink::kMessageBytesMax) {}

  Stream& stream() { return frames.socket(); }

  std::shared_ptr<ssl::context> tls;  // has the handshake's callback
  asio::steady_timer timer;
  ipc::FramedStream<Stream> frames;
  std::uint32_t version = 0;        // the peer's
  std::deque<std::string> waiting;  // frames of pieces
  std::size_t waiting_bytes = 0;
  std::size_t until_piece_written = 0;  // frames, with that of the piece; 0: none is under way
  std::vector<std::string> pieces;      // of a message that comes in
  std::size_t pieces_bytes = 0;
  bool greeted = false;
  bool closed = false;
};

PairLink::PairLink(asio::io_context& io, const Options& options, Callbacks callbacks)
    : io_(io),
      options_(options),
      callbacks_(std::move(callbacks)),
      tls_(make_tls()),
      acceptor_(io),
      retry_timer_(io) {
  if (opens()) {
    open();
    return;
  }
  error_code error;
  acceptor_.open(options_.listen.protocol(), error);
  if (!error) acceptor_.set_option(tcp::acceptor::reuse_address(true), error);
  if (!error) {
    daemon::allow_late_address(acceptor_.native_handle(), options_.listen.protocol().family());
    acceptor_.bind(options_.listen, error);
  }
  if (!error) only_from(acceptor_.native_handle(), options_.peer.address());
  if (!error) acceptor_.listen(asio::socket_base::max_listen_connections, error);
  if (error) {
    throw std::runtime_error("the pair link cannot listen on " +
                             options_.listen.address().to_string() + ":" +
                             std::to_string(options_.listen.port()) + ": " + error.message());
  }
  accept();
}

PairLink::~PairLink() = default;

// A peer is known by its name and its authority; that its certificate has expired must not end the
// pair, and is reported by its own agent.
std::shared_ptr<ssl::context> PairLink::make_tls() const {
  const ApplianceCredentials& own = *options_.credentials;
  auto tls = std::make_shared<ssl::context>(ssl::context::tlsv13);
  error_code error;
  const auto check = [&error](const std::string& file) {
    if (error) throw std::runtime_error("cannot use " + file + ": " + error.message());
  };
  tls->add_certificate_authority(asio::buffer(own.authority_pem), error);
  check(kAuthorityFile);
  tls->use_certificate_chain(asio::buffer(own.certificate_pem), error);
  check(kCertificateFile);
  tls->use_private_key(asio::buffer(own.key_pem), ssl::context::pem, error);
  check(kKeyFile);
  // Only appliances have certificates for servers; an operator's is no peer's on either side.
  SSL_CTX_set_purpose(tls->native_handle(), X509_PURPOSE_SSL_SERVER);
  tls->set_verify_mode(ssl::verify_peer | ssl::verify_fail_if_no_peer_cert);
  tls->set_verify_callback(
      [name = options_.peer_name, trust = own.trust](bool good, ssl::verify_context& context) {
        X509_STORE_CTX* store = context.native_handle();
        const bool expired = X509_STORE_CTX_get_error(store) == X509_V_ERR_CERT_HAS_EXPIRED;
        if (!good && !expired) return false;
        if (X509_STORE_CTX_get_error_depth(store) > 0) return true;
        return is_peer(*trust, name, X509_STORE_CTX_get_current_cert(store),
                       X509_STORE_CTX_get0_untrusted(store));
      });
  return tls;
}

void PairLink::use(CredentialsPointer credentials) {
  options_.credentials = std::move(credentials);
  tls_ = make_tls();
  if (!session_ || !session_->greeted) return;
  SSL* ssl = session_->stream().native_handle();
  const Certificate peer(SSL_get1_peer_certificate(ssl));
  const bool counts = peer && is_peer(*options_.credentials->trust, options_.peer_name, peer.get(),
                                      SSL_get_peer_cert_chain(ssl));
  if (!counts) lose(session_, "the peer's certificate does not count any more");
}

void PairLink::open() {
  auto session = std::make_shared<Session>(tcp::socket(io_), tls_);
  session_ = session;
  session->timer.expires_after(kHandshakeTimeout);
  session->timer.async_wait([this, session](error_code error) {
    if (!error && !session->greeted) lose(session, "the peer does not answer");
  });
  // From where the peer expects this one.
  error_code error;
  tcp::socket& socket = session->stream().next_layer();
  socket.open(options_.peer.protocol(), error);
  if (!error) socket.bind({options_.listen.address(), 0}, error);
  if (error) return lose(session, error.message());
  socket.async_connect(options_.peer, [this, session](error_code failure) {
    if (failure) return lose(session, failure.message());
    begin(session, ssl::stream_base::client);
  });
}

void PairLink::accept() {
  const auto welcome = [this](tcp::socket socket) {
    if (!may_greet(socket)) return;
    begin(std::make_shared<Session>(std::move(socket), tls_), ssl::stream_base::server);
  };
  ipc::accept_each(acceptor_, retry_timer_, welcome, [this](error_code error) {
    if (error.message() != logged_) spdlog::warn("pair link: cannot accept: {}", error.message());
    logged_ = error.message();
  });
}

bool PairLink::may_greet(const tcp::socket& socket) {
  error_code error;
  const tcp::endpoint from = socket.remote_endpoint(error);
  if (error || from.address() != options_.peer.address()) return false;
  const TimeNs now_ns = monotonic_now_ns();
  if (now_ns - second_ns_ >= kSecondNs) {
    second_ns_ = now_ns;
    handshakes_second_ = 0;
  }
  if (handshakes_ >= kHandshakesMax || handshakes_second_ >= kHandshakesPerSecond) return false;
  ++handshakes_second_;
  return true;
}

void PairLink::begin(std::shared_ptr<Session> session, ssl::stream_base::handshake_type side) {
  error_code ignored;
  session->stream().lowest_layer().set_option(tcp::no_delay(true), ignored);
  session->timer.expires_after(kHandshakeTimeout);
  session->timer.async_wait([this, session](error_code error) {
    if (!error && !session->greeted) lose(session, "the peer does not greet");
  });
  ++handshakes_;
  session->stream().async_handshake(side, [this, session](error_code error) {
    --handshakes_;
    if (error) return lose(session, "TLS: " + error.message());
    // One that has proven its name takes the place of a connection that may be dead.
    if (session_ && session_ != session) lose(session_, "the peer connected anew");
    session_ = session;
    greet(session);
    read(session);
  });
}

void PairLink::greet(const std::shared_ptr<Session>& session) {
  v1::PairMessage hello;
  hello.mutable_hello()->set_version(kVersion);
  hello.mutable_hello()->set_version_oldest(kVersionOldest);
  hello.mutable_hello()->set_agent_version(BULKHEAD_VERSION);
  write(session, ipc::to_frame(hello));
}

void PairLink::retry() {
  retry_timer_.expires_after(kRetryPeriod);
  retry_timer_.async_wait([this](error_code error) {
    if (!error) open();
  });
}

void PairLink::lose(const std::shared_ptr<Session>& session, const std::string& why) {
  if (session->closed) return;
  session->closed = true;
  session->timer.cancel();
  error_code ignored;
  session->stream().lowest_layer().close(ignored);
  if (session != session_) return;  // it never was the link
  session_.reset();
  if (why != logged_) spdlog::warn("pair link to {}: {}; trying again", options_.peer_name, why);
  logged_ = why;
  const bool was_up = std::exchange(up_, false);
  if (was_up) callbacks_.on_link(false);
  if (opens()) retry();
}

void PairLink::read(const std::shared_ptr<Session>& session) {
  session->frames.read([this, session](error_code error, const std::string& body) {
    if (error) return lose(session, error.message());
    take(session, body);
    if (!session->closed) read(session);
  });
}

void PairLink::take(const std::shared_ptr<Session>& session, const std::string& body) {
  v1::PairMessage message;
  if (!message.ParseFromString(body)) return lose(session, "a message cannot be parsed");
  if (!session->greeted) return greeted(session, message);
  if (message.has_piece()) return collect(session, std::move(*message.mutable_piece()));
  callbacks_.on_message(std::move(message));
}

void PairLink::greeted(const std::shared_ptr<Session>& session, const v1::PairMessage& message) {
  const v1::PairHello& hello = message.hello();
  if (!message.has_hello() || hello.version() < kVersionOldest ||
      hello.version_oldest() > kVersion) {
    return lose(session, "the peer speaks versions " + std::to_string(hello.version_oldest()) +
                             " to " + std::to_string(hello.version()) + ", this appliance " +
                             std::to_string(kVersionOldest) + " to " + std::to_string(kVersion));
  }
  session->greeted = true;
  session->version = hello.version();
  session->timer.cancel();
  up_ = true;
  ++connections_;
  logged_.clear();
  spdlog::info("pair link to {} is up, its agent is {}", options_.peer_name, hello.agent_version());
  callbacks_.on_link(true);
}

void PairLink::send(std::string frame) {
  if (!up_) return;
  const std::shared_ptr<Session> session = session_;
  if (session->frames.queued_bytes() + frame.size() > kQueuedBytesMax) {
    return lose(session, "the peer is too slow");
  }
  write(session, std::move(frame));
}

void PairLink::write(const std::shared_ptr<Session>& session, std::string frame) {
  session->frames.send(std::move(frame), [this, session](error_code error) {
    if (error) return lose(session, error.message());
    if (session->until_piece_written > 0 && --session->until_piece_written == 0) {
      write_piece(session);
    }
  });
}

// One piece waits in the stream at a time: what is sent meanwhile goes before the next one.
void PairLink::write_piece(const std::shared_ptr<Session>& session) {
  if (session->closed || session->waiting.empty() || session->until_piece_written > 0) return;
  std::string frame = std::move(session->waiting.front());
  session->waiting.pop_front();
  session->waiting_bytes -= frame.size();
  write(session, std::move(frame));
  session->until_piece_written = session->frames.queued();
}

void PairLink::send_pieces(std::deque<std::string> frames) {
  if (!up_) return;
  const std::shared_ptr<Session> session = session_;
  if (session->version < kVersionOfPieces) return send(whole_frame(frames));
  for (std::string& frame : frames) {
    session->waiting_bytes += frame.size();
    session->waiting.push_back(std::move(frame));
  }
  if (session->waiting_bytes > kQueuedBytesMax) return lose(session, "the peer is too slow");
  write_piece(session);
}

void PairLink::collect(const std::shared_ptr<Session>& session, v1::PairPiece piece) {
  const std::size_t bytes = piece.bytes().size();
  const std::size_t all = session->pieces_bytes + bytes;
  const bool last = all == piece.of();
  if (bytes == 0 || all > piece.of() || piece.of() > kMessageBytesMax ||
      (!last && bytes != kPieceBytes)) {
    return lose(session, "a message's pieces do not fit");
  }
  session->pieces.push_back(std::move(*piece.mutable_bytes()));
  session->pieces_bytes = all;
  if (!last) return;
  session->pieces_bytes = 0;
  if (callbacks_.on_pieces) callbacks_.on_pieces(std::exchange(session->pieces, {}));
  session->pieces.clear();
}

std::deque<std::string> PairLink::in_pieces(const v1::PairMessage& message) {
  const std::string whole = message.SerializeAsString();
  std::deque<std::string> frames;
  for (std::size_t at = 0; at < whole.size(); at += kPieceBytes) {
    v1::PairMessage out;
    out.mutable_piece()->set_bytes(whole.substr(at, kPieceBytes));
    out.mutable_piece()->set_of(whole.size());
    frames.push_back(ipc::to_frame(out));
  }
  return frames;
}

v1::PairMessage PairLink::joined(std::vector<std::string> pieces) {
  std::string whole;
  for (std::string& piece : pieces) {
    whole += piece;
    piece = std::string();
  }
  v1::PairMessage message;
  if (!message.ParseFromString(whole)) message.Clear();
  return message;
}

}  // namespace bulkhead::controlplane
