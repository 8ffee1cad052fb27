// Frames that no honest stack would send, at the numbers where they hurt most.
#pragma once

#include "tests/adversarial/model/conversation.h"

namespace bulkhead::adversary {

// One attack in the name of `end`: one frame or several.
std::vector<Bytes> random_attack(TcpModel& end, Random& random, TimeNs now_ns);

}  // namespace bulkhead::adversary
