// Reads a file with which an operator decides something, such as access.yaml: nobody else may
// have written it.
#pragma once

#include <string>

#include "controlplane/access/file_stamp.h"

namespace bulkhead::controlplane {

struct OperatorFile {
  std::string text;
  // Why the text does not count, for people; empty if it does: the file cannot be read, is no
  // regular file, is longer than the limit, or others than root and this user may write it.
  std::string problem;
  FileStamp stamp;  // of the file that was opened
};

OperatorFile read_operator_file(const std::string& path, std::size_t bytes_max);

}  // namespace bulkhead::controlplane
