// Lengths and elements by protocol, outermost first.
#include "tests/adversarial/accounting/layout.h"

#include <algorithm>
#include <array>

namespace bulkhead::accounting {

namespace {

std::uint64_t number_at(ByteView bytes, std::size_t at, std::size_t width, bool little) {
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < width && at + i < bytes.size(); ++i) {
    value = value << 8 | bytes[little ? at + width - 1 - i : at + i];
  }
  return value;
}

class Finder {
 public:
  explicit Finder(ByteView bytes) : bytes_(bytes) {}

  Layout take() { return std::move(layout_); }
  std::size_t size() const { return bytes_.size(); }
  std::uint8_t at(std::size_t offset) const {
    return offset < bytes_.size() ? bytes_[offset] : std::uint8_t{0};
  }
  std::size_t be16(std::size_t offset) const { return number_at(bytes_, offset, 2, false); }
  std::size_t le16(std::size_t offset) const { return number_at(bytes_, offset, 2, true); }
  std::size_t le32(std::size_t offset) const { return number_at(bytes_, offset, 4, true); }

  void length(const Length& field) {
    if (field.end <= bytes_.size() && field.begin <= field.end) layout_.lengths.push_back(field);
  }
  void element(std::size_t begin, std::size_t end) {
    if (begin < end && end <= bytes_.size()) layout_.elements.push_back({begin, end});
  }
  // A length and what it counts, with `tag_bytes` in front.
  void counted(std::size_t tag_bytes, const Length& field) {
    length(field);
    element(field.at - tag_bytes, field.end);
  }

  // BER (X.690, 8.1), everything in [begin, end); false where it is not.
  bool ber(std::size_t begin, std::size_t end, int depth = 0) {
    constexpr int kDepthMax = 24;
    std::size_t offset = begin;
    while (offset < end) {
      const std::size_t tag = offset;
      bool longer = (at(offset) & 0x1f) == 0x1f;
      const bool constructed = (at(offset) & 0x20) != 0;
      for (++offset; longer && offset < end; ++offset) longer = (at(offset) & 0x80) != 0;
      if (offset >= end) return false;
      const std::size_t field = offset;
      std::size_t count = at(offset++);
      std::uint8_t width = 1;
      if (count > 0x82 || count == 0x80) return false;
      if (count > 0x80) {
        width = static_cast<std::uint8_t>(count - 0x80);
        count = number_at(bytes_, offset, width, false);
        offset += width;
      }
      if (count > end - std::min(end, offset)) return false;
      Length known{width == 1 && at(field) < 0x80 ? field : field + 1, width, false, offset,
                   offset + count};
      length(known);
      element(tag, offset + count);
      if (constructed && depth < kDepthMax) ber(offset, offset + count, depth + 1);
      offset += count;
    }
    return true;
  }

