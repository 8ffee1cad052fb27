// Scrapers of every kind at the endpoint: who gets what, and what one of them costs.
#include "controlplane/metrics/endpoint.h"

#include <gtest/gtest.h>

#include <boost/asio/read.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <boost/beast/ssl.hpp>
#include <memory>
#include <string>
#include <vector>

#include "controlplane/access/limits.h"
#include "tests/support/appliance_keys.h"
#include "tests/support/authority.h"
#include "tests/support/everybody.h"
#include "tests/support/free_port.h"

namespace bulkhead::metrics {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
namespace limits = controlplane::limits;
using boost::system::error_code;
using controlplane::AccessPointer;
using controlplane::AccessRules;
using controlplane::Issued;
using controlplane::Refusal;
using controlplane::Role;
using Tcp = asio::ip::tcp;

class Nothing final : public controlplane::Readings {
 public:
  v1::GetStatusResponse status() override { return {}; }
  Result<v1::Counters, Refusal> counters(v1::GetDataplaneCounters& /*question*/,
                                         std::chrono::milliseconds /*timeout*/) override {
    return Refusal{Refusal::Kind::unavailable, "nothing"};
  }
  RulesInForce rules() override { return {}; }
  Result<v1::DataplaneFlows, Refusal> flows(const v1::ListDataplaneFlows& /*page*/) override {
    return Refusal{Refusal::Kind::unavailable, "nothing"};
  }
};

AccessPointer access_of(const std::map<std::string, Role>& roles) {
  AccessRules rules;
  for (const auto& [identity, role] : roles) rules.identities[identity].add(role);
  return std::make_shared<const AccessRules>(std::move(rules));
}

struct Got {
  unsigned status = 0;  // 0: no answer
  std::string type;
  std::string body;
  bool keeps = false;
};

template <typename Stream>
Got ask(Stream& stream, const std::string& target = "/metrics", http::verb verb = http::verb::get) {
  http::request<http::empty_body> request(verb, target, 11);
  request.set(http::field::host, "appliance");
  error_code error;
  http::write(stream, request, error);
  beast::flat_buffer buffer;
  http::response_parser<http::string_body> parser;
  parser.skip(verb == http::verb::head);
  if (!error) http::read(stream, buffer, parser, error);
  if (error) return {};
  const auto& answer = parser.get();
  return {answer.result_int(), std::string(answer[http::field::content_type]), answer.body(),
          answer.keep_alive()};
}

class EndpointTest : public ::testing::Test {
 protected:
  void serve(Endpoint::Readers readers) {
    endpoint_ = std::make_unique<Endpoint>(address_, readers, exposition_, gate_,
                                           [this] { return credentials_; });
    endpoint_->start();
  }
  std::unique_ptr<Tcp::socket> connect() {
    auto socket = std::make_unique<Tcp::socket>(io_);
    error_code error;
    socket->connect(address_, error);
    EXPECT_FALSE(error) << error.message();
    return socket;
  }
  // As a client of this certificate; without one, as one that shows none.
  Got ask_tls(const Issued* client) {
    asio::ssl::context context(asio::ssl::context::tlsv13_client);
    context.add_certificate_authority(asio::buffer(authority_.certificate_pem));
    context.set_verify_mode(asio::ssl::verify_peer);
    if (client != nullptr) {
      context.use_certificate_chain(asio::buffer(client->certificate_pem));
      context.use_private_key(asio::buffer(client->key_pem), asio::ssl::context::pem);
    }
    asio::ssl::stream<Tcp::socket> stream(io_, context);
    error_code error;
    stream.next_layer().connect(address_, error);
    EXPECT_FALSE(error) << error.message();
    stream.handshake(asio::ssl::stream_base::client, error);
    return error ? Got() : ask(stream);
  }

