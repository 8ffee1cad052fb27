// Plants a mistake in the fast matcher that the slow one does not have.
#include "dataplane/policy/planted.h"

namespace bulkhead::policy {

[[maybe_unused]] static const Mistake kPlanted = planted_mistake<Mistake> =
    Mistake::unnamed_granted;

}  // namespace bulkhead::policy
