// Four receivers that only listen: what would each have accepted of what was forwarded?
#pragma once

#include <array>
#include <map>
#include <optional>
#include <string>

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

 private:
  struct Model {
    Bytes accepted;
    std::map<std::uint64_t, std::uint8_t> waiting;
  };

  bool begun_ = false;
  std::uint32_t first_ = 0;
  std::uint64_t reached_ = 0;
  std::map<std::uint64_t, std::uint8_t> seen_;
  std::array<Model, kCount> models_;
};

}  // namespace bulkhead::adversary
