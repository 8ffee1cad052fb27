// Removes one refused message from a living session: a request, which is answered in the server's
// name, or an answer, without its receiver noticing.
#pragma once

#include "dataplane/pipeline/context.h"
#include "dataplane/pipeline/speaker.h"

namespace bulkhead::pipeline {

// Makes the refusal of the first message in the speaker's held bytes after the granted ones, so
// that nothing can fail later: `refusal` is then a segment of the pool, else kNoSegment and the
// return value says why. `message` is empty if its end is not known.
Unsound make_refusal(Context& context, const Speaker& speaker, const Verdict& verdict,
                     ByteView message, std::uint32_t& refusal);

// Removes the client's first `length` held bytes and sends the refusal after the answers to earlier
// requests. Precondition: granted bytes before them are released.
void take_out_message(Context& context, flow::Flow& flow, std::uint32_t length,
                      std::uint32_t refusal);

// Whether the first answer in the speaker's held bytes, after the granted ones, can be removed. If
// so, the protocol's state continues without it, and it must be. `message` is empty if its end is
// not known.
Unsound prepare_drop(Context& context, const Speaker& speaker, ByteView message);

// Removes the speaker's first `length` held bytes, which count as delivered to their sender.
// Preconditions: granted bytes before them are released, and prepare_drop() returned none.
void drop_answer(Context& context, const Speaker& speaker, std::uint32_t length);

// Counts an answer of the server; true if a pending refusal may be sent now.
bool count_answer(Context& context, flow::Flow& flow);

}  // namespace bulkhead::pipeline
