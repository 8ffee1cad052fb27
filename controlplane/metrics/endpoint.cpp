// All of it on one thread: scrapes are made one after the other, and a scraper that does not read
// holds up none.
#include "controlplane/metrics/endpoint.h"

#include <spdlog/spdlog.h>
#include <sys/resource.h>

#include <algorithm>
#include <utility>

#include "controlplane/access/limits.h"
#include "controlplane/metrics/scraper.h"
#include "dataplane/daemon/late_address.h"
#include "dataplane/ipc/accept.h"

namespace bulkhead::metrics {

namespace asio = boost::asio;
namespace ssl = boost::asio::ssl;
namespace limits = controlplane::limits;
using boost::system::error_code;

namespace {

std::string text_of(const asio::ip::tcp::endpoint& address) {
  const std::string host = address.address().to_string();
  return (address.address().is_v6() ? "[" + host + "]" : host) + ":" +
         std::to_string(address.port());
}

// A client's certificate is asked for and verified at each connection: nothing is resumed.
std::shared_ptr<ssl::context> make_tls(const controlplane::ApplianceCredentials& own) {
  auto tls = std::make_shared<ssl::context>(ssl::context::tlsv13_server);
  tls->add_certificate_authority(asio::buffer(own.authority_pem));
  tls->use_certificate_chain(asio::buffer(own.certificate_pem));
  tls->use_private_key(asio::buffer(own.key_pem), ssl::context::pem);
  tls->set_verify_mode(ssl::verify_peer | ssl::verify_fail_if_no_peer_cert);
  SSL_CTX_set_session_cache_mode(tls->native_handle(), SSL_SESS_CACHE_OFF);
  SSL_CTX_set_num_tickets(tls->native_handle(), 0);
  return tls;
}

}  // namespace

Endpoint::Endpoint(const Tcp::endpoint& address, Readers readers, Exposition& exposition,
                   controlplane::Gate& gate, Credentials credentials)
    : address_(address),
      readers_(readers),
      exposition_(exposition),
      gate_(gate),
      credentials_(std::move(credentials)),
      acceptor_(io_),
      pause_(io_) {}

Endpoint::~Endpoint() { stop(); }

void Endpoint::start() {
  open();
  thread_ = std::thread([this] { run(); });
}

void Endpoint::stop() {
  io_.stop();
  if (thread_.joinable()) thread_.join();
}

// Large listings are made when nobody else has something to do.
void Endpoint::run() {
  constexpr int kNice = 10;
  setpriority(PRIO_PROCESS, 0, kNice);  // of this thread
  while (!io_.stopped()) {
    try {
      io_.run();
    } catch (const std::exception& error) {
      spdlog::error("metrics: {}", error.what());
    }
  }
}

void Endpoint::open() {
  error_code error;
  acceptor_.open(address_.protocol(), error);
  if (!error) acceptor_.set_option(Tcp::acceptor::reuse_address(true), error);
  if (!error) {
    daemon::allow_late_address(acceptor_.native_handle(), address_.protocol().family());
    acceptor_.bind(address_, error);
  }
  if (!error) acceptor_.listen(limits::kScrapersMax, error);
  if (error) return retry(error.message());
  spdlog::info("metrics are at {}://{}/metrics", readers_ == Readers::everybody ? "http" : "https",
               text_of(address_));
  accept();
}

void Endpoint::retry(const std::string& why) {
  constexpr auto kPause = std::chrono::seconds(5);
  if (why != logged_) {
    spdlog::warn("metrics cannot be served on {}: {}; trying again, see --metrics",
                 text_of(address_), why);
  }
  logged_ = why;
  error_code ignored;
  acceptor_.close(ignored);
  pause_.expires_after(kPause);
  pause_.async_wait([this](error_code stopped) {
    if (!stopped) open();
  });
}

void Endpoint::accept() {
  ipc::accept_each(
      acceptor_, pause_, [this](Tcp::socket socket) { welcome(std::move(socket)); },
      [](error_code) {});
}

// The oldest that was never answered goes first, so that strangers only displace each other.
void Endpoint::make_room() {
  scrapers_.remove_if([](const std::weak_ptr<Scraper>& each) { return each.expired(); });
  if (scrapers_.size() < limits::kScrapersMax) return;
  auto goes = std::find_if(scrapers_.begin(), scrapers_.end(), [](const auto& each) {
    const auto scraper = each.lock();
    return scraper != nullptr && !scraper->is_proven();
  });
  if (goes == scrapers_.end()) goes = scrapers_.begin();
  if (const auto scraper = goes->lock()) scraper->close();
  scrapers_.erase(goes);
}

void Endpoint::welcome(Tcp::socket socket) {
  make_room();
  if (readers_ == Readers::everybody) {
    scrapers_.push_back(serve_plain(std::move(socket), exposition_));
    return;
  }
  auto context = tls();
  if (context == nullptr) return;
  scrapers_.push_back(serve_tls(std::move(socket), std::move(context), exposition_,
                                [this](const controlplane::Presented& presented) {
                                  const auto pass =
                                      gate_.enter(presented, controlplane::methods::kReadMetrics);
                                  return pass ? std::string() : pass.error().error_message();
                                }));
}

std::shared_ptr<ssl::context> Endpoint::tls() {
  const controlplane::CredentialsPointer own = credentials_();
  if (own == tls_of_) return tls_;
  try {
    tls_ = make_tls(*own);
    tls_of_ = own;
  } catch (const std::exception& error) {
    spdlog::error("metrics: the appliance's credentials cannot be used: {}", error.what());
    return nullptr;
  }
  return tls_;
}

}  // namespace bulkhead::metrics
