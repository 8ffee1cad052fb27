// The presentation protocol (ISO 8823-1, 8.2) and ACSE (ISO 8650-1, 9.1): one value in one context.
#include <algorithm>

#include "dataplane/protocols/mms/grammar.h"
#include "dataplane/protocols/mms/layout.h"

namespace bulkhead::mms {

using protocols::Fault;
using protocols::OperationList;

namespace {

using grammar::Kind;
using grammar::member;
using grammar::optional;
using grammar::plain;
using grammar::Type;

// What an element of an association is to this module.
enum Part : std::uint8_t {
  kUntoldPart,
  kCalledPresentation,
  kContextList,
  kCalledTitle,
  kCalledQualifier,
  kPassword,
  kContextId,
  kValueIn,  // where the next protocol begins
};

// A transfer syntax stands only where several were agreed on, of which there is only BER.
constexpr std::array kOids = {plain(ber::kObjectIdentifier, ber::kOid)};
constexpr Type kOidOne{Kind::one, kOids};

// An entry of the context definition list: its number, what it is for, and BER.
constexpr std::array kContext = {plain(ber::kInteger, ber::kNumber),
                                 plain(ber::kObjectIdentifier, ber::kOid),
                                 plain(ber::kSequence, kOidOne)};
constexpr Type kContextType{Kind::sequence, kContext};
constexpr std::array kContexts = {plain(ber::kSequence, kContextType)};
constexpr Type kContextsType{Kind::list, kContexts, 1};
// And of the results.
constexpr std::array kResult = {member(0, ber::kInteger32), optional(1, ber::kOid),
                                optional(2, ber::kInteger32)};
constexpr Type kResultType{Kind::sequence, kResult};
constexpr std::array kResults = {plain(ber::kSequence, kResultType)};
constexpr Type kResultsType{Kind::list, kResults, 1};

// The parameters in normal mode of CP and CPA in front of their user data.
constexpr std::array kConnectHead = {optional(0, ber::kBits),
                                     optional(1, ber::kOctets),
                                     optional(2, ber::kOctets, kCalledPresentation),
                                     member(4, kContextsType, kContextList),
                                     optional(8, ber::kBits),
                                     optional(9, ber::kBits)};
constexpr std::array kAcceptHead = {optional(0, ber::kBits), optional(3, ber::kOctets),
                                    member(5, kResultsType), optional(8, ber::kBits),
                                    optional(9, ber::kBits)};

// AARQ and AARE in front of their user information.
constexpr std::array kTitles = {plain(ber::kObjectIdentifier, ber::kOid)};
constexpr Type kTitle{Kind::one, kTitles};
constexpr std::array kIntegers = {plain(ber::kInteger, ber::kInteger32)};
constexpr Type kIntegerOne{Kind::one, kIntegers};
constexpr std::array kSecrets = {member(0, ber::kOctets), member(1, ber::kBits)};
constexpr Type kSecret{Kind::one, kSecrets};
constexpr std::array kRequestHead = {optional(0, ber::kBits),
                                     member(1, kOidOne),
                                     optional(2, kTitle, kCalledTitle),
                                     optional(3, kIntegerOne, kCalledQualifier),
                                     optional(4, kIntegerOne),
                                     optional(5, kIntegerOne),
                                     optional(6, kTitle),
                                     optional(7, kIntegerOne),
                                     optional(8, kIntegerOne),
                                     optional(9, kIntegerOne),
                                     optional(10, ber::kBits),
                                     optional(11, ber::kOid),
                                     optional(12, kSecret, kPassword)};
constexpr std::array kDiagnostics = {member(1, kIntegerOne), member(2, kIntegerOne)};
constexpr Type kDiagnostic{Kind::one, kDiagnostics};
constexpr std::array kResponseHead = {
    optional(0, ber::kBits),  member(1, kOidOne),       member(2, kIntegerOne),
    member(3, kDiagnostic),   optional(4, kTitle),      optional(5, kIntegerOne),
    optional(6, kIntegerOne), optional(7, kIntegerOne), optional(8, ber::kBits),
    optional(9, ber::kOid),   optional(10, kSecret)};

// RLRQ, RLRE and ABRT bring nothing of MMS.
constexpr std::array kRelease = {optional(0, ber::kInteger32)};
constexpr Type kReleaseType{Kind::sequence, kRelease};
constexpr std::array kAbortSource = {member(0, ber::kInteger32), optional(1, ber::kInteger32)};
constexpr Type kAbortType{Kind::sequence, kAbortSource};
constexpr std::array kProviderAbort = {optional(0, ber::kInteger32), optional(1, ber::kInteger32)};
constexpr Type kProviderAbortType{Kind::sequence, kProviderAbort};
constexpr ber::Member kRlrq{ber::application(2), &kReleaseType, 0, false};
constexpr ber::Member kRlre{ber::application(3), &kReleaseType, 0, false};
constexpr ber::Member kAbrt{ber::application(4), &kAbortType, 0, false};
constexpr ber::Member kArp{ber::kSequence, &kProviderAbortType, 0, false};

constexpr std::uint32_t kContextMax = 127;  // libiec61850 reads one octet

// Notes whom an association is for.
class Association final : public ber::Visitor {
 public:
  Association(Unit& unit, const OperationList* free) : unit_(unit), free_(free) {}

