// The containments that the data plane enforces, each until its time is over by the machine's
// monotonic clock, whether or not the agent is there. They stand by name, so that they concern each
// policy that comes. All calls come from the service thread.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "bulkhead/v1/containment.pb.h"
#include "dataplane/base/clock.h"
#include "dataplane/pipeline/image.h"

namespace bulkhead::service {

class Containments {
 public:
  static constexpr std::size_t kMax = 128;
  static constexpr std::size_t kTextBytesMax = 256;  // of a reason, an identity, an appliance

  // The workers' grace periods: one begins, and whether all workers have gone through it.
  struct Grace {
    std::function<std::uint64_t()> begin;
    std::function<bool(std::uint64_t token)> is_over;
  };

  explicit Containments(Grace grace) : grace_(std::move(grace)) {}

  // Enforces the set on the image, which is published. Returns why not, and changes nothing then.
  std::string set(const v1::ContainmentSet& set, pipeline::Image& image, TimeNs now_ns);
  // Enforces what stands on an image that is published next; retire() what it returns once that is.
  std::unique_ptr<policy::Containment> follow(pipeline::Image& image);
  // Destroys the table once no worker reads it. Precondition: no image that is published has it.
  void retire(std::unique_ptr<policy::Containment> table);
  // Ends what is over; true if something was.
  bool end_due(pipeline::Image& image, TimeNs now_ns);
  // Whether no worker judges by an earlier set any more.
  bool is_taken_up();
  // What stands, and what of it the image has no zone or conduit for.
  std::vector<v1::Containment> list(const pipeline::Image& image, TimeNs now_ns) const;

 private:
  struct Standing {
    v1::Containment containment;
    TimeNs ends_ns = 0;  // 0: never
  };
  struct Retired {
    std::uint64_t token = 0;
    std::unique_ptr<policy::Containment> table;
  };

  std::unique_ptr<policy::Containment> derive(const policy::Tables& tables) const;
  void publish(pipeline::Image& image);

  Grace grace_;
  std::vector<Standing> standing_;
  std::unique_ptr<policy::Containment> table_;  // of the published image; nullptr: nothing is cut
  std::vector<Retired> retired_;                // that a worker may still read
};

}  // namespace bulkhead::service
