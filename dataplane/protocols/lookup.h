// Helpers to build and search catalogues of modules.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "dataplane/protocols/catalogue.h"

namespace bulkhead::protocols {

// The mask of FunctionInfo::fields, from indices of fields.
template <typename... Fields>
constexpr std::uint32_t with(Fields... fields) {
  return (0U | ... | (1U << fields));
}

// The functions of a module and of the layer below it.
template <std::size_t Own, std::size_t Below>
constexpr std::array<FunctionInfo, Own + Below> join_functions(
    const std::array<FunctionInfo, Own>& own, const std::array<FunctionInfo, Below>& below) {
  std::array<FunctionInfo, Own + Below> all{};
  for (std::size_t i = 0; i < Own; ++i) all[i] = own[i];
  for (std::size_t i = 0; i < Below; ++i) all[Own + i] = below[i];
  return all;
}

constexpr std::uint16_t kNotInCatalogue = 0xffff;

// The index of the function of a code and sub-code; kNotInCatalogue if there is none.
constexpr std::uint16_t find_function(std::span<const FunctionInfo> functions, std::uint32_t code,
                                      std::int32_t sub_code = kNoSubCode) {
  for (std::size_t i = 0; i < functions.size(); ++i) {
    if (functions[i].code == code && functions[i].sub_code == sub_code) {
      return static_cast<std::uint16_t>(i);
    }
  }
  return kNotInCatalogue;
}

}  // namespace bulkhead::protocols
