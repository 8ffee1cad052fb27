// Mistakes that can be planted to show that the tests find them: a list of them is an enum class
// with `none`. Only programs that are built with BULKHEAD_PLANTS can have one; everywhere else
// planted() is false at compile time and costs nothing.
#pragma once

namespace bulkhead {

#ifdef BULKHEAD_PLANTS
template <typename Mistake>
inline Mistake planted_mistake = Mistake::none;
template <typename Mistake>
bool planted(Mistake mistake) {
  return planted_mistake<Mistake> == mistake;
}
#else
template <typename Mistake>
constexpr bool planted(Mistake /*mistake*/) {
  return false;
}
#endif

}  // namespace bulkhead
