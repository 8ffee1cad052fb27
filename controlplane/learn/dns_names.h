// Names and addresses in a DNS answer (RFC 1035, 4; RFC 3596).
#pragma once

#include <string>
#include <vector>

#include "dataplane/base/bytes.h"
#include "dataplane/wire/address.h"

namespace bulkhead::learn {

struct DnsName {
  std::string name;  // its labels as they came, with dots between them
  wire::IpAddress address;
};

// Of records A and AAAA, and of PTR below in-addr.arpa: at most 64 of them.
std::vector<DnsName> dns_names(ByteView message);

}  // namespace bulkhead::learn
