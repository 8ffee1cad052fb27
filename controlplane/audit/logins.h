// Who is logged in. There is no log-in in gRPC with certificates: the first call of an identity
// with a certificate from an address counts as one, and calls without a pause of kIdleNs belong to
// it. Calls that change nothing are recorded as their number, when the login ends. Pure; bounded.
#pragma once

#include <cstdint>
#include <vector>

#include "controlplane/audit/record.h"

namespace bulkhead::audit {

class Logins {
 public:
  static constexpr std::size_t kLoginsMax = 64;  // the one that is idle longest ends for another
  static constexpr TimeNs kIdleNs = 15 * 60 * kSecondNs;
  static constexpr TimeNs kLongestNs = 24 * 3600 * kSecondNs;

  struct Login {
    Caller caller;
    TimeNs first_ns = 0;
    TimeNs last_ns = 0;
    std::uint64_t calls = 0;
    std::uint64_t refused = 0;  // of these
  };
  struct Noted {
    bool is_new = false;
    std::vector<Login> ended;
  };

  // `now_ns` does not decrease. The caller's role may change within a login; the address has no
  // port.
  Noted note(const Caller& caller, bool accepted, TimeNs now_ns);
  // Those that have ended by now.
  std::vector<Login> turn(TimeNs now_ns);
  // All of them, for the end of the agent.
  std::vector<Login> end() { return std::exchange(logins_, {}); }

 private:
  std::vector<Login> logins_;
};

// "192.0.2.7" of gRPC's "ipv4:192.0.2.7:40000", "2001:db8::7" of "ipv6:%5B2001:db8::7%5D:40000";
// else the text as it is.
std::string address_of(const std::string& peer);

}  // namespace bulkhead::audit
