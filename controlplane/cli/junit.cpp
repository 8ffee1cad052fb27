// The elements and attributes that Ant's and Jenkins' readers of JUnit XML have in common.
#include "controlplane/cli/junit.h"

#include <algorithm>
#include <cstdio>
#include <utility>

#include "dataplane/base/printable.h"

namespace bulkhead::controlplane {

namespace {

// XML 1.0, 2.2: of what printable() leaves, no document holds U+FFFE and U+FFFF.
std::string without_noncharacters(std::string text) {
  for (const auto& [encoded, escaped] :
       {std::pair{"\xef\xbf\xbe", "\\ufffe"}, std::pair{"\xef\xbf\xbf", "\\uffff"}}) {
    for (std::size_t at = text.find(encoded); at != std::string::npos; at = text.find(encoded)) {
      text.replace(at, 3, escaped);
    }
  }
  return text;
}

// Text of an attribute.
std::string attribute(const std::string& text) {
  std::string out;
  for (const char byte : without_noncharacters(printable(text))) {
    switch (byte) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      default:
        out += byte;
    }
  }
  return out;
}

std::string seconds_text(double seconds) {
  char text[32];
  std::snprintf(text, sizeof(text), "%.3f", seconds);
  return text;
}

}  // namespace

std::string junit_xml(const std::string& suite, const std::string& timestamp, double seconds,
                      const std::vector<JunitCase>& cases) {
  const auto failed = std::count_if(cases.begin(), cases.end(), [](const JunitCase& each) {
    return !each.failure.empty() && !each.broken;
  });
  const auto broken =
      std::count_if(cases.begin(), cases.end(), [](const JunitCase& each) { return each.broken; });
  std::string xml = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n";
  xml += "  <testsuite id=\"0\" package=\"bulkhead\" name=\"" + attribute(suite) +
         "\" timestamp=\"" + timestamp + "\" hostname=\"localhost\" tests=\"" +
         std::to_string(cases.size()) + "\" failures=\"" + std::to_string(failed) + "\" errors=\"" +
         std::to_string(broken) + "\" time=\"" + seconds_text(seconds) + "\">\n    <properties/>\n";
  for (const JunitCase& each : cases) {
    xml += "    <testcase name=\"" + attribute(each.name) + "\" classname=\"" +
           attribute(each.where) + "\" time=\"0.000\"";
    if (each.failure.empty()) {
      xml += "/>\n";
      continue;
    }
    const std::string element = each.broken ? "error" : "failure";
    xml += ">\n      <" + element + " type=\"" + (each.broken ? "case" : "verdict") +
           "\" message=\"" + attribute(each.failure) + "\"/>\n    </testcase>\n";
  }
  return xml + "    <system-out/>\n    <system-err/>\n  </testsuite>\n</testsuites>\n";
}

}  // namespace bulkhead::controlplane
