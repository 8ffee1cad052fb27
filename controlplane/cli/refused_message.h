// What an event says of a refused message or session, as rules are asked about it.
#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "bulkhead/v1/telemetry.pb.h"
#include "controlplane/learn/suggestion.h"
#include "dataplane/protocols/protocol.h"

namespace bulkhead::controlplane {

// The message is decoded again from its bytes, if the event has all of them and they mean without
// the session's state what the event says, but for fields that only a session without that state
// has; else its operation is what the event has of it.
class RefusedMessage {
 public:
  explicit RefusedMessage(const v1::Event& event);
  RefusedMessage(const RefusedMessage&) = delete;
  RefusedMessage& operator=(const RefusedMessage&) = delete;

  // Hosts and service; nothing if the event has none that a rule could name.
  const std::optional<learn::Session>& session() const { return session_; }
  std::uint8_t protocol() const { return protocol_; }
  protocols::Direction direction() const { return direction_; }

  // All operations, as far as they are known.
  std::vector<const protocols::Operation*> operations() const;
  // Those of them that a rule must grant.
  std::vector<const protocols::Operation*> judged() const;
  // The one that decided; nullptr if none is known.
  const protocols::Operation* refused() const { return refused_; }
  // What is not known of it, for people; empty: nothing.
  const std::string& remark() const { return remark_; }

 private:
  void find_session(const v1::Event& event);
  bool decode(const v1::Event& event);
  void take_fields(const v1::Event& event);
  void take_values(const protocols::Catalogue& catalogue, const v1::FieldSpan& span);
  bool is_refused(const protocols::Operation& operation, const v1::Event& event) const;
  std::uint32_t unstated(const protocols::Operation& operation, const v1::Event& event) const;

  std::optional<learn::Session> session_;
  std::uint8_t protocol_ = protocols::kNoProtocol;
  protocols::Direction direction_{};
  std::string bytes_;
  protocols::Parsed parsed_;
  std::unique_ptr<protocols::OperationList> decoded_;  // none: it could not be decoded
  std::vector<protocols::Operation> meant_;            // those of it, with the fields of the event
  protocols::Operation described_;                     // by the event's fields
  std::deque<std::string> names_;
  std::vector<std::uint8_t> elements_;
  const protocols::Operation* refused_ = nullptr;
  std::string remark_;
};

}  // namespace bulkhead::controlplane
