// Files as people write them, and what is said of their mistakes.
#include "dataplane/daemon/wrong_option.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>

namespace bulkhead::daemon {
namespace {

class WrongOption : public testing::Test {
 protected:
  WrongOption() : file_(testing::TempDir() + "wrong-option." + std::to_string(getpid())) {}
  ~WrongOption() override { std::remove(file_.c_str()); }

  // Empty if all of it is good.
  std::string said_of(const std::string& text) const {
    std::ofstream(file_) << text;
    CLI::App app;
    int workers = 1;
    app.set_config("--config");
    app.allow_config_extras(false);
    app.add_option("--workers", workers);
    const char* const words[] = {"bulkhead", "--config", file_.c_str()};
    try {
      app.parse(3, words);
    } catch (const CLI::ParseError& error) {
      return wrong_option(app, error);
    }
    return {};
  }

  std::string file_;
};

TEST_F(WrongOption, OfAFileIsNamedWithTheFile) {
  EXPECT_EQ(said_of("workers = 2\n"), "");
  const std::string end = "` is no option, or its line is no `name = value`; see --help";
  EXPECT_EQ(said_of("wrokers = 2\n"), file_ + ": `wrokers" + end);
  EXPECT_EQ(said_of("workers = 2\nnonsense\n"), file_ + ": `nonsense" + end);
}

TEST_F(WrongOption, AValueIsNamedWithItsOption) {
  const std::string said = said_of("workers = many\n");
  EXPECT_NE(said.find("--workers"), std::string::npos) << said;
  EXPECT_NE(said.find("many"), std::string::npos) << said;
}

}  // namespace
}  // namespace bulkhead::daemon
