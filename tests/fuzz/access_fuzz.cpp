// Access files as somebody might write them: refused with positions or whole rules, never a crash,
// and never without an administrator. The same bytes are a list of revoked certificates.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "controlplane/access/access_rules.h"
#include "controlplane/access/identity.h"
#include "controlplane/access/trust.h"
#include "controlplane/cli/pki.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace bulkhead::controlplane;
  static const Issued kAuthority = make_authority("fuzz", 1);
  const std::string text(reinterpret_cast<const char*>(data), size);
  const auto require = [](bool good) {
    if (!good) std::abort();
  };
  Diagnostics diagnostics("access.yaml");
  const AccessRules rules = parse_access(text, diagnostics);
  if (diagnostics.errors() == 0) {
    bool administered = false;
    for (const auto& [identity, roles] : rules.identities) {
      require(is_identity(identity) && !roles.empty());
      administered = administered || roles.has(Role::administrator);
    }
    require(administered);
  }
  // Nobody signs a list with the authority's key here: none counts.
  const auto trust = Trust::read(kAuthority.certificate_pem, text);
  require(trust.ok() && (text.empty() || !trust.value()->list_problem().empty()));
  return 0;
}
