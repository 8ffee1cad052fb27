// An appliance's folder of keys: what changes on the disk counts as a whole or not at all.
#include "controlplane/access/pki_folder.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "tests/support/authority.h"

namespace bulkhead::controlplane {
namespace {

namespace fs = std::filesystem;

class PkiFolderTest : public ::testing::Test {
 protected:
  PkiFolderTest() {
    std::string name = fs::temp_directory_path() / "pki-test-XXXXXX";
    folder_ = mkdtemp(name.data());
    write("ca.crt", authority_.certificate_pem);
    install(issue_server(authority_, "alpha", {"alpha.example"}, 365));
  }
  ~PkiFolderTest() override { fs::remove_all(folder_); }

  void install(const Issued& issued) {
    write("server.crt", issued.certificate_pem);
    write("server.key", issued.key_pem);
  }
  void write(const std::string& name, const std::string& text) {
    const std::string path = folder_ + "/" + name;
    std::ofstream(path, std::ios::trunc) << text;
    chmod(path.c_str(), 0600);
  }
  PkiFolder& folder() {
    if (folder_of_keys_) return *folder_of_keys_;
    folder_of_keys_ = std::make_unique<PkiFolder>(
        folder_, read_credentials(folder_).value(),
        PkiFolder::Callbacks{[this](const CredentialsPointer& next) { used_.push_back(next); },
                             [this](const std::string& text) { reports_.push_back(text); }});
    return *folder_of_keys_;
  }
  // Files have come of age, which times of their status show and nobody can set: it waits.
  void look() {
    folder();
    sleep(2);
    folder().look(std::time(nullptr));
  }
  bool warns(const std::string& words) {
    const auto all = folder().warnings();
    return std::any_of(all.begin(), all.end(), [&](const std::string& each) {
      return each.find(words) != std::string::npos;
    });
  }

  const Issued authority_ = make_authority("test", 365);
  std::string folder_;
  std::unique_ptr<PkiFolder> folder_of_keys_;
  std::vector<CredentialsPointer> used_;
  std::vector<std::string> reports_;
};

TEST_F(PkiFolderTest, ANewCertificateWithItsKeyIsUsed) {
  folder();
  install(issue_server(authority_, "alpha", {"alpha.example"}, 365));
  look();
  ASSERT_EQ(used_.size(), 1U);
  EXPECT_EQ(used_[0], folder().credentials());
  look();
  EXPECT_EQ(used_.size(), 1U) << "once";
  EXPECT_TRUE(folder().warnings().empty()) << folder().warnings()[0];
}

TEST_F(PkiFolderTest, YoungFilesAreNotReadYet) {
  const CredentialsPointer former = folder().credentials();
  const Issued next = issue_server(authority_, "alpha", {"alpha.example"}, 365);
  write("server.crt", next.certificate_pem.substr(0, 100));  // it is being copied
  write("server.key", next.key_pem);
  folder().look(std::time(nullptr));
  EXPECT_TRUE(folder().warnings().empty()) << folder().warnings()[0];
  EXPECT_TRUE(used_.empty());
  write("server.crt", next.certificate_pem);
  folder().look(std::time(nullptr));
  EXPECT_EQ(folder().credentials(), former) << "whole, and as young";
  look();
  EXPECT_NE(folder().credentials(), former);
  EXPECT_EQ(reports_.size(), 1U) << "the change alone was said";
}

TEST_F(PkiFolderTest, WhatDoesNotFitLeavesTheFormerInForce) {
  const CredentialsPointer former = folder().credentials();
  const Issued next = issue_server(authority_, "alpha", {"alpha.example"}, 365);
  write("server.crt", next.certificate_pem);  // and the key is still the former one
  look();
  EXPECT_EQ(folder().credentials(), former);
  EXPECT_TRUE(warns("server.crt: the certificate is not for this appliance's key"));
  write("server.key", next.key_pem);
  look();
  EXPECT_NE(folder().credentials(), former);
  EXPECT_FALSE(warns("server.crt"));
  for (const Issued& wrong :
       {issue_client(authority_, "alpha", 365), issue_server(authority_, "bravo", {"b"}, 365),
        issue_server(make_authority("test", 365), "alpha", {"a"}, 365)}) {
    install(wrong);
    look();
  }
  EXPECT_EQ(used_.size(), 1U);
}

TEST_F(PkiFolderTest, AListOfRevokedOnesIsUsedAndNeverAnOlderOne) {
  folder();
  const Issued alice = issue_client(authority_, "alice", 365);
  const Revocation first = revoke(authority_, {}, alice.certificate_pem, 365);
  const Revocation second = revoke(authority_, first.list_pem, alice.certificate_pem, 365);
  write("ca.crl", second.list_pem);
  look();
  EXPECT_EQ(folder().credentials()->trust->list_number(), 2U);
  write("ca.crl", first.list_pem);
  look();
  EXPECT_TRUE(warns("ca.crl is older than the list in force"));
  fs::remove(folder_ + "/ca.crl");
  look();
  EXPECT_EQ(folder().credentials()->trust->list_number(), 2U) << "nor none";
  write("ca.crl", "nonsense");
  look();
  EXPECT_EQ(folder().credentials()->trust->list_number(), 2U);
}

TEST_F(PkiFolderTest, WhatShouldNotBeIsSaidOnceByName) {
  write("ca.key", authority_.key_pem);
  chmod((folder_ + "/server.key").c_str(), 0644);
  folder().look(std::time(nullptr));
  EXPECT_TRUE(warns("server.key can be read by others: chmod 0640"));
  EXPECT_TRUE(warns("an authority's key lies on this appliance"));
  folder().look(std::time(nullptr));
  EXPECT_EQ(reports_.size(), 2U);
  EXPECT_TRUE(used_.empty());
}

TEST_F(PkiFolderTest, WhatExpiresIsSaidAMonthBefore) {
  constexpr std::time_t kDay = 24 * 3600;
  const std::time_t now = std::time(nullptr);
  write("ca.crl",
        revoke(authority_, {}, issue_client(authority_, "a", 9).certificate_pem, 365).list_pem);
  folder().look(now + 334 * kDay);
  EXPECT_TRUE(folder().warnings().empty());
  folder().look(now + 336 * kDay);
  for (const char* file : {"server.crt", "ca.crt", "ca.crl"}) {
    EXPECT_TRUE(warns(std::string(file) + " expires in 2")) << file;
  }
  folder().look(now + 366 * kDay);
  EXPECT_TRUE(warns("server.crt has expired"));
  EXPECT_TRUE(used_.empty());
}

TEST_F(PkiFolderTest, AnExpiredCertificateIsUsedAllTheSame) {
  install(issue_server(authority_, "alpha", {"alpha.example"}, -1));
  EXPECT_TRUE(read_credentials(folder_));
  fs::remove(folder_ + "/server.key");
  const auto missing = read_credentials(folder_);
  ASSERT_FALSE(missing);
  EXPECT_NE(missing.error().find("cannot read " + folder_ + "/server.key"), std::string::npos);
  EXPECT_NE(missing.error().find("on an appliance `bulkheadctl setup`"), std::string::npos);
  std::ofstream(folder_ + "/server.key") << "none";
  const auto other = read_credentials(folder_);
  ASSERT_FALSE(other);
  EXPECT_EQ(other.error(), folder_ + "/server.key holds no certificate or key as PEM");
}

}  // namespace
}  // namespace bulkhead::controlplane
