// Small messages, which may be lost with a connection: each connection begins anew.
#include "controlplane/pair/announcements.h"

namespace bulkhead::controlplane {

void Announcements::on_link() {
  sent_access_.reset();
  sent_audit_.clear();
}

void Announcements::announce(const std::string& access_sha256, const std::string& audit_head,
                             bool connected, TimeNs now_ns) {
  access_ = access_sha256;
  if (!connected) return;
  if (sent_access_ != access_sha256) {
    sent_access_ = access_sha256;
    v1::PairMessage message;
    message.mutable_access()->set_sha256(access_sha256);
    callbacks_.send(std::move(message));
  }
  if (sent_audit_ == audit_head || now_ns - sent_audit_ns_ < kSecondNs) return;
  sent_audit_ = audit_head;
  sent_audit_ns_ = now_ns;
  v1::PairMessage message;
  message.mutable_audit()->set_head(audit_head);
  callbacks_.send(std::move(message));
}

bool Announcements::take(const v1::PairMessage& message) {
  if (message.has_audit()) callbacks_.on_audit_head(message.audit().head());
  if (!message.has_access()) return message.has_audit();
  constexpr std::size_t kDigits = 64;
  peer_access_ = message.access().sha256().substr(0, kDigits);
  return true;
}

void Announcements::fill(v1::PairStatus& status) const {
  status.mutable_self()->set_access_sha256(access_);
  status.mutable_peer()->set_access_sha256(peer_access_.value_or(""));
  status.set_access_differs(peer_access_ && *peer_access_ != access_);
}

}  // namespace bulkhead::controlplane
