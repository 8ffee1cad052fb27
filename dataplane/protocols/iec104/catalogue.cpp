// The functions of IEC 60870-5-104 by the standard's mnemonics, its fields, and what objects hold.
#include <array>

#include "dataplane/protocols/iec104/layout.h"

namespace bulkhead::iec104 {

namespace {

using protocols::AccessClass;
using protocols::FieldInfo;
using protocols::FieldKind;
using protocols::FunctionInfo;
using protocols::Initiator;
using protocols::kNoSubCode;
using protocols::with;

constexpr std::uint32_t kHeader = with(kCause, kNegative, kTest, kOriginator, kCommonAddress);
// Types that a controlling station may send to all stations (101, 7.2.4).
constexpr std::uint32_t kToMany = with(kBroadcast);
constexpr std::uint32_t kObject = kHeader | with(kObjectAddress);
constexpr std::uint32_t kValued = kObject | with(kValue);
constexpr std::uint32_t kCommand = kValued | with(kQualifier, kSelect);
constexpr std::uint32_t kQualified = kObject | with(kQualifier);

struct Entry {
  FunctionInfo function;
  TypeInfo type;
};

constexpr std::uint8_t kTime24 = 3;
constexpr std::uint8_t kTime56 = 7;

// Process information in monitor direction (101, 7.3.1): `bytes` with its quality, then a time.
constexpr Entry monitor(std::string_view name, std::uint8_t type, Element element,
                        std::uint8_t bytes, std::uint8_t time_bytes = 0) {
  const bool valued = element != Element::other;
  Entry entry{
      {name, type, kNoSubCode, AccessClass::publish, valued ? kValued : kObject, Initiator::server},
      {type, element, static_cast<std::uint8_t>(bytes + time_bytes), bytes}};
  entry.type.time_bytes = time_bytes;
  return entry;
}

constexpr Entry single(Entry entry) {
  entry.type.single = true;
  return entry;
}

constexpr Entry command(FunctionInfo function, TypeInfo type) {
  type.command = type.single = true;
  return {function, type};
}

// Process information in control direction (101, 7.3.2).
constexpr Entry control(std::string_view name, std::uint8_t type, Element element,
                        std::uint8_t value_bytes, std::uint8_t time_bytes = 0) {
  const bool qualified = element != Element::command && element != Element::bitstring;
  const auto bytes = static_cast<std::uint8_t>(value_bytes + (qualified ? 1 : 0) + time_bytes);
  const std::uint32_t fields = element == Element::bitstring ? kValued : kCommand;
  return command({name, type, kNoSubCode, AccessClass::operate, fields, Initiator::client},
                 {type, element, bytes, value_bytes, true, qualified, time_bytes});
}

// System information and parameters in control direction (101, 7.3.4 and 7.3.5).
constexpr Entry system(std::string_view name, std::uint8_t type, AccessClass access,
                       Element element, std::uint8_t bytes, std::uint32_t fields,
                       std::uint8_t time_bytes = 0) {
  return command({name, type, kNoSubCode, access, fields, Initiator::client},
                 {type, element, bytes, bytes, true, false, time_bytes});
}

constexpr Entry parameter(std::string_view name, std::uint8_t type, Element element,
                          std::uint8_t value_bytes) {
  return command(
      {name, type, kNoSubCode, AccessClass::configure, kValued | with(kQualifier),
       Initiator::client},
      {type, element, static_cast<std::uint8_t>(value_bytes + 1), value_bytes, true, true});
}

// File transfer (101, 7.3.6): both stations send files.
constexpr Entry file(std::string_view name, std::uint8_t type, std::uint8_t bytes,
                     Element element = Element::file) {
  Entry entry{
      {name, type, kNoSubCode, AccessClass::program, kQualified | with(kFile), Initiator::either},
      {type, element, bytes, bytes}};
  entry.type.single = true;
  return entry;
}

// Secure authentication (IEC TS 60870-5-7): its content is not read.
constexpr Entry unread(std::string_view name, std::uint8_t type, AccessClass access,
                       std::optional<AccessClass> before = {},
                       Initiator initiator = Initiator::either) {
  return {{name, type, kNoSubCode, access, kHeader, initiator, before}, {type, Element::opaque}};
}

constexpr Entry directory(std::string_view name, std::uint8_t type, std::uint8_t bytes) {
  Entry entry = file(name, type, bytes);
  entry.type.single = false;
  return entry;
}

// 101, 7.2.6.23: counters are frozen or reset for all who read them.
constexpr FunctionInfo kFreeze = {"c_ci_na_1_freeze",
                                  101,
                                  kFreezes,
                                  AccessClass::configure,
                                  kQualified | kToMany,
                                  Initiator::client,
                                  AccessClass::read};

constexpr Entry frame_of(std::string_view name, std::uint8_t control_octet) {
  return {{name, static_cast<std::uint16_t>(kControlCode | control_octet), kNoSubCode,
           AccessClass::session, 0, Initiator::either},
          {}};
}

constexpr std::array kEntries = {
    monitor("m_sp_na_1", 1, Element::bit, 1),
    monitor("m_sp_ta_1", 2, Element::bit, 1, kTime24),
    monitor("m_dp_na_1", 3, Element::two_bits, 1),
    monitor("m_dp_ta_1", 4, Element::two_bits, 1, kTime24),
    monitor("m_st_na_1", 5, Element::step, 2),
    monitor("m_st_ta_1", 6, Element::step, 2, kTime24),
    monitor("m_bo_na_1", 7, Element::bitstring, 5),
    monitor("m_bo_ta_1", 8, Element::bitstring, 5, kTime24),
    monitor("m_me_na_1", 9, Element::normalized, 3),
    monitor("m_me_ta_1", 10, Element::normalized, 3, kTime24),
    monitor("m_me_nb_1", 11, Element::scaled, 3),
    monitor("m_me_tb_1", 12, Element::scaled, 3, kTime24),
    monitor("m_me_nc_1", 13, Element::floating, 5),
    monitor("m_me_tc_1", 14, Element::floating, 5, kTime24),
    monitor("m_it_na_1", 15, Element::counter, 5),
    monitor("m_it_ta_1", 16, Element::counter, 5, kTime24),
    monitor("m_ep_ta_1", 17, Element::other, 3, kTime24),
    monitor("m_ep_tb_1", 18, Element::other, 4, kTime24),
    monitor("m_ep_tc_1", 19, Element::other, 4, kTime24),
    monitor("m_ps_na_1", 20, Element::other, 5),
    monitor("m_me_nd_1", 21, Element::normalized, 2),
    monitor("m_sp_tb_1", 30, Element::bit, 1, kTime56),
    monitor("m_dp_tb_1", 31, Element::two_bits, 1, kTime56),
    monitor("m_st_tb_1", 32, Element::step, 2, kTime56),
    monitor("m_bo_tb_1", 33, Element::bitstring, 5, kTime56),
    monitor("m_me_td_1", 34, Element::normalized, 3, kTime56),
    monitor("m_me_te_1", 35, Element::scaled, 3, kTime56),
    monitor("m_me_tf_1", 36, Element::floating, 5, kTime56),
    monitor("m_it_tb_1", 37, Element::counter, 5, kTime56),
    monitor("m_ep_td_1", 38, Element::other, 3, kTime56),
    monitor("m_ep_te_1", 39, Element::other, 4, kTime56),
    monitor("m_ep_tf_1", 40, Element::other, 4, kTime56),
    unread("s_it_tc_1", 41, AccessClass::publish, AccessClass::session, Initiator::server),
    control("c_sc_na_1", 45, Element::command, 1),
    control("c_dc_na_1", 46, Element::command, 1),
    control("c_rc_na_1", 47, Element::command, 1),
    control("c_se_na_1", 48, Element::normalized, 2),
    control("c_se_nb_1", 49, Element::scaled, 2),
    control("c_se_nc_1", 50, Element::floating, 4),
    control("c_bo_na_1", 51, Element::bitstring, 4),
    control("c_sc_ta_1", 58, Element::command, 1, kTime56),
    control("c_dc_ta_1", 59, Element::command, 1, kTime56),
    control("c_rc_ta_1", 60, Element::command, 1, kTime56),
    control("c_se_ta_1", 61, Element::normalized, 2, kTime56),
    control("c_se_tb_1", 62, Element::scaled, 2, kTime56),
    control("c_se_tc_1", 63, Element::floating, 4, kTime56),
    control("c_bo_ta_1", 64, Element::bitstring, 4, kTime56),
    single(monitor("m_ei_na_1", 70, Element::qualifier, 1)),
    unread("s_ch_na_1", 81, AccessClass::session),
    unread("s_rp_na_1", 82, AccessClass::session),
    unread("s_ar_na_1", 83, AccessClass::opaque, AccessClass::session),
    unread("s_kr_na_1", 84, AccessClass::session),
    unread("s_ks_na_1", 85, AccessClass::session),
    unread("s_kc_na_1", 86, AccessClass::session),
    unread("s_er_na_1", 87, AccessClass::session),
    unread("s_us_na_1", 90, AccessClass::configure),
    unread("s_uq_na_1", 91, AccessClass::configure),
    unread("s_ur_na_1", 92, AccessClass::configure),
    unread("s_uk_na_1", 93, AccessClass::configure),
    unread("s_ua_na_1", 94, AccessClass::configure),
    unread("s_uc_na_1", 95, AccessClass::configure),
    system("c_ic_na_1", 100, AccessClass::read, Element::qualifier, 1, kQualified | kToMany),
    system("c_ci_na_1", 101, AccessClass::read, Element::qualifier, 1, kQualified | kToMany),
    system("c_rd_na_1", 102, AccessClass::read, Element::none, 0, kObject),
    system("c_cs_na_1", 103, AccessClass::configure, Element::other, 7, kObject | kToMany, kTime56),
    system("c_ts_na_1", 104, AccessClass::diagnose, Element::other, 2, kObject),
    system("c_rp_na_1", 105, AccessClass::control, Element::qualifier, 1, kQualified | kToMany),
    system("c_cd_na_1", 106, AccessClass::configure, Element::delay, 2, kValued),
    system("c_ts_ta_1", 107, AccessClass::diagnose, Element::other, 9, kObject, kTime56),
    parameter("p_me_na_1", 110, Element::normalized, 2),
    parameter("p_me_nb_1", 111, Element::scaled, 2),
    parameter("p_me_nc_1", 112, Element::floating, 4),
    system("p_ac_na_1", 113, AccessClass::configure, Element::qualifier, 1, kQualified),
    file("f_fr_na_1", 120, 6),
    file("f_sr_na_1", 121, 7),
    file("f_sc_na_1", 122, 4),
    file("f_ls_na_1", 123, 5),
    file("f_af_na_1", 124, 4),
    file("f_sg_na_1", 125, 4, Element::segment),
    directory("f_dr_ta_1", 126, 13),
    file("f_sc_nb_1", 127, 16),
    frame_of("supervisory", kSupervisory),
    frame_of("startdt_act", kStartDtAct),
    frame_of("startdt_con", kStartDtCon),
    frame_of("stopdt_act", kStopDtAct),
    frame_of("stopdt_con", kStopDtCon),
    frame_of("testfr_act", kTestFrAct),
    frame_of("testfr_con", kTestFrCon),
};

constexpr auto kFunctions = [] {
  std::array<FunctionInfo, kEntries.size() + 1> functions{};
  for (std::size_t i = 0; i < kEntries.size(); ++i) functions[i] = kEntries[i].function;
  functions.back() = kFreeze;
  return functions;
}();

constexpr FieldInfo station(std::string_view name, std::string_view text) {
  FieldInfo field{name, FieldKind::integer, 16, "", text};
  field.route = "common_address";
  return field;
}

constexpr FieldInfo broadcast(std::string_view name, std::string_view text) {
  FieldInfo field{name, FieldKind::integer, 1, "", text};
  field.by_name = true;
  return field;
}

constexpr std::array kFields = {
    FieldInfo{"cause", FieldKind::integer, 6, "", "cause of transmission"},
    FieldInfo{"negative", FieldKind::integer, 1, "", "1 in a negative confirmation"},
    FieldInfo{"test", FieldKind::integer, 1, "", "1 if nothing is to be done"},
    FieldInfo{"originator", FieldKind::integer, 8, "", "originator address"},
    station("common_address", "common address of ASDUs: the station"),
    FieldInfo{"object_address", FieldKind::integer, 24, "", "each information object's address"},
    FieldInfo{"value", FieldKind::real, 64, "",
              "what an object is set to, or says: 0 and 1, double states 0 to 3, normalized values "
              "-1 to 1, scaled and floating ones as they are"},
    FieldInfo{"qualifier", FieldKind::integer, 8, "",
              "qualifier of a command, set point, interrogation, reset, parameter or file"},
    FieldInfo{"select", FieldKind::integer, 1, "", "1 selects, 0 executes"},
    broadcast("broadcast", "1 where the common address is all stations, 65535"),
    FieldInfo{"file", FieldKind::integer, 16, "", "name of a file"},
};

constexpr std::array kPorts = {protocols::DefaultPort{protocols::Carrier::tcp, 2404}};

// Where each code stands in the catalogue.
constexpr auto kByCode = [] {
  std::array<std::uint16_t, 512> index{};
  index.fill(kNotInCatalogue);
  for (std::size_t i = 0; i < kEntries.size(); ++i) {
    index[kFunctions[i].code] = static_cast<std::uint16_t>(i);
  }
  return index;
}();

}  // namespace

const protocols::Catalogue& catalogue() {
  static constexpr protocols::Catalogue kCatalogue = {
      "iec104", "IEC 60870-5-104", "IEC 60870-5-104:2006", kFunctions, kFields, kPorts,
  };
  return kCatalogue;
}

std::uint16_t find_function(std::uint16_t code) {
  return code < kByCode.size() ? kByCode[code] : kNotInCatalogue;
}

std::uint16_t find_freeze() { return static_cast<std::uint16_t>(kEntries.size()); }

TypeInfo type_info(std::uint8_t type) { return kEntries[find_function(type)].type; }

}  // namespace bulkhead::iec104
