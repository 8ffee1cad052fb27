// A sample's message whose fields have been given values: its bytes, and the operation that a
// module must read in them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "dataplane/policy/tables.h"
#include "dataplane/protocols/operation.h"
#include "dataplane/protocols/sample.h"

namespace bulkhead::selftest {

// The octets of hexadecimal digits; spaces are for people. Precondition: the digits are in pairs.
std::vector<std::uint8_t> from_hex(std::string_view hex);

class Message {
 public:
  // Precondition: the sample names what the catalogue has. `protocol`: its index in the registry.
  Message(std::uint8_t protocol, const protocols::SampleMessage& sample);

  bool from_client() const { return sample_.from_client; }
  // Whether a rule must grant it.
  bool is_request() const { return function_ != kNone; }
  std::uint16_t function() const { return function_; }

  // Gives each field that the rule constrains a value that the rule grants, as far as its values
  // can be changed. The message may still not be granted.
  void fit(const policy::Rule& rule);
  // Gives a number that none of the rules grants, if all of them constrain one that can be changed.
  // False, and nothing is changed, if there is none.
  bool unfit(const std::vector<const policy::Rule*>& rules);

  // As a module must read it. Its views live as long as this, and no change of it.
  protocols::Operation operation() const;
  // Nothing if the values do not fit the encoding.
  std::optional<std::vector<std::uint8_t>> bytes() const;

 private:
  static constexpr std::uint16_t kNone = 0xffff;
  struct Value {
    const protocols::SampleField* field = nullptr;
    std::uint8_t index = 0;  // of the catalogue
    std::int64_t number = 0;
    std::string text;
  };

  const Value* find(std::uint8_t field) const;

  protocols::SampleMessage sample_;
  void (*seal_)(std::span<std::uint8_t>) = nullptr;
  const protocols::Catalogue* catalogue_;
  std::uint16_t function_ = kNone;
  std::vector<Value> values_;
};

}  // namespace bulkhead::selftest
