// Names as policy judges them: text that every receiver reads alike, and bytes put as text.
#pragma once

#include "dataplane/protocols/operation.h"

namespace bulkhead::opcua {

// UTF-8 in its shortest form, without controls (U+0000 to U+001F, U+007F to U+009F).
bool is_plain_text(ByteView bytes);

// Digits and signs of a NumericRange (4, 7.27): dimensions behind commas, each one index or two.
bool is_index_range(ByteView bytes);

// 6, 5.1.3: as a GUID is written. Empty if there is no room.
ByteView compose_guid(ByteView bytes, protocols::OperationList& operations);
ByteView compose_hex(ByteView bytes, protocols::OperationList& operations);

}  // namespace bulkhead::opcua
