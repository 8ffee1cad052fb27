// Where in a policy's text something can be pasted.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "controlplane/policy/ast.h"

namespace bulkhead::learn {

// After which line, and with how many blanks before each line.
struct Place {
  std::uint32_t line = 0;
  std::size_t indent = 0;
};

// After the last rule of the conduit, if its rules are a list of lines that begin with a dash.
std::optional<Place> after_rules(const std::string& text, const controlplane::ConduitNode& conduit);
// After the last conduit, if each begins a line of its own.
std::optional<Place> after_conduits(const std::string& text,
                                    const controlplane::PolicyNode& policy);

// The text with lines after one of its lines.
std::string pasted(const std::string& text, std::uint32_t line, const std::string& lines);

}  // namespace bulkhead::learn
