// Learned names: messages that carry an alias or a handle are judged as the name that it stands
// for, in one appliance and across a takeover. The protocol is tests/support/alias_module.h.
#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "dataplane/replication/names_record.h"
#include "dataplane/replication/replicator.h"
#include "tests/support/alias_module.h"

namespace bulkhead {
namespace {

using protocols::Fault;
using replication::FlowReceiver;
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

constexpr std::uint16_t kPort = AliasModule::kPort;

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
  policy::Rule publishes = rule({AliasKind::publish, AliasKind::define}, {"plant/#"});
  policy::Rule handles = rule({AliasKind::end, AliasKind::end_all, AliasKind::open}, {});
  policy::Rule sets = rule({AliasKind::set}, {"plant/valve"});
  policy::Rule datagrams = rule({AliasKind::publish}, {"plant/#"});
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

class NoNames : public LearnedNames {
 protected:
  NoNames() : LearnedNames(none()) {}
  static pipeline::PipelineOptions none() {
    pipeline::PipelineOptions options;
    options.limits.name_bytes = 0;
    return options;
  }
};

TEST_F(NoNames, WhatDefinesOneIsRefused) {
  EXPECT_FALSE(talk_.asks(publish(1, "plant/a")));
  EXPECT_EQ(talk_.fault(), Fault::too_many_names);
  EXPECT_TRUE(talk_.asks(publish(0, "plant/a")));
  EXPECT_TRUE(talk_.asks(support::end_all()));
}

// --- a pair

class NamesTakeover : public LearnedNames {
 protected:
  explicit NamesTakeover(pipeline::PipelineOptions of_standby = {},
                         pipeline::PipelineOptions of_active = {})
      : LearnedNames(of_active),
        standby_(aliases_policy(), of_standby),
        sender_(plant_.pipeline().flows(), plant_.pipeline().segments(), ring_),
        receiver_({standby_.pipeline().flows(), standby_.pipeline().segments(),
                   standby_.pipeline().timers(), standby_.buffers()}) {
    standby_.be_at(5000 * kSecondNs);
  }

  // `lost`: which records do not arrive.
  template <typename Lost>
  void replicate(Lost lost) {
    do {
      sender_.run(64, plant_.now_ns());
      for (; !ring_.front().empty(); ring_.release()) {
        if (lost(ring_.front())) continue;
        ASSERT_EQ(receiver_.take(ring_.front(), standby_.now_ns()), FlowReceiver::Taken::taken);
      }
    } while (!sender_.is_done());
  }
  void replicate() {
    replicate([](ByteView) { return false; });
  }
  // The session is quiet, and all of it is told.
  void settle() {
    talk_.tcp().client_at(talk_.tcp().client_next, {}, kTcpAck);
    talk_.tcp().server_at(talk_.tcp().server_next, {}, kTcpAck);
    replicate();
  }
  void take_over() { talk_.move_to(standby_); }
  // The first message meets an appliance that asks where the ends stand.
  bool asks_first(const Bytes& request) {
    talk_.asks(request);
    talk_.server_says_where_it_is();
    return !talk_.to_server.empty();
  }
  flow::NameStore& standby_names() { return standby_.pipeline().flows().names(); }

