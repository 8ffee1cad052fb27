// Compiled policies from a hostile controller whose digest fits: refused or well-formed, never a
// crash; what is accepted can be asked.
#include <google/protobuf/stubs/logging.h>

#include <cstdint>
#include <string>

#include "dataplane/artefact/artefact.h"
#include "dataplane/artefact/digest.h"
#include "dataplane/policy/classifier.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace bulkhead;
  static const bool kQuiet = (google::protobuf::SetLogHandler(nullptr), true);
  (void)kQuiet;
  v1::PolicyArtefact artefact;
  artefact.set_format(artefact::kFormat);
  artefact.set_policy(std::string(reinterpret_cast<const char*>(data), size));
  artefact.set_sha256(artefact::sha256(artefact.policy()));
  const auto tables = artefact::decode(artefact);
  if (!tables) return 0;
  const wire::IpAddress address{};
  for (std::uint16_t from = 0; from < tables.value().zones.size(); ++from) {
    for (std::uint16_t to = 0; to < tables.value().zones.size(); ++to) {
      policy::classify(tables.value(), from, to, {address, address, 502, {}});
    }
  }
  return 0;
}
