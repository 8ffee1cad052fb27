// Looks at the file's stamp, as access/access_file.cpp does.
#include "controlplane/siem/collectors_file.h"

#include <utility>

#include "controlplane/access/operator_file.h"

namespace bulkhead::siem {

bool CollectorsFile::look() {
  const controlplane::FileStamp stamp = controlplane::stamp_of(path_);
  if (stamp == stamp_ && !may_change_unseen_) return false;
  stamp_ = stamp;
  may_change_unseen_ = stamp.is_young();
  if (!stamp.exists) return use({}, {});
  const auto file = controlplane::read_operator_file(path_, kCollectorsBytesMax);
  if (!file.problem.empty()) return use(collectors_, file.problem);
  stamp_ = file.stamp;
  controlplane::Diagnostics diagnostics(path_);
  std::vector<Collector> collectors = parse_collectors(file.text, diagnostics);
  if (diagnostics.errors() > 0) return use(collectors_, diagnostics.errors_text());
  return use(std::move(collectors), {});
}

bool CollectorsFile::use(std::vector<Collector> collectors, std::string problem) {
  const bool are_same = collectors == collectors_ && problem == problem_;
  collectors_ = std::move(collectors);
  problem_ = std::move(problem);
  return !are_same;
}

}  // namespace bulkhead::siem
