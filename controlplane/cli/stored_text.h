// The text of a revision on an appliance.
#pragma once

#include <optional>
#include <string>

#include "bulkhead/v1/control.pb.h"
#include "controlplane/policy/compiler.h"

namespace bulkhead::controlplane {

struct StoredText {
  std::optional<Compilation> compiled;  // with a model; nothing if there is a problem
  std::string problem;  // why the text cannot be taken for what the artefact enforces
};

// Compiles the text and compares the digests: who has stored it may have stored another text.
StoredText read_stored_text(const v1::GetPolicyResponse& stored);

}  // namespace bulkhead::controlplane
