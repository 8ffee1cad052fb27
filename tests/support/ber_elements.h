// Elements of ASN.1's basic encoding rules, for the tests of protocols that use them.
#pragma once

#include "tests/support/protocol_rows.h"

namespace bulkhead::support {

// With a length in the fewest octets.
inline Message element(Message tag, const Message& content) {
  if (content.size() >= 0x10000) {
    tag.push_back(0x83);
    tag.push_back(static_cast<std::uint8_t>(content.size() >> 16));
    tag.push_back(static_cast<std::uint8_t>(content.size() >> 8));
  } else if (content.size() >= 0x100) {
    tag.push_back(0x82);
    tag.push_back(static_cast<std::uint8_t>(content.size() >> 8));
  } else if (content.size() >= 0x80) {
    tag.push_back(0x81);
  }
  tag.push_back(static_cast<std::uint8_t>(content.size()));
  return join({tag, content});
}
inline Message element(std::uint8_t tag, const Message& content) {
  return element(Message{tag}, content);
}
inline Message element(std::uint8_t tag, std::string_view content) {
  return element(Message{tag}, bytes_of(content));
}

}  // namespace bulkhead::support
