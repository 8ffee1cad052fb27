// Learned names: messages that carry an alias or a handle are judged as the name that it stands
// for. The protocol is tests/support/alias_module.h.
#include <gtest/gtest.h>

#include <algorithm>

#include "tests/support/alias_module.h"

namespace bulkhead {
namespace {

using protocols::Fault;
using support::AliasKind;
using support::AliasModule;
using support::Bytes;
using support::kControl;
using support::kSupervision;
using support::open;
using support::opened;
using support::Plant;
using support::publish;
using support::SentTcp;
using support::set;
using support::take;
using support::TcpSession;
using wire::kTcpAck;
using wire::kTcpRst;

constexpr std::uint16_t kPort = 7100;

policy::Rule rule(std::initializer_list<AliasKind> kinds, std::vector<std::string> topics) {
  policy::Rule rule;
  rule.clients = {{support::kHmi.address, 128}};
  rule.servers = {{support::kPlc.address, 128}};
  rule.ports = {{kPort, kPort}};
  rule.protocol = AliasModule::index();
  for (const AliasKind kind : kinds) rule.functions.set(static_cast<std::size_t>(kind));
  if (!topics.empty()) rule.constraints.push_back({AliasModule::kTopic, {}, std::move(topics)});
  return rule;
}

// What is published stays in the plant, any topic may be opened, and only the valve may be set.
policy::Tables aliases_policy() {
  policy::Rule publishes = rule({AliasKind::publish, AliasKind::define}, {"plant/*"});
  policy::Rule handles = rule({AliasKind::end, AliasKind::end_all, AliasKind::open}, {});
  policy::Rule sets = rule({AliasKind::set}, {"plant/valve"});
  policy::Rule datagrams = rule({AliasKind::publish}, {"plant/*"});
  datagrams.transport = policy::Transport::udp;
  return support::with_rules(support::two_zones(policy::OnDeny::reject),
                             {&publishes, &handles, &sets, &datagrams});
}

std::uint32_t size(const Bytes& bytes) { return static_cast<std::uint32_t>(bytes.size()); }

Bytes joined(std::initializer_list<Bytes> messages) {
  Bytes all;
  for (const Bytes& message : messages) all.insert(all.end(), message.begin(), message.end());
  return all;
}

std::vector<Bytes> payloads(Plant& plant, std::uint16_t port) {
  std::vector<Bytes> all;
  for (const SentTcp& sent : take(plant, port)) {
    if (!sent.payload.empty()) all.push_back(sent.payload);
  }
  return all;
}

// A session through one plant, whose ends acknowledge what they get.
class Talk {
 public:
  explicit Talk(Plant& plant, std::uint16_t port = 40000)
      : plant_(&plant), session_(plant, port, 1000, 900000, kPort) {
    plant.clear();
  }
  // Whether the request reached the server; the client gets the refusal if not.
  bool asks(const Bytes& request) {
    plant_->clear();
    session_.from_client(request);
    settle();
    return !to_server.empty();
  }
  bool answers(const Bytes& answer) {
    plant_->clear();
    session_.from_server(answer);
    settle();
    return !to_client.empty();
  }
  // The server gives the handle for the topic.
  void gives(std::uint8_t handle, std::string_view topic) {
    ASSERT_TRUE(asks(open(1, topic)));
    ASSERT_TRUE(answers(opened(1, handle)));
  }
  void move_to(Plant& plant) {
    plant_ = &plant;
    session_.move_to(plant);
    plant.clear();
  }
  // A plant that does not know where the server stands has asked it.
  void server_says_where_it_is() {
    session_.server_at(session_.server_next, {}, kTcpAck);
    settle();
  }
  Fault fault() const {
    for (auto verdict = plant_->verdicts.rbegin(); verdict != plant_->verdicts.rend(); ++verdict) {
      if (verdict->is_message) return verdict->fault;
    }
    return Fault::none;
  }
  // The topic in the verdict that came last.
  std::string topic() const {
    const pipeline::Event& event = plant_->verdicts.back();
    if ((event.present & 1U) == 0) return {};
    const char* text = reinterpret_cast<const char*>(event.names.data());
    return {text + 1, event.names[0]};
  }
  TcpSession& tcp() { return session_; }

  std::vector<Bytes> to_server;
  std::vector<Bytes> to_client;

 private:
  void settle() {
    to_server = payloads(*plant_, kControl);
    to_client = payloads(*plant_, kSupervision);
    for (const Bytes& payload : to_server) session_.server_acked += size(payload);
    for (const Bytes& payload : to_client) session_.client_acked += size(payload);
  }

  Plant* plant_;
  TcpSession session_;
};

class LearnedNames : public testing::Test {
 protected:
  explicit LearnedNames(pipeline::PipelineOptions options = {})
      : plant_(aliases_policy(), options), talk_(plant_) {}

