// SHA-256, by which artefacts and names are known.
#pragma once

#include <string>

namespace bulkhead::artefact {

// The digest of the bytes, raw.
std::string sha256(const std::string& bytes);
std::string to_hex(const std::string& bytes);

}  // namespace bulkhead::artefact
