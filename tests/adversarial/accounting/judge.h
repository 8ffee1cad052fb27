// What a module makes of a message where a session stands: refused, or operations, and which bits
// it has declared free.
#pragma once

#include <memory>
#include <set>
#include <string>
#include <vector>

#include "dataplane/protocols/protocol.h"
#include "tests/adversarial/accounting/messages.h"

namespace bulkhead::accounting {

// A message in its session: what accept() had learned before it.
struct Place {
  const protocols::Protocol& protocol;
  protocols::MessageContext context;
  std::vector<std::uint64_t> session;  // aligned for any plain type

  std::span<const std::byte> known() const { return std::as_bytes(std::span(session)); }
};

struct Outcome {
  // Empty: refused, or nothing of it would leave (more must follow).
  std::string operations;
  std::string refusal;
  bool is_opaque = false;  // all of it is of the class that nothing implies: it is not read
  // Fields whose names hold what ends a string or is no text for some receiver: a control octet,
  // or octets that are not UTF-8.
  std::set<std::size_t> unprintable;
};

class Judge final : private protocols::FreeBytes {
 public:
  Judge();

  // As a receiver's stream or datagram: what is not one whole message may be several.
  const Outcome& judge(const Place& place, ByteView bytes);
  // The bits of each octet last judged that its module has declared free.
  const Bytes& free_bits() const { return free_; }

  // Of all that was judged: reasons, and declarations that lie outside of the message.
  const std::set<std::string>& reasons() const { return reasons_; }
  const std::set<std::string>& strays() const { return strays_; }

  // What the message means by itself, without its session; empty if refused.
  std::string decoded(const Place& place, ByteView bytes, std::span<const std::byte> session);

 private:
  struct Copy {
    ByteView copy;
    std::size_t original = 0;
  };

  void add(ByteView bytes, std::uint8_t mask, std::string_view reason) override;
  void add_copy(ByteView copy, ByteView original) override;
  bool refuse(std::string_view why);
  bool judge_one(const Place& place, ByteView message, bool first);

  std::unique_ptr<protocols::OperationList> operations_;
  std::vector<std::uint64_t> session_;
  ByteView bytes_;
  Bytes free_;
  std::vector<Copy> copies_;
  std::set<std::string> reasons_;
  std::set<std::string> strays_;
  Outcome outcome_;
};

// A message and which of its bits are free; `derived`, ascending, are octets that follow from
// others.
struct Accounted {
  ByteView bytes;
  const Bytes& free;
  const std::vector<std::size_t>& derived;
};
// Whether two messages are alike but for what is free or derived in them, and that need not be
// equally long.
bool alike(const Accounted& one, const Accounted& other);

// All that policy can see of the operations, as octets that are alike where they are.
void append_operations(const protocols::Catalogue& catalogue,
                       const protocols::OperationList& operations, std::string& out);
// The same for people.
std::string tell_operations(const protocols::Catalogue& catalogue,
                            const protocols::OperationList& operations);

}  // namespace bulkhead::accounting