  flow::NameStore& names() { return plant_.pipeline().flows().names(); }

  Plant plant_;
  Talk talk_;
};

TEST_F(LearnedNames, AnAliasIsJudgedAsItsTopic) {
  EXPECT_TRUE(talk_.asks(publish(1, "plant/pressure")));
  EXPECT_TRUE(talk_.asks(publish(1, "")));
  EXPECT_EQ(talk_.topic(), "plant/pressure");
  EXPECT_EQ(plant_.last(), Reason::granted);
}

TEST_F(LearnedNames, AHandleIsJudgedAsItsTopicEachTime) {
  talk_.gives(9, "plant/valve");
  EXPECT_TRUE(talk_.asks(set(9)));
  EXPECT_TRUE(talk_.asks(set(9))) << "alike to the byte, and not remembered";
  talk_.gives(9, "plant/gate");
  EXPECT_FALSE(talk_.asks(set(9)));
  EXPECT_EQ(plant_.last(), Reason::values_not_granted);
  EXPECT_EQ(talk_.topic(), "plant/gate");
  talk_.gives(9, "plant/valve");
  EXPECT_TRUE(talk_.asks(set(9)));
}

TEST_F(LearnedNames, AnAliasBoundAnewIsTheNewTopic) {
  EXPECT_TRUE(talk_.asks(publish(1, "plant/a")));
  EXPECT_TRUE(talk_.asks(publish(1, "plant/b")));
  EXPECT_TRUE(talk_.asks(publish(1, "")));
  EXPECT_EQ(talk_.topic(), "plant/b");
}

TEST_F(LearnedNames, ATopicThatIsNotGrantedBindsNoAlias) {
  EXPECT_FALSE(talk_.asks(publish(1, "office/door")));
  EXPECT_EQ(plant_.last(), Reason::values_not_granted);
  EXPECT_FALSE(talk_.asks(publish(1, "")));
  EXPECT_EQ(talk_.fault(), Fault::unknown_handle);
  EXPECT_TRUE(talk_.asks(publish(1, "plant/a"))) << "the session goes on";
  EXPECT_FALSE(talk_.asks(publish(1, "office/door")));
  EXPECT_TRUE(talk_.asks(publish(1, "")));
  EXPECT_EQ(talk_.topic(), "plant/a") << "the server never heard of the other";
}

TEST_F(LearnedNames, WhatIsUnknownIsRefused) {
  EXPECT_FALSE(talk_.asks(publish(1, "")));
  EXPECT_EQ(talk_.fault(), Fault::unknown_handle);
  EXPECT_EQ(plant_.last(), Reason::protocol_fault);
  EXPECT_FALSE(talk_.asks(set(1)));
  ASSERT_TRUE(talk_.asks(publish(2, "plant/valve")));
  EXPECT_FALSE(talk_.asks(set(2))) << "an alias is no handle";
  Talk other(plant_, 40001);
  EXPECT_FALSE(other.asks(publish(2, ""))) << "another session's alias";
}

TEST_F(LearnedNames, WhatWasEndedIsUnknown) {
  ASSERT_TRUE(talk_.asks(publish(1, "plant/a")));
  ASSERT_TRUE(talk_.asks(publish(2, "plant/b")));
  ASSERT_TRUE(talk_.asks(support::end(1)));
  EXPECT_FALSE(talk_.asks(publish(1, "")));
  EXPECT_EQ(talk_.fault(), Fault::unknown_handle);
  EXPECT_TRUE(talk_.asks(publish(2, "")));
  ASSERT_TRUE(talk_.asks(support::end_all()));
  EXPECT_FALSE(talk_.asks(publish(2, "")));
  EXPECT_EQ(names().used_bytes(), 0U);
}

TEST_F(LearnedNames, OneSegmentMayDefineAnAliasAndHaveIt) {
  EXPECT_TRUE(talk_.asks(joined({publish(1, "plant/a"), publish(1, ""), publish(2, "plant/b")})));
  EXPECT_TRUE(talk_.asks(publish(2, "")));
  EXPECT_EQ(talk_.topic(), "plant/b");
  // And byte by byte.
  const Bytes both = joined({publish(3, "plant/c"), publish(3, "")});
  std::size_t passed = 0;
  for (const std::uint8_t byte : both) {
    talk_.asks({byte});
    for (const Bytes& payload : talk_.to_server) passed += payload.size();
  }
  EXPECT_EQ(passed, both.size());
  EXPECT_EQ(talk_.topic(), "plant/c");
}

TEST_F(LearnedNames, AChangeOfPolicyJudgesWhatIsKnownAnew) {
  talk_.gives(9, "plant/valve");
  ASSERT_TRUE(talk_.asks(set(9)));
  policy::Tables tables = aliases_policy();
  tables.conduits[0].rules[2].constraints[0].patterns = {"plant/gate"};
  plant_.change_policy(std::move(tables));
  EXPECT_FALSE(talk_.asks(set(9)));
  EXPECT_EQ(talk_.topic(), "plant/valve");
}

TEST_F(LearnedNames, AnAnswerThatNobodyAskedForTeachesNothing) {
  EXPECT_FALSE(talk_.answers(opened(1, 9)));
  EXPECT_EQ(talk_.fault(), Fault::unrequested_response);
  EXPECT_FALSE(talk_.asks(set(9)));
  EXPECT_EQ(talk_.fault(), Fault::unknown_handle);
}

// The second request has the token of the first, which pair() refuses.
TEST_F(LearnedNames, ARequestThatIsNotAcceptedTeachesNothing) {
  ASSERT_TRUE(talk_.asks(open(5, "plant/gate")));
  EXPECT_FALSE(talk_.asks(open(5, "plant/valve")));
  EXPECT_EQ(talk_.fault(), Fault::bad_sequence);
  ASSERT_TRUE(talk_.answers(opened(5, 9)));
  EXPECT_FALSE(talk_.asks(set(9)));
  EXPECT_EQ(talk_.topic(), "plant/gate");
}

TEST_F(LearnedNames, TheyEndWithTheirSession) {
  ASSERT_TRUE(talk_.asks(publish(1, "plant/a")));
  EXPECT_EQ(names().used_bytes(), flow::NameStore::kBlockBytes);
  talk_.tcp().client_at(talk_.tcp().client_next, {}, kTcpRst);
  plant_.pass_time(600 * kSecondNs);
  EXPECT_EQ(plant_.pipeline().flows().size(), 0U);
  EXPECT_EQ(names().used_bytes(), 0U);
  Talk again(plant_);
  EXPECT_FALSE(again.asks(publish(1, "")));
}

// A datagram leaves whole or not at all: what its first messages defined is not known to the server
// if a later one is refused.
TEST_F(LearnedNames, ADatagramThatIsRefusedDefinesNothing) {
  const auto passes = [&](const Bytes& messages) {
    plant_.clear();
    plant_.arrive(support::kHmi,
                  support::udp_frame(support::kHmi, support::kPlc, 40000, kPort, messages));
    return std::ranges::any_of(plant_.sent, [](const auto& sent) { return sent.port == kControl; });
  };
  EXPECT_TRUE(passes(joined({publish(1, "plant/a"), publish(1, "")})));
  EXPECT_TRUE(passes(publish(1, "")));
  EXPECT_FALSE(passes(joined({publish(1, "plant/b"), publish(2, "office/door")})));
  EXPECT_FALSE(passes(publish(1, "")));
  EXPECT_EQ(talk_.fault(), Fault::unknown_handle);
  EXPECT_TRUE(passes(publish(1, "plant/b")));
  EXPECT_TRUE(passes(publish(1, "")));
}

class FewNames : public LearnedNames {
 protected:
  FewNames() : LearnedNames(few()) {}
  static pipeline::PipelineOptions few() {
    pipeline::PipelineOptions options;
    options.limits.session_names = 3;
    return options;
  }
};

TEST_F(FewNames, BeyondTheBoundAMessageIsRefusedAndTheSessionGoesOn) {
  for (std::uint8_t alias = 1; alias <= 3; ++alias) {
    EXPECT_TRUE(talk_.asks(publish(alias, "plant/a")));
  }
  EXPECT_FALSE(talk_.asks(publish(4, "plant/a")));
  EXPECT_EQ(talk_.fault(), Fault::too_many_names);
  EXPECT_EQ(plant_.last(), Reason::protocol_fault);
  EXPECT_FALSE(talk_.asks(publish(4, "")));
  EXPECT_TRUE(talk_.asks(publish(0, "plant/a"))) << "without an alias";
  EXPECT_TRUE(talk_.asks(publish(3, "plant/b"))) << "the number stays";
  ASSERT_TRUE(talk_.asks(support::end(1)));
  EXPECT_TRUE(talk_.asks(publish(4, "plant/a")));
}

TEST_F(FewNames, AMessageDefinesAllItsAliasesOrNone) {
  Bytes rest;
  for (std::uint8_t alias = 1; alias <= 4; ++alias) {
    const Bytes one = support::alias_and_topic(alias, "plant/a");
    rest.insert(rest.end(), one.begin(), one.end());
  }
  EXPECT_FALSE(talk_.asks(support::alias_message(AliasKind::define, rest)));
  EXPECT_EQ(talk_.fault(), Fault::too_many_names);
  EXPECT_FALSE(talk_.asks(publish(1, "")));
  EXPECT_EQ(names().used_bytes(), 0U);
  rest.resize(rest.size() / 4 * 3);
  EXPECT_TRUE(talk_.asks(support::alias_message(AliasKind::define, rest)));
  EXPECT_TRUE(talk_.asks(publish(3, "")));
}

}  // namespace
}  // namespace bulkhead
