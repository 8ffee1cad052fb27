// Rows in the order of methods::kAll.
#include "controlplane/access/role_table.h"

#include "controlplane/access/methods.h"

namespace bulkhead::controlplane {

std::string role_table_markdown() {
  std::string head = "| to |";
  std::string rule = "|---|";
  for (const Role role : kRoles) {
    head += " " + std::string(name_of(role)) + " |";
    rule += "---|";
  }
  std::string text = head + " RPC |\n" + rule + "---|\n";
  for (const Method* method : methods::kAll) {
    text += "| " + std::string(method->act) + " |";
    for (const Role role : kRoles) text += method->roles.has(role) ? " yes |" : " |";
    text += " `" + std::string(methods::short_name(*method)) + "` |\n";
  }
  return text;
}

}  // namespace bulkhead::controlplane
