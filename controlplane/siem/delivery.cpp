// Batches stay until a later break could no longer put them in doubt.
#include "controlplane/siem/delivery.h"

#include <algorithm>

namespace bulkhead::siem {

void Delivery::wrote(std::uint64_t end, const Places& places) {
  written_ = std::max(written_, end);
  batches_.push_back({end, places});
}

void Delivery::passed_over(const Places& places) {
  if (pending() > 0) {
    batches_.back().places = places;
    return;
  }
  confirmed_ = places;
  if (batches_.empty()) {
    base_ = places;
  } else {
    batches_.back().places = places;
  }
}

void Delivery::confirm(std::uint64_t end) {
  confirmed_end_ = std::max(confirmed_end_, std::min(end, written_));
  for (const Batch& batch : batches_) {
    if (batch.end > confirmed_end_) break;
    confirmed_ = batch.places;
  }
  const std::uint64_t doubt = trust_ == Trust::receipts ? 0 : kDoubtBytes;
  while (!batches_.empty() && batches_.front().end + doubt <= confirmed_end_) {
    base_ = batches_.front().places;
    batches_.pop_front();
  }
}

void Delivery::await_no_longer() {
  if (trust_ == Trust::receipts_awaited) trust_ = Trust::acknowledgements;
}

// A late first one takes back what acknowledgements alone have confirmed.
void Delivery::receipt(std::uint64_t end) {
  if (trust_ != Trust::receipts) {
    confirmed_ = base_;
    confirmed_end_ = 0;
  }
  trust_ = Trust::receipts;
  receipted_ = std::max(receipted_, end);
  confirm(end);
}

void Delivery::acknowledged(std::uint64_t end) {
  if (trust_ == Trust::acknowledgements) confirm(end);
}

const Places& Delivery::resume(bool orderly) const {
  return orderly && trust_ == Trust::acknowledgements ? confirmed_ : base_;
}

}  // namespace bulkhead::siem