  Fault found(std::uint8_t role, const ber::Element& element) override {
    ber::Element inner;
    switch (role) {
      case kCalledPresentation:
        unit_.called.presentation_selector = element.content;
        return element.content.size() <= kSelectorBytesMax ? Fault::none : Fault::bad_length;
      case kContextList:
        return contexts(element.content);
      case kCalledTitle:
        ber::only(element.content, inner);
        unit_.called.ap_title = inner.content;
        return Fault::none;
      case kCalledQualifier: {
        ber::only(element.content, inner);
        const auto number = ber::to_unsigned(inner.content);
        if (!number) return Fault::bad_value;
        unit_.called.ae_qualifier = static_cast<std::uint32_t>(*number);
        return Fault::none;
      }
      case kPassword:
        unit_.called.authenticated = true;
        leave_free(element.content, "a password, which its receiver judges");
        return Fault::none;
      default:
        return Fault::none;
    }
  }
  void unread(const ber::Element& element) override {
    leave_free(element.whole, "what the association offers or says of itself");
  }
  void leave_free(ByteView bytes, std::string_view reason) const {
    if (free_ != nullptr) free_->leave_free(bytes, reason);
  }
  const OperationList* free() const { return free_; }
  // The numbers of the contexts of a request.
  std::uint32_t acse_context() const { return acse_; }
  std::uint32_t mms_context() const { return mms_; }

 private:
  static constexpr std::size_t kSelectorBytesMax = 16;

  // One for ACSE, and one for MMS behind it, both in BER.
  Fault contexts(ByteView list) {
    constexpr std::array<std::uint8_t, 4> kAcse = {0x52, 1, 0, 1};
    constexpr std::array<std::uint8_t, 5> kMms = {0x28, 0xca, 0x22, 2, 1};
    ber::Reader entries(list);
    const bool good = context(entries, kAcse, acse_) && context(entries, kMms, mms_);
    return good && entries.at_end() && acse_ != mms_ ? Fault::none : Fault::bad_value;
  }

  static bool context(ber::Reader& entries, ByteView abstract_syntax, std::uint32_t& id) {
    constexpr std::array<std::uint8_t, 2> kBer = {0x51, 1};
    const auto same = [](ByteView left, ByteView right) {
      return std::equal(left.begin(), left.end(), right.begin(), right.end());
    };
    ber::Element entry;
    if (!entries.next(entry)) return false;
    ber::Reader reader(entry.content);
    ber::Element number;
    ber::Element abstract;
    ber::Element syntaxes;
    ber::Element syntax;
    reader.next(number);
    reader.next(abstract);
    reader.next(syntaxes);
    ber::only(syntaxes.content, syntax);
    id = static_cast<std::uint32_t>(ber::to_unsigned(number.content).value_or(0));
    return same(abstract.content, abstract_syntax) && same(syntax.content, kBer) && id != 0 &&
           id <= kContextMax;
  }

