// At a limit the oldest connection of the address that has most is closed: a real client has proven
// itself within a moment.
#include "controlplane/api/listener.h"

#include <fcntl.h>
#include <netinet/tcp.h>
#include <spdlog/spdlog.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <boost/asio/post.hpp>
#include <stdexcept>

#include "controlplane/access/limits.h"
#include "dataplane/daemon/late_address.h"
#include "dataplane/ipc/accept.h"

namespace bulkhead::controlplane {

namespace asio = boost::asio;
using boost::system::error_code;

namespace {

// As gRPC writes a peer.
std::string peer_name(const asio::ip::tcp::endpoint& endpoint) {
  auto address = endpoint.address();
  if (address.is_v6() && address.to_v6().is_v4_mapped()) {
    address = asio::ip::make_address_v4(asio::ip::v4_mapped, address.to_v6());
  }
  const std::string port = std::to_string(endpoint.port());
  return address.is_v4() ? "ipv4:" + address.to_string() + ":" + port
                         : "ipv6:[" + address.to_string() + "]:" + port;
}

// Who is one: an IPv4 address, or an IPv6 network of 64 bits, of which a host has all addresses.
std::string site_of(const std::string& peer) {
  const std::string host = peer.substr(0, peer.rfind(':'));
  if (!host.starts_with("ipv6:[")) return host;
  error_code error;
  const std::string text = host.substr(6, host.size() - 7);
  auto bytes = asio::ip::make_address_v6(text.substr(0, text.find('%')), error).to_bytes();
  std::fill(bytes.begin() + 8, bytes.end(), std::uint8_t{0});
  return asio::ip::make_address_v6(bytes).to_string();
}

// gRPC escapes the brackets of IPv6 addresses.
std::string unescaped(std::string peer) {
  for (const auto& [escape, character] : {std::pair("%5B", '['), std::pair("%5D", ']')}) {
    for (std::size_t at = 0; (at = peer.find(escape)) != std::string::npos;) {
      peer.replace(at, 3, 1, character);
    }
  }
  return peer;
}

asio::ip::tcp::endpoint resolve(asio::io_context& io, const std::string& text) {
  const std::size_t colon = text.rfind(':');
  std::string host = text.substr(0, colon);
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  const std::string port = colon == std::string::npos ? "" : text.substr(colon + 1);
  error_code error;
  asio::ip::tcp::resolver resolver(io);
  const auto found = resolver.resolve(host, port, asio::ip::tcp::resolver::numeric_service, error);
  // The resolver takes a greater number for its lower 16 bits.
  const bool same = !found.empty() && port == std::to_string(found.begin()->endpoint().port());
  if (error || !same) {
    throw std::runtime_error("cannot listen on " + text + ": it is no address and port");
  }
  return found.begin()->endpoint();
}

// A connection whose host has gone ends by itself.
void keep_alive(int descriptor) {
  const int on = 1;
  const int idle_s = 30;
  const int times = 3;
  const int unacknowledged_ms = 30'000;
  setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  setsockopt(descriptor, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
  setsockopt(descriptor, IPPROTO_TCP, TCP_KEEPIDLE, &idle_s, sizeof idle_s);
  setsockopt(descriptor, IPPROTO_TCP, TCP_KEEPINTVL, &idle_s, sizeof idle_s);
  setsockopt(descriptor, IPPROTO_TCP, TCP_KEEPCNT, &times, sizeof times);
  setsockopt(descriptor, IPPROTO_TCP, TCP_USER_TIMEOUT, &unacknowledged_ms,
             sizeof unacknowledged_ms);
}

// True if this side ended the connection, as gRPC does with one whose certificate it refuses; a
// client that goes by itself has shown none.
bool was_refused(int descriptor) {
  tcp_info info{};
  socklen_t size = sizeof info;
  if (getsockopt(descriptor, IPPROTO_TCP, TCP_INFO, &info, &size) != 0) return false;
  return info.tcpi_state == TCP_FIN_WAIT1 || info.tcpi_state == TCP_FIN_WAIT2 ||
         info.tcpi_state == TCP_CLOSING || info.tcpi_state == TCP_TIME_WAIT;
}

}  // namespace

Listener::Guest::Guest(Tcp::socket accepted, std::string name_of_peer)
    : socket(std::move(accepted)),
      watch(socket.get_executor()),
      slow(socket.get_executor()),
      peer(std::move(name_of_peer)),
      address(site_of(peer)),
      since(Clock::now()) {}

void Listener::count(const Guest& guest, int change) {
  const auto stage = static_cast<std::size_t>(guest.stage);
  Counts& here = of_address_[guest.address];
  here[stage] += static_cast<std::size_t>(change);
  counts_[stage] += static_cast<std::size_t>(change);
  if (here == Counts{}) of_address_.erase(guest.address);
}

Listener::Listener(const std::string& address, HandOver hand_over, FailedLogins::Report report)
    : acceptor_(io_),
      pause_(io_),
      sweep_timer_(io_),
      hand_over_(std::move(hand_over)),
      failed_(report ? std::move(report) : [](const std::string&) {}) {
  const Tcp::endpoint endpoint = resolve(io_, address);
  error_code error;
  acceptor_.open(endpoint.protocol(), error);
  if (!error) acceptor_.set_option(Tcp::acceptor::reuse_address(true), error);
  if (!error) {
    daemon::allow_late_address(acceptor_.native_handle(), endpoint.protocol().family());
    acceptor_.bind(endpoint, error);
  }
  if (!error) acceptor_.listen(asio::socket_base::max_listen_connections, error);
  if (!error) acceptor_.non_blocking(true, error);
  if (error) throw std::runtime_error("cannot listen on " + address + ": " + error.message());
  if (!daemon::has_address(endpoint.data(), static_cast<socklen_t>(endpoint.size()))) {
    spdlog::warn("this machine does not have the address {} yet: it is listened on all the same",
                 endpoint.address().to_string());
  }
}

Listener::~Listener() { stop(); }

void Listener::stop() {
  io_.stop();
  if (thread_.joinable()) thread_.join();
}

void Listener::start() {
  accept();
  sweep();
  thread_ = std::thread([this] { run(); });
}

// What goes wrong with one connection ends none of the others.
void Listener::run() {
  while (!io_.stopped()) {
    try {
      io_.run();
    } catch (const std::exception& error) {
      spdlog::error("a management connection failed: {}", error.what());
    }
  }
}

// One that waits is waited for before it is accepted: without a descriptor Linux refuses accept()
// also where nobody waits, and nobody would have to make room then.
void Listener::accept() {
  acceptor_.async_wait(Tcp::acceptor::wait_read, [this](error_code error) {
    if (error == asio::error::operation_aborted) return;
    Tcp::socket socket(io_);
    if (!error) acceptor_.accept(socket, error);
    if (!error) {
      accept();  // first, so that it goes on whatever becomes of this one
      return welcome(std::move(socket));
    }
    if (error == asio::error::would_block) return accept();  // it has gone
    warn(error.message());
    if (error == asio::error::no_descriptors && make_room(Stage::silent, 0)) return accept();
    pause_.expires_after(ipc::kAcceptPause);
    pause_.async_wait([this](error_code stopped) {
      if (!stopped) accept();
    });
  });
}

// Once a minute: it may be so for each that comes.
void Listener::warn(const std::string& why) {
  constexpr auto kPeriod = std::chrono::minutes(1);
  const auto now = Clock::now();
  if (now < warns_again_) return;
  warns_again_ = now + kPeriod;
  spdlog::warn("cannot accept a management connection: {}; trying again", why);
}

void Listener::welcome(Tcp::socket socket) {
  error_code error;
  const Tcp::endpoint peer = socket.remote_endpoint(error);
  if (error) return;  // it has gone
  make_room(Stage::silent, limits::kSilentMax);
  const auto guest = std::make_shared<Guest>(std::move(socket), peer_name(peer));
  // One that had the port before has ended, and that is only not known yet.
  if (const auto before = by_peer_.find(guest->peer); before != by_peer_.end()) {
    end(GuestPointer(before->second));
  }
  guests_.push_back(guest);
  by_peer_[guest->peer] = guest;
  count(*guest, 1);
  guest->socket.async_wait(Tcp::socket::wait_read, [this, guest](error_code failed) {
    if (failed || guest->stage != Stage::silent || !guest->socket.is_open()) return;
    error_code ignored;
    guest->socket.available(ignored) > 0 ? serve(guest) : end(guest);
  });
}

// Where the address has failed often, the connection waits as one that is silent: others pass.
void Listener::serve(const GuestPointer& guest) {
  const auto delay = failed_.delay_of(guest->address, Clock::now());
  if (delay == Clock::duration::zero()) return hand_over(guest);
  guest->slow.expires_after(delay);
  guest->slow.async_wait([this, guest](error_code stopped) {
    if (!stopped && guest->stage == Stage::silent && guest->socket.is_open()) hand_over(guest);
  });
}

void Listener::hand_over(const GuestPointer& guest) {
  make_room(Stage::unproven, limits::kUnprovenMax);
  error_code error;
  const auto duplicate = [&] { return fcntl(guest->socket.native_handle(), F_DUPFD_CLOEXEC, 0); };
  int second = duplicate();
  if (second < 0 && make_room(Stage::silent, 0)) second = duplicate();
  if (second < 0) return end(guest);
  guest->watch.assign(second, error);
  keep_alive(second);
  const int descriptor = guest->socket.release(error);
  if (error) return end(guest);
  fcntl(descriptor, F_SETFL, fcntl(descriptor, F_GETFL) | O_NONBLOCK);
  fcntl(descriptor, F_SETFD, FD_CLOEXEC);
  count(*guest, -1);
  guest->stage = Stage::unproven;
  count(*guest, 1);
  guest->since = Clock::now();
  watch(guest);
  hand_over_(descriptor);
}

// gRPC shuts a connection down before it closes its own descriptor.
void Listener::watch(const GuestPointer& guest) {
  guest->watch.async_wait(asio::posix::stream_descriptor::wait_error,
                          [this, guest](error_code error) {
                            if (error) return;
                            const auto now = Clock::now();
                            // One that was too slow has shown no wrong certificate.
                            const bool failed = guest->stage == Stage::unproven &&
                                                was_refused(guest->watch.native_handle()) &&
                                                now - guest->since < limits::kHandshakeFor / 2;
                            if (failed) failed_.add(guest->address, now);
                            end(guest);
                          });
}

bool Listener::make_room(Stage stage, std::size_t most) {
  if (count(stage) < most || count(stage) == 0) return false;
  const auto at = static_cast<std::size_t>(stage);
  const auto busiest =
      std::max_element(of_address_.begin(), of_address_.end(),
                       [at](const auto& a, const auto& b) { return a.second[at] < b.second[at]; });
  const auto oldest = std::find_if(guests_.begin(), guests_.end(), [&](const GuestPointer& guest) {
    return guest->stage == stage && guest->address == busiest->first;
  });
  if (oldest == guests_.end()) return false;
  end(GuestPointer(*oldest));
  return true;
}

void Listener::end(const GuestPointer& guest) {
  const auto known = by_peer_.find(guest->peer);
  if (known == by_peer_.end() || known->second != guest) return;
  by_peer_.erase(known);
  guests_.remove(guest);
  count(*guest, -1);
  error_code ignored;
  if (guest->watch.is_open()) {
    shutdown(guest->watch.native_handle(), SHUT_RDWR);
    guest->watch.close(ignored);
  }
  guest->socket.close(ignored);
  guest->slow.cancel();
}

void Listener::sweep() {
  constexpr auto kPeriod = std::chrono::milliseconds(250);
  const auto now = Clock::now();
  std::vector<GuestPointer> late;
  for (const auto& guest : guests_) {
    const auto age = now - guest->since;
    const bool over = guest->stage == Stage::silent     ? age > limits::kSilentFor
                      : guest->stage == Stage::unproven ? age > limits::kUnprovenFor
                                                        : false;
    if (over) late.push_back(guest);
  }
  for (const auto& guest : late) end(guest);
  failed_.pass_time(now);
  sweep_timer_.expires_after(kPeriod);
  sweep_timer_.async_wait([this](error_code error) {
    if (!error) sweep();
  });
}

void Listener::post(std::function<void()> function) { asio::post(io_, std::move(function)); }

void Listener::prove(const std::string& peer, const std::string& name) {
  asio::post(io_, [this, peer = unescaped(peer), name] {
    const auto found = by_peer_.find(peer);
    if (found == by_peer_.end() || found->second->stage != Stage::unproven) return;
    const GuestPointer guest = found->second;
    failed_.forgive(guest->address);
    const auto of_name =
        std::count_if(guests_.begin(), guests_.end(), [&](const GuestPointer& other) {
          return other->stage == Stage::proven && other->name == name;
        });
    if (static_cast<std::size_t>(of_name) >= limits::kProvenOfOneMax ||
        count(Stage::proven) >= limits::kProvenMax) {
      return end(guest);
    }
    count(*guest, -1);
    guest->stage = Stage::proven;
    count(*guest, 1);
    guest->name = name;
  });
}

}  // namespace bulkhead::controlplane
