// What the self-test sends under a policy, and what must come of it: for each protocol that the
// policy grants, a message that must pass and two that must not; for plain services, a packet that
// must pass and one that must not. Derived from the tables, the
// modules' samples and the reference matcher, which no packet is judged by.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "dataplane/policy/containment.h"
#include "dataplane/selftest/message.h"
#include "dataplane/selftest/session_frames.h"

namespace bulkhead::selftest {

enum class Kind : std::uint8_t {
  granted,      // passes, and as it came
  not_granted,  // a function, or values, that no rule grants
  malformed,
  repeated,  // passes for the second time, when its verdict may be remembered
};
constexpr std::array<std::string_view, 4> kKindNames = {"granted", "not_granted", "malformed",
                                                        "repeated"};

// What a trial is about. `problem`: why there is none; then only protocol, transport and kind say
// something.
struct Subject {
  std::uint8_t protocol = 0;  // kNoProtocol: a plain service
  policy::Transport transport{};
  Kind kind{};
  std::uint16_t conduit = policy::kNoConduit;
  std::uint16_t function = 0;  // of the tested message
  wire::IpAddress client;
  wire::IpAddress server;
  std::uint16_t server_port = 0;
  std::string problem{};

  bool is_service() const { return protocol == protocols::kNoProtocol; }
};

// One session. Its last frame carries the message that is tested; all before it must pass.
struct Trial {
  Subject subject;
  std::vector<Frame> frames;
  Bytes message;  // none: the opening of a session
  Bytes trailer;  // of PRP, that the last frame must leave with
};

struct Script {
  std::uint32_t generation = 0;  // of the policy
  std::vector<Trial> trials;
  std::vector<Subject> not_tested;
};

// Bounded in time: of a protocol's rules it tries so many.
constexpr std::size_t kRulesTriedMax = 256;

// `contained` may be nullptr; conduits that it cuts are not tested.
Script write_script(const policy::Tables& tables, std::uint32_t generation,
                    const policy::Containment* contained);

}  // namespace bulkhead::selftest