  Unit& unit_;
  const OperationList* free_;
  std::uint32_t acse_ = 0;
  std::uint32_t mms_ = 0;
};

// Holds the first members of a sequence against `head`, and gives the element behind them.
Fault parse_head(ByteView content, std::span<const ber::Member> head, Association& association,
                 bool& have, ber::Element& behind) {
  ber::Reader reader(content);
  have = reader.next(behind);
  for (const ber::Member& each : head) {
    if (!have || !behind.is(each.tag)) {
      if (!each.optional) return Fault::bad_value;
      continue;
    }
    const Fault fault = ber::check(behind, each, &association);
    if (fault != Fault::none) return fault;
    have = reader.next(behind);
  }
  return reader.at_end() ? Fault::none : reader.ok() ? Fault::unknown_object : Fault::bad_length;
}

// What a PDV-list of the presentation and an EXTERNAL of ACSE both are.
Fault parse_in_context(const ber::Element& list, const OperationList* free, std::uint32_t& context,
                       ByteView& value) {
  ber::Reader reader(list.content, ber::Lengths::two_octets);
  ber::Element part;
  if (!list.constructed) return Fault::bad_value;
  if (reader.next_if(ber::kObjectIdentifier, part)) {
    const bool ber_syntax = part.content.size() == 2 && part.content[0] == 0x51 &&
                            part.content[1] == 1 && !part.constructed;
    if (!ber_syntax) return Fault::bad_value;
  }
  if (!reader.next_if(ber::kInteger, part) || part.constructed) return Fault::bad_value;
  const ByteView number = part.content;
  const auto id = ber::to_unsigned(number);
  if (!id || number.size() != 1) return Fault::bad_value;
  if (!reader.next_if(ber::context(0), part) || !part.constructed || !reader.at_end()) {
    return reader.ok() ? Fault::bad_value : Fault::bad_length;
  }
  context = static_cast<std::uint32_t>(*id);
  if (free != nullptr) free->leave_free(number, "what accept() holds against the association");
  value = part.content;
  return Fault::none;
}

// Fully encoded data: one PDV-list. ICCP stacks of the 1990s give these headers two octets of
// length where one is enough.
Fault parse_user_data(const ber::Element& all, const OperationList* free, std::uint32_t& context,
                      ByteView& value) {
  ber::Element list;
  if (!all.is(ber::application(1)) || !all.constructed) return Fault::bad_value;
  if (!ber::only(all.content, list, ber::Lengths::two_octets)) return Fault::bad_length;
  return list.is(ber::kSequence) ? parse_in_context(list, free, context, value) : Fault::bad_value;
}

Fault parse_pdu(ByteView value, Unit& unit) {
  if (!ber::only(value, unit.pdu) || !unit.pdu.is_context()) return Fault::not_this_protocol;
  unit.has_pdu = true;
  return Fault::none;
}

// AARQ and AARE: what the user of the association says is an EXTERNAL in their user information.
Fault parse_acse(ByteView value, Unit& unit, Association& association) {
  ber::Element apdu;
  ber::Element information;
  ber::Element external;
  bool have = false;
  const bool request = unit.spdu == kConnect;
  if (!ber::only(value, apdu)) return Fault::bad_length;
  if (!apdu.is(ber::application(request ? 0 : 1)) || !apdu.constructed) return Fault::bad_value;
  const std::span<const ber::Member> head =
      request ? std::span<const ber::Member>(kRequestHead) : kResponseHead;
  const Fault fault = parse_head(apdu.content, head, association, have, information);
  if (fault != Fault::none) return fault;
  // One that refuses the association may say nothing of MMS.
  if (!have) return request ? Fault::bad_value : Fault::none;
  if (!information.is(ber::context(30)) || !information.constructed ||
      !ber::only(information.content, external) || !external.is(ber::kExternal)) {
    return Fault::bad_value;
  }
  ByteView initiate;
  const Fault inside = parse_in_context(external, association.free(), unit.context, initiate);
  return inside == Fault::none ? parse_pdu(initiate, unit) : inside;
}

// The CP and CPA PPDUs in normal mode.
Fault parse_connection(ByteView ppdu, Unit& unit, const OperationList* free) {
  constexpr std::array<std::uint8_t, 3> kNormal = {0x80, 1, 1};
  ber::Element set;
  ber::Element mode;
  ber::Element normal;
  ber::Element user_data;
  if (!ber::only(ppdu, set)) return Fault::bad_length;
  ber::Reader reader(set.content);
  if (!set.is(ber::kSet) || !set.constructed || !reader.next_if(ber::context(0), mode) ||
      !mode.constructed ||
      !std::equal(mode.content.begin(), mode.content.end(), kNormal.begin(), kNormal.end()) ||
      !reader.next_if(ber::context(2), normal) || !normal.constructed || !reader.at_end()) {
    return Fault::bad_value;
  }
  Association association(unit, free);
  bool have = false;
  const std::span<const ber::Member> head =
      unit.spdu == kConnect ? std::span<const ber::Member>(kConnectHead) : kAcceptHead;
  Fault fault = parse_head(normal.content, head, association, have, user_data);
  if (fault != Fault::none) return fault;
  if (!have) return Fault::bad_value;
  std::uint32_t acse_context = 0;
  ByteView apdu;
  fault = parse_user_data(user_data, free, acse_context, apdu);
  if (fault == Fault::none) fault = parse_acse(apdu, unit, association);
  if (fault != Fault::none) return fault;
  if (unit.spdu != kConnect) return Fault::none;
  const bool agree =
      acse_context == association.acse_context() && unit.context == association.mms_context();
  return agree ? Fault::none : Fault::bad_value;
}

// A release, in the context of ACSE, or an abort.
Fault parse_end(ByteView ppdu, const ber::Member& expected, Unit& unit, const OperationList* free) {
  Association association(unit, free);
  ber::Element all;
  ber::Element apdu;
  std::uint32_t context = 0;
  ByteView value;
  if (!ber::only(ppdu, all)) return Fault::bad_length;
  const Fault fault = parse_user_data(all, free, context, value);
  if (fault != Fault::none) return fault;
  if (!ber::only(value, apdu)) return Fault::bad_length;
  return apdu.is(expected.tag) ? ber::check(apdu, expected, &association) : Fault::bad_value;
}

// ARU [0], which holds ABRT, or ARP.
Fault parse_abort(ByteView ppdu, Unit& unit, const OperationList* free) {
  Association association(unit, free);
  ber::Element all;
  if (!ber::only(ppdu, all)) return Fault::bad_length;
  if (all.is(kArp.tag)) return ber::check(all, kArp, &association);
  if (!all.is(ber::context(0)) || !all.constructed) return Fault::bad_value;
  return parse_end(all.content, kAbrt, unit, free);
}

}  // namespace

Fault parse_presentation(ByteView user_data, Unit& unit, const OperationList* free) {
  switch (unit.spdu) {
    case kGiveTokensOrData: {
      ber::Element all;
      ByteView value;
      if (!ber::only(user_data, all, ber::Lengths::two_octets)) return Fault::bad_length;
      const Fault fault = parse_user_data(all, free, unit.context, value);
      return fault == Fault::none ? parse_pdu(value, unit) : fault;
    }
    case kConnect:
    case kAccept:
      return parse_connection(user_data, unit, free);
    default:
      break;
  }
  if (user_data.empty()) return Fault::none;
  switch (unit.spdu) {
    case kFinish:
      return parse_end(user_data, kRlrq, unit, free);
    case kDisconnect:
    case kNotFinished:
      return parse_end(user_data, kRlre, unit, free);
    case kAbort:
      return parse_abort(user_data, unit, free);
    default:
      return Fault::bad_value;
  }
}

}  // namespace bulkhead::mms
