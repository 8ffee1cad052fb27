// Questions to many hosts (BACnet Who-Is): each host that one concerns answers the sender.
#pragma once

#include "dataplane/protocols/parsed.h"

namespace bulkhead::protocols {

class QuestionsToMany {
 public:
  // Whether a granted request is such a question.
  virtual bool asks_many(ByteView question) const = 0;
  // Whether a message, which has parsed, answers a question that asks_many().
  virtual bool answers_many(ByteView question, const Parsed& answer) const = 0;

 protected:
  ~QuestionsToMany() = default;
};

}  // namespace bulkhead::protocols
