// Which bits of a message its module declares free, and whether two messages ask for the same.
#pragma once

#include "tests/support/protocol_rows.h"

namespace bulkhead::support {

class DeclaredBytes final : public protocols::FreeBytes {
 public:
  explicit DeclaredBytes(const Message& message) : message_(message), masks_(message.size()) {}
  void add(ByteView bytes, std::uint8_t mask, std::string_view reason) override {
    EXPECT_FALSE(reason.empty());
    for (const std::uint8_t& octet : bytes) {
      const auto at = static_cast<std::size_t>(original_of(&octet) - message_.data());
      ASSERT_LT(at, message_.size());
      masks_[at] = static_cast<std::uint8_t>(masks_[at] | mask);
    }
  }
  void add_copy(ByteView copy, ByteView original) override { copies_.push_back({copy, original}); }
  bool has(std::size_t at, unsigned bit) const { return (masks_[at] & bit) != 0; }

 private:
  const std::uint8_t* original_of(const std::uint8_t* octet) const {
    for (const auto& [copy, original] : copies_) {
      if (octet >= copy.data() && octet < copy.data() + copy.size()) {
        return original.data() + (octet - copy.data());
      }
    }
    return octet;
  }

  std::vector<std::pair<ByteView, ByteView>> copies_;
  const Message& message_;
  Message masks_;
};

inline bool are_same(const protocols::Catalogue& catalogue, const protocols::Operation& left,
                     const protocols::Operation& right) {
  if (left.function != right.function || left.present != right.present) return false;
  for (std::size_t i = 0; i < catalogue.fields.size(); ++i) {
    if (!left.has(i)) continue;
    const protocols::FieldValue& a = left.fields[i];
    const protocols::FieldValue& b = right.fields[i];
    const bool same_name = std::equal(a.name.begin(), a.name.end(), b.name.begin(), b.name.end());
    const bool named = catalogue.fields[i].kind == protocols::FieldKind::name;
    if (named ? !same_name : a.range.low != b.range.low || a.range.high != b.range.high) {
      return false;
    }
  }
  return true;
}

// Flips each bit: the message is then refused, asks for something else, or has the bit declared
// free. `correct` makes checksums right again; false where the change leaves no message.
template <typename Correct>
void expect_accounted(const protocols::Protocol& module, const char* what, const Message& message,
                      const protocols::MessageContext& context, Correct correct) {
  const auto before = std::make_unique<protocols::OperationList>();
  const auto after = std::make_unique<protocols::OperationList>();
  DeclaredBytes declared(message);
  before->account_to(&declared);
  ASSERT_EQ(protocols::parse_operations(module, message, context, *before), protocols::Fault::none)
      << what;
  for (std::size_t at = 0; at < message.size(); ++at) {
    for (unsigned bit = 1; bit < 0x100; bit <<= 1) {
      Message changed = message;
      changed[at] = static_cast<std::uint8_t>(changed[at] ^ bit);
      if (!correct(changed) || changed == message) continue;
      const protocols::Fault fault = protocols::parse_operations(module, changed, context, *after);
      if (fault != protocols::Fault::none) continue;
      bool same = before->size() == after->size();
      for (std::size_t i = 0; same && i < before->size(); ++i) {
        same = are_same(module.catalogue(), (*before)[i], (*after)[i]);
      }
      EXPECT_EQ(same, declared.has(at, bit)) << what << ", octet " << at << " bit " << bit;
    }
  }
}

}  // namespace bulkhead::support
