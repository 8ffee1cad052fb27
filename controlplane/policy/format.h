// Canonical layout of a policy file: keys in one order, two blanks a level, short zones, assets and
// rules on one line, long ones a line a key. Comments stay with what they are about.
#pragma once

#include <optional>
#include <string>

#include "controlplane/yaml/diagnostics.h"

namespace bulkhead::controlplane {

// The text in that layout: it compiles to the same, and formatting it again changes nothing. The
// policy need not compile. Nothing, with the reason in the diagnostics, if it is no YAML that can
// be rewritten.
std::optional<std::string> format_policy(const std::string& text, Diagnostics& diagnostics);

}  // namespace bulkhead::controlplane
