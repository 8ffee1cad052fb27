// Credentials of appliances for tests, also such as read_credentials() refuses.
#pragma once

#include <memory>
#include <string>

#include "controlplane/access/appliance_credentials.h"
#include "tests/support/authority.h"

namespace bulkhead::controlplane {

inline CredentialsPointer credentials_of(const Issued& authority, const Issued& own,
                                         const std::string& name, const std::string& list = {}) {
  const auto made = std::make_shared<ApplianceCredentials>();
  made->authority_pem = authority.certificate_pem;
  made->certificate_pem = own.certificate_pem;
  made->key_pem = own.key_pem;
  made->list_pem = list;
  made->name = name;
  made->trust = Trust::read(authority.certificate_pem, list).value();
  return made;
}

}  // namespace bulkhead::controlplane
