// Numbers are written as a message would have them: in words, the high or the low one first.
#include "controlplane/cli/case_values.h"

#include <algorithm>
#include <bit>

#include "controlplane/policy/values.h"

namespace bulkhead::controlplane {

namespace {

void put_word(std::vector<std::uint8_t>& bytes, std::uint64_t word) {
  bytes.push_back(static_cast<std::uint8_t>(word >> 8));
  bytes.push_back(static_cast<std::uint8_t>(word));
}

}  // namespace

std::size_t words_of(policy::ValueType type) {
  return type == policy::ValueType::plain || type == policy::ValueType::int16 ? 1 : 2;
}

std::string field_text(const protocols::Catalogue& catalogue, std::uint8_t field,
                       const FieldChoice& choice) {
  const protocols::FieldInfo& info = catalogue.fields[field];
  std::string value = choice.name;
  const Range& range = choice.range;
  const bool is_float = choice.elements.type == policy::ValueType::float32;
  if (info.kind == protocols::FieldKind::real) {
    value = std::to_string(float64_from_order(range.low));
  } else if (info.kind == protocols::FieldKind::integer && is_float) {
    value = std::to_string(float32_from_order(range.low));
  } else if (info.kind == protocols::FieldKind::integer) {
    value = std::to_string(range.low);
    if (!range.is_point()) value += "-" + std::to_string(range.high);
  }
  return std::string(info.name) + " " + value;
}

ElementBytes::ElementBytes(const ElementValues& values, const protocols::FunctionInfo& function,
                           std::size_t count) {
  const bool plain = values.type == policy::ValueType::plain;
  const bool fits = std::all_of(values.numbers.begin(), values.numbers.end(),
                                [](std::int64_t n) { return n >= 0 && n <= UINT16_MAX; });
  const bool bits = function.counts == "coils" || function.counts == "discrete inputs";
  encoding_ = protocols::ElementEncoding::be16;
  if (plain && !fits) encoding_ = protocols::ElementEncoding::be64;
  if (plain && fits && bits) encoding_ = protocols::ElementEncoding::u8;
  while (count_ < count) {
    const std::size_t index = count_ / words_of(values.type);
    add(values, values.numbers[std::min(index, values.numbers.size() - 1)]);
  }
}

protocols::Elements ElementBytes::view(std::int64_t first) const {
  protocols::Elements elements;
  elements.bytes = bytes_;
  elements.first = static_cast<std::uint32_t>(first);
  elements.count = static_cast<std::uint16_t>(count_);
  elements.encoding = encoding_;
  return elements;
}

void ElementBytes::add(const ElementValues& values, std::int64_t number) {
  count_ += words_of(values.type);
  auto bits = static_cast<std::uint64_t>(number);
  if (encoding_ == protocols::ElementEncoding::u8) {
    bytes_.push_back(static_cast<std::uint8_t>(bits));
    return;
  }
  if (encoding_ == protocols::ElementEncoding::be64) {
    for (int shift = 48; shift >= 0; shift -= 16) put_word(bytes_, bits >> shift);
    return;
  }
  if (values.type == policy::ValueType::float32) {
    bits = std::bit_cast<std::uint32_t>(float32_from_order(number));
  }
  if (words_of(values.type) == 1) return put_word(bytes_, bits);
  const bool big = values.order == policy::WordOrder::big;
  put_word(bytes_, big ? bits >> 16 : bits);
  put_word(bytes_, big ? bits : bits >> 16);
}

}  // namespace bulkhead::controlplane
