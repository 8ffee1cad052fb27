// Every bit of a message is read or declared free: whichever is changed, the message is refused,
// asks for something else, or differs in what its module leaves to the sender.
#pragma once

#include "tests/support/protocol_rows.h"

namespace bulkhead::support {

// Which bits of one message its module leaves free.
class FreeBits final : public protocols::FreeBytes {
 public:
  explicit FreeBits(ByteView message) : message_(message), masks_(message.size()) {}

  void add(ByteView bytes, std::uint8_t mask, std::string_view /*reason*/) override {
    const auto first = static_cast<std::size_t>(bytes.data() - message_.data());
    for (std::size_t i = 0; i < bytes.size(); ++i) masks_.at(first + i) |= mask;
  }
  bool is_free(std::size_t byte, unsigned bit) const { return (masks_[byte] >> bit & 1) != 0; }

 private:
  ByteView message_;
  std::vector<std::uint8_t> masks_;
};

// All that policy can judge of a message; empty if it does not decode.
inline std::string judged_of(const protocols::Protocol& module, ByteView message,
                             const protocols::MessageContext& context,
                             protocols::FreeBytes* free_bytes = nullptr) {
  static const auto kOperations = std::make_unique<protocols::OperationList>();
  kOperations->account_to(free_bytes);
  const protocols::Fault fault = module.decode(message, context, *kOperations);
  kOperations->account_to(nullptr);
  if (fault != protocols::Fault::none) return {};
  std::string text;
  for (const protocols::Operation& operation : *kOperations) {
    text += operation_text(module.catalogue(), operation);
    for (std::size_t i = 0; i < protocols::kFieldsMax; ++i) {
      if (!operation.has(i)) continue;
      const Range range = operation.fields[i].range;  // in which reals differ that look alike
      text += " " + std::to_string(range.low) + "-" + std::to_string(range.high);
    }
    for (std::size_t i = 0; i < operation.elements.count; ++i) {
      text += " " + std::to_string(operation.elements.at(i));
    }
    text += operation.tied ? " tied\n" : "\n";
  }
  return text;
}

inline void expect_every_bit(const protocols::Protocol& module, const Row& row) {
  FreeBits free_bits(row.message);
  const std::string before = judged_of(module, row.message, row.context(), &free_bits);
  if (before.empty()) return;
  for (std::size_t byte = 0; byte < row.message.size(); ++byte) {
    for (unsigned bit = 0; bit < 8; ++bit) {
      if (free_bits.is_free(byte, bit)) continue;
      Message changed = row.message;
      changed[byte] = static_cast<std::uint8_t>(changed[byte] ^ 1U << bit);
      if (module.frame(changed, row.context()).length != changed.size()) continue;
      EXPECT_NE(judged_of(module, changed, row.context()), before)
          << row.what << ": nobody reads bit " << bit << " of byte " << byte;
    }
  }
}

inline void expect_every_bit(const protocols::Protocol& module, const std::vector<Row>& rows) {
  for (const Row& row : rows) expect_every_bit(module, row);
}

}  // namespace bulkhead::support
