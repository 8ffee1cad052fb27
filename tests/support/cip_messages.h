// EtherNet/IP messages, from the layouts of the CIP Networks Library.
#pragma once

#include "dataplane/protocols/enip/layout.h"
#include "tests/support/protocol_rows.h"

namespace bulkhead::support {

inline Message le16(std::size_t value) {
  return {static_cast<std::uint8_t>(value), static_cast<std::uint8_t>(value >> 8)};
}
inline Message le32(std::size_t value) { return join({le16(value & 0xffff), le16(value >> 16)}); }

namespace cip {

constexpr std::uint8_t kHandle = 7;
inline const Message kManager = {0x20, 6, 0x24, 1};
inline const Message kIdentity = {0x20, 1, 0x24, 1};
inline const Message kRouter = {0x20, 2, 0x24, 1};
// CIP, C-1.4.1: port 1 of the host, link address 0.
inline const Message kSlot0 = {1, 0};

// EIP 2-3.1.
inline Message encapsulated(std::uint8_t command, const Message& data, std::uint8_t context = 1,
                            std::uint8_t handle = kHandle, std::uint8_t status = 0) {
  return join({{command, 0},
               le16(data.size()),
               {handle, 0, 0, 0, status, 0, 0, 0, context, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0},
               data});
}

// EIP 2-6: null address and unconnected data, and behind them `others` items more.
inline Message unconnected(const Message& cip, std::uint8_t context = 1,
                           std::uint8_t handle = kHandle, const Message& more = {},
                           std::uint8_t others = 0) {
  return encapsulated(enip::kSendRRData,
                      join({{0, 0, 0, 0, 0, 0, static_cast<std::uint8_t>(2 + others), 0},
                            {0, 0, 0, 0, 0xb2, 0},
                            le16(cip.size()),
                            cip,
                            more}),
                      context, handle);
}

// EIP 2-6.3.3: the reply to a forward open, and where the target's packets will go.
inline Message unconnected_to_group(const Message& cip, const Message& group,
                                    std::uint16_t port = 2222, std::uint8_t context = 1) {
  const Message port_bytes = {static_cast<std::uint8_t>(port >> 8),
                              static_cast<std::uint8_t>(port)};
  return unconnected(cip, context, kHandle,
                     join({{0x01, 0x80, 16, 0, 0, 2}, port_bytes, group, {0, 0, 0, 0, 0, 0, 0, 0}}),
                     1);
}

inline Message connected(const Message& cip, std::uint8_t connection, std::uint8_t sequence = 1) {
  return encapsulated(enip::kSendUnitData,
                      join({{0, 0, 0, 0, 0, 0, 2, 0, 0xa1, 0, 4, 0, connection, 0, 0, 0, 0xb1, 0},
                            le16(cip.size() + 2),
                            {sequence, 0},
                            cip}));
}

inline Message service(std::uint8_t code, const Message& path, const Message& data = {}) {
  return join({{code, static_cast<std::uint8_t>(path.size() / 2)}, path, data});
}

inline Message reply(std::uint8_t code, std::uint8_t status = 0, const Message& data = {}) {
  return join({{static_cast<std::uint8_t>(code | 0x80), 0, status, 0}, data});
}

// CIP, C-1.4.4.2.
inline Message symbol(std::string_view name) {
  Message segment = join({{0x91, static_cast<std::uint8_t>(name.size())}, bytes_of(name)});
  if (name.size() % 2 != 0) segment.push_back(0);
  return segment;
}

// CIP, A-4.9.
inline Message packet(const std::vector<Message>& services, const Message& path = kRouter) {
  Message offsets = le16(services.size());
  Message all;
  for (const Message& each : services) {
    offsets = join({offsets, le16(2 + 2 * services.size() + all.size())});
    all = join({all, each});
  }
  return service(enip::kMultipleServicePacket, path, join({offsets, all}));
}

// CIP 3-5.5.4.
inline Message unconnected_send(const Message& message, const Message& route = kSlot0) {
  const bool odd = message.size() % 2 != 0;
  return service(enip::kUnconnectedSend, kManager,
                 join({{5, 0x99},
                       le16(message.size()),
                       message,
                       Message(odd ? 1 : 0, 0),
                       {static_cast<std::uint8_t>(route.size() / 2), 0},
                       route}));
}

// CIP 3-5.5.2. Sizes and intervals are the same both ways.
struct Opening {
  Message path;
  std::uint16_t size = 100;
  std::uint32_t to_target_us = 10'000;
  std::uint32_t to_originator_us = 20'000;
  std::uint16_t serial = 1;
  std::uint8_t trigger = 0xa3;  // class 3: explicit
  std::uint8_t type = 2;        // point to point; to the target
  std::uint8_t type_back = 2;
  std::uint8_t multiplier = 1;
  bool large = false;

  Message name() const { return join({le16(serial), {2, 0, 3, 0, 0, 0}}); }
  Message request() const {
    const auto parameters = [this](std::size_t way_type) {
      return large ? le32(size | 0x02000000U | way_type << 29)
                   : le16(size | 0x0200U | way_type << 13);
    };
    return service(large ? enip::kLargeForwardOpen : enip::kForwardOpen, kManager,
                   join({{5, 0x99, 0, 0, 0, 0},
                         le32(0x22),
                         name(),
                         {multiplier, 0, 0, 0},
                         le32(to_target_us),
                         parameters(type),
                         le32(to_originator_us),
                         parameters(type_back),
                         {trigger, static_cast<std::uint8_t>(path.size() / 2)},
                         path}));
  }
  Message accepted(std::uint32_t to_target, std::uint32_t to_originator) const {
    return reply(enip::kForwardOpen, 0,
                 join({le32(to_target),
                       le32(to_originator),
                       name(),
                       le32(to_target_us),
                       le32(to_originator_us),
                       {0, 0}}));
  }
  Message close() const {
    return service(
        enip::kForwardClose, kManager,
        join({{5, 0x99}, name(), {static_cast<std::uint8_t>(path.size() / 2), 0}, path}));
  }
};

inline Message forward_open(const Message& path) { return Opening{path}.request(); }

// EIP 2-6.4: a packet of an implicit connection, `bytes` in its data item.
inline Message io_packet(std::uint32_t connection, std::size_t bytes) {
  return join({{2, 0, 2, 0x80, 8, 0},
               le32(connection),
               {9, 0, 0, 0, 0xb1, 0},
               le16(bytes),
               Message(bytes, 1)});
}

}  // namespace cip
}  // namespace bulkhead::support
