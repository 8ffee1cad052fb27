// What a daemon says of an option or a line of its configuration file that it cannot use.
#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <string_view>

namespace bulkhead::daemon {

// `error`: what parsing the program's options threw. Names the file where the mistake is in it.
inline std::string wrong_option(const CLI::App& app, const CLI::ParseError& error) {
  constexpr std::string_view kUnknown = "INI was not able to parse ";
  const std::string said = error.what();
  const CLI::Option* file = app.get_config_ptr();
  if (error.get_name() != "ConfigError" || file == nullptr) {
    return "wrong option or config: " + said + "; see --help";
  }
  const std::string what =
      said.starts_with(kUnknown)
          ? "`" + said.substr(kUnknown.size()) + "` is no option, or its line is no `name = value`"
          : said;
  return file->as<std::string>() + ": " + what + "; see --help";
}

}  // namespace bulkhead::daemon
