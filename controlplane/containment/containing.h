// What callers ask for about containment. Thread-safe.
#pragma once

#include <string>

#include "bulkhead/v1/containment.pb.h"
#include "controlplane/access/refusal.h"
#include "controlplane/access/role.h"
#include "dataplane/base/result.h"

namespace bulkhead::controlplane {

class Containing {
 public:
  using Changed = Result<v1::ContainmentChanged, Refusal>;

  virtual ~Containing() = default;

  // In force here when it returns, and at the peer, unless a warning says otherwise.
  virtual Changed contain(const v1::SetContainmentRequest& request, const std::string& by) = 0;
  // `roles`: the caller's.
  virtual Changed release(const v1::ReleaseContainmentRequest& request, Roles roles,
                          const std::string& by) = 0;
  virtual v1::ListContainmentResponse list() = 0;
};

}  // namespace bulkhead::controlplane
