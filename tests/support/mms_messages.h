// Messages of MMS in the encoding of ISO 9506-2 and IEC 61850-8-1, for its module's tests.
#pragma once

#include "tests/support/ber_elements.h"
#include "tests/support/iso_on_tcp.h"

namespace bulkhead::support::mms {

// A context-specific identifier, of two octets where it needs them.
inline Message context_tag(std::uint8_t number, bool constructed) {
  const auto kind = static_cast<std::uint8_t>(constructed ? 0xa0 : 0x80);
  if (number < 31) return {static_cast<std::uint8_t>(kind | number)};
  return {static_cast<std::uint8_t>(kind | 31), number};
}

inline Message data(const Message& pdu, std::uint8_t context = 3) {
  const Message list = join({{2, 1, context}, element(0xa0, pdu)});
  return data_unit(join({{1, 0, 1, 0}, element(0x61, element(0x30, list))}));
}

inline Message request(const Message& service, std::uint8_t id = 7) {
  return data(element(0xa0, join({{2, 1, id}, service})));
}
inline Message response(const Message& service, std::uint8_t id = 7) {
  return data(element(0xa1, join({{2, 1, id}, service})));
}

inline Message in_domain(std::string_view domain, std::string_view item) {
  return element(0xa1, join({element(0x1a, domain), element(0x1a, item)}));
}

inline Message variable(std::string_view item, const Message& alternate = {}) {
  return element(0x30, join({element(0xa0, in_domain("CTRL", item)), alternate}));
}

inline Message read(const std::vector<Message>& variables, std::uint8_t id = 7) {
  Message all;
  for (const Message& each : variables) all = join({all, each});
  return request(element(0xa4, element(0xa1, element(0xa0, all))), id);
}

inline Message write(const Message& variables, const Message& values) {
  return request(element(0xa5, join({element(0xa0, variables), element(0xa0, values)})));
}

// AlternateAccess: a component by name, an element by index, several, and what is inside.
inline Message chosen(const Message& selection) { return element(0xa5, selection); }
inline Message component(std::string_view name) { return element(0x81, name); }
inline Message index(std::uint8_t number) { return {0x82, 1, number}; }
inline Message range(std::uint8_t low, std::uint8_t count) {
  return {0xa3, 6, 0x80, 1, low, 0x81, 1, count};
}
inline Message component_of(std::string_view name, const Message& inside) {
  return element(0xa0, join({element(0x80, name), element(0x30, inside)}));
}
inline Message index_of(std::uint8_t number, const Message& inside) {
  return element(0xa0, join({{0x81, 1, number}, element(0x30, inside)}));
}

inline Message named(const Message& tag, const Message& content) {
  return request(element(tag, content));
}
inline Message named(std::uint8_t service, const Message& content) {
  return named(context_tag(service, true), content);
}

inline Message file(std::string_view name) { return element(0x19, name); }

// What an initiate PDU of a client, or of a server, says.
inline Message initiate(bool asks, std::uint16_t detail) {
  return element(asks ? 0xa8 : 0xa9,
                 join({{0x80, 3, 0, static_cast<std::uint8_t>(detail >> 8),
                        static_cast<std::uint8_t>(detail), 0x81, 1, 5, 0x82, 1, 5, 0x83, 1, 10},
                       element(0xa4, Message{0x80, 1, 1, 0x81, 3, 5, 0xf1, 0, 0x82, 3, 2, 0, 0})}));
}

// CN or AC with CP or CPA, AARQ or AARE, and an initiate PDU: parts of it may be others.
struct Association {
  bool asks = true;
  std::uint16_t detail = 65000;
  std::uint8_t context = 3;
  Message connect_item = {5, 6, 0x13, 1, 0, 0x16, 1, 2};
  Message requirements = {0x14, 2, 0, 2};
  Message selectors = {0x34, 2, 0, 1};
  Message mode = {0xa0, 3, 0x80, 1, 1};
  Message called = {0x82, 4, 0, 0, 0, 1};
  Message contexts = {};  // empty: those of ACSE, and of MMS under `context`
  Message application = {0xa1, 7, 6, 5, 0x28, 0xca, 0x22, 2, 3};
  Message titles = {};
  Message behind = {};  // behind AARQ or AARE's members

  Message bytes() const {
    const Message external =
        element(0x28, join({{2, 1, context}, element(0xa0, initiate(asks, detail))}));
    const Message result = {0xa2, 3, 2, 1, 0, 0xa3, 5, 0xa1, 3, 2, 1, 0};
    const Message apdu =
        element(asks ? 0x60 : 0x61,
                join({application, asks ? titles : result, element(0xbe, external), behind}));
    const Message user = element(0x61, element(0x30, join({{2, 1, 1}, element(0xa0, apdu)})));
    const Message list = {0xa4, 35,   0x30, 15, 2,    1,    1,    6,  4, 0x52, 1,       0, 1,
                          0x30, 4,    6,    2,  0x51, 1,    0x30, 16, 2, 1,    context, 6, 5,
                          0x28, 0xca, 0x22, 2,  1,    0x30, 4,    6,  2, 0x51, 1};
    const Message results = {0xa5, 18,   0x30, 7,    0x80, 1, 0,    0x81, 2,    0x51,
                             1,    0x30, 7,    0x80, 1,    0, 0x81, 2,    0x51, 1};
    const Message offered = contexts.empty() ? list : contexts;
    const Message head = asks ? join({called, offered}) : join({{0x83, 4, 0, 0, 0, 1}, results});
    const Message ppdu = element(0x31, join({mode, element(0xa2, join({head, user}))}));
    const Message parameters = join({connect_item, requirements, selectors, sized(0xc1, ppdu)});
    return data_unit(sized(asks ? 13 : 14, parameters));
  }

  // An SPDU or a parameter of one, whose length is an octet.
  static Message sized(std::uint8_t code, const Message& content) {
    return join({{code, static_cast<std::uint8_t>(content.size())}, content});
  }
};

inline Message association(bool asks, std::uint16_t detail, std::uint8_t context = 3) {
  return Association{.asks = asks, .detail = detail, .context = context}.bytes();
}

// What an answer by the client to its server's question says, by the service's tag.
inline Message answer_of_client(std::uint8_t service) {
  switch (service) {
    case 0:  // status
      return element(0xa0, Message{0x80, 1, 0, 0x81, 1, 0});
    case 2:  // identify
      return element(0xa2, Message{0x80, 1, 'v', 0x81, 1, 'm', 0x82, 1, 'r'});
    case 5:  // write
      return {0xa5, 2, 0x81, 0};
    case 1:   // getNameList
    case 12:  // getNamedVariableListAttributes
      return element(context_tag(service, true),
                     service == 1 ? Message{0xa0, 0} : Message{0x80, 1, 0, 0xa1, 0});
    case 4:  // read
      return {0xa4, 2, 0xa1, 0};
    case 6:  // getVariableAccessAttributes
      return element(0xa6, Message{0x80, 1, 0, 0xa2, 2, 0x83, 0});
    case 11:  // defineNamedVariableList
      return {0x8b, 0};
    case 13:  // deleteNamedVariableList
      return element(0xad, Message{0x80, 1, 1, 0x81, 1, 1});
    case 73:  // fileRead
      return element(context_tag(service, true), Message{0x80, 1, 'x', 0x81, 1, 0});
    default:  // fileClose
      return element(context_tag(service, false), Message{});
  }
}

}  // namespace bulkhead::support::mms
