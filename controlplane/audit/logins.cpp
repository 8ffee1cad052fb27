// A list in no order: it is short.
#include "controlplane/audit/logins.h"

#include <algorithm>

namespace bulkhead::audit {

Logins::Noted Logins::note(const Caller& caller, bool accepted, TimeNs now_ns) {
  Noted noted;
  noted.ended = turn(now_ns);
  auto mine = std::find_if(logins_.begin(), logins_.end(), [&caller](const Login& login) {
    return login.caller.identity == caller.identity &&
           login.caller.certificate == caller.certificate && login.caller.address == caller.address;
  });
  if (mine == logins_.end()) {
    if (logins_.size() >= kLoginsMax) {
      const auto oldest =
          std::min_element(logins_.begin(), logins_.end(),
                           [](const Login& a, const Login& b) { return a.last_ns < b.last_ns; });
      noted.ended.push_back(std::move(*oldest));
      logins_.erase(oldest);
    }
    noted.is_new = true;
    logins_.push_back({caller, now_ns, now_ns, 0, 0});
    mine = logins_.end() - 1;
  }
  mine->last_ns = now_ns;
  ++mine->calls;
  if (!accepted) ++mine->refused;
  return noted;
}

std::vector<Logins::Login> Logins::turn(TimeNs now_ns) {
  std::vector<Login> ended;
  std::erase_if(logins_, [&](Login& login) {
    if (now_ns - login.last_ns < kIdleNs && now_ns - login.first_ns < kLongestNs) return false;
    ended.push_back(std::move(login));
    return true;
  });
  return ended;
}

std::string address_of(const std::string& peer) {
  const std::size_t begin = peer.find(':');
  const std::size_t end = peer.rfind(':');
  const std::string family = peer.substr(0, begin);
  if (begin == end || (family != "ipv4" && family != "ipv6")) return peer;
  std::string address = peer.substr(begin + 1, end - begin - 1);
  for (const std::string_view bracket : {"%5B", "%5D", "[", "]"}) {
    const std::size_t at = address.find(bracket);
    if (at != std::string::npos) address.erase(at, bracket.size());
  }
  return address;
}

}  // namespace bulkhead::audit