  const Issued authority_ = controlplane::make_authority("test", 1);
  controlplane::CredentialsPointer credentials_ = controlplane::credentials_of(
      authority_, controlplane::issue_server(authority_, "alpha", {"127.0.0.1"}, 1), "alpha");
  AccessPointer access_ = access_of({{"viewer", Role::viewer}});
  controlplane::Gate gate_{[this] { return access_; },
                           [](const std::string&, const std::string&) {}};
  Nothing readings_;
  Exposition exposition_{[] { return controlplane::Observation(); }, readings_};
  Tcp::endpoint address_{asio::ip::address_v4::loopback(), support::free_port()};
  asio::io_context io_;
  std::unique_ptr<Endpoint> endpoint_;
};

TEST_F(EndpointTest, OnlyLoopbackIsForEverybody) {
  const auto readers = [](const char* address) {
    return Endpoint::readers_on({asio::ip::make_address(address), 9464});
  };
  for (const char* address : {"127.0.0.1", "127.1.2.3", "::1"}) {
    EXPECT_EQ(readers(address), Endpoint::Readers::everybody) << address;
  }
  for (const char* address : {"0.0.0.0", "192.0.2.1", "::", "2001:db8::1", "::ffff:192.0.2.1"}) {
    EXPECT_EQ(readers(address), Endpoint::Readers::roles) << address;
  }
}

TEST_F(EndpointTest, MetricsAreAtOnePath) {
  serve(Endpoint::Readers::everybody);
  const auto socket = connect();
  const Got got = ask(*socket);
  EXPECT_EQ(got.status, 200U);
  EXPECT_EQ(got.type, "text/plain; version=0.0.4; charset=utf-8");
  EXPECT_NE(got.body.find("\nbulkhead_enforcing 1\n"), std::string::npos);
  EXPECT_TRUE(got.keeps);
  EXPECT_EQ(ask(*socket, "/metrics?a=b").status, 200U) << "on the same connection";
  const Got head = ask(*socket, "/metrics", http::verb::head);
  EXPECT_EQ(head.status, 200U);
  EXPECT_TRUE(head.body.empty());
  EXPECT_EQ(ask(*socket, "/").status, 404U);
  EXPECT_EQ(ask(*socket, "/metricsx").status, 404U);
  EXPECT_EQ(ask(*socket, "/metrics", http::verb::delete_).status, 405U);
  EXPECT_EQ(ask(*socket).status, 200U);
}

TEST_F(EndpointTest, WhatIsNoRequestEndsItsConnection) {
  serve(Endpoint::Readers::everybody);
  for (const std::string& text :
       {std::string("\x16\x03\x01\x02 no HTTP\r\n\r\n"),
        "GET /metrics HTTP/1.1\r\nX: " + std::string(limits::kScrapeHeadBytesMax, 'x') + "\r\n\r\n",
        "POST /metrics HTTP/1.1\r\nContent-Length: 100000\r\n\r\n" + std::string(1000, 'x')}) {
    const auto socket = connect();
    error_code error;
    asio::write(*socket, asio::buffer(text), error);
    std::string answer;
    asio::read(*socket, asio::dynamic_buffer(answer), error);
    EXPECT_TRUE(answer.empty()) << answer;
  }
  EXPECT_EQ(ask(*connect()).status, 200U);
}

TEST_F(EndpointTest, ElsewhereOnlyHoldersOfARoleRead) {
  serve(Endpoint::Readers::roles);
  const Issued viewer = controlplane::issue_client(authority_, "viewer", 1);
  EXPECT_EQ(ask_tls(&viewer).status, 200U);
  const Issued stranger = controlplane::issue_client(authority_, "stranger", 1);
  const Got refused = ask_tls(&stranger);
  EXPECT_EQ(refused.status, 403U);
  EXPECT_NE(refused.body.find("stranger has no role"), std::string::npos) << refused.body;
  EXPECT_EQ(ask_tls(nullptr).status, 0U) << "without a certificate";
  const Issued other_authority = controlplane::make_authority("other", 1);
  const Issued foreign = controlplane::issue_client(other_authority, "viewer", 1);
  EXPECT_EQ(ask_tls(&foreign).status, 0U) << "of another authority";
  const Issued appliance = controlplane::issue_server(authority_, "viewer", {"viewer"}, 1);
  EXPECT_EQ(ask_tls(&appliance).status, 0U) << "an appliance's is no caller's";
  EXPECT_EQ(ask(*connect()).status, 0U) << "without TLS";
  EXPECT_EQ(ask_tls(&viewer).status, 200U);
  access_ = access_of({});
  EXPECT_EQ(ask_tls(&viewer).status, 403U) << "the role is gone";
}

TEST_F(EndpointTest, NewCredentialsCountFromTheNextConnectionOn) {
  serve(Endpoint::Readers::roles);
  const Issued viewer = controlplane::issue_client(authority_, "viewer", 1);
  EXPECT_EQ(ask_tls(&viewer).status, 200U);
  const Issued other = controlplane::make_authority("other", 1);
  credentials_ = controlplane::credentials_of(
      other, controlplane::issue_server(other, "alpha", {"127.0.0.1"}, 1), "alpha");
  EXPECT_EQ(ask_tls(&viewer).status, 0U);
}

// Those that say nothing displace each other, not one that reads.
TEST_F(EndpointTest, ConnectionsAreBounded) {
  serve(Endpoint::Readers::everybody);
  const auto reader = connect();
  EXPECT_EQ(ask(*reader).status, 200U);
  std::vector<std::unique_ptr<Tcp::socket>> silent;
  for (std::size_t i = 0; i < limits::kScrapersMax + 4; ++i) silent.push_back(connect());
  EXPECT_EQ(ask(*reader).status, 200U);
  EXPECT_EQ(ask(*silent.back()).status, 200U);
  int ended = 0;
  for (const auto& socket : silent) ended += ask(*socket).status == 0 ? 1 : 0;
  EXPECT_EQ(ended, 5) << "so many more than there is room for, beside the reader";
}

TEST_F(EndpointTest, AnAddressThatIsTakenIsWaitedFor) {
  Tcp::acceptor holder(io_, address_);
  serve(Endpoint::Readers::everybody);
  holder.close();
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  error_code error = asio::error::connection_refused;
  while (error && std::chrono::steady_clock::now() < until) {
    Tcp::socket socket(io_);
    socket.connect(address_, error);
    if (!error) {
      EXPECT_EQ(ask(socket).status, 200U);
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  EXPECT_FALSE(error);
}

}  // namespace
}  // namespace bulkhead::metrics
