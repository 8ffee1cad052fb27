// Sample messages of DNP3 (IEEE 1815): the link's status, a read of class 1, and a restart.
#include <algorithm>

#include "dataplane/protocols/dnp3/layout.h"
#include "dataplane/protocols/sample.h"

namespace bulkhead::dnp3 {

namespace {

using protocols::Carrier;
using protocols::Sample;
using protocols::SampleField;
using protocols::SampleMessage;

constexpr SampleField kDestination{
    .name = "destination", .value = 4, .at = 4, .octets = 2, .little = true, .max = 0xffef};
constexpr SampleField kSource{
    .name = "source", .value = 3, .at = 6, .octets = 2, .little = true, .max = 0xffef};

constexpr SampleField kReadFields[] = {kDestination,
                                       kSource,
                                       {.name = "group", .value = 60},
                                       {.name = "variation", .value = 2, .at = 14, .octets = 1}};
constexpr SampleField kEnds[] = {kDestination, kSource};

// Checksums are left to seal().
constexpr SampleMessage kRead[] = {{.function = "read",
                                    .hex = "0564 0b c4 0400 0300 0000 c0 c0 01 3c 02 06 0000",
                                    .fields = kReadFields}};
constexpr SampleMessage kStatus[] = {
    {.function = "link_request_link_status", .hex = "0564 05 c9 0400 0300 0000", .fields = kEnds}};
constexpr SampleMessage kRestart[] = {{.function = "cold_restart",
                                       .hex = "0564 08 c4 0400 0300 0000 c0 c0 0d 0000",
                                       .fields = kEnds}};

constexpr Sample kAll[] = {
    {Carrier::tcp, kRead}, {Carrier::tcp, kStatus}, {Carrier::tcp, kRestart},
    {Carrier::udp, kRead}, {Carrier::udp, kStatus}, {Carrier::udp, kRestart},
};

// IEEE 1815, 9.2.4.1.2: one after the header, one after each sixteen octets of data or less.
void seal(std::span<std::uint8_t> message) {
  constexpr std::size_t kHeader = 8;
  constexpr std::size_t kBlock = 16;
  constexpr std::size_t kCrc = 2;
  std::size_t length = std::min(kHeader, message.size());
  while (message.size() >= length + kCrc) {
    const std::uint16_t sum = crc(ByteView{message.data(), length});
    message[length] = static_cast<std::uint8_t>(sum);
    message[length + 1] = static_cast<std::uint8_t>(sum >> 8);
    message = message.subspan(length + kCrc);
    if (message.size() <= kCrc) return;
    length = std::min(kBlock, message.size() - kCrc);
  }
}

constexpr std::string_view kMalformed = "0564 05c9 0400 0300 0000";  // a wrong checksum

}  // namespace

const protocols::Samples& samples() {
  static constexpr protocols::Samples kSamples{kAll, kMalformed, seal};
  return kSamples;
}

}  // namespace bulkhead::dnp3