 private:
  ByteView bytes_;
  Layout layout_;
};

void modbus(Finder& found) {
  found.length({4, 2, false, 6, found.size()});
  const std::uint8_t code = found.at(7);
  if (code == 15 || code == 16) found.length({12, 1, false, 13, found.size()});
  if (code == 23) found.length({16, 1, false, 17, found.size()});
  if (code <= 4 || code == 12 || code == 17 || code == 20 || code == 21 || code == 23) {
    found.length({8, 1, false, 9, found.size()});
  }
  if (code == 24) found.length({8, 2, false, 10, found.size()});
  if (code == 20 || code == 21) {
    const bool asks = code == 20 && found.at(9) == 6;
    for (std::size_t at = 9; at + 7 <= found.size();) {
      const std::size_t data = asks ? 0 : 2 * found.be16(at + 5);
      found.length({at + 5, 2, false, at + 7, at + 7 + data, 2});
      found.element(at, at + 7 + data);
      at += 7 + data;
    }
  }
}

// All frames, without their CRCs, and the object headers as far as their sizes are plain.
void dnp3(Finder& found) {
  for (std::size_t at = 0; at + 8 <= found.size();) {
    const std::size_t end = at + 3 + found.at(at + 2);
    found.counted(2, {at + 2, 1, false, at + 3, end});
    at = std::max(end, at + 8);
  }
  const bool answer = found.at(10) >= 129;
  const std::size_t objects = answer ? 13 : 11;
  // Headers of every size of range, at every place where one may begin.
  for (std::size_t at = objects; at + 3 <= found.size(); ++at) {
    for (const std::size_t range : {0, 1, 2, 4}) found.element(at, at + 3 + range);
  }
  for (const std::size_t block : {11, 12, 13, 5, 6}) {
    for (std::size_t at = objects; at + block <= found.size(); ++at) found.element(at, at + block);
  }
}

void tpkt(Finder& found) {
  for (std::size_t at = 0; at + 5 <= found.size() && found.at(at) == 3;) {
    const std::size_t end = at + found.be16(at + 2);
    found.length({at + 2, 2, false, at, end});
    const std::size_t header_end = at + 5 + found.at(at + 4);
    found.length({at + 4, 1, false, at + 5, header_end});
    found.element(at, end);
    if ((found.at(at + 5) & 0xf0) != 0xf0) {  // parameters of a connection (X.224, 13)
      for (std::size_t part = at + 11; part + 2 <= header_end; part += 2 + found.at(part + 1)) {
        found.counted(1, {part + 1, 1, false, part + 2, part + 2 + found.at(part + 1)});
      }
    }
    if (end <= at) return;
    at = end;
  }
}

void s7_data(Finder& found, std::size_t at, std::size_t end) {
  while (at + 4 <= end) {
    const std::uint8_t size = found.at(at + 1);
    const bool bits = size >= 3 && size <= 5;
    const std::size_t count = found.be16(at + 2);
    const std::size_t bytes = bits ? (count + 7) / 8 : count;
    const std::uint8_t steps = bits ? 8 : 1;
    found.counted(2, {at + 2, 2, false, at + 4, at + 4 + bytes, 1, steps});
    at += 4 + bytes + (bytes & 1);
  }
}

void s7comm(Finder& found) {
  tpkt(found);
  constexpr std::size_t kAt = 7;
  const std::uint8_t kind = found.at(kAt + 1);
  const std::size_t parameter = kAt + (kind == 2 || kind == 3 ? 12 : 10);
  const std::size_t data = parameter + found.be16(kAt + 6);
  const std::size_t end = data + found.be16(kAt + 8);
  found.length({kAt + 6, 2, false, parameter, data});
  found.length({kAt + 8, 2, false, data, end});
  const bool variables = found.at(parameter) == 4 || found.at(parameter) == 5;
  if (kind == 1 && variables) {
    for (std::size_t at = parameter + 2; at + 2 <= data; at += 2 + found.at(at + 1)) {
      found.counted(1, {at + 1, 1, false, at + 2, at + 2 + found.at(at + 1)});
    }
  } else if (kind == 7) {
    found.length({parameter + 3, 1, false, parameter + 4, data});
  }
  if (variables || kind == 7) s7_data(found, data, end);
}

// Session (X.225, 8.3): a length of one octet, or 0xff and two, for each unit and parameter.
void session(Finder& found, std::size_t at, std::size_t end, int depth) {
  while (at + 2 <= end) {
    const bool wide = found.at(at + 1) == 0xff;
    const std::size_t begin = at + (wide ? 4 : 2);
    const std::size_t count = wide ? found.be16(at + 2) : found.at(at + 1);
    if (begin + count > end) return;
    const auto width = static_cast<std::uint8_t>(wide ? 2 : 1);
    const std::size_t field = wide ? at + 2 : at + 1;
    found.counted(field - at, {field, width, false, begin, begin + count});
    const std::uint8_t code = found.at(at);
    const bool user = code == 193 || code == 194;
    if (user) found.ber(begin, begin + count);
    if (!user && depth < 2 && count > 2) session(found, begin, begin + count, depth + 1);
    at = begin + count;
  }
}

void mms(Finder& found) {
  tpkt(found);
  const std::size_t at = 5U + found.at(4);
  if (found.at(at) == 1 && found.at(at + 1) == 0 && found.at(at + 2) == 1) {  // give tokens, data
    found.ber(at + 4, found.size());
  } else if (found.at(at) >= 0x60 || !(found.at(at) == 13 || found.at(at) == 14)) {
    if (!found.ber(at, found.size())) session(found, at, found.size(), 0);
  } else {
    session(found, at, found.size(), 0);
  }
}

void published(Finder& found) {
  found.length({2, 2, false, 0, found.be16(2)});
  found.ber(8, std::min(found.size(), found.be16(2)));
}

// A CIP request (volume 1, 2-4): a service, its path in words, its data.
void cip(Finder& found, std::size_t at, std::size_t end, int depth) {
  const std::size_t path = at + 2;
  const std::size_t path_end = path + 2U * found.at(at + 1);
  if ((found.at(at) & 0x80) != 0 || path_end > end) return;
  found.length({at + 1, 1, false, path, path_end, 2});
  for (std::size_t part = path; part < path_end;) {
    const std::uint8_t kind = found.at(part);
    std::size_t bytes = (kind & 3) == 0 ? 2 : (kind & 3) == 1 ? 4 : 6;
    if (kind == 0x91) {
      bytes = 2U + found.at(part + 1);
      found.length({part + 1, 1, false, part + 2, part + bytes});
      bytes += bytes & 1;
    }
    found.element(part, std::min(part + bytes, path_end));
    part += bytes;
  }
  if (depth > 3) return;
  const bool router = found.at(path) == 0x20 && found.at(path + 1) == 2;
  const bool manager = found.at(path) == 0x20 && found.at(path + 1) == 6;
  if (found.at(at) == 0x0a && router) {
    const std::size_t count = found.le16(path_end);
    for (std::size_t i = 0; i < count && i < 32; ++i) {
      const std::size_t begin = path_end + found.le16(path_end + 2 + 2 * i);
      std::size_t next = end;
      if (i + 1 < count) next = path_end + found.le16(path_end + 4 + 2 * i);
      // The offsets behind this one grow with it.
      for (std::size_t later = i + 1; later < count; ++later) {
        found.length({path_end + 2 + 2 * later, 2, true, begin, next});
      }
      found.element(begin, next);
      if (begin < next && next <= end) cip(found, begin, next, depth + 1);
    }
  } else if (found.at(at) == 0x52 && manager) {
    const std::size_t message = path_end + 4;
    const std::size_t message_end = message + found.le16(path_end + 2);
    found.length({path_end + 2, 2, true, message, message_end});
    const std::size_t route = message_end + (found.le16(path_end + 2) & 1U);
    found.length({route, 1, false, route + 2, end, 2});
    if (message_end <= end) cip(found, message, message_end, depth + 1);
  } else if ((found.at(at) == 0x54 || found.at(at) == 0x5b) && manager) {
    const std::size_t size = path_end + (found.at(at) == 0x54 ? 35 : 39);
    found.length({size, 1, false, size + 1, end, 2});
    for (std::size_t part = size + 1; part + 2 <= end; part += 2) found.element(part, part + 2);
  }
}

void enip(Finder& found) {
  std::size_t items = 24 + 6;
  if (found.size() >= 2 && found.le16(0) == 2 && found.le16(2) >= 0x8000) {
    items = 0;  // a datagram of an implicit connection has no header
  } else {
    found.length({2, 2, true, 24, found.size()});
    const std::size_t command = found.le16(0);
    if (command == 0x63 || command == 0x64 || command == 4) items = 24;
    if (command == 0x65 || command == 0x66) return;
  }
  const std::size_t count = found.le16(items);
  std::size_t at = items + 2;
  for (std::size_t i = 0; i < count && i < 8 && at + 4 <= found.size(); ++i) {
    const std::size_t end = at + 4 + found.le16(at + 2);
    found.counted(2, {at + 2, 2, true, at + 4, end});
    if (found.le16(at) == 0xb2) cip(found, at + 4, end, 0);
    if (found.le16(at) == 0xb1) cip(found, at + 6, end, 0);
    at = end;
  }
}

// Strings and byte strings (OPC 10000-6, 5.2.2.4) are found by looking like one.
void opcua(Finder& found) {
  for (std::size_t at = 0; at + 8 <= found.size();) {
    const std::size_t end = at + found.le32(at + 4);
    if (end <= at || end > found.size()) break;
    found.length({at + 4, 4, true, at, end});
    at = end;
  }
  for (std::size_t at = 8; at + 4 < found.size(); ++at) {
    const std::size_t count = found.le32(at);
    if (count == 0 || count > found.size() - at - 4) continue;
    const std::uint8_t first = found.at(at + 4);
    const bool text = first >= 0x20 && first < 0x7f && found.at(at + 3 + count) >= 0x20;
    const bool whole = at + 4 + count == found.size();
    if (text || whole) found.counted(0, {at, 4, true, at + 4, at + 4 + count});
  }
}

// ASHRAE 135, 6.4.7: ports of a routing table, with what is told of each.
void routing_table(Finder& found, std::size_t at) {
  for (++at; at + 4 <= found.size(); at += 4U + found.at(at + 3)) {
    found.counted(3, {at + 3, 1, false, at + 4, at + 4 + found.at(at + 3)});
  }
}

// Tagged values (ASHRAE 135, 20.2.1) from the first octet that may begin one.
void bacnet(Finder& found) {
  std::size_t end = found.size();
  std::size_t npdu = 0;
  if (found.at(0) == 0x81) {
    found.length({2, 2, false, 0, found.size()});
    npdu = found.at(1) == 4 ? 10 : 4;
  }
  std::size_t at = npdu + 2;
  const std::uint8_t control = found.at(npdu + 1);
  for (const int mask : {0x20, 0x08}) {
    if ((control & mask) == 0) continue;
    found.length({at + 2, 1, false, at + 3, at + 3 + found.at(at + 2)});
    found.element(at, at + 3 + found.at(at + 2));
    at += 3U + found.at(at + 2);
  }
  if ((control & 0x20) != 0) ++at;
  if ((control & 0x80) != 0) {
    if (found.at(at) == 6 || found.at(at) == 7) routing_table(found, at + 1);
    return;
  }
  constexpr std::array<std::size_t, 8> kHeads = {4, 2, 3, 3, 0, 3, 0, 0};
  at += kHeads[found.at(at) >> 4 & 7];
  while (at < end) {
    const std::uint8_t tag = found.at(at);
    std::size_t value = at + ((tag & 0xf0) == 0xf0 ? 2 : 1);
    const auto kind = static_cast<std::uint8_t>(tag & 7);
    const bool bare = kind >= 6 || ((tag & 0xf8) == 0x10);  // opening, closing, a truth
    std::size_t count = bare ? 0 : kind;
    if (kind == 5 && !bare) {
      count = found.at(value++);
      found.counted(value - 1 - at, {value - 1, 1, false, value, value + count});
    } else if (!bare) {
      found.length({at, 1, false, value, value + count, 1, 1, 0x07});
      found.element(at, value + count);
    } else {
      found.element(at, value);
    }
    at = value + count;
  }
}

constexpr std::size_t kLinkHeader = 8;
constexpr std::size_t kBlock = 16;

constexpr std::array<std::uint16_t, 256> make_crc_table() {
  std::array<std::uint16_t, 256> table{};
  for (unsigned octet = 0; octet < table.size(); ++octet) {
    unsigned rest = octet;
    for (int bit = 0; bit < 8; ++bit) rest = (rest & 1U) != 0 ? (rest >> 1) ^ 0xa6bcU : rest >> 1;
    table[octet] = static_cast<std::uint16_t>(rest);
  }
  return table;
}

// IEEE 1815, 9.2.4.1.5.
std::uint16_t crc(ByteView bytes) {
  static constexpr auto kTable = make_crc_table();
  std::uint16_t rest = 0;
  for (const std::uint8_t octet : bytes) {
    rest = static_cast<std::uint16_t>(rest >> 8 ^ kTable[(rest ^ octet) & 0xff]);
  }
  return static_cast<std::uint16_t>(~rest);
}

void append_block(ByteView block, Closed& closed) {
  for (std::size_t i = 0; i < block.size(); ++i) {
    closed.places.push_back(closed.bytes.size());
    closed.bytes.push_back(block[i]);
  }
  const std::uint16_t sum = crc(block);
  closed.checksums.push_back(closed.bytes.size());
  closed.bytes.push_back(static_cast<std::uint8_t>(sum));
  closed.checksums.push_back(closed.bytes.size());
  closed.bytes.push_back(static_cast<std::uint8_t>(sum >> 8));
}

// GENISYS, 5.1.1: header, station and pairs. Acknowledgements and polls, which need no checksum,
// stay as they are.
bool has_genisys_checksum(ByteView bytes) {
  return bytes.size() >= 2 && bytes[0] != 0xf1 && bytes[0] != 0xfb;
}

void genisys(Finder& found) {
  for (std::size_t at = 2; at + 2 <= found.size(); at += 2) found.element(at, at + 2);
}

Bytes open_genisys(ByteView message) {
  if (!has_genisys_checksum(message)) return {message.begin(), message.end()};
  Bytes opened = {message[0]};
  for (std::size_t at = 1; at + 1 < message.size(); ++at) {
    const bool escape = message[at] == 0xf0 && at + 2 < message.size();
    opened.push_back(escape ? static_cast<std::uint8_t>(0xf0 + message[++at]) : message[at]);
  }
  opened.resize(std::max<std::size_t>(opened.size(), 3) - 2);
  return opened;
}

void append_escaped(std::uint8_t octet, Bytes& bytes) {
  if (octet >= 0xf0) bytes.push_back(0xf0);
  bytes.push_back(octet >= 0xf0 ? static_cast<std::uint8_t>(octet - 0xf0) : octet);
}

void close_genisys(ByteView opened, Closed& closed) {
  unsigned sum = 0;
  for (const std::uint8_t octet : opened) {
    sum ^= octet;
    for (int bit = 0; bit < 8; ++bit) sum = (sum & 1U) != 0 ? (sum >> 1) ^ 0xa001U : sum >> 1;
    if (closed.bytes.empty()) {
      closed.bytes.push_back(octet);
    } else {
      append_escaped(octet, closed.bytes);
    }
    closed.places.push_back(closed.bytes.size() - 1);
  }
  const std::size_t behind = closed.bytes.size();
  append_escaped(static_cast<std::uint8_t>(sum), closed.bytes);
  append_escaped(static_cast<std::uint8_t>(sum >> 8), closed.bytes);
  for (std::size_t at = behind; at < closed.bytes.size(); ++at) closed.checksums.push_back(at);
  closed.bytes.push_back(0xf6);
}

}  // namespace

