// Messages by everything that decided about them; bytes by conduit and verdict alone, which halves
// the series.
#include <map>
#include <string>
#include <utility>

#include "controlplane/metrics/families.h"
#include "dataplane/base/printable.h"

namespace bulkhead::metrics {

void add_counters(const controlplane::CounterLook& look, Book& book) {
  std::map<std::pair<std::string, std::string>, std::uint64_t> bytes;
  for (const auto& [name, row] : look.rows()) {
    const std::string conduit = printable(row.conduit());
    bytes[{conduit, row.verdict()}] += row.bytes();
    book.counter("bulkhead_messages_total", "Messages and packets that were judged",
                 static_cast<double>(row.messages()),
                 {{"conduit", conduit},
                  {"rule", row.rule() == 0 ? std::string() : std::to_string(row.rule())},
                  {"protocol", row.protocol()},
                  {"function", row.function()},
                  {"verdict", row.verdict()},
                  {"reason", row.reason()},
                  {"fault", row.fault()}});
  }
  for (const auto& [name, sum] : bytes) {
    book.counter("bulkhead_message_bytes_total", "Bytes of what was judged",
                 static_cast<double>(sum), {{"conduit", name.first}, {"verdict", name.second}});
  }
  book.gauge("bulkhead_counters_complete", "0 if rows are left out, or the data plane gave none",
             look.is_whole() && !look.is_cut() ? 1 : 0);
}

}  // namespace bulkhead::metrics
