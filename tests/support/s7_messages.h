// PDUs of S7 communication for the tests of its module. The layouts are those of Wireshark's s7comm
// and of Snap7.
#pragma once

#include "dataplane/protocols/s7comm/layout.h"
#include "tests/support/iso_on_tcp.h"
#include "tests/support/protocol_rows.h"

namespace bulkhead::s7comm {

using protocols::Direction;
using protocols::Fault;
using support::bytes_of;
using support::data_unit;
using support::join;
using support::Message;
using support::Row;

constexpr auto kAsk = Direction::request;
constexpr auto kBack = Direction::response;

inline const protocols::Protocol& module() { return support::module_of("s7comm"); }

inline Message pdu(std::uint8_t rosctr, const Message& parameters, const Message& data = {},
                   std::uint16_t reference = 1, const Message& error = {0, 0}) {
  const bool answer = rosctr == kAck || rosctr == kAckData;
  return data_unit(join(
      {{0x32, rosctr, 0, 0, static_cast<std::uint8_t>(reference >> 8),
        static_cast<std::uint8_t>(reference), static_cast<std::uint8_t>(parameters.size() >> 8),
        static_cast<std::uint8_t>(parameters.size()), static_cast<std::uint8_t>(data.size() >> 8),
        static_cast<std::uint8_t>(data.size())},
       answer ? error : Message{},
       parameters,
       data}));
}

inline Message job(const Message& parameters, const Message& data = {}) {
  return pdu(kJob, parameters, data);
}

// Transport size, length, block, area and bit address.
inline Message item(std::uint8_t size, std::uint16_t length, std::uint8_t db, std::uint8_t area,
                    std::uint32_t bit_address) {
  return {0x12,
          0x0a,
          0x10,
          size,
          static_cast<std::uint8_t>(length >> 8),
          static_cast<std::uint8_t>(length),
          0,
          db,
          area,
          static_cast<std::uint8_t>(bit_address >> 16),
          static_cast<std::uint8_t>(bit_address >> 8),
          static_cast<std::uint8_t>(bit_address)};
}

// Of an S7-1200: in its memory, with the check of the symbol.
inline Message symbol() {
  return {0x12, 14, 0xb2, 0xff, 0, 0, 0, 0x52, 0xea, 0x2d, 0xb0, 0xd9, 0x40, 0x00, 0x00, 0x10};
}

// Whose numbers are an item too.
inline Message symbol_over() {
  return {0x12, 22,   0xb2, 0xff, 0,    0,    0,    0x52, 0xea, 0x2d, 0xb0, 0xd9,
          0x12, 0x0a, 0x10, 0x02, 0x00, 0x01, 0x00, 0x09, 0x84, 0,    0,    0};
}

// Areas of data blocks: of each its bytes, its block and where it begins.
inline Message areas(const std::vector<Message>& list) {
  Message all;
  for (const Message& each : list) all = join({all, each});
  return join({{0x12, static_cast<std::uint8_t>(2 + all.size()), 0xb0,
                static_cast<std::uint8_t>(list.size())},
               all});
}

inline Message user(std::uint8_t type, std::uint8_t group, std::uint8_t sub,
                    const Message& payload = {}, std::uint16_t reference = 1) {
  const auto kind = static_cast<std::uint8_t>(type << 4 | group);
  Message parameters = {0, 1, 0x12, 4, 0x11, kind, sub, 0};
  if (type != UserData::kAsk) parameters = {0, 1, 0x12, 8, 0x12, kind, sub, 1, 0, 0, 0, 0};
  return pdu(kUserData, parameters,
             join({{0xff, 9, 0, static_cast<std::uint8_t>(payload.size())}, payload}), reference);
}

// What a client asks for in the long form: what follows of an answer where nothing is in it.
inline Message asks_long(std::uint8_t group, std::uint8_t sub, std::uint8_t sequence,
                         const Message& payload = {}, std::uint8_t method = 0x12) {
  const auto kind = static_cast<std::uint8_t>(UserData::kAsk << 4 | group);
  const Message head = payload.empty() ? Message{0x0a, 0} : Message{0xff, 9};
  return pdu(kUserData, {0, 1, 0x12, 8, method, kind, sub, sequence, 0, 0, 0, 0},
             join({head, {0, static_cast<std::uint8_t>(payload.size())}, payload}));
}

// PI service: its parameter block and name.
inline Message pi_service(const Message& block, std::string_view name) {
  return job(join({{0x28, 0, 0, 0, 0, 0, 0, 0xfd, 0, static_cast<std::uint8_t>(block.size())},
                   block,
                   {static_cast<std::uint8_t>(name.size())},
                   bytes_of(name)}));
}

inline Message load(std::uint8_t code, std::string_view name, const Message& rest = {}) {
  return job(join(
      {{code, 0, 0, 0, 0, 0, 0, 0, static_cast<std::uint8_t>(name.size())}, bytes_of(name), rest}));
}

inline Message with(Message message, std::size_t at, std::uint8_t value) {
  message[at] = value;
  return message;
}

}  // namespace bulkhead::s7comm
