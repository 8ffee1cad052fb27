// Messages of OPC UA, built from OPC 10000-6, for the tests of its module.
#pragma once

#include "dataplane/protocols/opcua/layout.h"
#include "tests/support/protocol_rows.h"

namespace bulkhead::opcua {

using protocols::Direction;
using protocols::Fault;
using support::bytes_of;
using support::join;
using Bytes = support::Message;
using support::Row;

constexpr auto kAsk = Direction::request;
constexpr auto kBack = Direction::response;

inline const protocols::Protocol& module() { return support::module_of("opcua"); }

inline Bytes le32(std::uint32_t value) {
  Bytes bytes(4);
  store_le32(bytes.data(), value);
  return bytes;
}

inline Bytes text(std::string_view value) {
  return join({le32(static_cast<std::uint32_t>(value.size())), bytes_of(value)});
}

inline const Bytes kNull = {0xff, 0xff, 0xff, 0xff};

// 6, 7.1.2.2.
inline Bytes chunk(std::string_view type, const Bytes& rest) {
  return join({bytes_of(type), le32(static_cast<std::uint32_t>(8 + rest.size())), rest});
}

struct At {
  std::uint32_t sequence = 1;
  std::uint32_t request = 1;
};

inline Bytes secure(std::string_view type, const Bytes& body, At at = {}) {
  return chunk(type, join({le32(7), le32(1), le32(at.sequence), le32(at.request), body}));
}

// The parameters of CreateSession (4, 5.6.2), whose client says as little as it may.
inline Bytes session_creation() {
  return join({kNull,
               kNull,
               {0},
               le32(1),
               kNull,
               kNull,
               kNull,
               kNull,
               text("opc.tcp://plc"),
               kNull,
               kNull,
               kNull,
               Bytes(12, 0)});
}

// The type of a service, four-byte encoding (6, 5.2.2.9), with a request's header (4, 7.32).
inline Bytes asked(std::uint16_t code, const Bytes& rest = {}) {
  return join({{1, 0, static_cast<std::uint8_t>(code), static_cast<std::uint8_t>(code >> 8)},
               {0, 0},
               Bytes(8, 0),
               le32(42),
               le32(0),
               kNull,
               le32(0),
               {0, 0, 0},
               rest});
}

inline Bytes answered(std::uint16_t code, const Bytes& rest = {}) {
  return join({{1, 0, static_cast<std::uint8_t>(code), static_cast<std::uint8_t>(code >> 8)},
               Bytes(8, 0),
               le32(42),
               le32(0),
               {0},
               kNull,
               {0, 0, 0},
               rest});
}

inline Bytes request(std::uint16_t code, const Bytes& rest = {}, At at = {}) {
  return secure("MSGF", asked(code, rest), at);
}
inline Bytes response(std::uint16_t code, At at = {}) { return secure("MSGF", answered(code), at); }

inline Bytes open(std::string_view policy, const Bytes& body, const Bytes& thumbprint = kNull,
                  const Bytes& certificate = kNull) {
  return chunk("OPNF", join({le32(7), policy.empty() ? kNull : text(policy), certificate,
                             thumbprint, body}));
}

constexpr std::string_view kPolicyNone = "http://opcfoundation.org/UA/SecurityPolicy#None";
constexpr std::string_view kPolicyAes =
    "http://opcfoundation.org/UA/SecurityPolicy#Aes128_Sha256_RsaOaep";

inline Bytes open_plain(At at = {}) {
  return open(kPolicyNone,
              join({le32(at.sequence), le32(at.request),
                    asked(446, join({le32(0), le32(0), le32(1), kNull, le32(60000)}))}));
}
inline Bytes opened_plain(At at = {}) {
  return open(kPolicyNone, join({le32(at.sequence), le32(at.request), answered(449)}));
}

inline const Bytes kNumeric = {2, 3, 0, 0xd2, 4, 0, 0};  // ns=3;i=1234
inline Bytes named(std::string_view name) { return join({{3, 2, 0}, text(name)}); }
inline Bytes read_value(const Bytes& node) { return join({node, le32(13), kNull, {0, 0}, kNull}); }

inline Bytes read_of(const std::vector<Bytes>& nodes) {
  Bytes all = join({Bytes(8, 0), le32(2), le32(static_cast<std::uint32_t>(nodes.size()))});
  for (const Bytes& node : nodes) all = join({all, read_value(node)});
  return all;
}
inline Bytes write_of(const Bytes& node, const Bytes& variant) {
  return join({le32(1), node, le32(13), kNull, {1}, variant});
}

// 6, 5.2.2.15: a structure by the number of its encoding.
inline Bytes structure(std::uint16_t type, const Bytes& body) {
  return join({{1, 0, static_cast<std::uint8_t>(type), static_cast<std::uint8_t>(type >> 8), 1},
               le32(static_cast<std::uint32_t>(body.size())),
               body});
}
// 11, 6.5.3: ReadRawModifiedDetails.
inline Bytes raw_details() { return structure(649, Bytes(1 + 8 + 8 + 4 + 1, 0)); }
// 4, 5.6.3.2.
inline Bytes activation(const Bytes& token) {
  return join({kNull, kNull, kNull, kNull, token, kNull, kNull});
}

}  // namespace bulkhead::opcua
