// A master and an outstation that speak DNP3 over UDP in several datagrams a message, a link frame
// each (IEEE 1815, 8.2 and 13), with the pipeline between them.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>

#include "tests/support/dnp3_frames.h"
#include "tests/support/plant.h"

namespace bulkhead::support {

constexpr std::uint16_t kDnp3 = 20000;
constexpr std::uint16_t kMaster = 40000;
constexpr Ends kUp{4, 3};  // from the outstation
constexpr Ends kDown{3, 4};

using Parts = std::vector<Bytes>;

inline Bytes joined(const Parts& parts) {
  Bytes all;
  for (const Bytes& part : parts) all.insert(all.end(), part.begin(), part.end());
  return all;
}

// A fragment in a frame for each so many octets, numbered from `number` on.
inline Parts parts_of(const Bytes& fragment, std::uint8_t control, std::uint8_t number, Ends ends,
                      std::size_t octets = 60) {
  Parts parts;
  for (std::size_t at = 0; at < fragment.size(); at += octets) {
    const std::size_t end = std::min(at + octets, fragment.size());
    Bytes data = {static_cast<std::uint8_t>(
        (at == 0 ? 0x40 : 0) | (end == fragment.size() ? 0x80 : 0) | (number++ & 0x3f))};
    data.insert(data.end(), fragment.begin() + static_cast<std::ptrdiff_t>(at),
                fragment.begin() + static_cast<std::ptrdiff_t>(end));
    parts.push_back(link_frame(control, data, ends));
  }
  return parts;
}

// 4.2.2.7: binary inputs 0 to 199 with flags, in four frames.
inline Bytes answer_text(std::uint8_t sequence, std::uint8_t code = 129, std::uint8_t flags = 1,
                         std::uint8_t bits = 0xc0) {
  Bytes text = {static_cast<std::uint8_t>(bits | sequence), code, 0, 0, 1, 2, 0, 0, 199};
  text.resize(text.size() + 200, flags);
  return text;
}

inline Parts answer(std::uint8_t sequence, std::uint8_t number, std::uint8_t flags = 1) {
  return parts_of(answer_text(sequence, 129, flags), 0x44, number, kUp);
}

inline Parts unsolicited(std::uint8_t sequence, std::uint8_t number, std::uint8_t flags = 1) {
  return parts_of(answer_text(sequence, 130, flags, 0xf0), 0x44, number, kUp);
}

// Reads `headers` points one by one, from `point` on: five octets each.
inline Bytes read_text(std::uint8_t sequence, std::uint8_t point, std::size_t headers = 30) {
  Bytes text = {static_cast<std::uint8_t>(0xc0 | sequence), 1};
  for (std::size_t i = 0; i < headers; ++i) {
    const auto index = static_cast<std::uint8_t>(point + i);
    for (const std::uint8_t octet : Bytes{1, 2, 0, index, index}) text.push_back(octet);
  }
  return text;
}

inline Parts long_read(std::uint8_t sequence, std::uint8_t number, std::uint8_t point = 0) {
  return parts_of(read_text(sequence, point), 0xc4, number, kDown);
}

inline Bytes poll(std::uint8_t sequence, Ends ends = kDown) {
  return from_master(1, {60, 1, 6}, sequence, ends);
}

inline Bytes short_answer(std::uint8_t sequence, Ends ends = kUp) {
  return from_outstation(129, {}, static_cast<std::uint8_t>(0xc0 | sequence), ends);
}

inline policy::Rule dnp3_rule(const Host& client, const Host& server,
                              std::initializer_list<std::string_view> functions) {
  policy::Rule rule;
  rule.clients = {{client.address, 128}};
  rule.servers = {{server.address, 128}};
  rule.transport = policy::Transport::udp;
  rule.ports = {{kDnp3, kDnp3}};
  rule.protocol = *protocols::find_protocol("dnp3");
  const auto known = protocols::registry()[rule.protocol]->catalogue().functions;
  for (std::size_t i = 0; i < known.size(); ++i) {
    for (const std::string_view name : functions) {
      if (known[i].name == name) rule.functions.set(i);
    }
  }
  return rule;
}

inline const Host kSecond{ip4(10, 20, 0, 11), mac(11), kSupervision};

inline policy::Tables grants(policy::OnDeny on_deny = policy::OnDeny::drop) {
  policy::Tables tables = two_zones(on_deny);
  tables.conduits[0].rules = {};
  for (const Host& master : {kHmi, kSecond}) {
    tables.conduits[0].rules.push_back(dnp3_rule(
        master, kPlc, {"read", "confirm", "unsolicited_response", "direct_operate_no_response"}));
  }
  policy::finish(tables);
  return tables;
}

class InParts : public ::testing::Test {
 protected:
  void ask(const Bytes& payload, std::uint16_t port = kMaster, const Host& master = kHmi) {
    plant_.arrive(master, udp_frame(master, kPlc, port, kDnp3, payload));
  }
  void tell(const Bytes& payload, std::uint16_t port = kMaster, const Host& master = kHmi) {
    plant_.arrive(kPlc, udp_frame(kPlc, master, kDnp3, port, payload));
  }
  // What has left, which is forgotten.
  std::vector<Bytes> left() {
    std::vector<Bytes> frames;
    for (const Sent& sent : plant_.sent) frames.push_back(sent.frame);
    plant_.sent.clear();
    return frames;
  }
  std::vector<Bytes> as_told(const Parts& parts) const {
    std::vector<Bytes> frames;
    for (const Bytes& part : parts) {
      frames.push_back(udp_frame(kPlc, kHmi, kDnp3, kMaster, part));
    }
    return frames;
  }
  std::size_t count(Reason reason) const {
    return static_cast<std::size_t>(
        std::count_if(plant_.verdicts.begin(), plant_.verdicts.end(),
                      [&](const pipeline::Event& event) { return event.reason == reason; }));
  }
  // A poll of the outstation, and its answer.
  void settle(std::uint8_t sequence, std::uint16_t port = kMaster, const Host& master = kHmi) {
    plant_.clear();
    ask(poll(sequence), port, master);
    tell(short_answer(sequence), port, master);
    EXPECT_EQ(left().size(), 2U);
    plant_.clear();
  }
  bool asks(const Parts& parts, std::uint16_t port = kMaster, const Host& master = kHmi) {
    plant_.clear();
    for (const Bytes& part : parts) ask(part, port, master);
    return left().size() == parts.size();
  }
  bool tells(const Parts& parts) {
    plant_.clear();
    for (const Bytes& part : parts) tell(part);
    return left().size() == parts.size();
  }

  Plant plant_{grants()};
};

}  // namespace bulkhead::support
