// Elements are printed as their range and, in `values`, one by one.
#include "controlplane/cli/operation_json.h"

#include <algorithm>

namespace bulkhead::controlplane {

namespace {

void add_elements(const protocols::Catalogue& catalogue, const protocols::Operation& operation,
                  Json& fields) {
  const protocols::Elements& elements = operation.elements;
  if (elements.count == 0 || catalogue.element_value_field == protocols::kNoField) return;
  std::vector<std::int64_t> values;
  for (std::size_t i = 0; i < elements.count; ++i) values.push_back(elements.at(i));
  const auto [low, high] = std::minmax_element(values.begin(), values.end());
  fields[std::string(catalogue.fields[catalogue.element_value_field].name)] = {*low, *high};
  if (values.size() > 1) fields["values"] = values;
}

}  // namespace

void add_operation(const protocols::Catalogue& catalogue, const protocols::Operation& operation,
                   Json& json) {
  const protocols::FunctionInfo& function = catalogue.functions[operation.function];
  json["function"] = function.name;
  json["code"] = function.code;
  if (function.sub_code != protocols::kNoSubCode) json["sub_code"] = function.sub_code;
  json["access"] = protocols::describe(function.access);
  Json fields = Json::object();
  for (std::size_t i = 0; i < catalogue.fields.size(); ++i) {
    if (!operation.has(i)) continue;
    const protocols::FieldInfo& field = catalogue.fields[i];
    const protocols::FieldValue& value = operation.fields[i];
    const std::string name(field.name);
    if (field.kind == protocols::FieldKind::name) {
      fields[name] =
          json_text({reinterpret_cast<const char*>(value.name.data()), value.name.size()});
    } else if (field.kind == protocols::FieldKind::real) {
      fields[name] = real_json(float64_from_order(value.range.low));
    } else if (field.spans) {
      fields[name] = {value.range.low, value.range.high};
    } else {
      fields[name] = value.range.low;
    }
  }
  add_elements(catalogue, operation, fields);
  json["fields"] = std::move(fields);
}

}  // namespace bulkhead::controlplane
