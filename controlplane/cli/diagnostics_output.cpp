// A line or an object for each mistake.
#include "controlplane/cli/diagnostics_output.h"

#include "controlplane/cli/output.h"

namespace bulkhead::controlplane {

void print_diagnostics(const Session& session, const Diagnostics& diagnostics) {
  for (const Diagnostic& each : diagnostics.list()) {
    if (session.format() == Format::table) {
      print_text(diagnostics.to_text(each), stderr);
      continue;
    }
    print_json({{"file", diagnostics.file()},
                {"line", each.at.line},
                {"column", each.at.column},
                {"severity", each.severity == Severity::error ? "error" : "warning"},
                {"message", each.message}});
  }
}

}  // namespace bulkhead::controlplane
