// Taking one refused message out of a living session: a request, which is answered in the server's
// name, or an answer, of which its receiver never knows.
#pragma once

#include "dataplane/pipeline/deliver.h"

namespace bulkhead::pipeline {

// Makes the refusal of the message that the speaker's held bytes begin with (behind those that are
// granted), so that nothing can fail later: `refusal` is then a segment of the pool, else
// kNoSegment and the answer why not. `message` is empty if its end is not known.
Unsound make_refusal(Context& context, const Speaker& speaker, const Verdict& verdict,
                     ByteView message, std::uint32_t& refusal);

// Takes the client's first `length` held bytes out and sends the refusal behind the answers to the
// requests before it. Precondition: what was granted before them is released.
void take_out_message(Context& context, flow::Flow& flow, std::uint32_t length,
                      std::uint32_t refusal);

// Whether the answer that the speaker's held bytes begin with (behind those that are granted) can
// be taken out. If so, the protocol counts on without it, and it must be. `message` is empty if its
// end is not known.
Unsound prepare_drop(Context& context, const Speaker& speaker, ByteView message);

// Takes the speaker's first `length` held bytes out: to their sender they have arrived.
// Preconditions: what was granted before them is released, and prepare_drop() found nothing.
void drop_answer(Context& context, const Speaker& speaker, std::uint32_t length);

// Notes an answer of the server; true if a pending refusal may go now.
bool count_answer(Context& context, flow::Flow& flow);

}  // namespace bulkhead::pipeline
