// The agent's end of the data plane's sockets: answers, refusals, silence, and too many callers.
#include "controlplane/agent/dataplane_client.h"

#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <mutex>
#include <vector>

#include "tests/support/becomes.h"
#include "tests/support/fake_dataplane.h"

namespace bulkhead::controlplane {
namespace {

using support::becomes;
using Failure = DataplaneClient::Failure;

v1::DataplaneRequest status_request() {
  v1::DataplaneRequest request;
  request.mutable_get_status();
  return request;
}

TEST(DataplaneClient, AnswersRefusalsAndSilenceAreToldApart) {
  std::atomic<int> silent{0};
  FakeDataplane dataplane([&silent](FakeDataplane::Stream& stream, const auto& request) {
    v1::DataplaneAnswer answer;
    answer.set_id(request.id());
    if (request.has_get_status()) answer.mutable_status()->set_site("plant");
    if (request.has_get_counters()) answer.set_refused("no");
    if (request.has_list_flows()) {
      ++silent;
      return;
    }
    FakeDataplane::answer(stream, answer);
  });
  std::atomic<int> connections{0};
  DataplaneClient client(dataplane.path, {[&connections](bool up) { connections += up; }, {}, {}});
  EXPECT_EQ(client.call(status_request(), std::chrono::milliseconds(100)).error().kind,
            Failure::Kind::late)
      << "it has not been started";
  client.start(false);
  ASSERT_TRUE(becomes([&client] { return client.connected(); }));
  EXPECT_EQ(client.call(status_request()).value().status().site(), "plant");
  v1::DataplaneRequest request;
  request.mutable_get_counters();
  const auto refused = client.call(request);
  EXPECT_EQ(refused.error().kind, Failure::Kind::refused);
  EXPECT_EQ(refused.error().text, "no");
  request.mutable_list_flows();
  EXPECT_EQ(client.call(request, std::chrono::milliseconds(50)).error().kind, Failure::Kind::late);
  auto lost = std::async(std::launch::async, [&] { return client.call(request); });
  ASSERT_TRUE(becomes([&silent] { return silent == 2; }));
  dataplane.hang_up();
  EXPECT_EQ(lost.get().error().kind, Failure::Kind::lost);
  ASSERT_TRUE(becomes([&connections] { return connections == 2; })) << "it connects anew";
  EXPECT_TRUE(client.call(status_request()));
}

TEST(DataplaneClient, WhatItDoesNotListenForChangesNothing) {
  FakeDataplane dataplane([](FakeDataplane::Stream& stream, const auto& request) {
    v1::DataplaneAnswer news;
    news.mutable_pair_news();
    FakeDataplane::answer(stream, news);
    news.mutable_events()->add_events();
    FakeDataplane::answer(stream, news);
    v1::DataplaneAnswer answer;
    answer.set_id(request.id());
    answer.mutable_status();
    FakeDataplane::answer(stream, answer);
  });
  DataplaneClient client(dataplane.path, {[](bool) {}, {}, {}});
  client.start(false);
  ASSERT_TRUE(becomes([&client] { return client.connected(); }));
  EXPECT_TRUE(client.call(status_request()));
}

// A policy must not be in force before what is cut of it.
TEST(DataplaneClient, EachConnectionBeginsWithItsGreeting) {
  std::mutex mutex;
  std::vector<v1::DataplaneRequest::RequestCase> asked;
  FakeDataplane dataplane([&](FakeDataplane::Stream& stream, const auto& request) {
    const std::lock_guard guard(mutex);
    asked.push_back(request.request_case());
    v1::DataplaneAnswer answer;
    answer.set_id(request.id());
    answer.mutable_status();
    FakeDataplane::answer(stream, answer);
  });
  std::atomic<int> connections{0};
  const auto greet = [] {
    v1::DataplaneRequest request;
    request.mutable_set_containment();
    return request;
  };
  DataplaneClient client(
      dataplane.path,
      {[&connections](bool up) { connections += up; }, [](const v1::Event&) {}, {}, greet});
  client.start(false);
  for (int connection = 1; connection <= 3; ++connection) {
    ASSERT_TRUE(becomes([&] { return connections == connection && client.connected(); }));
    EXPECT_TRUE(client.call(status_request()));
    const std::lock_guard guard(mutex);
    using Asked = v1::DataplaneRequest;
    EXPECT_EQ(asked, (std::vector<Asked::RequestCase>{Asked::kSetContainment,
                                                      Asked::kSubscribeEvents, Asked::kGetStatus}));
    asked.clear();
    dataplane.hang_up();
  }
}

TEST(DataplaneClient, NobodyWaitsBehindTooMany) {
  FakeDataplane dataplane([](FakeDataplane::Stream&, const auto&) {});
  DataplaneClient client(dataplane.path, {[](bool) {}, {}, {}});
  client.start(false);
  ASSERT_TRUE(becomes([&client] { return client.connected(); }));
  std::vector<std::future<DataplaneClient::Answer>> calls;
  for (std::size_t i = 0; i < DataplaneClient::kCallsMax; ++i) {
    calls.push_back(std::async(std::launch::async, [&client] {
      return client.call(status_request(), std::chrono::milliseconds(700));
    }));
  }
  std::this_thread::sleep_for(std::chrono::milliseconds(200));
  EXPECT_EQ(client.call(status_request()).error().kind, Failure::Kind::unreachable);
  for (auto& call : calls) EXPECT_EQ(call.get().error().kind, Failure::Kind::late);
  EXPECT_EQ(client.call(status_request(), std::chrono::milliseconds(50)).error().kind,
            Failure::Kind::late)
      << "those that were late have gone";
}

TEST(DataplaneClient, WhatIsNotOursToDriveIsTold) {
  FakeDataplane dataplane([](FakeDataplane::Stream& stream, const auto&) {
    v1::DataplaneAnswer answer;
    answer.set_refused("another bulkheadd drives this data plane");
    FakeDataplane::answer(stream, answer);
  });
  std::promise<v1::PairNews> news;
  DataplaneClient client(
      dataplane.path,
      {[](bool) {}, {}, [&news](v1::PairNews heard) { news.set_value(std::move(heard)); }});
  client.start(false);
  ASSERT_TRUE(becomes([&client] { return client.connected(); }));
  v1::DataplaneRequest configure;
  configure.mutable_configure_pair();
  client.post(configure);
  auto heard = news.get_future();
  ASSERT_EQ(heard.wait_for(std::chrono::seconds(5)), std::future_status::ready);
  const v1::PairReport report = heard.get().report();
  EXPECT_FALSE(report.configured());
  EXPECT_EQ(report.problem(), "another bulkheadd drives this data plane");
}

}  // namespace
}  // namespace bulkhead::controlplane
