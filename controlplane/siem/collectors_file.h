// collectors.yaml on the appliance, as it is now. A file with a mistake leaves the former
// collectors in force; one that is missing means none.
#pragma once

#include <string>
#include <vector>

#include "controlplane/access/file_stamp.h"
#include "controlplane/siem/collectors_config.h"

namespace bulkhead::siem {

class CollectorsFile {
 public:
  explicit CollectorsFile(std::string path) : path_(std::move(path)) {}

  // Reads the file if it has changed. True if the collectors or the problem are others now.
  bool look();
  const std::vector<Collector>& collectors() const { return collectors_; }
  // Why the file on the disk is not in force; empty if it is.
  const std::string& problem() const { return problem_; }

 private:
  bool use(std::vector<Collector> collectors, std::string problem);

  const std::string path_;
  controlplane::FileStamp stamp_;
  bool may_change_unseen_ = false;  // the file is younger than the clock's grain
  std::vector<Collector> collectors_;
  std::string problem_;
};

}  // namespace bulkhead::siem
