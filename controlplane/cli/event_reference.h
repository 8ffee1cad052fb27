// The reference of events, from the closed lists.
#pragma once

namespace bulkhead::controlplane {

// Prints it as Markdown, for the guide.
void print_event_reference();

}  // namespace bulkhead::controlplane
