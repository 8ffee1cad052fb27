// Data of MMS (ISO 9506-2, 14.4.2), also used by GOOSE.
#pragma once

#include <optional>

#include "dataplane/protocols/ber_schema.h"

namespace bulkhead::protocols {

// One value: a choice of its types. No stack is known to send REAL [8] or BCD [13]: refused.
extern const ber::Type kMmsData;
// The same in GOOSE, whose integers may have a fixed length (IEC 61850-8-1, A.3).
extern const ber::Type kGooseData;
// In answers and reports of servers: integers with more octets than needed (ABB REx615), bit
// strings with unused bits set (seen in the OptFlds of reports).
extern const ber::Type kToldData;

// The number of a primitive value, if a double holds it exactly. A bit string of up to 32 bits is
// the number whose most significant bit is its first.
std::optional<double> number_of(const ber::Element& data);

}  // namespace bulkhead::protocols
