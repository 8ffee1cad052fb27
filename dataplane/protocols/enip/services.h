// Services whose data has fields: tags of Logix controllers, and PCCC.
#pragma once

#include "dataplane/protocols/enip/path.h"

namespace bulkhead::enip {

protocols::Fault at_end(const ByteReader& reader);

// Of a tag service: the elements that it reaches, and what is written.
protocols::Fault decode_tag(const Request& request, const Path& path,
                            protocols::Operation& operation,
                            const protocols::OperationList& operations);

protocols::Fault decode_pccc(const Request& request, protocols::Operation& operation,
                             const protocols::OperationList& operations);

}  // namespace bulkhead::enip
