// Serves metrics over HTTP/1.1. It runs a thread of its own, which gives way to the other threads
// of the process.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <list>
#include <memory>
#include <string>
#include <thread>

#include "controlplane/access/appliance_credentials.h"
#include "controlplane/access/gate.h"
#include "controlplane/metrics/exposition.h"

namespace bulkhead::metrics {

// A connection, however it is secured.
class Scraper {
 public:
  virtual ~Scraper() = default;
  // Ends it at once.
  virtual void close() = 0;
  // Whether one of its requests was answered.
  virtual bool is_proven() const = 0;
};

class Endpoint {
 public:
  using Credentials = std::function<controlplane::CredentialsPointer()>;
  using Tcp = boost::asio::ip::tcp;

  // Who may read: each caller, over plain HTTP, or holders of a role, over TLS.
  enum class Readers { everybody, roles };
  // Everybody on the machine itself.
  static Readers readers_on(const Tcp::endpoint& address) {
    return address.address().is_loopback() ? Readers::everybody : Readers::roles;
  }

  // The gate and the exposition outlive it. Credentials are asked for at each connection.
  Endpoint(const Tcp::endpoint& address, Readers readers, Exposition& exposition,
           controlplane::Gate& gate, Credentials credentials);
  ~Endpoint();
  // An address that cannot be listened on is tried again until it can be.
  void start();
  // Ends the thread and all connections.
  void stop();

 private:
  void run();
  void open();
  void retry(const std::string& why);
  void accept();
  void welcome(Tcp::socket socket);
  void make_room();
  // The context of the credentials in force; nullptr if they cannot be used.
  std::shared_ptr<boost::asio::ssl::context> tls();

  const Tcp::endpoint address_;
  const Readers readers_;
  Exposition& exposition_;
  controlplane::Gate& gate_;
  const Credentials credentials_;
  boost::asio::io_context io_;
  Tcp::acceptor acceptor_;
  boost::asio::steady_timer pause_;
  std::string logged_;  // why it could not listen
  controlplane::CredentialsPointer tls_of_;
  std::shared_ptr<boost::asio::ssl::context> tls_;
  std::list<std::weak_ptr<Scraper>> scrapers_;  // in the order in which they came
  std::thread thread_;
};

}  // namespace bulkhead::metrics
