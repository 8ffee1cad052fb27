// Handles and aliases that a conversation of a capture has defined (dataplane/protocols/names.h).
// Bounded: an interface may be listened on for days.
#pragma once

#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "dataplane/protocols/names.h"

namespace bulkhead::controlplane {

class KnownNames final : public protocols::NameSource, public protocols::NameChanges {
 public:
  // Valid as long as this.
  protocols::Names view() const { return {*this, 0}; }

  // The next message: what the one before has changed stays, and the names that it replaced end.
  void begin() { before_.clear(); }
  // It was not accepted.
  void undo() {
    for (auto change = before_.rbegin(); change != before_.rend(); ++change) {
      const auto known = names_.find(change->first);
      if (known != names_.end()) {
        held_ -= known->first.size() + known->second.size();
        names_.erase(known);
      }
      if (!change->second) continue;
      held_ += change->first.size() + change->second->size();
      names_[change->first] = std::move(*change->second);
    }
    before_.clear();
  }

  std::optional<ByteView> find(std::uint32_t /*session*/, ByteView handle) const override {
    return find(handle);
  }
  std::optional<ByteView> find(ByteView handle) const override {
    const auto known = names_.find(bytes(handle));
    return known == names_.end() ? std::nullopt : std::optional<ByteView>(known->second);
  }
  bool learn(ByteView handle, ByteView name) override {
    if (held_ + handle.size() + name.size() > kBytesMax) return false;
    Bytes copy = bytes(name);
    if (find(handle)) {
      forget(handle);
    } else {
      before_.emplace_back(bytes(handle), std::nullopt);
    }
    held_ += handle.size() + copy.size();
    names_[bytes(handle)] = std::move(copy);
    return true;
  }
  void forget(ByteView handle) override {
    const auto known = names_.find(bytes(handle));
    if (known == names_.end()) return;
    held_ -= known->first.size() + known->second.size();
    before_.emplace_back(known->first, std::move(known->second));
    names_.erase(known);
  }
  void forget_all() override {
    for (auto& [handle, name] : names_) before_.emplace_back(handle, std::move(name));
    names_.clear();
    held_ = 0;
  }
  // Bytes of all handles and names.
  std::size_t held() const { return held_; }

 private:
  static constexpr std::size_t kBytesMax = 16 << 20;
  using Bytes = std::vector<std::uint8_t>;
  static Bytes bytes(ByteView view) { return {view.begin(), view.end()}; }

  std::map<Bytes, Bytes> names_;
  std::size_t held_ = 0;
  // What stood under the handles that this message changed, in that order; nothing: no name. Views
  // of these names are still good.
  std::vector<std::pair<Bytes, std::optional<Bytes>>> before_;
};

}  // namespace bulkhead::controlplane
