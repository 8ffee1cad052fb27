// Taking one refused request out of a living session and answering it in the server's name.
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

// Notes an answer of the server; true if a pending refusal may go now.
bool count_answer(Context& context, flow::Flow& flow);

}  // namespace bulkhead::pipeline
