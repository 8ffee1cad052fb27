// What the two ends of a case say to each other, and what may arrive of it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "tests/adversarial/model/tcp_model.h"

namespace bulkhead::adversary {

struct Request {
  Bytes bytes;
  std::uint16_t transaction = 0;
  std::uint8_t code = 0;
  bool granted = false;
  bool answered = true;  // false: the server keeps silent
};

// The policy of all cases: reads and writes of registers 0 to 199.
policy::Tables case_policy(policy::OnDeny on_deny);

// `transaction` ties it to its answer. Some that are not granted do not decode.
Request random_request(Random& random, std::uint16_t transaction, bool granted);

// Whether the policy grants these bytes, judged without the product's code.
bool is_granted(const Bytes& message);

// The server's answer to a whole request.
Bytes answer_to(const Bytes& request);

// What answers nothing, though it looks like the answer to the request: under a number that no
// request has, from another unit, or, behind the answer, that once more.
constexpr std::uint16_t kStrayTransaction = 0xe000;
Bytes stray_beside(Random& random, const Bytes& request, bool behind);

// The whole message at `offset`, which then is behind it; nothing if it is not whole or no message.
std::optional<Bytes> next_message(const Bytes& stream, std::size_t& offset);

// Splits a stream into messages. `rest` is what stands behind the last whole one.
struct Split {
  std::vector<Bytes> messages;
  Bytes rest;
  bool malformed = false;
};
Split split(const Bytes& stream);

}  // namespace bulkhead::adversary
