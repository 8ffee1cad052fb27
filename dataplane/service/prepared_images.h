// Images that are ready to be put in force, by the digest of their artefact. Bounded in number and
// in bytes; the least recently used one goes.
#pragma once

#include <cstddef>
#include <list>
#include <memory>
#include <string>
#include <vector>

#include "dataplane/artefact/artefact.h"
#include "dataplane/pipeline/image.h"

namespace bulkhead::service {

class PreparedImages {
 public:
  using Pointer = std::unique_ptr<pipeline::Image>;

  static constexpr std::size_t kImagesMax = 4;
  // Of all their artefacts: one of the largest, or several that are smaller.
  static constexpr std::size_t kArtefactBytesMax = artefact::kPolicyBytesMax;

  // Keeps an image, in the place of one with its digest. Returns those that have gone: destroying
  // large ones takes long. Precondition: the artefact is not larger than kArtefactBytesMax.
  [[nodiscard]] std::vector<Pointer> keep(Pointer image, std::size_t artefact_bytes);
  // The image of the digest, nullptr if there is none. It counts as used.
  const pipeline::Image* find(const std::string& sha256);
  // The same, and it is not kept any more.
  Pointer take(const std::string& sha256);
  std::size_t size() const { return kept_.size(); }

 private:
  struct Kept {
    Pointer image;
    std::size_t artefact_bytes = 0;
  };

  std::list<Kept>::iterator place_of(const std::string& sha256);

  std::list<Kept> kept_;  // the one used last first
  std::size_t artefact_bytes_ = 0;
};

}  // namespace bulkhead::service
