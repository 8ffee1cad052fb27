// One datagram there and one back, on the loopback interface.
#include "controlplane/agent/host_time.h"

#include <arpa/inet.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <string>

namespace bulkhead::controlplane {

namespace {

constexpr std::uint8_t kVersion = 6;
constexpr std::uint8_t kRequest = 1;
constexpr std::uint8_t kReply = 2;
constexpr std::uint16_t kTrackingCommand = 33;
constexpr std::uint16_t kTrackingReply = 5;
constexpr std::uint16_t kUnsynchronised = 3;  // the leap indicator of NTP, RFC 5905, 7.3
constexpr std::uint32_t kLocalReference = 0x7f7f0101;
constexpr std::uint16_t kPort = 323;
constexpr int kWaitMs = 100;

// 7 bits of exponent and 25 of coefficient, both in two's complement.
double read_float(ByteReader& reader) {
  const std::uint32_t bits = reader.u32();
  const auto exponent = static_cast<std::int32_t>(bits) >> 25;
  const auto coefficient = static_cast<std::int32_t>(bits << 7) >> 7;
  return std::ldexp(coefficient, exponent - 25);
}

std::string address_text(int family, ByteView bytes) {
  char text[INET6_ADDRSTRLEN] = "";
  inet_ntop(family, bytes.data(), text, sizeof(text));
  return text;
}

// A reference clock has a name of four letters in place of an address (RFC 5905, 7.3).
std::string reference_text(std::uint32_t id) {
  if (id == kLocalReference) return "its own clock";
  std::string text;
  for (int shift = 24; shift >= 0; shift -= 8) {
    const char letter = static_cast<char>(id >> shift & 0xff);
    if (letter > ' ' && letter < 0x7f) text += letter;
  }
  return text;
}

std::string source_of(std::uint32_t id, std::uint16_t family, ByteView address) {
  constexpr std::uint16_t kIpv4 = 1;
  constexpr std::uint16_t kIpv6 = 2;
  if (family == kIpv4) return address_text(AF_INET, address);
  if (family == kIpv6) return address_text(AF_INET6, address);
  return reference_text(id);
}

std::int64_t nanoseconds(double seconds) {
  constexpr double kSecondsMax = 1e9;
  return static_cast<std::int64_t>(std::clamp(seconds, -kSecondsMax, kSecondsMax) * 1e9);
}

v1::TimeStatus unknown() {
  v1::TimeStatus status;
  status.set_state("unknown");
  return status;
}

}  // namespace

std::array<std::uint8_t, kTrackingBytes> tracking_question(std::uint32_t sequence) {
  std::array<std::uint8_t, kTrackingBytes> bytes{};
  bytes[0] = kVersion;
  bytes[1] = kRequest;
  store_be16(&bytes[4], kTrackingCommand);
  store_be32(&bytes[8], sequence);
  return bytes;
}

std::optional<v1::TimeStatus> read_tracking(ByteView answer, std::uint32_t sequence) {
  if (answer.size() != kTrackingBytes) return std::nullopt;
  ByteReader reader(answer);
  const bool is_reply = reader.u8() == kVersion && reader.u8() == kReply;
  reader.skip(2);
  const bool is_tracking = reader.u16() == kTrackingCommand && reader.u16() == kTrackingReply;
  const bool is_good = reader.u16() == 0;
  reader.skip(6);
  if (reader.u32() != sequence || !is_reply || !is_tracking || !is_good) return std::nullopt;
  reader.skip(8);
  const std::uint32_t id = reader.u32();
  const ByteView address = reader.take(16);
  const std::uint16_t family = reader.u16();
  reader.skip(2);
  v1::TimeStatus status;
  status.set_stratum(reader.u16());
  const bool is_synchronised = reader.u16() != kUnsynchronised;
  reader.skip(12);  // when it was set last
  status.set_offset_ns(nanoseconds(read_float(reader)));
  reader.skip(20);  // last offset, its mean, frequency, its rest, its skew
  const double delay = read_float(reader);
  const double dispersion = read_float(reader);
  status.set_state(is_synchronised ? "synchronised" : "not_synchronised");
  if (!is_synchronised) return status;
  status.set_source(source_of(id, family, address));
  // RFC 5905, 4: the greatest error is the dispersion and half of the delay, both to the root.
  status.set_error_max_ns(
      static_cast<std::uint64_t>(std::max<std::int64_t>(0, nanoseconds(dispersion + delay / 2))));
  return status;
}

v1::TimeStatus ask_host_time() {
  static std::atomic<std::uint32_t> sequences{0};
  const std::uint32_t sequence = ++sequences;
  const int file = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (file < 0) return unknown();
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(kPort);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const auto question = tracking_question(sequence);
  std::array<std::uint8_t, 512> answer{};
  ssize_t length = -1;
  if (connect(file, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0 &&
      send(file, question.data(), question.size(), 0) > 0) {
    pollfd waits{file, POLLIN, 0};
    if (poll(&waits, 1, kWaitMs) == 1) length = recv(file, answer.data(), answer.size(), 0);
  }
  close(file);
  if (length <= 0) return unknown();
  return read_tracking(ByteView(answer.data(), static_cast<std::size_t>(length)), sequence)
      .value_or(unknown());
}

}  // namespace bulkhead::controlplane
