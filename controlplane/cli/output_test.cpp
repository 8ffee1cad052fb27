// What reaches a terminal or a script: names as bytes, text with escapes in it, tables.
#include "controlplane/cli/output.h"

#include <gtest/gtest.h>

#include "controlplane/cli/operation_json.h"
#include "dataplane/protocols/registry.h"

namespace bulkhead::controlplane {
namespace {

TEST(Output, NamesAreTextForJsonWhateverTheirBytes) {
  EXPECT_EQ(json_text("plain"), "plain");
  EXPECT_EQ(json_text("K\xc3\xb6ln"), "K\xc3\xb6ln");
  EXPECT_EQ(json_text("a\xff\x1b"), "a\\xff\\x1b");
  EXPECT_EQ(json_text(""), "");
}

TEST(Output, AnOperationWithSuchANameIsALine) {
  for (const protocols::Protocol* protocol : protocols::registry()) {
    const protocols::Catalogue& catalogue = protocol->catalogue();
    for (std::size_t i = 0; i < catalogue.fields.size(); ++i) {
      if (catalogue.fields[i].kind != protocols::FieldKind::name) continue;
      constexpr std::uint8_t kName[] = {'x', 0xff, 0xc3};
      protocols::Operation operation;
      operation.fields[i].name = kName;
      operation.present |= 1U << i;
      Json json;
      add_operation(catalogue, operation, json);
      EXPECT_EQ(json["fields"][std::string(catalogue.fields[i].name)], "x\\xff\\xc3")
          << catalogue.name;
      EXPECT_NO_THROW(json.dump());
    }
  }
}

TEST(Output, EverythingThatIsSaidIsEscaped) {
  testing::internal::CaptureStdout();
  say("%s %u %s\n", std::string("a\nrevision 9 committed by operator"), 7U,
      paint("\x1b[2J", Colour::bad));
  Table table({"NAME"});
  table.add({"x\x1b[31m\r"});
  table.print("none");
  print_text("first\tcolumn\nsecond\x07\n");
  print_json({{"name", "\xe2\x80\xae\x7f"}});
  EXPECT_EQ(testing::internal::GetCapturedStdout(),
            "a\\x0arevision 9 committed by operator 7 \\x1b[2J\n"
            "NAME\nx\\x1b[31m\\x0d\n"
            "first\tcolumn\nsecond\\x07\n"
            "{\"name\":\"\\u202e\\u007f\"}\n");
}

TEST(Output, AnErrorIsOneLine) {
  testing::internal::CaptureStderr();
  print_error("bulkheadctl: refused\nbulkheadctl: accepted");
  EXPECT_EQ(testing::internal::GetCapturedStderr(),
            "bulkheadctl: refused\\x0abulkheadctl: accepted\n");
}

}  // namespace
}  // namespace bulkhead::controlplane