  Plant standby_;
  replication::RecordRing ring_{1 << 16};
  replication::FlowSender sender_;
  FlowReceiver receiver_;
};

TEST_F(NamesTakeover, KeepsTheNames) {
  ASSERT_TRUE(talk_.asks(publish(1, "plant/a")));
  talk_.gives(9, "plant/gate");
  talk_.gives(8, "plant/valve");
  settle();
  take_over();
  EXPECT_TRUE(asks_first(publish(1, "")));
  EXPECT_EQ(talk_.topic(), "plant/a");
  EXPECT_TRUE(talk_.asks(set(8)));
  EXPECT_FALSE(talk_.asks(set(9)));
  EXPECT_EQ(talk_.topic(), "plant/gate");
  EXPECT_FALSE(talk_.asks(publish(2, "")));
  EXPECT_EQ(talk_.fault(), Fault::unknown_handle);
}

TEST_F(NamesTakeover, KeepsChangesOneByOne) {
  for (const std::string_view topic : {"plant/valve", "plant/gate", "plant/valve", "plant/gate"}) {
    talk_.gives(9, topic);
    settle();
  }
  ASSERT_TRUE(talk_.asks(publish(1, "plant/a")));
  settle();
  ASSERT_TRUE(talk_.asks(support::end(1)));
  settle();
  take_over();
  EXPECT_FALSE(asks_first(set(9)));
  EXPECT_EQ(talk_.topic(), "plant/gate");
  EXPECT_FALSE(talk_.asks(publish(1, "")));
  EXPECT_EQ(talk_.fault(), Fault::unknown_handle);
}

// More than a record holds, to a peer that joins late.
TEST_F(NamesTakeover, APeerThatJoinsGetsAllOfThem) {
  const std::string topic = "plant/" + std::string(400, 'x');
  for (std::uint8_t alias = 1; alias <= 100; ++alias) {
    ASSERT_TRUE(talk_.asks(publish(alias, topic + std::to_string(alias))));
  }
  settle();
  Plant late(aliases_policy());
  late.be_at(7000 * kSecondNs);
  FlowReceiver receiver({late.pipeline().flows(), late.pipeline().segments(),
                         late.pipeline().timers(), late.buffers()});
  sender_.restart();
  std::uint32_t of_names = 0;
  do {
    sender_.run(64, plant_.now_ns());
    for (; !ring_.front().empty(); ring_.release()) {
      of_names += replication::is_names(ring_.front()) ? 1 : 0;
      ASSERT_EQ(receiver.take(ring_.front(), late.now_ns()), FlowReceiver::Taken::taken);
    }
  } while (!sender_.is_done());
  EXPECT_GT(of_names, 5U);
  talk_.move_to(late);
  EXPECT_TRUE(asks_first(publish(1, "")));
  for (std::uint8_t alias = 2; alias <= 100; ++alias) {
    ASSERT_TRUE(talk_.asks(publish(alias, "")));
    ASSERT_EQ(talk_.topic().substr(0, 6), "plant/");
  }
}

TEST_F(NamesTakeover, ADefinitionLeavesWhenThePeerKnowsOfIt) {
  settle();
  plant_.pipeline().waiting().set_peer(true);
  EXPECT_FALSE(talk_.asks(publish(1, "plant/a")));
  EXPECT_FALSE(talk_.asks(publish(0, "plant/a"))) << "in its order";
  ASSERT_TRUE(sender_.run_urgent(plant_.now_ns()));
  plant_.pipeline().waiting().note_recorded(sender_.records());
  replicate();
  EXPECT_EQ(standby_names().used_bytes(), flow::NameStore::kBlockBytes);
  plant_.clear();
  plant_.pipeline().let_go(sender_.records(), plant_);
  EXPECT_EQ(payloads(plant_, kControl).size(), 2U);
}

// What defines nothing new waits for nobody.
TEST_F(NamesTakeover, WhatThePeerKnowsAlreadyLeavesAtOnce) {
  ASSERT_TRUE(talk_.asks(publish(1, "plant/a")));
  settle();
  plant_.pipeline().waiting().set_peer(true);
  EXPECT_TRUE(talk_.asks(publish(1, "plant/a")));
  talk_.tcp().server_at(talk_.tcp().server_next, {}, kTcpAck);
  EXPECT_TRUE(talk_.asks(publish(1, "")));
}

TEST_F(NamesTakeover, ThatLostTheRecordsRefuses) {
  replicate();
  ASSERT_TRUE(talk_.asks(publish(1, "plant/a")));
  talk_.tcp().server_at(talk_.tcp().server_next, {}, kTcpAck);
  replicate([](ByteView record) { return replication::is_names(record); });
  take_over();
  EXPECT_FALSE(asks_first(publish(1, "")));
  EXPECT_EQ(talk_.fault(), Fault::unknown_handle);
  EXPECT_TRUE(talk_.asks(publish(1, "plant/a"))) << "it may be defined anew";
  EXPECT_TRUE(talk_.asks(publish(1, "")));
}

// The pair had lost its link, so that nothing waited: what left since may have bound the handle to
// something else.
TEST_F(NamesTakeover, OfASessionThatWentOnWithoutRecordsKnowsNone) {
  talk_.gives(9, "plant/valve");
  settle();
  talk_.gives(9, "plant/gate");
  talk_.tcp().client_at(talk_.tcp().client_next, {}, kTcpAck);
  take_over();
  EXPECT_FALSE(asks_first(set(9)));
  EXPECT_EQ(talk_.fault(), Fault::unknown_handle);
  talk_.gives(9, "plant/valve");
  EXPECT_TRUE(talk_.asks(set(9)));
}

// A standby cannot know which datagrams have left that define something.
TEST_F(NamesTakeover, OfDatagramsKnowsNone) {
  plant_.arrive(support::kHmi, support::udp_frame(support::kHmi, support::kPlc, 40000, kPort,
                                                  publish(1, "plant/a")));
  EXPECT_EQ(names().used_bytes(), flow::NameStore::kBlockBytes);
  replicate();
  EXPECT_EQ(standby_.pipeline().flows().size(), 1U) << "the other session is still opening";
  EXPECT_EQ(standby_names().used_bytes(), 0U);
}

// The names of the one before, of which the standby heard, are not those of the next.
TEST_F(NamesTakeover, ASessionWithTheSameKeyHasNamesOfItsOwn) {
  talk_.gives(9, "plant/valve");
  settle();
  flow::FlowTable& flows = plant_.pipeline().flows();
  const flow::FlowKey key = flows.slot(flows.next_in_use(0, flows.capacity())).key;
  talk_.tcp().client_at(talk_.tcp().client_next, {}, kTcpRst);
  plant_.pass_time(600 * kSecondNs);
  Talk next(plant_);
  ASSERT_NE(flows.find(key), nullptr);
  EXPECT_EQ(standby_names().used_bytes(), flow::NameStore::kBlockBytes) << "not told yet";
  ASSERT_TRUE(next.asks(publish(0, "plant/a")));
  next.tcp().server_at(next.tcp().server_next, {}, kTcpAck);
  replicate();
  EXPECT_EQ(standby_names().used_bytes(), 0U);
  next.move_to(standby_);
  next.asks(set(9));
  next.server_says_where_it_is();
  EXPECT_TRUE(next.to_server.empty());
  EXPECT_EQ(next.fault(), Fault::unknown_handle);
}

class AtTheBound : public NamesTakeover {
 protected:
  AtTheBound() : NamesTakeover(few(), few()) {}
  static pipeline::PipelineOptions few() {
    pipeline::PipelineOptions options;
    options.limits.session_names = 64;
    options.limits.session_name_bytes = 4096;
    return options;
  }
};

// In whatever order changes arrive, the standby has room.
TEST_F(AtTheBound, EachChangeArrives) {
  std::mt19937 random(3);
  std::uint32_t refused = 0;
  for (int round = 0; round < 60; ++round) {
    for (int change = 0; change < 20; ++change) {
      const auto alias = static_cast<std::uint8_t>(1 + random() % 100);
      if (random() % 4 == 0) {
        ASSERT_TRUE(talk_.asks(support::end(alias)));
      } else {
        const std::string topic(random() % 100, 'x');
        refused += talk_.asks(publish(alias, "plant/" + topic)) ? 0 : 1;
      }
    }
    settle();
    ASSERT_EQ(standby_names().names(0), names().names(0));
    for (std::uint8_t alias = 1; alias <= 100; ++alias) {
      const auto handle = protocols::number_handle(1, alias);
      const auto here = names().find(0, handle);
      const auto there = standby_names().find(0, handle);
      ASSERT_EQ(here.has_value(), there.has_value());
      if (here) {
        ASSERT_TRUE(std::ranges::equal(*here, *there));
      }
    }
    names().release_views();
    standby_names().release_views();
  }
  EXPECT_GT(refused, 20U) << "the bounds were reached";
}

class SmallStandby : public NamesTakeover {
 protected:
  SmallStandby() : NamesTakeover(small()) {}
  static pipeline::PipelineOptions small() {
    pipeline::PipelineOptions options;
    options.limits.name_bytes = flow::NameStore::kBlockBytes;
    return options;
  }
};

TEST_F(SmallStandby, WhatFindsNoRoomThereIsRefused) {
  ASSERT_TRUE(talk_.asks(publish(1, "plant/a")));
  settle();
  ASSERT_TRUE(talk_.asks(publish(2, "plant/b")));
  settle();
  take_over();
  EXPECT_TRUE(asks_first(publish(1, "")));
  EXPECT_FALSE(talk_.asks(publish(2, "")));
  EXPECT_EQ(talk_.fault(), Fault::unknown_handle);
  EXPECT_TRUE(talk_.asks(publish(0, "plant/b"))) << "the session goes on";
}

// Not what it stood for before, either.
TEST_F(SmallStandby, AHandleWhoseNewNameFindsNoRoomThereIsRefused) {
  talk_.gives(9, "plant/valve");
  settle();
  EXPECT_EQ(standby_names().used_bytes(), flow::NameStore::kBlockBytes);
  talk_.gives(9, "plant/" + std::string(100, 'x'));
  settle();
  take_over();
  EXPECT_FALSE(asks_first(set(9)));
  EXPECT_EQ(talk_.fault(), Fault::unknown_handle);
}

TEST_F(SmallStandby, AHandleWhoseNewNameFitsInTheRoomOfTheOldHasThatOne) {
  talk_.gives(9, "plant/gate");
  settle();
  talk_.gives(9, "plant/valve");
  settle();
  take_over();
  EXPECT_TRUE(asks_first(set(9)));
}

// --- the records

TEST_F(NamesTakeover, BrokenRecordsAreNone) {
  ASSERT_TRUE(talk_.asks(publish(1, "plant/a")));
  ASSERT_TRUE(talk_.asks(publish(2, "plant/b")));
  std::vector<Bytes> records;
  sender_.run(64, plant_.now_ns());
  for (; !ring_.front().empty(); ring_.release()) {
    if (replication::is_names(ring_.front())) {
      records.emplace_back(ring_.front().begin(), ring_.front().end());
    } else {
      receiver_.take(ring_.front(), standby_.now_ns());
    }
  }
  ASSERT_EQ(records.size(), 2U) << "that nothing is known, and what is";
  std::mt19937 random(7);
  for (const Bytes& record : records) {
    for (std::size_t length = 3; length < record.size(); ++length) {
      EXPECT_EQ(receiver_.take(ByteView(record).first(length), 0), FlowReceiver::Taken::malformed);
    }
    Bytes longer = record;
    longer.push_back(0);
    EXPECT_EQ(receiver_.take(longer, 0), FlowReceiver::Taken::malformed);
    ++longer[0];  // a later release may have added something
    EXPECT_EQ(receiver_.take(longer, 0), FlowReceiver::Taken::taken);
    for (int round = 0; round < 20000; ++round) {
      Bytes changed = record;
      for (std::uint32_t i = 0; i <= random() % 4; ++i) {
        changed[random() % changed.size()] = static_cast<std::uint8_t>(random());
      }
      receiver_.take(changed, 0);
    }
  }
  EXPECT_LE(standby_names().used_bytes(), 64 * 1024U);
}

// To a release that knows no names the record is about a session that it does not know: as long as
// its version is beyond those of sessions, and what follows the key is left.
TEST_F(NamesTakeover, ThoseWhoKnowNoNamesReadOfAnUnknownSession) {
  ASSERT_TRUE(talk_.asks(publish(1, "plant/a")));
  sender_.run(64, plant_.now_ns());
  std::uint32_t seen = 0;
  for (; !ring_.front().empty(); ring_.release()) {
    if (!replication::is_names(ring_.front())) continue;
    ++seen;
    const auto record = replication::decode_record(ring_.front(), 0);
    ASSERT_TRUE(record.has_value());
    EXPECT_TRUE(record->gone);
    EXPECT_EQ(plant_.pipeline().flows().find(record->flow.key), nullptr);
  }
  EXPECT_EQ(seen, 2U);
}

}  // namespace
}  // namespace bulkhead
