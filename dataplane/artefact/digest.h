// SHA-256, which identifies artefacts and names.
#pragma once

#include <string>

namespace bulkhead::artefact {

// The digest of the bytes, raw.
std::string sha256(const std::string& bytes);
std::string to_hex(const std::string& bytes);

}  // namespace bulkhead::artefact
