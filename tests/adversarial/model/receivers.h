// Four receivers that only listen: what would each have accepted of what was forwarded?
#pragma once

#include <array>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "tests/adversarial/model/tcp_model.h"

namespace bulkhead::adversary {

// All bytes that were forwarded to one end, by where they lie in its stream.
class Receivers {
 public:
  static constexpr std::size_t kCount = 4;  // first or last wins, with or without out of order

  // The first number that carries data.
  void begin(std::uint32_t first) {
    first_ = first;
    begun_ = true;
  }
  bool begun() const { return begun_; }
  std::uint32_t first() const { return first_; }
  // A segment that reached the wire. Says what is wrong with it, if anything.
  std::optional<std::string> take(const support::SentTcp& segment);
  const Bytes& stream(std::size_t receiver) const { return models_[receiver].accepted; }
  // What the one accepted that takes most.
  const Bytes& longest() const { return models_[2].accepted; }
  // Each segment that reached the wire: where in the stream it began, and how long it was.
  const std::vector<std::pair<std::size_t, std::size_t>>& segments() const { return segments_; }

 private:
  // Bytes by their place in the stream; kNone where none has come.
  using Places = std::vector<std::uint16_t>;
  static constexpr std::uint16_t kNone = 0x100;

  struct Model {
    Bytes accepted;
    Places waiting;
  };

  bool begun_ = false;
  std::uint32_t first_ = 0;
  std::uint64_t reached_ = 0;
  Places seen_;
  std::vector<std::pair<std::size_t, std::size_t>> segments_;
  std::array<Model, kCount> models_;
};

}  // namespace bulkhead::adversary
