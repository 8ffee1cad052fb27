// OpenSSL verifies the collector: chain, purpose and name. The authority is the one that the file
// names, never the system's.
#include "controlplane/siem/connection.h"

#include <netinet/tcp.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <boost/asio/post.hpp>
#include <boost/asio/write.hpp>
#include <utility>

#include "controlplane/siem/acknowledged.h"
#include "dataplane/base/secret.h"

namespace bulkhead::siem {

namespace asio = boost::asio;
namespace ssl = boost::asio::ssl;
using boost::system::error_code;

namespace {

// What a vanished collector costs at most, in ms; connections that carry nothing are tried, too.
void set_options(asio::ip::tcp::socket& socket, std::chrono::milliseconds write) {
  const auto set = [&socket](int level, int name, int value) {
    setsockopt(socket.native_handle(), level, name, &value, sizeof value);
  };
  set(SOL_SOCKET, SO_SNDBUF, Connection::kSendBufferBytes);
  set(IPPROTO_TCP, TCP_NODELAY, 1);
  set(IPPROTO_TCP, TCP_USER_TIMEOUT, static_cast<int>(write.count()));
  set(SOL_SOCKET, SO_KEEPALIVE, 1);
  set(IPPROTO_TCP, TCP_KEEPIDLE, 30);
  set(IPPROTO_TCP, TCP_KEEPINTVL, 10);
  set(IPPROTO_TCP, TCP_KEEPCNT, 3);
}

bool is_pem(const std::string& text) { return text.find("-----BEGIN") != std::string::npos; }

}  // namespace

std::shared_ptr<Connection> Connection::open(asio::io_context& io, const Collector& collector,
                                             const Timing& timing, Callbacks callbacks) {
  std::shared_ptr<Connection> made(new Connection(io, collector, timing, std::move(callbacks)));
  asio::post(io, [made] {
    if (!made->ended_) made->connect();
  });
  return made;
}

Connection::Connection(asio::io_context& io, const Collector& collector, const Timing& timing,
                       Callbacks callbacks)
    : io_(io),
      collector_(collector),
      timing_(timing),
      callbacks_(std::move(callbacks)),
      socket_(io),
      timer_(io) {}

// Files are read for each connection, so that renewed ones count from the next on. Returns what is
// wrong.
std::string Connection::make_tls() {
  context_.emplace(ssl::context::tls_client);
  SSL_CTX* const native = context_->native_handle();
  SSL_CTX_set_min_proto_version(native, TLS1_2_VERSION);
  context_->set_verify_mode(ssl::verify_peer);
  const std::string authority = read_secret(collector_.ca);
  if (!is_pem(authority)) return "cannot read a certificate from " + collector_.ca;
  error_code error;
  context_->add_certificate_authority(asio::buffer(authority), error);
  if (error) return "cannot use " + collector_.ca + ": " + error.message();
  if (!collector_.certificate.empty()) {
    const std::string certificate = read_secret(collector_.certificate);
    std::string key = read_secret(collector_.key);
    const bool are_there = is_pem(certificate) && is_pem(key);
    if (are_there) context_->use_certificate_chain(asio::buffer(certificate), error);
    if (are_there && !error) {
      context_->use_private_key(asio::buffer(key), ssl::context::pem, error);
    }
    wipe(key);
    if (!are_there || error) {
      return "cannot use " + collector_.certificate + " and " + collector_.key +
             (error ? ": " + error.message() : ": one of them cannot be read");
    }
  }
  tls_ = std::make_unique<Tls>(socket_, *context_);
  SSL* const session = tls_->native_handle();
  X509_VERIFY_PARAM* const expected = SSL_get0_param(session);
  if (collector_.server_name.empty()) {
    X509_VERIFY_PARAM_set1_ip_asc(expected, collector_.address.c_str());
  } else {
    X509_VERIFY_PARAM_set_hostflags(
        expected, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS | X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
    X509_VERIFY_PARAM_set1_host(expected, collector_.server_name.c_str(), 0);
    SSL_set_tlsext_host_name(session, collector_.server_name.c_str());
  }
  watch_answers();
  return {};
}

// RFC 8446, 4.6.3: the answer to a KeyUpdate that asks for one is a KeyUpdate.
void Connection::watch_answers() {
  SSL* const session = tls_->native_handle();
  SSL_set_msg_callback(session, [](int is_written, int /*version*/, int type, const void* bytes,
                                   std::size_t length, SSL* /*ssl*/, void* self) {
    const bool is_answer = is_written == 0 && type == SSL3_RT_HANDSHAKE && length > 0 &&
                           *static_cast<const unsigned char*>(bytes) == SSL3_MT_KEY_UPDATE;
    if (is_answer) static_cast<Connection*>(self)->on_answer();
  });
  SSL_set_msg_callback_arg(session, this);
}

// OpenSSL is in the middle of something.
void Connection::on_answer() {
  asio::post(io_, [self = shared_from_this()] {
    if (!self->ended_) self->callbacks_.on_receipt();
  });
}

void Connection::connect() {
  if (collector_.transport == Transport::tls) {
    std::string wrong = make_tls();
    ERR_clear_error();
    if (!wrong.empty()) return end({std::move(wrong), true});
  }
  limit(timing_.connect, "it does not answer");
  const asio::ip::tcp::endpoint endpoint(asio::ip::make_address(collector_.address),
                                         collector_.port);
  error_code error;
  socket_.open(endpoint.protocol(), error);
  if (error) return end(error, "no socket");
  set_options(socket_, timing_.write);
  socket_.async_connect(endpoint, [self = shared_from_this()](error_code failure) {
    if (self->ended_) return;
    if (failure) return self->end(failure, "cannot connect");
    if (self->tls_) return self->greet();
    self->up();
  });
}

void Connection::greet() {
  tls_->async_handshake(ssl::stream_base::client, [self = shared_from_this()](error_code error) {
    if (self->ended_) return;
    if (error) return self->end({self->refusal(error), true});
    self->up();
  });
}

std::string Connection::refusal(const error_code& error) const {
  const long verified = SSL_get_verify_result(tls_->native_handle());
  if (verified == X509_V_OK) return "TLS: " + error.message();
  const std::string expected =
      collector_.server_name.empty() ? collector_.address : collector_.server_name;
  return "its certificate is refused: " + std::string(X509_verify_cert_error_string(verified)) +
         "; expected is one for " + expected + " of an authority in " + collector_.ca;
}

void Connection::up() {
  timer_.cancel();
  read();
  callbacks_.on_up();
}

// Collectors say nothing; what they say is not read. Their end, and answers of TLS, arrive so.
void Connection::read() {
  const auto on_read = [self = shared_from_this()](error_code error, std::size_t /*bytes*/) {
    if (self->ended_) return;
    if (error) return self->end(error, "it closed the connection");
    self->read();
  };
  if (tls_) {
    tls_->async_read_some(asio::buffer(input_), on_read);
  } else {
    socket_.async_read_some(asio::buffer(input_), on_read);
  }
}

void Connection::write(std::string bytes) {
  output_ = std::move(bytes);
  limit(timing_.write, "it takes nothing");
  const auto on_write = [self = shared_from_this()](error_code error, std::size_t count) {
    if (self->ended_) return;
    self->timer_.cancel();
    if (error) return self->end(error, "it takes nothing more");
    self->plain_written_ += count;
    self->callbacks_.on_written();
  };
  if (tls_) {
    asio::async_write(*tls_, asio::buffer(output_), on_write);
  } else {
    asio::async_write(socket_, asio::buffer(output_), on_write);
  }
}

bool Connection::can_ask_receipt() const {
  return tls_ && SSL_version(tls_->native_handle()) >= TLS1_3_VERSION;
}

bool Connection::ask_receipt() {
  if (ended_ || !can_ask_receipt()) return false;
  if (SSL_key_update(tls_->native_handle(), SSL_KEY_UPDATE_REQUESTED) != 1) return false;
  // OpenSSL writes the request in its handshake's function.
  limit(timing_.write, "it takes nothing");
  tls_->async_handshake(ssl::stream_base::client, [self = shared_from_this()](error_code error) {
    if (self->ended_) return;
    self->timer_.cancel();
    if (error) return self->end(error, "it takes nothing more");
    self->callbacks_.on_asked();
  });
  return true;
}

void Connection::finish(std::function<void()> done) {
  constexpr auto kFarewell = std::chrono::milliseconds(300);
  if (!tls_ || ended_) {
    close();
    return done();
  }
  ended_ = true;
  timer_.expires_after(kFarewell);
  timer_.async_wait([self = shared_from_this()](error_code stopped) {
    error_code ignored;
    if (!stopped) self->socket_.close(ignored);
  });
  tls_->async_shutdown([self = shared_from_this(), done](error_code /*error*/) {
    self->timer_.cancel();
    error_code ignored;
    self->socket_.close(ignored);
    done();
  });
}

void Connection::close() {
  if (std::exchange(ended_, true)) return;
  timer_.cancel();
  error_code ignored;
  socket_.close(ignored);
}

std::uint64_t Connection::written() const {
  if (!tls_) return plain_written_;
  return BIO_number_written(SSL_get_wbio(tls_->native_handle()));
}

std::uint64_t Connection::acknowledged() const {
  return socket_.is_open() ? acknowledged_bytes(const_cast<Socket&>(socket_).native_handle()) : 0;
}

void Connection::limit(std::chrono::milliseconds time, const char* what) {
  timer_.expires_after(time);
  timer_.async_wait([self = shared_from_this(), what, time](error_code error) {
    if (error || self->ended_) return;
    self->end({std::string(what) + " for " + std::to_string(time.count() / 1000) + " s", false});
  });
}

void Connection::end(error_code error, const std::string& what) {
  // A program that closes what it has read ends the connection; one that has not read all resets it
  // (RFC 2525, 2.17), as its death may.
  const bool orderly = error == asio::error::eof || error == ssl::error::stream_truncated;
  end({what + (error == asio::error::eof ? "" : ": " + error.message()), orderly});
}

void Connection::end(End end) {
  if (ended_) return;
  ended_ = true;
  timer_.cancel();
  callbacks_.on_end(end);  // may ask what was acknowledged
  error_code ignored;
  socket_.close(ignored);
}

}  // namespace bulkhead::siem
