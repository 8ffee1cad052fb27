// The table of RPCs and roles as text, from the rows of methods.h.
#pragma once

#include <string>

namespace bulkhead::controlplane {

// A table in Markdown, for the guide.
std::string role_table_markdown();

}  // namespace bulkhead::controlplane
