// Looks functions up by name, number or access class, and reads ranges in the type of their field.
#include "controlplane/policy/values.h"

#include <algorithm>
#include <set>

#include "controlplane/policy/changes.h"
#include "controlplane/policy/literals.h"

namespace bulkhead::controlplane {

const std::vector<std::string> kValueTypeNames = {"", "int16", "uint32", "int32", "float32"};

namespace {

using policy::ValueType;
using protocols::Catalogue;

void add_access_class(const Word& word, const Catalogue& catalogue, std::set<std::uint16_t>& out,
                      ModelRule& rule, Diagnostics& diagnostics) {
  const auto& names = protocols::kAccessClassNames;
  const auto at = std::find(names.begin(), names.end(), word.text);
  if (at == names.end()) {
    const std::vector<std::string> known(names.begin(), names.end());
    diagnostics.error(word.at,
                      "unknown access class " + word.text + did_you_mean(word.text, known));
    return;
  }
  const auto access = static_cast<protocols::AccessClass>(at - names.begin());
  rule.classes.push_back(access);
  for (std::size_t i = 0; i < catalogue.functions.size(); ++i) {
    if (catalogue.functions[i].access == access) out.insert(static_cast<std::uint16_t>(i));
  }
}

// CODE names the function of that code alone, or all that share it if each has a sub-code; CODE/SUB
// one of those.
bool add_by_number(const Word& word, const Catalogue& catalogue, std::set<std::uint16_t>& out) {
  const std::size_t slash = word.text.find('/');
  const auto code = read_integer(word.text.substr(0, slash));
  std::optional<std::int64_t> sub;
  if (slash != std::string::npos) sub = read_integer(word.text.substr(slash + 1));
  if (!code || (slash != std::string::npos && !sub)) return false;
  const auto stands_alone = [&](const protocols::FunctionInfo& function) {
    return function.code == *code && function.sub_code == protocols::kNoSubCode;
  };
  if (!sub && std::any_of(catalogue.functions.begin(), catalogue.functions.end(), stands_alone)) {
    sub = protocols::kNoSubCode;
  }
  bool found = false;
  for (std::size_t i = 0; i < catalogue.functions.size(); ++i) {
    const protocols::FunctionInfo& function = catalogue.functions[i];
    if (function.code != *code || (sub && function.sub_code != *sub)) continue;
    out.insert(static_cast<std::uint16_t>(i));
    found = true;
  }
  return found;
}

void add_function(const Word& word, const Catalogue& catalogue, std::set<std::uint16_t>& out,
                  Diagnostics& diagnostics) {
  std::vector<std::string> known;
  for (std::size_t i = 0; i < catalogue.functions.size(); ++i) {
    known.emplace_back(catalogue.functions[i].name);
    if (known.back() == word.text) {
      out.insert(static_cast<std::uint16_t>(i));
      return;
    }
  }
  if (add_by_number(word, catalogue, out)) return;
  const std::string_view gone = why_unknown(catalogue, word.text);
  diagnostics.error(word.at,
                    "unknown function " + word.text +
                        (gone.empty() ? did_you_mean(word.text, known) : std::string(gone)));
}

Range limits_of(const protocols::FieldInfo& field, bool typed, ValueType type) {
  if (!typed && field.kind == protocols::FieldKind::real) return {-INT64_MAX, INT64_MAX};
  if (!typed)
    return {0, field.width_bits >= 63 ? INT64_MAX : (std::int64_t{1} << field.width_bits) - 1};
  switch (type) {
    case ValueType::int16:
      return {INT16_MIN, INT16_MAX};
    case ValueType::uint32:
      return {0, UINT32_MAX};
    case ValueType::int32:
      return {INT32_MIN, INT32_MAX};
    default:
      return {INT64_MIN, INT64_MAX};
  }
}

// Sorted, with overlapping and adjacent ranges made one.
std::vector<Range> merge(std::vector<Range> ranges) {
  std::sort(ranges.begin(), ranges.end(),
            [](const Range& a, const Range& b) { return a.low < b.low; });
  std::vector<Range> merged;
  for (const Range& range : ranges) {
    if (!merged.empty() && range.low <= merged.back().high + 1) {
      merged.back().high = std::max(merged.back().high, range.high);
    } else {
      merged.push_back(range);
    }
  }
  return merged;
}

std::vector<Range> read_ranges(const WhereNode& where, const protocols::FieldInfo& field,
                               bool typed, ValueType type, Diagnostics& diagnostics) {
  std::vector<Range> ranges;
  const bool is_real = !typed && field.kind == protocols::FieldKind::real;
  const bool is_float = is_real || (typed && type == ValueType::float32);
  const Range limits = limits_of(field, typed, type);
  const std::string name = where.field.text;
  for (const Word& word : where.values) {
    if (word.text == "any") {
      ranges.push_back(limits);
      continue;
    }
    const auto range = is_real    ? read_real_range(word.text, field.width_bits)
                       : is_float ? read_float_range(word.text)
                                  : read_integer_range(word.text);
    if (!range) {
      diagnostics.error(word.at, name + ": `" + word.text + "` is not a " +
                                     (is_float ? "number" : "whole number") +
                                     " or a range LOW-HIGH" + leading_zero_hint(word.text));
    } else if (!range->valid()) {
      diagnostics.error(word.at, name + ": the range " + word.text + " runs backwards");
    } else if (!limits.contains(*range)) {
      diagnostics.error(word.at, name + ": " + word.text + " is outside " +
                                     std::to_string(limits.low) + " to " +
                                     std::to_string(limits.high));
    } else {
      ranges.push_back(*range);
    }
  }
  return merge(std::move(ranges));
}

std::vector<std::string> read_patterns(const WhereNode& where, const protocols::FieldInfo& field,
                                       Diagnostics& diagnostics) {
  std::vector<std::string> patterns;
  for (const Word& word : where.values) {
    if (word.text.empty() || word.text.size() > policy::kPatternBytesMax) {
      diagnostics.error(word.at, where.field.text + ": a name has 1 to " +
                                     std::to_string(policy::kPatternBytesMax) + " characters");
      continue;
    }
    const protocols::PatternFault fault =
        field.patterns != nullptr ? field.patterns->check(word.text) : protocols::PatternFault{};
    if (fault.is_none()) {
      patterns.push_back(word.text);
    } else {
      diagnostics.error(word.at, where.field.text + ": `" + word.text + "` is not " +
                                     std::string(field.patterns->name) + ": " +
                                     std::string(fault.what) + " (at character " +
                                     std::to_string(fault.at + 1) + ")");
    }
  }
  return patterns;
}

void resolve_value_type(const RuleNode& node, const Catalogue& catalogue, ModelRule& rule,
                        Diagnostics& diagnostics) {
  if (node.value_type) {
    const auto at =
        std::find(kValueTypeNames.begin() + 1, kValueTypeNames.end(), node.value_type->text);
    if (at == kValueTypeNames.end()) {
      const std::vector<std::string> known(kValueTypeNames.begin() + 1, kValueTypeNames.end());
      diagnostics.error(node.value_type->at, "unknown value type " + node.value_type->text +
                                                 ", use int16, uint32, int32 or float32" +
                                                 did_you_mean(node.value_type->text, known));
    } else if (catalogue.element_value_field == protocols::kNoField) {
      diagnostics.error(node.value_type->at, "this protocol has no typed values");
    } else {
      rule.value_type = static_cast<ValueType>(at - kValueTypeNames.begin());
    }
  }
  if (!node.word_order) return;
  if (node.word_order->text == "little") {
    rule.word_order = policy::WordOrder::little;
  } else if (node.word_order->text != "big") {
    diagnostics.error(node.word_order->at,
                      "word_order is big (high word first) or little (low word first), not `" +
                          node.word_order->text + "`");
  }
  if (rule.value_type == ValueType::plain || rule.value_type == ValueType::int16) {
    diagnostics.error(node.word_order->at,
                      "word_order needs a value of two registers: uint32, int32 or float32");
  }
}

// What a rule has to say about values and did not have to before release 0.2: an error in a policy
// that was written for it; of others a warning, for the rule grants less.
class Stricter {
 public:
  Stricter(bool written_for_this, Diagnostics& diagnostics)
      : error_(written_for_this), diagnostics_(diagnostics) {}
  void say(const Position& at, const std::string& text) {
    if (error_) return diagnostics_.error(at, text);
    diagnostics_.warning(at, text + " (since release 0.2 the rule does not grant it)");
  }

