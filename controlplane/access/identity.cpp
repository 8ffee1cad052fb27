// OpenSSL reads the names; what they may look like is decided here.
#include "controlplane/access/identity.h"

#include <algorithm>
#include <vector>

namespace bulkhead::controlplane {

namespace {

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool is_digit(char c) { return c >= '0' && c <= '9'; }
char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

std::string text_of(const ASN1_STRING* text) {
  return {reinterpret_cast<const char*>(ASN1_STRING_get0_data(text)),
          static_cast<std::size_t>(ASN1_STRING_length(text))};
}

// URIs and DNS names; other kinds of names identify nobody.
std::vector<std::string> names_in(X509* certificate) {
  int critical = 0;
  const Names names(static_cast<GENERAL_NAMES*>(
      X509_get_ext_d2i(certificate, NID_subject_alt_name, &critical, nullptr)));
  std::vector<std::string> found;
  const int count = names == nullptr ? 0 : sk_GENERAL_NAME_num(names.get());
  for (int i = 0; i < count; ++i) {
    const GENERAL_NAME* name = sk_GENERAL_NAME_value(names.get(), i);
    if (name->type == GEN_DNS) {
      std::string text = text_of(name->d.dNSName);
      std::transform(text.begin(), text.end(), text.begin(), lower);
      found.push_back(std::move(text));
    } else if (name->type == GEN_URI) {
      found.push_back(text_of(name->d.uniformResourceIdentifier));
    }
  }
  return found;
}

CertificateProblem nobody(const std::string& why) {
  return {why +
          ": a caller's certificate has exactly one URI or DNS name in its subjectAltName; issue "
          "it anew, as with `bulkheadctl pki client FOLDER NAME`"};
}

}  // namespace

bool is_dns_name(std::string_view host) {
  constexpr std::size_t kNameMax = 253;
  constexpr std::size_t kLabelMax = 63;
  std::size_t label = 0;
  char before = '.';
  for (std::size_t i = 0; i <= host.size(); ++i) {
    const char c = i < host.size() ? host[i] : '.';
    if (c == '.') {
      if (label == 0 || label > kLabelMax || before == '-') return false;
      label = 0;
    } else if (is_letter(c) || is_digit(c) || (c == '-' && label > 0)) {
      ++label;
    } else {
      return false;
    }
    before = c;
  }
  return host.size() <= kNameMax;
}

bool is_uri(std::string_view text) {
  constexpr std::string_view kMarks = "-._~:/?#[]@!$&'()*+;=%";
  const std::size_t colon = text.find(':');
  if (colon == std::string_view::npos || colon == 0 || colon + 1 == text.size()) return false;
  if (!is_letter(text.front())) return false;
  const std::string_view scheme = text.substr(0, colon);
  const bool good = std::all_of(scheme.begin(), scheme.end(), [](char c) {
    return is_letter(c) || is_digit(c) || c == '+' || c == '-' || c == '.';
  });
  return good && std::all_of(text.begin(), text.end(), [&](char c) {
           return is_letter(c) || is_digit(c) || kMarks.find(c) != std::string_view::npos;
         });
}

bool is_identity(std::string_view text) {
  if (text.size() > kIdentityBytesMax) return false;
  if (is_uri(text)) return true;
  return is_dns_name(text) &&
         std::all_of(text.begin(), text.end(), [](char c) { return lower(c) == c; });
}

Result<std::string, CertificateProblem> identity_of(X509* certificate) {
  if (!is_for(certificate, Purpose::client)) {
    return CertificateProblem{"the certificate's extended key usage does not name clientAuth"};
  }
  const std::vector<std::string> names = names_in(certificate);
  if (names.empty()) return nobody("the certificate names nobody");
  if (names.size() > 1) {
    return nobody("the certificate has " + std::to_string(names.size()) + " names");
  }
  if (is_identity(names.front())) return names.front();
  return nobody("the name in the certificate is no DNS name and no URI of up to " +
                std::to_string(kIdentityBytesMax) + " characters");
}

Result<std::string, CertificateProblem> identity_of(const std::string& pem) {
  const Certificate certificate = read_certificate(pem);
  if (certificate == nullptr) return CertificateProblem{"the certificate cannot be read"};
  return identity_of(certificate.get());
}

}  // namespace bulkhead::controlplane
