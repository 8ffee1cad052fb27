// The members are those that the log has.
#include "controlplane/audit/record_json.h"

#include "dataplane/base/iso_time.h"

namespace bulkhead::audit {

controlplane::Json show_json(const Record& record, const std::string& hash) {
  controlplane::Json json = controlplane::Json::parse(encode(record));
  json["hash"] = hash;
  json["time"] = iso_time(record.stamp.wall_ns);
  return json;
}

}  // namespace bulkhead::audit
