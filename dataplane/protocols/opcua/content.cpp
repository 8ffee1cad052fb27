// Content that policy does not judge one by one: read by the types of its fields, so that it ends
// where it says at every level.
#include <algorithm>

#include "dataplane/protocols/opcua/body.h"

namespace bulkhead::opcua {

using protocols::Fault;

namespace {

// Structures that stand in requests, by the identifiers of their encodings (6, annex A), and their
// fields (4, clause 7; 11, clause 6).
struct Structure {
  std::uint16_t type;
  std::string_view fields;
};
constexpr std::string_view kEventFilter = "[n[q]4s][e11[x]]";
constexpr Structure kStructures[] = {
    {298, "sn4[4]l"},              // Argument
    {321, "s"},                    // AnonymousIdentityToken
    {324, "ssss"},                 // UserNameIdentityToken
    {327, "ss"},                   // X509IdentityToken
    {594, "4"},                    // ElementOperand
    {597, "v"},                    // LiteralOperand
    {600, "ns[nbbq]4s"},           // AttributeOperand
    {603, "n[q]4s"},               // SimpleAttributeOperand
    {646, "488[n[q]4s][e11[x]]"},  // ReadEventDetails
    {649, "b884b"},                // ReadRawModifiedDetails
    {652, "888[n]bb11b"},          // ReadProcessedDetails
    {655, "[8]b"},                 // ReadAtTimeDetails
    {724, "e0248"},                // DataChangeFilter
    {727, kEventFilter},           // EventFilter
    {730, "8n8bb11b"},             // AggregateFilter
    {886, "88"},                   // Range
    {889, "s4ll"},                 // EUInformation
    {940, "sss"},                  // IssuedIdentityToken
    {8251, "8ll"},                 // EnumValueType
    {8917, "2b"},                  // TimeZoneDataType
    {12901, "s[s]"},               // MdnsDiscoveryConfiguration
};

std::string_view fields_of(const NodeId& type) {
  if (!type.is_standard()) return {};
  const auto* found =
      std::find_if(std::begin(kStructures), std::end(kStructures),
                   [&](const Structure& structure) { return structure.type == type.number; });
  return found != std::end(kStructures) ? found->fields : std::string_view{};
}

// How many characters an array's types have, behind its opening bracket.
std::size_t array_types(std::string_view types) {
  std::size_t open = 1;
  std::size_t at = 0;
  for (; open > 0; ++at) {
    if (types[at] == '[') ++open;
    if (types[at] == ']') --open;
  }
  return at - 1;
}

std::uint32_t digit_of(char digit) {
  return static_cast<std::uint32_t>(digit <= '9' ? digit - '0' : digit - 'a' + 10);
}

}  // namespace

void BodyReader::field(char type, unsigned depth) {
  ByteView body;
  switch (type) {
    case 'b':
      if (u8() > 1) fail(Fault::bad_value);
      break;
    case 'g':
      take(16);
      break;
    case 's':
      string();
      break;
    case 'n':
      node_id();
      break;
    case 'q':
      take(2);
      string();
      break;
    case 'l':
      localized_text();
      break;
    case 'x': {
      const NodeId structure_type = structure(body);
      structure_content(structure_type, body, depth + 1);
      break;
    }
    case 'v':
      variant(depth + 1);
      break;
    case 'd':
      data_value(depth + 1);
      break;
    default:
      take(static_cast<std::size_t>(type - '0'));
  }
}

void BodyReader::fields(std::string_view types, unsigned depth) {
  if (depth > kDepthMax) return fail(Fault::too_deep);
  for (std::size_t at = 0; at < types.size() && ok(); ++at) {
    if (types[at] == 'e') {
      enumeration(digit_of(types[at + 1]) * 16 + digit_of(types[at + 2]));
      at += 2;
    } else if (types[at] == '[') {
      const std::size_t length = array_types(types.substr(at + 1));
      const std::string_view element = types.substr(at + 1, length);
      for (std::size_t left = array_length(); left > 0 && ok(); --left) {
        fields(element, depth + 1);
      }
      at += length + 1;
    } else {
      field(types[at], depth);
    }
  }
}

void BodyReader::structure_content(const NodeId& type, ByteView body, unsigned depth) {
  if (body.empty() || !ok()) return;
  const std::string_view types = fields_of(type);
  if (types.empty()) {
    stepped_over_ = true;
    return;
  }
  BodyReader inner(body, free_to_);
  inner.fields(types, depth);
  if (inner.remaining() != 0) inner.fail(Fault::bad_byte_count);
  if (!inner.ok()) fail(inner.fault());
  stepped_over_ = stepped_over_ || inner.stepped_over();
}

}  // namespace bulkhead::opcua
