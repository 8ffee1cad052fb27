// An entry in ArcSight's Common Event Format, CEF:0.
#pragma once

#include <string>

#include "controlplane/siem/entry.h"

namespace bulkhead::siem {

// `json` is the entry's, perhaps shortened. Values of the extension are at most `value_bytes_max`
// bytes before they are escaped. No control character is left.
std::string cef(const Entry& entry, const controlplane::Json& json, std::size_t value_bytes_max);

}  // namespace bulkhead::siem
