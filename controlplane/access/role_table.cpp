// Rows in the order of methods::kAll.
#include "controlplane/access/role_table.h"

#include "controlplane/access/methods.h"

namespace bulkhead::controlplane {

namespace {

std::string names_of(Roles roles) {
  std::string text;
  bool all = true;
  for (const Role role : kRoles) {
    all = all && roles.has(role);
    if (roles.has(role)) text += (text.empty() ? "" : ", ") + std::string(name_of(role));
  }
  return all ? "every role" : text;
}

}  // namespace

std::string role_table_markdown() {
  std::string text = "| to | roles | RPC |\n|---|---|---|\n";
  for (const Method* method : methods::kAll) {
    text += "| " + std::string(method->act) + " | " + names_of(method->roles) + " | `" +
            std::string(methods::short_name(*method)) + "` |\n";
  }
  return text;
}

}  // namespace bulkhead::controlplane
