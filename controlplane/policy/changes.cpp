// Tells what a policy of an earlier release says otherwise now.
#include "controlplane/policy/changes.h"

#include <algorithm>
#include <array>
#include <vector>

namespace bulkhead::controlplane {
namespace {

using protocols::Catalogue;

constexpr std::array kParts = {
    FormerPart{"modbus", "read_write_multiple_registers_read", "read_write_multiple_registers"},
    FormerPart{"dnp3", "read_file", "read"},
    FormerPart{"dnp3", "write_attribute", "write"},
    FormerPart{"dnp3", "write_deadband", "write"},
    FormerPart{"dnp3", "write_time", "write"},
    FormerPart{"dnp3", "write_file", "write"},
    FormerPart{"dnp3", "write_terminal", "write"},
    FormerPart{"dnp3", "change_user", "authenticate_request"},
    FormerPart{"iec104", "c_ci_na_1_freeze", "c_ci_na_1"},
    FormerPart{"s7comm", "cold_start", "pi_service"},
    FormerPart{"s7comm", "pi_service_program", "pi_service"},
    FormerPart{"s7comm_plus", "create_subscription", "create_object"},
    FormerPart{"s7comm_plus", "delete_subscription", "delete_object"},
    FormerPart{"s7comm_plus", "set_session_variable", "set_variable"},
    FormerPart{"s7comm_plus", "set_subscription_variable", "set_variable"},
    FormerPart{"s7comm_plus", "prove_password", "set_variable"},
    FormerPart{"s7comm_plus", "set_subscription_variables", "set_multi_variables"},
    FormerPart{"s7comm_plus", "set_object_variables", "set_multi_variables"},
    FormerPart{"s7comm_plus", "prove_password_with_variables", "set_multi_variables"},
    FormerPart{"s7comm_plus", "get_object_variables", "get_multi_variables"},
    FormerPart{"s7comm_plus", "get_session_variable", "get_var_sub_streamed"},
    FormerPart{"enip", "set_device_attribute_list", "set_attribute_list"},
    FormerPart{"enip", "set_device_attribute_single", "set_attribute_single"},
    FormerPart{"enip", "set_device_member", "set_member"},
    FormerPart{"enip", "set_program_attributes_all", "set_attributes_all"},
    FormerPart{"enip", "set_program_attribute_list", "set_attribute_list"},
    FormerPart{"enip", "set_program_attribute_single", "set_attribute_single"},
    FormerPart{"enip", "set_program_member", "set_member"},
    FormerPart{"enip", "create_in_program", "create"},
    FormerPart{"enip", "delete_in_program", "delete"},
    FormerPart{"enip", "forward_close_other", "forward_close"},
    FormerPart{"enip", "forward_open_configuration", "forward_open"},
    FormerPart{"enip", "large_forward_open_configuration", "large_forward_open"},
    FormerPart{"enip", "read_template", "read_tag"},
    FormerPart{"opcua", "write_setting", "write"},
    FormerPart{"opcua", "call_server_method", "call"},
    FormerPart{"opcua", "request_server_state_change", "call"},
    FormerPart{"opcua", "activate_session_as_user", "activate_session"},
    FormerPart{"opcua", "reactivate_session", "activate_session"},
    FormerPart{"mms", "read_address", "read"},
    FormerPart{"mms", "read_logical_node", "read"},
    FormerPart{"mms", "server_select", "server_read"},
    FormerPart{"mms", "substitute", "write"},
    FormerPart{"mms", "write_setting_group_control", "write"},
    FormerPart{"mms", "write_unconstrained", "write"},
    FormerPart{"mms", "server_write_configuration", "server_write"},
    FormerPart{"mms", "initiate_with_password", "initiate"},
    FormerPart{"bacnet", "create_object_program", "create_object"},
    FormerPart{"bacnet", "delete_object_program", "delete_object"},
    FormerPart{"bacnet", "write_property_override", "write_property"},
    FormerPart{"bacnet", "write_property_setting", "write_property"},
    FormerPart{"bacnet", "write_property_program", "write_property"},
    FormerPart{"bacnet", "write_property_multiple_override", "write_property_multiple"},
    FormerPart{"bacnet", "write_property_multiple_setting", "write_property_multiple"},
    FormerPart{"bacnet", "write_property_multiple_program", "write_property_multiple"},
};

// Services that no known device has; what a catalogue does not have is refused.
constexpr std::array<std::string_view, 29> kGoneFromMms = {"select_program_invocation",
                                                           "alter_program_invocation_attributes",
                                                           "initiate_unit_control_load",
                                                           "unit_control_load_segment",
                                                           "unit_control_upload",
                                                           "start_unit_control",
                                                           "stop_unit_control",
                                                           "create_unit_control",
                                                           "add_to_unit_control",
                                                           "remove_from_unit_control",
                                                           "get_unit_control_attributes",
                                                           "load_unit_control_from_file",
                                                           "store_unit_control_to_file",
                                                           "delete_unit_control",
                                                           "define_event_condition_list",
                                                           "delete_event_condition_list",
                                                           "add_event_condition_list_reference",
                                                           "remove_event_condition_list_reference",
                                                           "get_event_condition_list_attributes",
                                                           "report_event_condition_list_status",
                                                           "alter_event_condition_list_monitoring",
                                                           "get_data_exchange_attributes",
                                                           "exchange_data",
                                                           "define_access_control_list",
                                                           "get_access_control_list_attributes",
                                                           "report_access_controlled_objects",
                                                           "delete_access_control_list",
                                                           "change_access_control",
                                                           "reconfigure_program_invocation"};

std::vector<std::uint16_t> parts_of(const Catalogue& catalogue, std::string_view whole) {
  std::vector<std::uint16_t> parts;
  for (const FormerPart& each : kParts) {
    if (each.protocol != catalogue.name || each.whole != whole) continue;
    for (std::size_t i = 0; i < catalogue.functions.size(); ++i) {
      if (catalogue.functions[i].name == each.part) parts.push_back(static_cast<std::uint16_t>(i));
    }
  }
  return parts;
}

// Adds to a list of functions, with the class that one has or had.
void add(std::string& list, const protocols::FunctionInfo& function,
         protocols::AccessClass access) {
  list += (list.empty() ? "" : ", ") + std::string(function.name) + " (" +
          std::string(protocols::describe(access)) + ")";
}

void warn_of_classes(const RuleNode& node, const Catalogue& catalogue, const ModelRule& rule,
                     Diagnostics& diagnostics) {
  const auto names = [&](protocols::AccessClass access) {
    return std::any_of(node.access.begin(), node.access.end(),
                       [&](const Word& word) { return word.text == protocols::describe(access); });
  };
  std::string lost;
  std::string gained;
  for (std::size_t i = 0; i < catalogue.functions.size(); ++i) {
    const protocols::FunctionInfo& function = catalogue.functions[i];
    if (!function.access_before) continue;
    const auto index = static_cast<std::uint16_t>(i);
    if (std::find(rule.named.begin(), rule.named.end(), index) != rule.named.end()) continue;
    const bool before = names(*function.access_before);
    const bool now = names(function.access);
    if (before && !now) add(lost, function, function.access);
    if (now && !before) add(gained, function, *function.access_before);
  }
  if (lost.empty() && gained.empty()) return;
  std::string text = "the access classes of this rule mean something else since release 0.2:";
  if (!lost.empty()) text += " it no longer grants " + lost;
  if (!gained.empty()) text += (lost.empty() ? " it now grants " : "; it now grants ") + gained;
  diagnostics.warning(
      node.access.front().at,
      text + ". Name functions to keep what was meant, then say `written_for: 0.2`");
}

// Of each function that the rule names: its former parts that the rule does not grant.
void warn_of_parts(const RuleNode& node, const Catalogue& catalogue, const ModelRule& rule,
                   Diagnostics& diagnostics) {
  for (const std::uint16_t named : rule.named) {
    const std::string_view whole = catalogue.functions[named].name;
    std::string lost;
    for (const std::uint16_t index : parts_of(catalogue, whole)) {
      if (!std::binary_search(rule.functions.begin(), rule.functions.end(), index))
        add(lost, catalogue.functions[index], catalogue.functions[index].access);
    }
    if (lost.empty()) continue;
    diagnostics.warning(node.functions.front().at,
                        std::string(whole) + " of this rule is less since release 0.2: it no " +
                            "longer covers " + lost + ". Name what was meant, then say " +
                            "`written_for: 0.2`");
  }
}

}  // namespace

std::span<const FormerPart> former_parts() { return kParts; }

void warn_of_changes(const RuleNode& node, const Catalogue& catalogue, const ModelRule& rule,
                     Diagnostics& diagnostics) {
  warn_of_classes(node, catalogue, rule, diagnostics);
  warn_of_parts(node, catalogue, rule, diagnostics);
}

std::string_view why_unknown(const Catalogue& catalogue, std::string_view function) {
  const bool gone = catalogue.name == "mms" && std::find(kGoneFromMms.begin(), kGoneFromMms.end(),
                                                         function) != kGoneFromMms.end();
  return gone ? ": this service is refused since release 0.2" : "";
}

}  // namespace bulkhead::controlplane
