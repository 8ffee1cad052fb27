// Certificates for tests, made by the code that makes them for labs.
#pragma once

#include "controlplane/cli/pki.h"
#include "controlplane/cli/revocation.h"