Layout find_layout(std::string_view protocol, ByteView opened) {
  Finder found(opened);
  if (protocol == "modbus") modbus(found);
  if (protocol == "dnp3") dnp3(found);
  if (protocol == "iec104") found.length({1, 1, false, 2, found.size()});
  if (protocol == "s7comm") s7comm(found);
  if (protocol == "s7comm_plus") tpkt(found);
  if (protocol == "enip") enip(found);
  if (protocol == "opcua") opcua(found);
  if (protocol == "bacnet") bacnet(found);
  if (protocol == "mms") mms(found);
  if (protocol == "goose" || protocol == "sv") published(found);
  if (protocol == "genisys") genisys(found);
  return found.take();
}

Bytes open(std::string_view protocol, ByteView message) {
  if (protocol == "genisys") return open_genisys(message);
  if (protocol != "dnp3") return {message.begin(), message.end()};
  Bytes opened;
  constexpr std::size_t kSum = 2;
  for (std::size_t at = 0; at + kLinkHeader + kSum <= message.size();) {
    const std::size_t data = std::max<std::size_t>(message[at + 2], 5) - 5;
    opened.insert(opened.end(), message.begin() + static_cast<std::ptrdiff_t>(at),
                  message.begin() + static_cast<std::ptrdiff_t>(at + kLinkHeader));
    at += kLinkHeader + kSum;
    for (std::size_t left = data; left > 0;) {
      const std::size_t count = std::min({left, kBlock, message.size() - at});
      opened.insert(opened.end(), message.begin() + static_cast<std::ptrdiff_t>(at),
                    message.begin() + static_cast<std::ptrdiff_t>(at + count));
      at = std::min(at + count + kSum, message.size());
      left = count == 0 ? 0 : left - count;
    }
  }
  return opened;
}

Closed close(std::string_view protocol, ByteView opened) {
  Closed closed;
  if (protocol == "genisys" && has_genisys_checksum(opened)) {
    close_genisys(opened, closed);
    return closed;
  }
  if (protocol != "dnp3") {
    closed.bytes.assign(opened.begin(), opened.end());
    for (std::size_t i = 0; i < opened.size(); ++i) closed.places.push_back(i);
    return closed;
  }
  closed.bytes.reserve(opened.size() + opened.size() / 4);
  closed.places.reserve(opened.size());
  for (std::size_t at = 0; at < opened.size();) {
    const std::size_t header = std::min(kLinkHeader, opened.size() - at);
    const std::size_t said = header > 2 ? opened[at + 2] : 0;
    append_block(opened.subspan(at, header), closed);
    at += header;
    for (std::size_t left = std::max<std::size_t>(said, 5) - 5; left > 0 && at < opened.size();) {
      const std::size_t count = std::min({left, kBlock, opened.size() - at});
      append_block(opened.subspan(at, count), closed);
      at += count;
      left -= count;
    }
  }
  return closed;
}

}  // namespace bulkhead::accounting
