// A list in order of use: it is short.
#include "dataplane/service/prepared_images.h"

#include <algorithm>
#include <utility>

namespace bulkhead::service {

std::list<PreparedImages::Kept>::iterator PreparedImages::place_of(const std::string& sha256) {
  return std::find_if(kept_.begin(), kept_.end(),
                      [&sha256](const Kept& each) { return each.image->tables.digest == sha256; });
}

std::vector<PreparedImages::Pointer> PreparedImages::keep(Pointer image,
                                                          std::size_t artefact_bytes) {
  std::vector<Pointer> gone;
  if (Pointer same = take(image->tables.digest)) gone.push_back(std::move(same));
  artefact_bytes_ += artefact_bytes;
  kept_.push_front({std::move(image), artefact_bytes});
  while (kept_.size() > kImagesMax || artefact_bytes_ > kArtefactBytesMax) {
    artefact_bytes_ -= kept_.back().artefact_bytes;
    gone.push_back(std::move(kept_.back().image));
    kept_.pop_back();
  }
  return gone;
}

const pipeline::Image* PreparedImages::find(const std::string& sha256) {
  const auto found = place_of(sha256);
  if (found == kept_.end()) return nullptr;
  kept_.splice(kept_.begin(), kept_, found);
  return found->image.get();
}

PreparedImages::Pointer PreparedImages::take(const std::string& sha256) {
  const auto found = place_of(sha256);
  if (found == kept_.end()) return nullptr;
  Pointer image = std::move(found->image);
  artefact_bytes_ -= found->artefact_bytes;
  kept_.erase(found);
  return image;
}

}  // namespace bulkhead::service
