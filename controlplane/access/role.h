// Roles of callers: what a caller may do follows from the roles that access.yaml gives it.
#pragma once

#include <array>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>

namespace bulkhead::controlplane {

enum class Role : std::uint8_t {
  viewer,         // looks at state, events and sessions
  operator_,      // runs the appliance and the pair
  engineer,       // writes policies and puts them in force
  approver,       // examines what an engineer staged
  auditor,        // examines what was done
  administrator,  // decides who may do what, and keeps the appliance
};

inline constexpr std::array kRoles = {Role::viewer,   Role::operator_, Role::engineer,
                                      Role::approver, Role::auditor,   Role::administrator};

constexpr std::string_view name_of(Role role) {
  constexpr std::array<std::string_view, kRoles.size()> kNames = {
      "viewer", "operator", "engineer", "approver", "auditor", "administrator"};
  return kNames[static_cast<std::size_t>(role)];
}

constexpr std::optional<Role> find_role(std::string_view name) {
  for (const Role role : kRoles) {
    if (name_of(role) == name) return role;
  }
  return std::nullopt;
}

// A set of roles.
class Roles {
 public:
  constexpr Roles() = default;
  constexpr Roles(std::initializer_list<Role> roles) {
    for (const Role role : roles) add(role);
  }
  static constexpr Roles all() {
    Roles roles;
    for (const Role role : kRoles) roles.add(role);
    return roles;
  }

  constexpr void add(Role role) { bits_ = static_cast<std::uint8_t>(bits_ | bit(role)); }
  constexpr bool has(Role role) const { return (bits_ & bit(role)) != 0; }
  constexpr bool empty() const { return bits_ == 0; }
  constexpr bool meets(Roles other) const { return (bits_ & other.bits_) != 0; }
  constexpr bool operator==(const Roles&) const = default;
  // `operator, engineer`; empty if there is none.
  std::string text() const {
    std::string text;
    for (const Role role : kRoles) {
      if (has(role)) text += (text.empty() ? "" : ", ") + std::string(name_of(role));
    }
    return text;
  }

 private:
  static constexpr unsigned bit(Role role) { return 1U << static_cast<unsigned>(role); }
  std::uint8_t bits_ = 0;
};

}  // namespace bulkhead::controlplane
