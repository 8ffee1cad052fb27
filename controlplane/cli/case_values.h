// Values of the fields of a message in words, and its elements as bytes.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "controlplane/policy/model.h"
#include "dataplane/protocols/catalogue.h"
#include "dataplane/protocols/operation.h"

namespace bulkhead::controlplane {

// What written elements are: numbers in one type.
struct ElementValues {
  policy::ValueType type = policy::ValueType::plain;
  policy::WordOrder order = policy::WordOrder::big;
  std::vector<std::int64_t> numbers;  // in the order of the type

  bool operator==(const ElementValues&) const = default;
};

struct FieldChoice {
  Range range;
  std::string name;
  ElementValues elements;

  bool operator==(const FieldChoice&) const = default;
};

// By the field's index in the catalogue.
using FieldChoices = std::map<std::uint8_t, FieldChoice>;

// How many words of 16 bits, or other elements, one number of the type takes.
std::size_t words_of(policy::ValueType type);

// `quantity 10`, `address 0-9`, for people.
std::string field_text(const protocols::Catalogue& catalogue, std::uint8_t field,
                       const FieldChoice& choice);

// The elements as the message would have them: as words of 16 bits where they fit. The last number
// stands for all that follow it.
class ElementBytes {
 public:
  ElementBytes(const ElementValues& values, const protocols::FunctionInfo& function,
               std::size_t count);

  // The view lives as long as this.
  protocols::Elements view(std::int64_t first) const;

 private:
  void add(const ElementValues& values, std::int64_t number);

  protocols::ElementEncoding encoding_{};
  std::size_t count_ = 0;
  std::vector<std::uint8_t> bytes_;
};

}  // namespace bulkhead::controlplane
