// Sessions on the port that ISO transport users share (RFC 1006), by their first messages.
#include "dataplane/protocols/recognition.h"

#include <gtest/gtest.h>

#include "tests/support/iso_on_tcp.h"

namespace bulkhead::protocols {
namespace {

using support::data_unit;

class Recognising : public ::testing::Test {
 protected:
  const ProtocolSet candidates = find_protocols(Carrier::tcp, 102);
  const std::uint8_t s7comm = *find_protocol("s7comm");
  const std::uint8_t s7comm_plus = *find_protocol("s7comm_plus");
};

TEST_F(Recognising, AConnectionRequestIsOfAllOfThem) {
  const support::Message connect = {3, 0, 0, 11, 6, 0xe0, 0, 0, 0, 1, 0};
  const Recognised recognised = recognise(candidates, connect, Direction::request);
  EXPECT_EQ(recognised.protocol, kNoProtocol);
  EXPECT_EQ(recognised.possible, candidates);
}

TEST_F(Recognising, TheFirstOctetOfUserDataIsOfOne) {
  EXPECT_EQ(recognise(candidates, data_unit({0x32}), Direction::request).protocol, s7comm);
  EXPECT_EQ(recognise(candidates, data_unit({0x72}), Direction::response).protocol, s7comm_plus);
  const ProtocolSet others = candidates & ~(ProtocolSet{1} << s7comm);
  EXPECT_EQ(recognise(others, data_unit({0x32}), Direction::request).protocol, kNoProtocol);
}

TEST_F(Recognising, WhatIsOfNoneIsOfNone) {
  const Recognised recognised = recognise(candidates, data_unit({0xff}), Direction::request);
  EXPECT_EQ(recognised.protocol, kNoProtocol);
  EXPECT_EQ(recognised.possible, 0U);
}

// The precondition of recognise().
TEST_F(Recognising, ProtocolsOfOnePortCanAllBeRecognised) {
  for (const Module& one : modules()) {
    for (const DefaultPort& port : one.protocol->catalogue().ports) {
      const ProtocolSet sharing = find_protocols(port.carrier, port.port);
      if (std::has_single_bit(sharing)) continue;
      EXPECT_EQ(port.carrier, Carrier::tcp) << one.protocol->catalogue().name;
      EXPECT_NE(one.shared_port, nullptr) << one.protocol->catalogue().name;
    }
  }
}

}  // namespace
}  // namespace bulkhead::protocols
