// The digests of both appliances' access files, which each sends to the other. Of the pair's
// thread.
#pragma once

#include <optional>
#include <string>

#include "bulkhead/v1/failover.pb.h"

namespace bulkhead::controlplane {

class AccessDigests {
 public:
  // A connection of the pair link has begun or ended.
  void on_link() { sent_.reset(); }
  // The digest here; returns what the peer, if it is connected, must be sent.
  std::optional<v1::PairMessage> set_own(const std::string& sha256, bool connected) {
    own_ = sha256;
    if (!connected || sent_ == sha256) return std::nullopt;
    sent_ = sha256;
    v1::PairMessage message;
    message.mutable_access()->set_sha256(sha256);
    return message;
  }
  void take(const v1::PairAccess& access) {
    constexpr std::size_t kDigits = 64;
    peer_ = access.sha256().substr(0, kDigits);
  }
  void fill(v1::PairStatus& status) const {
    status.mutable_self()->set_access_sha256(own_);
    status.mutable_peer()->set_access_sha256(peer_.value_or(""));
    status.set_access_differs(peer_ && *peer_ != own_);
  }

 private:
  std::string own_;
  std::optional<std::string> sent_;  // on this connection
  std::optional<std::string> peer_;  // the newest
};

}  // namespace bulkhead::controlplane
