// The bypass of an appliance that stands alone: relays on a card, or a switch beside it, that join
// the zones while the data plane does not forward. A command of the owner's sets them; the unit
// calls it at these moments (deploy/systemd/README.md).
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace bulkhead::daemon {

// The command's last argument.
enum class BypassMoment {
  starting,   // before the data plane takes its ports; the only time at which others may use them
  enforcing,  // ports stand and workers turn: the zones must be apart when the command has ended
  stopped     // the data plane has ended, in whatever way: the zones are to be joined
};

// The moment of this name.
std::optional<BypassMoment> bypass_moment(std::string_view name);

// Becomes the command, with the moment's name as its last argument; returns only why that failed.
// Precondition: there is a command. Its first word is an absolute path.
std::string become_bypass(std::vector<std::string> command, BypassMoment moment);

// Why a command cannot be the bypass of this appliance; empty if it can.
std::string bypass_problem(const std::vector<std::string>& command, bool pair);

}  // namespace bulkhead::daemon
