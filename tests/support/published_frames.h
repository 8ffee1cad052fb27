// What GOOSE and sampled values put behind the EtherType (IEC 61850-8-1, annex C).
#pragma once

#include "dataplane/protocols/published.h"
#include "tests/support/protocol_rows.h"

namespace bulkhead::support {

// The second reserved field is the size of the security extension (IEC 62351-6).
inline Message published_frame(std::uint16_t appid, const Message& apdu, std::uint16_t reserved,
                               const Message& extension) {
  const std::size_t length = published::kHeaderBytes + apdu.size() + extension.size();
  Message head;
  for (const std::size_t word :
       {std::size_t{appid}, length, std::size_t{reserved}, extension.size()}) {
    head.push_back(static_cast<std::uint8_t>(word >> 8));
    head.push_back(static_cast<std::uint8_t>(word));
  }
  return join({head, apdu, extension});
}

// A frame that announces an extension of another size than it has.
inline Message announcing(Message frame, std::uint8_t size) {
  frame[7] = size;
  return frame;
}

}  // namespace bulkhead::support
