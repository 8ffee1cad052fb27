// An event as one JSON object: the form of `bulkheadctl events --format json` and of exporters.
#pragma once

#include "bulkhead/v1/telemetry.pb.h"
#include "controlplane/telemetry/json_values.h"

namespace bulkhead::controlplane {

// Keys, their order and their meaning are those of event_keys(). Text is not escaped for terminals.
Json event_json(const v1::Event& event);
// A name as text, a number as [low, high].
Json span_json(const v1::FieldSpan& field);

}  // namespace bulkhead::controlplane
