// Boost.Asio's TLS stream; OpenSSL verifies, and the name is compared here.
#include "controlplane/agent/pair_link.h"

#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <spdlog/spdlog.h>

#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <stdexcept>

#include "dataplane/base/bytes.h"

namespace bulkhead::controlplane {

namespace asio = boost::asio;
namespace ssl = boost::asio::ssl;
using asio::ip::tcp;
using boost::system::error_code;

namespace {

constexpr auto kRetryPeriod = std::chrono::milliseconds(200);
constexpr auto kHandshakeTimeout = std::chrono::seconds(5);

std::string frame_of(const v1::PairMessage& message) {
  std::string frame(4, '\0');
  message.AppendToString(&frame);
  store_be32(reinterpret_cast<std::uint8_t*>(frame.data()),
             static_cast<std::uint32_t>(frame.size() - 4));
  return frame;
}

std::string common_name(X509* certificate) {
  char name[256] = {};
  const int length = X509_NAME_get_text_by_NID(X509_get_subject_name(certificate), NID_commonName,
                                               name, sizeof(name));
  return length <= 0 ? std::string() : std::string(name, static_cast<std::size_t>(length));
}

}  // namespace

std::string common_name_of(const std::string& certificate_file) {
  const std::unique_ptr<BIO, int (*)(BIO*)> file(BIO_new_file(certificate_file.c_str(), "r"),
                                                 BIO_free);
  X509* read = file == nullptr ? nullptr : PEM_read_bio_X509(file.get(), nullptr, nullptr, nullptr);
  const std::unique_ptr<X509, void (*)(X509*)> certificate(read, X509_free);
  return certificate == nullptr ? std::string() : common_name(certificate.get());
}

// One connection. It lives as long as an operation on it is under way.
struct PairLink::Session {
  explicit Session(tcp::socket socket, ssl::context& tls)
      : stream(std::move(socket), tls), timer(stream.get_executor()) {}

