// Options that setup writes into a configuration file, between two lines of its own: what people
// have written around them stays.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "controlplane/setup/machine.h"
#include "dataplane/base/result.h"

namespace bulkhead::setup {

// Names and values, in order; values as they stand in the file.
using Options = std::vector<std::pair<std::string, std::string>>;

// The file with these options in place of those that an earlier setup wrote. An option that stands
// outside them too is a problem, with its line.
Result<std::string, Problem> with_options(const std::string& path, const std::string& text,
                                          const Options& options);

// A value as text in quotes.
std::string quoted(const std::string& value);

}  // namespace bulkhead::setup
