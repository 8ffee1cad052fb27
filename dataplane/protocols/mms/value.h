// What is written: each value that a message writes is an operation of its own.
#pragma once

#include "dataplane/protocols/mms/name.h"

namespace bulkhead::mms {

// What a value is written to: a variable, or a list of them.
struct Target {
  FunctionCode function;
  const Variable* variable = nullptr;
  const ObjectName* list = nullptr;
};

void add_written(const Target& target, const ber::Element& value, Decoding& decoding);

}  // namespace bulkhead::mms
