// Reports: of variables, of a list, or of a report control block (IEC 61850-8-1, 17.2).
#include <array>
#include <string_view>

#include "dataplane/protocols/mms/name.h"

namespace bulkhead::mms {

using protocols::Fault;
using protocols::Operation;

namespace {

constexpr ber::Tag kVisibleText = ber::context(10);
constexpr ber::Tag kBitString = ber::context(4);

// What stands behind RptID and OptFlds, each where its bit of OptFlds says so (table 51).
struct Optional {
  std::uint8_t bit;
  std::array<ber::Tag, 2> types;  // of which it has one
};
constexpr std::array<Optional, 8> kOptionals = {{
    {1, {ber::context(6), ber::context(6)}},    // SqNum
    {2, {ber::context(12), ber::context(17)}},  // TimeOfEntry
    {4, {kVisibleText, kVisibleText}},          // DatSet
    {6, {ber::context(3), ber::context(3)}},    // BufOvfl
    {7, {ber::context(9), ber::context(9)}},    // EntryID
    {8, {ber::context(6), ber::context(6)}},    // ConfRev
    {9, {ber::context(6), ber::context(6)}},    // SubSqNum
    {9, {ber::context(3), ber::context(3)}},    // MoreSegmentsFollow
}};
constexpr std::uint8_t kDataSetBit = 4;
constexpr std::string_view kTold = "values of the sender's own report";

// OptFlds has ten bits; of the values behind its head (reasons and references), or reserved, are
// these. Some servers set unused ones.
constexpr std::size_t kOptionsBytes = 3;
constexpr std::uint8_t kOptionsUnused = 6;
constexpr std::uint8_t kNotOfHead = 0x94;
constexpr std::uint8_t kNotOptions = 0x3f;

Fault set_report(ByteView results, Decoding& decoding, Operation& operation) {
  ber::Reader reader(results);
  ber::Element part;
  if (!reader.next_if(kVisibleText, part)) return Fault::bad_value;
  operation.set_name(kReportControlBlock, part.content);
  ber::Element options;
  if (!reader.next_if(kBitString, options)) return Fault::bad_value;
  if (options.content.size() != kOptionsBytes || options.content[0] != kOptionsUnused) {
    return Fault::bad_value;
  }
  decoding.leave_free(options.content.subspan(1, 1), kTold, kNotOfHead);
  decoding.leave_free(options.content.last(1), kTold, kNotOptions);
  const auto has = [&options](std::size_t bit) {
    return (options.content[1 + bit / 8] >> (7 - bit % 8) & 1) != 0;
  };
  for (const Optional& each : kOptionals) {
    if (!has(each.bit)) continue;
    if (!reader.next_if(each.types[0], part) && !reader.next_if(each.types[1], part)) {
      return Fault::bad_value;
    }
    if (each.bit == kDataSetBit) {
      operation.set_name(kDataSet, part.content);
    } else {
      decoding.leave_free(part.whole, kTold);
    }
  }
  if (!reader.next_if(kBitString, part)) return Fault::bad_value;  // Inclusion
  do {
    decoding.leave_free(part.whole, kTold);
  } while (reader.next(part));
  return Fault::none;
}

}  // namespace

// variableAccessSpecification, listOfAccessResult [0].
void decode_report(const ber::Element& service, Decoding& decoding) {
  const FunctionCode function{kUnconfirmedCode};
  ber::Reader reader(service.content);
  ber::Element access;
  ber::Element results;
  reader.next(access);
  reader.next(results);
  if (access.is(ber::context(0))) {
    decoding.leave_free(results.whole, kTold);
    ber::Reader entries(access.content);
    for (ber::Element entry; entries.next(entry);) {
      Variable variable;
      const Fault fault = read_variable(entry, false, decoding, variable);
      if (fault != Fault::none) return decoding.fail(fault);
      Operation* operation = decoding.add(function);
      if (operation == nullptr) return;
      set_variable(variable, *operation);
    }
    return;
  }
  ber::Element object;
  ObjectName list;
  if (!ber::only(access.content, object) || !read_object(object, list)) {
    return decoding.fail(Fault::bad_value);
  }
  Operation* operation = decoding.add(function);
  if (operation == nullptr) return;
  if (!list.domain.empty() || text(list.item) != "RPT") {
    decoding.leave_free(results.whole, kTold);
    return set_list(list, *operation);
  }
  const Fault fault = set_report(results.content, decoding, *operation);
  if (fault != Fault::none) decoding.fail(fault);
}

}  // namespace bulkhead::mms
