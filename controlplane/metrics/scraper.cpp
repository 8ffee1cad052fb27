// Boost.Beast reads and writes HTTP; its streams end what takes too long.
#include "controlplane/metrics/scraper.h"

#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <boost/beast/ssl.hpp>
#include <optional>
#include <type_traits>
#include <utility>

#include "controlplane/access/limits.h"

namespace bulkhead::metrics {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
namespace limits = controlplane::limits;
using boost::system::error_code;

namespace {

using Plain = beast::tcp_stream;
using Tls = beast::ssl_stream<beast::tcp_stream>;

std::string chain_pem(SSL* ssl) {
  const controlplane::Memory memory(BIO_new(BIO_s_mem()));
  const STACK_OF(X509)* chain = SSL_get_peer_cert_chain(ssl);
  for (int i = 0; chain != nullptr && i < sk_X509_num(chain); ++i) {
    PEM_write_bio_X509(memory.get(), sk_X509_value(chain, i));
  }
  char* bytes = nullptr;
  const long size = BIO_get_mem_data(memory.get(), &bytes);
  return size > 0 ? std::string(bytes, static_cast<std::size_t>(size)) : std::string();
}

std::string peer_of(const beast::tcp_stream& stream) {
  error_code error;
  const auto endpoint = stream.socket().remote_endpoint(error);
  if (error) return {};
  const std::string port = ":" + std::to_string(endpoint.port());
  const std::string address = endpoint.address().to_string();
  return endpoint.address().is_v4() ? "ipv4:" + address + port : "ipv6:[" + address + "]" + port;
}

template <typename Stream>
class Connection final : public Scraper, public std::enable_shared_from_this<Connection<Stream>> {
 public:
  template <typename... Arguments>
  Connection(Exposition& exposition, MayRead may_read, std::shared_ptr<asio::ssl::context> context,
             Arguments&&... arguments)
      : exposition_(exposition),
        may_read_(std::move(may_read)),
        context_(std::move(context)),
        stream_(std::forward<Arguments>(arguments)...) {}

  void begin() {
    if constexpr (std::is_same_v<Stream, Tls>) {
      beast::get_lowest_layer(stream_).expires_after(limits::kHandshakeFor);
      stream_.async_handshake(asio::ssl::stream_base::server,
                              [self = this->shared_from_this()](error_code error) {
                                if (!error) self->read();
                              });
    } else {
      read();
    }
  }
  void close() override { beast::get_lowest_layer(stream_).close(); }
  bool is_proven() const override { return proven_; }

 private:
  using Parser = http::request_parser<http::empty_body>;
  using Answer = http::response<http::span_body<const char>>;

  void read() {
    parser_.emplace();
    parser_->header_limit(limits::kScrapeHeadBytesMax);
    beast::get_lowest_layer(stream_).expires_after(limits::kScrapeRequestFor);
    http::async_read(stream_, buffer_, *parser_,
                     [self = this->shared_from_this()](error_code error, std::size_t /*bytes*/) {
                       if (!error) self->answer();
                     });
  }

  // Empty, or why this caller may not.
  std::string forbidden() {
    if constexpr (std::is_same_v<Stream, Tls>) {
      const controlplane::Certificate certificate(
          SSL_get1_peer_certificate(stream_.native_handle()));
      return may_read_({certificate.get(), chain_pem(stream_.native_handle()),
                        peer_of(beast::get_lowest_layer(stream_))});
    } else {
      return {};
    }
  }

  void answer() {
    const auto& request = parser_->get();
    const bool is_get = request.method() == http::verb::get;
    const auto target = request.target().substr(0, request.target().find('?'));
    if (!is_get && request.method() != http::verb::head) {
      return say(http::status::method_not_allowed, "only GET and HEAD\n");
    }
    if (target != "/metrics") {
      return say(http::status::not_found, "metrics are at /metrics\n");
    }
    const std::string why = forbidden();
    if (!why.empty()) return say(http::status::forbidden, why + "\n");
    proven_ = true;
    write(http::status::ok, exposition_.text());
  }

  void say(http::status status, std::string text) {
    write(status, std::make_shared<const std::string>(std::move(text)));
  }

  void write(http::status status, Exposition::Text text) {
    const auto& request = parser_->get();
    text_ = std::move(text);
    answer_.emplace(status, request.version());
    answer_->set(http::field::content_type, "text/plain; version=0.0.4; charset=utf-8");
    answer_->set(http::field::cache_control, "no-store");
    if (status == http::status::method_not_allowed) answer_->set(http::field::allow, "GET, HEAD");
    answer_->keep_alive(request.keep_alive());
    answer_->content_length(text_->size());
    if (request.method() != http::verb::head) {
      answer_->body() = beast::span<const char>(text_->data(), text_->size());
    }
    beast::get_lowest_layer(stream_).expires_after(limits::kScrapeAnswerFor);
    http::async_write(stream_, *answer_,
                      [self = this->shared_from_this()](error_code error, std::size_t /*bytes*/) {
                        self->written(error);
                      });
  }

  void written(error_code error) {
    const bool goes_on = !error && answer_->keep_alive();
    answer_.reset();
    text_.reset();
    if (goes_on) return read();
    if (!error) {
      error_code ignored;
      beast::get_lowest_layer(stream_).socket().shutdown(asio::socket_base::shutdown_send, ignored);
    }
  }

  Exposition& exposition_;
  const MayRead may_read_;
  const std::shared_ptr<asio::ssl::context> context_;
  Stream stream_;
  beast::flat_buffer buffer_{limits::kScrapeHeadBytesMax};
  std::optional<Parser> parser_;
  std::optional<Answer> answer_;
  Exposition::Text text_;
  bool proven_ = false;
};

}  // namespace

std::shared_ptr<Scraper> serve_plain(asio::ip::tcp::socket socket, Exposition& exposition) {
  auto made =
      std::make_shared<Connection<Plain>>(exposition, MayRead(), nullptr, std::move(socket));
  made->begin();
  return made;
}

std::shared_ptr<Scraper> serve_tls(asio::ip::tcp::socket socket,
                                   std::shared_ptr<asio::ssl::context> tls, Exposition& exposition,
                                   MayRead may_read) {
  asio::ssl::context& context = *tls;
  auto made = std::make_shared<Connection<Tls>>(exposition, std::move(may_read), std::move(tls),
                                                std::move(socket), context);
  made->begin();
  return made;
}

}  // namespace bulkhead::metrics
