// A value or the error that stood in its way, for failures that are expected.
#pragma once

#include <utility>
#include <variant>

namespace bulkhead {

template <typename Value, typename Error>
class Result {
 public:
  Result(Value value) : state_(std::in_place_index<0>, std::move(value)) {}
  Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}

  bool ok() const { return state_.index() == 0; }
  explicit operator bool() const { return ok(); }

  // Precondition: ok().
  Value& value() & { return *std::get_if<0>(&state_); }
  const Value& value() const& { return *std::get_if<0>(&state_); }
  Value&& value() && { return std::move(*std::get_if<0>(&state_)); }
  // Precondition: !ok().
  const Error& error() const { return *std::get_if<1>(&state_); }

 private:
  std::variant<Value, Error> state_;
};

}  // namespace bulkhead
