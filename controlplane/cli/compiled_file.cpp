// Diagnostics first, then the result or the end of the command.
#include "controlplane/cli/compiled_file.h"

#include "controlplane/cli/diagnostics_output.h"
#include "controlplane/cli/remote.h"

namespace bulkhead::controlplane {

Compilation compile_or_fail(const Session& session, const std::string& path) {
  Compilation result = compile_policy(read_file_or_fail(path), path);
  print_diagnostics(session, result.diagnostics);
  if (result.tables) return result;
  const std::size_t count = result.diagnostics.errors();
  throw CommandFailed{kRefused, path + " has " + std::to_string(count) +
                                    (count == 1 ? " error" : " errors") + "; nothing was changed"};
}

}  // namespace bulkhead::controlplane
