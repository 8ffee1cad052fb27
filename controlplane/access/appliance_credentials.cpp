// A certificate, its key and its authority count together or not at all.
#include "controlplane/access/appliance_credentials.h"

#include <openssl/err.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "controlplane/access/certificate.h"

namespace bulkhead::controlplane {

namespace {

std::string fit(const std::string& certificate_pem, const Trust& trust, const std::string& key_pem,
                Expiry expiry) {
  const Certificate certificate = read_certificate(certificate_pem);
  if (certificate == nullptr) return "the certificate is none in PEM";
  const Key key = read_key(key_pem);
  const bool is_own = key && X509_check_private_key(certificate.get(), key.get()) == 1;
  ERR_clear_error();
  if (!is_own) return "the certificate is not for this appliance's key";
  if (X509_check_purpose(certificate.get(), X509_PURPOSE_SSL_SERVER, 0) != 1) {
    return "the certificate is not a server's";
  }
  return trust.problem_with(certificate.get(), read_chain(certificate_pem).get(), expiry);
}

std::string why_unusable(const std::string& folder, const std::string& path) {
  if (access(path.c_str(), R_OK) == 0) return path + " holds no certificate or key as PEM";
  const int error = errno;
  const std::string what = "cannot read " + path + ": " + std::strerror(error);
  if (error == EACCES) return what + "; the user that bulkheadd runs as has to be able to read it";
  return what +
         "; on an appliance `bulkheadctl setup` makes the key and takes the certificate, for a "
         "trial `bulkheadctl pki init " +
         folder + "` makes all of them";
}

}  // namespace

std::string misfit(const std::string& certificate_pem, const std::string& authority_pem,
                   const std::string& key_pem, Expiry expiry) {
  const auto trust = Trust::read(authority_pem, {});
  if (!trust) return "the authority's certificate cannot be used: " + trust.error();
  return fit(certificate_pem, *trust.value(), key_pem, expiry);
}

Result<CredentialsPointer, std::string> read_credentials(const std::string& folder) {
  const auto path = [&folder](const char* name) { return folder + "/" + name; };
  const auto made = std::make_shared<ApplianceCredentials>();
  const auto read = [&path](const char* name) { return read_secret(path(name)); };
  made->authority_pem = read(kAuthorityFile);
  made->certificate_pem = read(kCertificateFile);
  made->key_pem = read(kKeyFile);
  const std::pair<const char*, const std::string&> needed[] = {
      {kAuthorityFile, made->authority_pem},
      {kCertificateFile, made->certificate_pem},
      {kKeyFile, made->key_pem}};
  for (const auto& [name, text] : needed) {
    if (text.find("-----BEGIN") == std::string::npos) return why_unusable(folder, path(name));
  }
  made->list_pem = read(kRevokedFile);
  const bool is_there = access(path(kRevokedFile).c_str(), F_OK) == 0;
  // One that cannot be read, or is longer than a key's file may be, is not one that is missing.
  if (made->list_pem.empty() && is_there) made->list_pem = "unreadable";
  auto trust = Trust::read(made->authority_pem, made->list_pem);
  if (!trust) return path(kAuthorityFile) + ": " + trust.error();
  made->trust = std::move(trust).value();
  const std::string wrong =
      fit(made->certificate_pem, *made->trust, made->key_pem, Expiry::tolerated);
  if (!wrong.empty()) return path(kCertificateFile) + ": " + wrong;
  const Certificate certificate = read_certificate(made->certificate_pem);
  const auto name = appliance_in(certificate.get());
  if (!name) return path(kCertificateFile) + ": " + name.error().text;
  made->name = name.value();
  made->certificate_until = valid_until(certificate.get());
  return CredentialsPointer(made);
}

}  // namespace bulkhead::controlplane
