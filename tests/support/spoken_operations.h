// Operations by the catalogue's words, for tests of what is learned.
#pragma once

#include <gtest/gtest.h>

#include <array>
#include <map>
#include <string>
#include <string_view>

#include "dataplane/protocols/registry.h"
#include "dataplane/wire/text.h"

namespace bulkhead::learn {

inline wire::IpAddress ip(const std::string& text) { return wire::read_ip(text).value(); }

// An operation by the catalogue's words.
class Operations {
 public:
  explicit Operations(const char* name)
      : protocol(protocols::find_protocol(name).value()),
        catalogue_(protocols::registry()[protocol]->catalogue()) {}

  protocols::Operation make(std::string_view function,
                            const std::map<std::string_view, Range>& fields) const {
    protocols::Operation operation;
    for (std::size_t i = 0; i < catalogue_.functions.size(); ++i) {
      if (catalogue_.functions[i].name == function) {
        operation.function = static_cast<std::uint16_t>(i);
      }
    }
    EXPECT_EQ(catalogue_.functions[operation.function].name, function);
    for (std::size_t i = 0; i < catalogue_.fields.size(); ++i) {
      const auto found = fields.find(catalogue_.fields[i].name);
      if (found != fields.end()) operation.set(i, found->second);
    }
    return operation;
  }

  const std::uint8_t protocol;

 private:
  const protocols::Catalogue& catalogue_;
};

inline const Operations& modbus() {
  static const Operations operations("modbus");
  return operations;
}

// A written register: its address and its value.
struct Write {
  std::array<std::uint8_t, 2> bytes;
  protocols::Operation operation;

  Write(std::int64_t address, std::uint16_t value)
      : bytes{static_cast<std::uint8_t>(value >> 8), static_cast<std::uint8_t>(value)},
        operation(modbus().make("write_single_register",
                                {{"unit", {1, 1}}, {"address", {address, address}}})) {
    operation.elements = {bytes, static_cast<std::uint32_t>(address), 1,
                          protocols::ElementEncoding::be16};
  }
};

}  // namespace bulkhead::learn
