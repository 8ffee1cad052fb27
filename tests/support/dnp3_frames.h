// Frames of DNP3 (IEEE 1815, 9.2.4), for tests that build or change them: every CRC is right.
#pragma once

#include "dataplane/protocols/dnp3/layout.h"
#include "tests/support/protocol_rows.h"

namespace bulkhead::support {

struct Ends {
  std::uint16_t source = 3;
  std::uint16_t destination = 4;
};

inline void append_crc(Message& frame, std::size_t begin) {
  const std::uint16_t sum = dnp3::crc(ByteView(frame).subspan(begin));
  frame.push_back(static_cast<std::uint8_t>(sum));
  frame.push_back(static_cast<std::uint8_t>(sum >> 8));
}

// 9.2.4.1: a frame with this user data, transport octet first.
inline Message link_frame(std::uint8_t control, const Message& data, Ends ends = {}) {
  Message frame = {0x05,
                   0x64,
                   static_cast<std::uint8_t>(5 + data.size()),
                   control,
                   static_cast<std::uint8_t>(ends.destination),
                   static_cast<std::uint8_t>(ends.destination >> 8),
                   static_cast<std::uint8_t>(ends.source),
                   static_cast<std::uint8_t>(ends.source >> 8)};
  append_crc(frame, 0);
  for (std::size_t at = 0; at < data.size(); at += 16) {
    const std::size_t begin = frame.size();
    const std::size_t count = std::min<std::size_t>(16, data.size() - at);
    frame.insert(frame.end(), data.begin() + static_cast<std::ptrdiff_t>(at),
                 data.begin() + static_cast<std::ptrdiff_t>(at + count));
    append_crc(frame, begin);
  }
  return frame;
}

// A fragment in frames of so many octets each at most.
inline Message frames_of(const Message& fragment, std::uint8_t control, std::size_t octets = 249,
                         Ends ends = {}) {
  Message all;
  std::uint8_t number = 0;
  for (std::size_t at = 0; at < fragment.size(); at += octets, ++number) {
    const std::size_t end = std::min(at + octets, fragment.size());
    Message data = {static_cast<std::uint8_t>(
        (at == 0 ? 0x40 : 0) | (end == fragment.size() ? 0x80 : 0) | (number & 0x3f))};
    data.insert(data.end(), fragment.begin() + static_cast<std::ptrdiff_t>(at),
                fragment.begin() + static_cast<std::ptrdiff_t>(end));
    const Message frame = link_frame(control, data, ends);
    all.insert(all.end(), frame.begin(), frame.end());
  }
  return all;
}

inline Message from_master(std::uint8_t code, const Message& objects, std::uint8_t sequence = 0,
                           Ends ends = {}) {
  const auto control = static_cast<std::uint8_t>(0xc0 | sequence);
  return link_frame(0xc4, join({{0xc0, control, code}, objects}), ends);
}

inline Message from_outstation(std::uint8_t code, const Message& objects,
                               std::uint8_t control = 0xc0, Ends ends = {4, 3}) {
  return link_frame(0x44, join({{0xc0, control, code, 0x80, 0x01}, objects}), ends);
}

// 4.2.2.7.3.2: one object with its length in front.
inline Message sized(std::uint8_t group, std::uint8_t variation, const Message& object) {
  return join({{group, variation, 0x5b, 1, static_cast<std::uint8_t>(object.size()),
                static_cast<std::uint8_t>(object.size() >> 8)},
               object});
}

// A.31.3: a file command, and the name behind what is of fixed size.
inline Message file_command(std::uint8_t mode, std::string_view name) {
  const auto length = static_cast<std::uint8_t>(name.size());
  return sized(70, 3,
               join({{26, 0, length, 0}, Message(16, 1), {mode, 0, 0, 1, 7, 0}, bytes_of(name)}));
}

}  // namespace bulkhead::support
