// One line a frame or refusal.
#include "tests/adversarial/model/trace.h"

#include <cstdio>

#include "dataplane/wire/ethernet.h"
#include "tests/adversarial/model/edit.h"

namespace bulkhead::adversary {

bool is_fragment(const support::Bytes& frame) {
  return frame.size() > kIpPayloadAt && load_be16(frame.data() + 12) == wire::kEtherTypeIpv4 &&
         (load_be16(frame.data() + kIpAt + 6) & 0x3fff) != 0;
}

void print_frame(TimeNs since_start_ns, const char* what, const support::Bytes& frame) {
  const double at_s = static_cast<double>(since_start_ns) / 1e9;
  const auto tcp = support::parse_sent(frame);
  if (!tcp) {
    std::printf("%12.6f %s %zu bytes, %s\n", at_s, what, frame.size(),
                is_fragment(frame) ? "a fragment" : "no segment");
    return;
  }
  const wire::TcpHeader& header = tcp->header;
  std::printf("%12.6f %s %5u > %5u seq %u ack %u win %u flags %02x len %zu\n", at_s, what,
              header.source_port, header.destination_port, header.sequence, header.acknowledgement,
              header.window, header.flags, tcp->payload.size());
}

void print_refusals(const char* what, const std::vector<pipeline::Event>& events) {
  for (const pipeline::Event& event : events) {
    if (is_allowed(event.reason) && event.reason != Reason::not_judged) continue;
    std::printf("               %s: %s/%s %s%s", what, describe(event.reason).name.data(),
                protocols::describe(event.fault).name.data(), event.is_message ? "message " : "",
                event.direction == protocols::Direction::request ? "request" : "answer");
    for (std::size_t i = 0; i < event.message_count && i < 16; ++i) {
      std::printf(" %02x", event.message[i]);
    }
    std::printf("\n");
  }
}

}  // namespace bulkhead::adversary
