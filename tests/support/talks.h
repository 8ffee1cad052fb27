// Conversations of each protocol over TCP, for tests of the stream engine that hold for all of
// them.
#pragma once

#include <functional>

#include "tests/support/cip_messages.h"
#include "tests/support/dnp3_frames.h"
#include "tests/support/iec104_frames.h"
#include "tests/support/mms_messages.h"
#include "tests/support/opcua_messages.h"
#include "tests/support/plant.h"

namespace bulkhead::talks {

using support::Bytes;
using support::join;

struct Talk {
  std::string protocol;
  std::uint16_t port;
  std::vector<Bytes> opening;  // the client's and the server's in turn
  std::function<Bytes(std::uint8_t number)> ask;
  // The server's `nth` message, as it sends it and as the client is to get it.
  std::function<Bytes(std::uint8_t number, std::uint32_t nth)> answer;
  Bytes mismatched;  // the answer to another request than number 2
  const char* number;
  std::uint64_t first_number;  // of the request 0

  // For the names of tests.
  friend void PrintTo(const Talk& talk, std::ostream* out) { *out << talk.protocol; }
};

inline Bytes read(std::uint8_t transaction) {
  return support::modbus_adu({3, 0, 0, 0, 10}, transaction);
}
inline Bytes answer(std::uint8_t transaction, std::uint8_t unit = 1) {
  Bytes pdu = {3, 20};
  pdu.resize(22, transaction);
  return support::modbus_adu(pdu, transaction, unit);
}

inline Bytes list_services_reply(std::uint8_t context) {
  return support::cip::encapsulated(enip::kListServices, {1, 0, 0, 1, 2, 0, 0, 0}, context, 0);
}

inline Talk modbus() {
  return {"modbus",
          502,
          {},
          read,
          [](std::uint8_t n, std::uint32_t) { return answer(n); },
          answer(2, 9),
          "transaction",
          0};
}

inline Talk enip_services() {
  return {"enip",
          44818,
          {},
          [](std::uint8_t n) { return support::cip::encapsulated(enip::kListServices, {}, n, 0); },
          [](std::uint8_t n, std::uint32_t) { return list_services_reply(n); },
          support::cip::encapsulated(enip::kListIdentity, {0, 0}, 2, 0),
          "sender_context",
          0};
}

inline Talk enip_connected() {
  using namespace support::cip;
  const Opening opening{kRouter};
  return {"enip",
          44818,
          {encapsulated(enip::kRegisterSession, {1, 0, 0, 0}, 1, 0),
           encapsulated(enip::kRegisterSession, {1, 0, 0, 0}), unconnected(opening.request()),
           unconnected(opening.accepted(17, 34))},
          [](std::uint8_t n) { return connected(service(0x4c, symbol("Level"), {1, 0}), 17, n); },
          [](std::uint8_t n, std::uint32_t) {
            return connected(reply(0x4c, 0, {0xc4, 0, 1, 0, 0, 0}), 34, n);
          },
          connected(reply(0x4d), 34, 2),
          "sequence_count",
          0};
}

inline Talk dnp3_master() {
  return {"dnp3",
          20000,
          {},
          [](std::uint8_t n) {
            return support::from_master(1, {60, 2, 6}, static_cast<std::uint8_t>(n & 15));
          },
          [](std::uint8_t n, std::uint32_t) {
            return support::from_outstation(129, {}, static_cast<std::uint8_t>(0xc0 | (n & 15)));
          },
          support::from_outstation(129, {}, 0xc2, {5, 3}),
          "sequence",
          0};
}

inline Talk s7() {
  const auto job = [](std::uint8_t n) {
    return support::data_unit(
        {0x32, 1, 0, 0, 0, n, 0, 14, 0, 0, 4, 1, 0x12, 10, 0x10, 2, 0, 1, 0, 1, 0x84, 0, 0, 0});
  };
  const auto back = [](std::uint8_t n, std::uint32_t) {
    return support::data_unit({0x32, 3, 0, 0, 0, n, 0, 2, 0, 5, 0, 0, 4, 1, 0xff, 4, 0, 8, 7});
  };
  return {"s7comm",
          102,
          {},
          job,
          back,
          support::data_unit({0x32, 3, 0, 0, 0, 2, 0, 2, 0, 1, 0, 0, 5, 1, 0xff}),
          "pdu_reference",
          0};
}

inline Talk mms_reads() {
  namespace mms = support::mms;
  return {"mms",
          102,
          {mms::association(true, 65000), mms::association(false, 65000)},
          [](std::uint8_t n) { return mms::read({mms::variable("a")}, n); },
          [](std::uint8_t n, std::uint32_t) {
            return mms::response(support::element(0xa4, support::element(0xa1, Bytes{0x83, 1, 1})),
                                 n);
          },
          mms::response(support::element(0xa2, Bytes{0x80, 1, 'a', 0x81, 1, 'b', 0x82, 1, 'c'}), 2),
          "invoke_id",
          0};
}

inline Talk opcua_reads() {
  using namespace opcua;
  return {"opcua",
          4840,
          {chunk("HELF", join({le32(0), le32(65536), le32(65536), le32(0), le32(0),
                               text("opc.tcp://a:4840")})),
           chunk("ACKF", join({le32(0), le32(65536), le32(65536), le32(0), le32(0)})),
           open_plain({1, 1}), opened_plain({51, 1})},
          [](std::uint8_t n) { return request(631, read_of({kNumeric}), {n + 1U, n + 1U}); },
          [](std::uint8_t n, std::uint32_t nth) { return response(634, {52 + nth, n + 1U}); },
          response(676, {53, 3}),
          "request_id",
          1};
}

// Commands and confirmations; each station counts what it sends.
inline Talk iec104_station() {
  return {"iec104",
          2404,
          {support::control(0x07), support::control(0x0b)},
          [](std::uint8_t n) {
            const auto nth = static_cast<std::uint16_t>(n - 1);
            return support::information({45, 1, 6, 0, 3, 0, n, 0, 0, 1}, {nth, nth});
          },
          [](std::uint8_t n, std::uint32_t nth) {
            return support::information({45, 1, 7, 0, 3, 0, n, 0, 0, 1},
                                        {static_cast<std::uint16_t>(nth), n});
          },
          {},
          "",
          0};
}

// All functions of the protocol are granted.
inline policy::Tables tables_for(const Talk& talk, policy::OnDeny on_deny) {
  policy::Rule rule = support::modbus_rule({});
  rule.ports = {{talk.port, talk.port}};
  rule.protocol = *protocols::find_protocol(talk.protocol);
  const auto& functions = protocols::registry()[rule.protocol]->catalogue().functions;
  for (std::size_t i = 0; i < functions.size(); ++i) rule.functions.set(i);
  return support::with_rules(support::two_zones(on_deny), {&rule});
}

}  // namespace bulkhead::talks
