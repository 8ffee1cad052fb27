// A text counts if it compiles to the digest that the revision names.
#include "controlplane/cli/stored_text.h"

#include "dataplane/artefact/artefact.h"
#include "dataplane/artefact/digest.h"

namespace bulkhead::controlplane {

StoredText read_stored_text(const v1::GetPolicyResponse& stored) {
  if (stored.source().empty()) {
    return {{}, "it was pushed as a compiled policy, without its text"};
  }
  Compilation compiled = compile_policy(stored.source(), "revision", kAnyTime);
  if (!compiled.tables) return {{}, "its text does not compile with this version"};
  const std::string digest =
      artefact::to_hex(artefact::encode(*compiled.tables, compiled.health).sha256());
  if (digest == stored.revision().sha256()) return {std::move(compiled), {}};
  return {
      {},
      "its text compiles to something else here: it is another text, or was compiled by another "
      "version"};
}

}  // namespace bulkhead::controlplane
