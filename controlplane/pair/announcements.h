// What each of a pair tells the other besides sessions and policies: the digest of its access file
// and the head of its audit log. Sent when the link is up and whenever it has changed. On the
// pair's thread.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <utility>

#include "bulkhead/v1/failover.pb.h"
#include "dataplane/base/clock.h"

namespace bulkhead::controlplane {

class Announcements {
 public:
  struct Callbacks {
    std::function<void(v1::PairMessage)> send;
    std::function<void(std::string)> on_audit_head;  // of the peer
  };
  explicit Announcements(Callbacks callbacks) : callbacks_(std::move(callbacks)) {}

  // A connection of the pair link has begun or ended.
  void on_link();
  // What is so here; sends what the peer, if it is connected, has not been sent: a head of the
  // audit log once a second at most.
  void announce(const std::string& access_sha256, const std::string& audit_head, bool connected,
                TimeNs now_ns);
  // False if the message is another one.
  bool take(const v1::PairMessage& message);
  void fill(v1::PairStatus& status) const;

 private:
  Callbacks callbacks_;
  std::string access_;                      // digest of the access file here
  std::optional<std::string> sent_access_;  // on this connection
  std::optional<std::string> peer_access_;  // the newest
  std::string sent_audit_;                  // on this connection
  TimeNs sent_audit_ns_ = 0;
};

}  // namespace bulkhead::controlplane
