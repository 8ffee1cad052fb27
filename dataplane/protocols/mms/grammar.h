// The ASN.1 of MMS (ISO 9506-2) as tables of ../ber_schema.h. What is absent from them is refused:
// modifiers, details of companion standards, references to third parties, EXTERNAL values, and the
// services that no known device has.
#pragma once

#include <array>

#include "dataplane/protocols/ber_schema.h"
#include "dataplane/protocols/mms_data.h"

namespace bulkhead::mms {

// What an element of a request is to policy.
enum Role : std::uint8_t {
  kUntold,        // an argument without a field
  kElsewhere,     // read by the service's own decoder
  kVariableName,  // an ObjectName
  kListName,      // an ObjectName of a named variable list
  kItemName,      // an Identifier without a scope
  kDomainName,
  kAssociation,  // what belongs to the association
  kProgramName,
  kFileName,
  kFileAfter,
  kConditionName,  // names that choose by what they are of
  kActionName,
  kEnrollmentName,
  kAddressOf,  // an Address
  kClassOf,    // an ObjectClass
  kPositionOf,
  kArgumentOf,
};

namespace grammar {

using ber::Kind;
using ber::member;
using ber::optional;
using ber::plain;
using ber::Type;

constexpr std::array kTwoNames = {plain(ber::kVisibleString, ber::kName),
                                  plain(ber::kVisibleString, ber::kName)};
constexpr Type kDomainSpecific{Kind::sequence, kTwoNames};

// ObjectName (7.5.2): of the VMD, of a domain, of the association.
constexpr std::array<ber::Member, 3> object_names(Role role) {
  return {
      {member(0, ber::kName, role), member(1, kDomainSpecific, role), member(2, ber::kName, role)}};
}
constexpr std::array kObjectNames = object_names(kVariableName);
constexpr std::array kListNames = object_names(kListName);
constexpr std::array kUntoldNames = object_names(kUntold);
constexpr Type kObject{Kind::one, kObjectNames};
constexpr Type kObjectChoice{Kind::choice, kObjectNames};
constexpr Type kObjects{Kind::list, kObjectNames, 1};
constexpr Type kList{Kind::one, kListNames};
constexpr Type kLists{Kind::list, kListNames, 1};
constexpr Type kUntoldObject{Kind::one, kUntoldNames};

// Address (14.5.1).
constexpr std::array<ber::Member, 3> addresses(Role role) {
  return {{member(0, ber::kNumber, role), member(1, ber::kVisible, role),
           member(2, ber::kOctets, role)}};
}
constexpr std::array kAddresses = addresses(kAddressOf);
constexpr Type kAddressOne{Kind::one, kAddresses};

// VariableSpecification (14.5.2), of which only names and addresses are known to be sent.
constexpr std::array kSpecifications = {member(0, kObject), member(1, kAddressOne)};
constexpr Type kSpecification{Kind::one, kSpecifications};
constexpr Type kSpecificationChoice{Kind::choice, kSpecifications};

// AlternateAccess (14.5.3): one selection, by component, by index or by a range of them, and what
// is selected of that. Selections that are named, or several, or of all elements are refused.
extern const Type kAlternateAccess;

// What is read, written or reported: variables, or a list of them.
extern const Type kVariables;
constexpr std::array kAccesses = {member(0, kVariables), member(1, kList)};
constexpr Type kAccess{Kind::one, kAccesses};
constexpr Type kAccessChoice{Kind::choice, kAccesses};

// One of listOfVariable.
extern const Type kListEntry;

// TypeSpecification (14.5.4).
extern const Type kTypeChoice;
extern const Type kTypeOne;

constexpr std::array kFileNames = {plain(ber::kGraphicString, ber::kVisible)};
// FileName (18.1): a sequence of one, as IEC 61850-8-1, 23, and every known stack have it.
constexpr Type kFileOne{Kind::one, kFileNames};

constexpr std::array kStrings = {plain(ber::kVisibleString, ber::kVisible)};
constexpr Type kVisibles{Kind::list, kStrings};
constexpr std::array kIdentifierElements = {plain(ber::kVisibleString, ber::kName)};
constexpr Type kIdentifiers{Kind::list, kIdentifierElements};
constexpr std::array kDomainElements = {plain(ber::kVisibleString, ber::kName, kDomainName)};
constexpr Type kDomains{Kind::list, kDomainElements};

constexpr std::array kTimes = {member(0, ber::kTimeOfDay), member(1, ber::kNumber)};
constexpr Type kEventTime{Kind::one, kTimes};

// AccessResult (14.5.8): a list of results.
extern const Type kAccessResults;

extern const Type kServiceError;
// Of a journal's entry (17.3).
extern const Type kEntryContent;

}  // namespace grammar

const ber::Member* find_member(std::span<const ber::Member> members, std::uint32_t number);

// The member that a confirmed service's request or response is; nullptr if there is none such.
const ber::Member* request_of(std::uint32_t service);
const ber::Member* response_of(std::uint32_t service);
// And an unconfirmed one.
const ber::Member* unconfirmed_of(std::uint32_t service);
// The PDUs that hold no service.
const ber::Member* pdu_of(std::uint32_t tag);

}  // namespace bulkhead::mms