  Stream stream;
  asio::steady_timer timer;
  std::array<std::uint8_t, 4> length{};
  std::string body;
  std::deque<std::string> queue;
  bool greeted = false;
  bool closed = false;
};

PairLink::PairLink(asio::io_context& io, const Options& options, Callbacks callbacks)
    : io_(io),
      options_(options),
      callbacks_(std::move(callbacks)),
      tls_(ssl::context::tlsv13),
      acceptor_(io),
      retry_timer_(io) {
  configure_tls();
  if (opens()) {
    open();
    return;
  }
  error_code error;
  acceptor_.open(options_.listen.protocol(), error);
  if (!error) acceptor_.set_option(tcp::acceptor::reuse_address(true), error);
  if (!error) acceptor_.bind(options_.listen, error);
  if (!error) acceptor_.listen(asio::socket_base::max_listen_connections, error);
  if (error) {
    throw std::runtime_error("the pair link cannot listen on " +
                             options_.listen.address().to_string() + ":" +
                             std::to_string(options_.listen.port()) + ": " + error.message());
  }
  accept();
}

PairLink::~PairLink() = default;

void PairLink::configure_tls() {
  error_code error;
  const auto check = [&](const std::string& file) {
    if (error)
      throw std::runtime_error("cannot use " + options_.pki + "/" + file + ": " + error.message());
  };
  tls_.load_verify_file(options_.pki + "/ca.crt", error);
  check("ca.crt");
  tls_.use_certificate_chain_file(options_.pki + "/server.crt", error);
  check("server.crt");
  tls_.use_private_key_file(options_.pki + "/server.key", ssl::context::pem, error);
  check("server.key");
  // Only appliances have certificates for servers; an operator's is no peer's on either side.
  SSL_CTX_set_purpose(tls_.native_handle(), X509_PURPOSE_SSL_SERVER);
  tls_.set_verify_mode(ssl::verify_peer | ssl::verify_fail_if_no_peer_cert);
  tls_.set_verify_callback([name = options_.peer_name](bool good, ssl::verify_context& context) {
    X509_STORE_CTX* store = context.native_handle();
    if (!good || X509_STORE_CTX_get_error_depth(store) > 0) return good;
    return common_name(X509_STORE_CTX_get_current_cert(store)) == name;
  });
}

void PairLink::open() {
  auto session = std::make_shared<Session>(tcp::socket(io_), tls_);
  session_ = session;
  session->timer.expires_after(kHandshakeTimeout);
  session->timer.async_wait([this, session](error_code error) {
    if (!error && !session->greeted) lose(session, "the peer does not answer");
  });
  session->stream.lowest_layer().async_connect(options_.peer, [this, session](error_code error) {
    if (error) return lose(session, error.message());
    begin(session, ssl::stream_base::client);
  });
}

void PairLink::accept() {
  acceptor_.async_accept([this](error_code error, tcp::socket socket) {
    if (error == asio::error::operation_aborted) return;
    if (!error) begin(std::make_shared<Session>(std::move(socket), tls_), ssl::stream_base::server);
    accept();
  });
}

void PairLink::begin(std::shared_ptr<Session> session, ssl::stream_base::handshake_type side) {
  error_code ignored;
  session->stream.lowest_layer().set_option(tcp::no_delay(true), ignored);
  session->timer.expires_after(kHandshakeTimeout);
  session->timer.async_wait([this, session](error_code error) {
    if (!error && !session->greeted) lose(session, "the peer does not greet");
  });
  session->stream.async_handshake(side, [this, session](error_code error) {
    if (error) return lose(session, "TLS: " + error.message());
    // One that has proven its name takes the place of a connection that may be dead.
    if (session_ && session_ != session) lose(session_, "the peer connected anew");
    session_ = session;
    greet(session);
    read_length(session);
  });
}

void PairLink::greet(const std::shared_ptr<Session>& session) {
  v1::PairMessage hello;
  hello.mutable_hello()->set_version(kVersion);
  hello.mutable_hello()->set_version_oldest(kVersionOldest);
  hello.mutable_hello()->set_agent_version(BULKHEAD_VERSION);
  session->queue.push_back(frame_of(hello));
  queued_bytes_ = session->queue.back().size();
  write_next(session);
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
  session->stream.lowest_layer().close(ignored);
  if (session != session_) return;  // it never was the link
  session_.reset();
  if (why != told_) spdlog::warn("pair link to {}: {}; trying again", options_.peer_name, why);
  told_ = why;
  const bool was_up = std::exchange(up_, false);
  if (was_up) callbacks_.on_link(false);
  if (opens()) retry();
}

void PairLink::read_length(const std::shared_ptr<Session>& session) {
  asio::async_read(session->stream, asio::buffer(session->length),
                   [this, session](error_code error, std::size_t) {
                     if (error) return lose(session, error.message());
                     const std::uint32_t length = load_be32(session->length.data());
                     if (length > kMessageBytesMax) return lose(session, "a message is too long");
                     session->body.resize(length);
                     read_body(session);
                   });
}

void PairLink::read_body(const std::shared_ptr<Session>& session) {
  asio::async_read(session->stream, asio::buffer(session->body),
                   [this, session](error_code error, std::size_t) {
                     if (error) return lose(session, error.message());
                     take(session);
                     if (!session->closed) read_length(session);
                   });
}

void PairLink::take(const std::shared_ptr<Session>& session) {
  v1::PairMessage message;
  if (!message.ParseFromString(session->body)) return lose(session, "a message cannot be parsed");
  if (session->greeted) return callbacks_.on_message(std::move(message));
  const v1::PairHello& hello = message.hello();
  if (!message.has_hello() || hello.version() < kVersionOldest ||
      hello.version_oldest() > kVersion) {
    return lose(session, "the peer speaks versions " + std::to_string(hello.version_oldest()) +
                             " to " + std::to_string(hello.version()) + ", this appliance " +
                             std::to_string(kVersionOldest) + " to " + std::to_string(kVersion));
  }
  session->greeted = true;
  session->timer.cancel();
  up_ = true;
  told_.clear();
  spdlog::info("pair link to {} is up, its agent is {}", options_.peer_name, hello.agent_version());
  callbacks_.on_link(true);
}

void PairLink::send(const v1::PairMessage& message) {
  if (!up_) return;
  const std::shared_ptr<Session> session = session_;
  std::string frame = frame_of(message);
  if (queued_bytes_ + frame.size() > kQueuedBytesMax) return lose(session, "the peer is too slow");
  queued_bytes_ += frame.size();
  session->queue.push_back(std::move(frame));
  if (session->queue.size() == 1) write_next(session);
}

void PairLink::write_next(const std::shared_ptr<Session>& session) {
  asio::async_write(session->stream, asio::buffer(session->queue.front()),
                    [this, session](error_code error, std::size_t) {
                      if (error) return lose(session, error.message());
                      if (session->closed) return;
                      queued_bytes_ -= session->queue.front().size();
                      session->queue.pop_front();
                      if (!session->queue.empty()) write_next(session);
                    });
}

}  // namespace bulkhead::controlplane