 private:
  bool error_;
  Diagnostics& diagnostics_;
};

// Of addresses whose elements take several: each range as it is written holds whole ones, and
// begins where one begins of the range that it is merged into.
void check_elements(const RuleNode& node, const Catalogue& catalogue,
                    const ModelConstraint& addresses, std::int64_t places, const std::string& wrong,
                    Stricter& stricter) {
  const std::string_view name = catalogue.fields[addresses.field].name;
  for (const WhereNode& where : node.where) {
    if (where.field.text != name) continue;
    for (const Word& word : where.values) {
      const auto range = read_integer_range(word.text);
      if (!range || !range->valid()) continue;  // `any`, or told already
      const std::string text =
          std::string(name) + " " + std::to_string(range->low) + "-" + std::to_string(range->high);
      if ((range->high - range->low + 1) % places != 0) {
        stricter.say(addresses.at, text + wrong);
        continue;
      }
      for (const Range& merged : addresses.ranges) {
        if (!merged.contains(*range) || (range->low - merged.low) % places == 0) continue;
        stricter.say(addresses.at, text + " begins within an element of another range");
      }
    }
  }
}

// Typed values must say where they lie, and pairs must come out even.
void check_typed(const RuleNode& node, const Catalogue& catalogue, const ModelRule& rule,
                 Stricter& stricter, Diagnostics& diagnostics) {
  if (rule.value_type == ValueType::plain) return;
  const ModelConstraint* address = nullptr;
  const ModelConstraint* value = nullptr;
  for (const ModelConstraint& constraint : rule.constraints) {
    if (constraint.field == catalogue.element_address_field) address = &constraint;
    if (constraint.field == catalogue.element_value_field) value = &constraint;
  }
  const Position at = node.value_type->at;
  if (value == nullptr) {
    diagnostics.error(at, "as: " + node.value_type->text + " needs `value` under where");
  }
  if (rule.value_type == ValueType::int16) return;
  if (address == nullptr) {
    diagnostics.error(at, "as: " + node.value_type->text +
                              " needs `address` under where, to say where each pair begins");
    return;
  }
  constexpr std::string_view kOdd = " is an odd number of registers for values of two";
  bool even = true;
  for (const Range& range : address->ranges) {
    if ((range.high - range.low) % 2 != 0) continue;
    even = false;
    diagnostics.error(address->at, "address " + std::to_string(range.low) + "-" +
                                       std::to_string(range.high) + std::string(kOdd));
  }
  if (even) check_elements(node, catalogue, *address, 2, std::string(kOdd), stricter);
}

// A limit on what is written needs the type that it is written in: a part of a number, or a number
// of another type, is within most limits. And it needs to say where each element begins.
void check_placed(const RuleNode& node, const Catalogue& catalogue, const ModelRule& rule,
                  Stricter& stricter) {
  const protocols::PlacedValues* placed = catalogue.placed_values;
  if (placed == nullptr) return;
  const ModelConstraint* value = nullptr;
  const ModelConstraint* type = nullptr;
  const ModelConstraint* address = nullptr;
  for (const ModelConstraint& constraint : rule.constraints) {
    if (constraint.field == placed->value) value = &constraint;
    if (constraint.field == placed->type) type = &constraint;
    if (constraint.field == placed->address) address = &constraint;
  }
  if (value == nullptr) return;
  const std::string type_name(catalogue.fields[placed->type].name);
  if (type == nullptr) {
    stricter.say(value->at,
                 "value is read in the type that the writer names, and a part of a "
                 "number is within most limits: name " +
                     type_name + " too");
    return;
  }
  if (type->ranges.empty()) return;  // told already
  if (type->ranges.size() != 1 || !type->ranges[0].is_point()) {
    stricter.say(type->at, "a limit on value needs one " + type_name + ": write a rule for each");
    return;
  }
  const std::int64_t places = placed->places(type->ranges[0].low);
  const std::string of_type = type_name + " " + std::to_string(type->ranges[0].low);
  if (places == 0) {
    stricter.say(type->at, of_type + " has no single value that could be limited");
  } else if (places > 1 && address == nullptr) {
    stricter.say(value->at, "value of " + of_type + " needs `" +
                                std::string(catalogue.fields[placed->address].name) +
                                "` under where, to say where each begins");
  } else if (address != nullptr) {
    check_elements(
        node, catalogue, *address, places,
        " is no whole number of elements of " + of_type + ", which take " + std::to_string(places),
        stricter);
  }
}

// A field that a function lacks never satisfies an allow. Of a function that the author named that
// is worth a word; an access class is expected to hold such functions.
void warn_of_dead_fields(const WhereNode& where, std::uint8_t field, const Catalogue& catalogue,
                         const ModelRule& rule, Diagnostics& diagnostics) {
  const auto lacks = [&](std::uint16_t function) {
    return (catalogue.functions[function].fields >> field & 1U) == 0;
  };
  if (!rule.functions.empty() && std::all_of(rule.functions.begin(), rule.functions.end(), lacks)) {
    diagnostics.error(where.field.at, "none of the rule's functions has a field " +
                                          where.field.text + ": the rule would grant nothing");
    return;
  }
  for (const std::uint16_t function : rule.named) {
    if (!lacks(function)) continue;
    diagnostics.warning(where.field.at, std::string(catalogue.functions[function].name) +
                                            " has no field " + where.field.text +
                                            ", so this rule never grants it");
  }
}

// An address in a rule for an access class counts in each table that functions of it write to.
void warn_of_tables(const WhereNode& where, std::uint8_t field, const Catalogue& catalogue,
                    const ModelRule& rule, Diagnostics& diagnostics) {
  using protocols::AccessClass;
  if (field != catalogue.element_address_field) return;
  std::set<std::string_view> tables;
  for (const std::uint16_t index : rule.functions) {
    const protocols::FunctionInfo& function = catalogue.functions[index];
    const bool harmless = function.access == AccessClass::read ||
                          function.access == AccessClass::discover ||
                          function.access == AccessClass::session;
    const bool named = std::find(rule.named.begin(), rule.named.end(), index) != rule.named.end();
    if (!harmless && !named && !function.counts.empty()) tables.insert(function.counts);
  }
  if (tables.size() < 2) return;
  std::string list;
  for (const std::string_view table : tables) {
    list += (list.empty() ? "" : " and ") + std::string(table);
  }
  diagnostics.warning(where.field.at, where.field.text + " counts " + list +
                                          " alike, and the rule lets write all of them: name "
                                          "functions if one kind is meant");
}

}  // namespace

void resolve_functions(const RuleNode& node, const Catalogue& catalogue, ModelRule& rule,
                       Diagnostics& diagnostics) {
  std::set<std::uint16_t> functions;
  const std::size_t errors = diagnostics.errors();
  for (const Word& word : node.functions) add_function(word, catalogue, functions, diagnostics);
  rule.named.assign(functions.begin(), functions.end());
  for (const Word& word : node.access) {
    add_access_class(word, catalogue, functions, rule, diagnostics);
  }
  rule.functions.assign(functions.begin(), functions.end());
  if (!functions.empty() || diagnostics.errors() != errors) return;
  diagnostics.error(node.at, node.access.empty() && node.functions.empty()
                                 ? "the rule grants nothing: add access or functions"
                                 : "the rule grants nothing: the protocol has no function of "
                                   "these access classes");
}

ModelConstraint read_constraint(const WhereNode& where, const Catalogue& catalogue,
                                std::uint8_t field, ValueType type, Diagnostics& diagnostics) {
  const bool typed = field == catalogue.element_value_field && type != ValueType::plain;
  ModelConstraint constraint{field, {}, {}, where.field.at};
  if (catalogue.fields[field].kind == protocols::FieldKind::name) {
    constraint.patterns = read_patterns(where, catalogue.fields[field], diagnostics);
  } else {
    constraint.ranges = read_ranges(where, catalogue.fields[field], typed, type, diagnostics);
  }
  return constraint;
}

void resolve_where(const RuleNode& node, const Catalogue& catalogue, bool written_for_this,
                   ModelRule& rule, Diagnostics& diagnostics) {
  resolve_value_type(node, catalogue, rule, diagnostics);
  for (const WhereNode& where : node.where) {
    std::vector<std::string> known;
    for (const protocols::FieldInfo& field : catalogue.fields) known.emplace_back(field.name);
    const auto at = std::find(known.begin(), known.end(), where.field.text);
    if (at == known.end()) {
      diagnostics.error(where.field.at, "unknown field " + where.field.text + " of " +
                                            std::string(catalogue.name) +
                                            did_you_mean(where.field.text, known));
      continue;
    }
    const auto index = static_cast<std::uint8_t>(at - known.begin());
    warn_of_dead_fields(where, index, catalogue, rule, diagnostics);
    warn_of_tables(where, index, catalogue, rule, diagnostics);
    rule.constraints.push_back(
        read_constraint(where, catalogue, index, rule.value_type, diagnostics));
  }
  Stricter stricter(written_for_this, diagnostics);
  check_typed(node, catalogue, rule, stricter, diagnostics);
  check_placed(node, catalogue, rule, stricter);
}

}  // namespace bulkhead::controlplane
