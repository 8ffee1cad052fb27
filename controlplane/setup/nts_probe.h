// Whether a time server offers NTS (RFC 8915): it answers a TLS handshake on port 4460 with the
// protocol ntske/1.
#pragma once

#include <string>

#include "controlplane/setup/facts.h"

namespace bulkhead::setup {

// Takes 3 s at most for each address of the host. Whose certificate it is, chronyd checks later.
NtsAnswer ask_for_nts(const std::string& host);

}  // namespace bulkhead::setup
